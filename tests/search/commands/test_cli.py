"""The command line: what it prints, and one line for every mistake."""

import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from cells import OPS, ZOO, digest, parse, to_text
from search.commands import evaluate
from search.commands.cli import COMMANDS, main
from search.errors import UserError

MINE = "def mine(x, h):\n    return tanh(linear(x) + linear(h * cube(x)))\n"
OWN_OP = """
from cells import Op
cube = Op("cube", "activation", 1, lambda xp, a: a * a * a)
"""


def test_show_prints_text_equations_size_and_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["show", "gru", "--width", "10"]) == 0
    printed = capsys.readouterr().out
    assert "def gru(x, h):" in printed
    assert "660 at width 10" in printed
    assert digest(ZOO["gru"]) in printed
    assert "gru (Gated recurrent unit, 2014)" in printed
    assert "tanh(" in printed


def test_show_recognises_a_zoo_cell_written_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.txt"
    path.write_text(
        "def other(x, s):\n"
        "    z = sigmoid(linear(s) + linear(x))\n"
        "    r = sigmoid(linear(s) + linear(x))\n"
        "    g = tanh(linear(s * r) + linear(x))\n"
        "    return z * (s - g) + g\n"
    )
    assert main(["show", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equals"] == ["gru"]


def test_show_reads_standard_input_and_json_text_parses_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(to_text(ZOO["lstm"], "mine")))
    assert main(["show", "-", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["name"] == "mine"
    assert parse(facts["text"]) == ZOO["lstm"]
    assert facts["states"] == 2
    assert facts["linears"] == 8


def test_show_says_when_a_cell_is_dead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dead.txt"
    path.write_text("def dead(x, h):\n    return tanh(linear(x))\n")
    assert main(["show", str(path)]) == 0
    assert "ignores the past" in capsys.readouterr().out


def test_show_takes_an_op_from_a_persons_own_module(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "my_ops.py").write_text(OWN_OP)
    (tmp_path / "mine.txt").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["show", str(tmp_path / "mine.txt")]) == 2
    assert "unknown op 'cube'" in capsys.readouterr().err
    try:
        assert main(["show", str(tmp_path / "mine.txt"), "--op", "my_ops:cube"]) == 0
    finally:
        OPS.pop("cube", None)
    assert "cube(" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "grru"], "did you mean 'gru'?"),
        (["show", "gru", "--width", "0"], "--width must be at least 1, got 0"),
        (["show", "gru", "--op", "nowhere:op"], "cannot import 'nowhere'"),
        (["show", "."], "is a folder"),
        (["tasks", "arithmetik"], "did you mean 'arithmetic'"),
        (["tasks", "text:nowhere.txt"], "nowhere.txt"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        ("`per_gpu` must be at least 0", "--per-gpu must be at least 0"),
        ("go on, or use `mixed=True`, which", "go on, or use --mixed, which"),
        (
            "leave ratios out with `baseline=False`",
            "leave ratios out with --no-baseline",
        ),
        ("`nothing` is no option of it", "`nothing` is no option of it"),
        ("`cellsearch top runs/x` prints it", "`cellsearch top runs/x` prints it"),
    ],
)
def test_an_option_is_named_as_it_is_typed(
    message: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mistake = mock.patch.object(evaluate, "run", side_effect=UserError(message))
    with mistake:
        assert main(["evaluate", "gru", "--tasks", "xml"]) == 2
    assert capsys.readouterr().err == f"cellsearch evaluate: {printed}\n"


def test_unknown_commands_and_options_are_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments in (["sho"], ["show"], ["show", "gru", "--wide", "3"], []):
        with pytest.raises(SystemExit) as exit_info:
            main(arguments)
        assert exit_info.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_tasks_lists_and_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)]
    assert names[:3] == ["memorization", "arithmetic", "xml"]
    assert main(["tasks", "arithmetic"]) == 0
    assert "^" in capsys.readouterr().out


def test_python_m_search_is_the_command() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "search", "show", "tanh"],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert "def tanh(x, h):" in found.stdout


def test_help_imports_no_command_and_nothing_heavy() -> None:
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "search", "--help"],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    for name, command in COMMANDS.items():
        assert re.search(rf"\n    {name}\s", found.stdout)
        assert command.module not in found.stderr
    modules = {line.rpartition("|")[2].strip() for line in found.stderr.splitlines()}
    assert "search.commands.cli" in modules
    assert not modules & {"jax", "ray", "rich", "numpy", "cells", "workers", "tasks"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_of_its_own(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main([name, "--help"])
    assert exit_info.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert COMMANDS[name].help in printed


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["--version"])
    assert exit_info.value.code == 0
    assert capsys.readouterr().out.startswith("cellsearch ")


def test_an_interrupt_while_a_command_is_imported_is_one_line_and_130(
    tmp_path: Path,
) -> None:
    slow = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    (tmp_path / "slow_command.py").write_text(slow)
    code = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "from search.commands import cli\n"
        "cli.COMMANDS = {'slow': cli.Command('slow_command', 'slow')}\n"
        "sys.exit(cli.main(['slow']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "cellsearch slow: stopped\n"
