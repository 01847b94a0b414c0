"""`cellsearch evaluate` and `run` as a person meets them, in processes of their own."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cells import ZOO, digest, parse
from search.commands.cli import main
from search.contest.request import find_baseline
from search.store.database import RESULTS_FILE
from workers import Setting

ROOT = Path(__file__).parents[3]
TINY = (
    *("--tasks", "memorization,xml", "--preset", "tiny", "--settings", "6"),
    *("--repeats", "2", "--budget", "40"),
)


def start(*arguments: str, command: str = "evaluate") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "search", command, *_inline(arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _inline(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """In this process, unless a test says otherwise: Ray takes seconds to start."""
    named = "--workers" in arguments
    return arguments if named else (*arguments, "--workers", "inline")


def finish(process: subprocess.Popen[str], status: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    return out, err


def comparable(text: str) -> dict[str, Any]:
    """What `--json` printed, less what may differ between runs."""
    found: dict[str, Any] = json.loads(text)
    assert set(found.pop("seconds")) == {"now", "training", "compilation"}
    assert found.pop("machine")["python"]
    return found


def stored(folder: Path, table: str = "runs") -> int:
    """How many rows there are."""
    if not (folder / RESULTS_FILE).exists():
        return 0
    file = sqlite3.connect(folder / RESULTS_FILE)
    try:
        return int(file.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.OperationalError:  # the tables are about to be made
        return 0
    finally:
        file.close()


def stop_after(process: subprocess.Popen[str], folder: Path, rows: int) -> None:
    """Waits until something is stored, and not everything."""
    until = time.monotonic() + 120
    while stored(folder) < rows:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "nothing stored in two minutes"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A command that ran to its end: its folder, and its JSON."""
    folder = tmp_path_factory.mktemp("whole")
    out, err = finish(start("tanh", *TINY, "--out", str(folder), "--json"))
    assert "memorization tanh: settings, 4 settings on 40 updates" in err
    return folder, out


def test_json_has_what_is_promised(whole: tuple[Path, str]) -> None:
    found = comparable(whole[1])
    [row] = found["cells"]
    assert row["name"] == "tanh"
    assert row["digest"] == digest(ZOO["tanh"])
    assert parse(row["text"]) == ZOO["tanh"]
    assert set(row["tasks"]) == {"memorization", "xml"}
    for task in row["tasks"].values():
        assert task["low"] <= task["mean"] <= task["high"]
        assert task["runs"] == 6 + 2
        assert 0 < task["best"] < 1
        assert Setting.from_dict(task["setting"]).parameters == 6_000
    ratios = [task["ratio"] for task in row["tasks"].values()]
    assert row["min_ratio"] == min(ratios)
    assert found["baseline"]["name"] == "gru"
    mean = found["baseline"]["tasks"]["xml"]["mean"]
    assert row["tasks"]["xml"]["ratio"] == row["tasks"]["xml"]["mean"] / mean


@pytest.mark.slow
def test_killed_and_continued_by_two_workers_it_gives_the_same_table(
    whole: tuple[Path, str], tmp_path: Path
) -> None:
    arguments = ("tanh", *TINY, "--out", str(tmp_path), "--json")
    process = start(*arguments)
    stop_after(process, tmp_path, 4)
    process.kill()
    process.communicate()
    assert 4 <= stored(tmp_path) < stored(whole[0])
    out, _ = finish(start(*arguments, "--workers", "2"))
    assert comparable(out) == comparable(whole[1])
    # Nothing was trained twice.
    assert stored(tmp_path) == stored(whole[0])
    assert stored(tmp_path, "evaluations") == stored(whole[0], "evaluations")


def test_ctrl_c_keeps_what_is_done_and_says_how_to_continue(
    whole: tuple[Path, str], tmp_path: Path
) -> None:
    arguments = ("tanh", *TINY, "--out", str(tmp_path), "--json")
    process = start(*arguments)
    stop_after(process, tmp_path, 4)
    process.send_signal(signal.SIGINT)
    out, err = finish(process, status=130)
    assert out == ""
    assert "stopped; what is done is kept" in err
    assert f"cellsearch evaluate tanh {' '.join(TINY)} --out {tmp_path}" in err
    assert 4 <= stored(tmp_path) < stored(whole[0])


def test_an_answer_that_is_known_comes_at_once_and_reads_well(
    whole: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = stored(whole[0], "evaluations")
    assert main(["evaluate", "tanh", *TINY, "--out", str(whole[0])]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "2 fresh seeds: mean ± 95 % confidence interval" in printed.out
    assert "of training and" in printed.out
    tanh = next(row for row in printed.out.splitlines() if row.startswith(" tanh"))
    assert f"{comparable(whole[1])['cells'][0]['min_ratio']:.3f}" in tanh
    assert stored(whole[0], "evaluations") == before


def test_equivalent_texts_share_what_is_known(
    whole: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.cell"
    path.write_text("def mine(x, s):\n    return tanh(linear(s) + linear(x))\n")
    before = stored(whole[0])
    arguments = [str(path), "tanh", *TINY, "--out", str(whole[0]), "--json"]
    assert main(["evaluate", *arguments]) == 0
    mine, tanh = json.loads(capsys.readouterr().out)["cells"]
    assert (mine["name"], mine["digest"]) == ("mine", tanh["digest"])
    assert mine["tasks"] == tanh["tasks"]
    assert stored(whole[0]) == before


def test_a_cell_that_ignores_the_past_is_scored_with_a_note(
    tmp_path: Path, whole: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "blind.cell"
    path.write_text("def blind(x, h):\n    return tanh(linear(x))\n")
    process = start(
        *(str(path), "--no-baseline", "--tasks", "xml", "--preset", "tiny"),
        *("--settings", "1", "--repeats", "0", "--budget", "5"),
        *("--out", str(tmp_path), "--json"),
    )
    out, err = finish(process)
    assert "note: blind ignores the past" in err
    assert json.loads(out)["cells"][0]["tasks"]["xml"]["mean"] > 0


BAD = {
    "gruu": "'gruu' is neither a cell of the zoo nor a file; did you mean 'gru'?",
    "gru --tasks xmll": "unknown task 'xmll'; did you mean 'xml'?",
    "gru --tasks xml,": "--tasks has an empty name",
    "gru --tasks xml,xml": "--tasks has 'xml' twice",
    "gru gru": "'gru' is named twice",
    "- -": "'-' is named twice",
    "gru --preset smal": "unknown preset 'smal'; did you mean 'small'?",
    "gru --preset table3_5m": "preset table3_5m is for ptb, not for 'xml'",
    "gru --settings 0": "--settings must be at least 1, got 0",
    "gru --settings 9999": "--settings must be at most 48 for xml in preset small",
    "gru --repeats -1": "--repeats must be at least 0, got -1",
    "gru --repeats 1000": "--repeats must be at most 999, got 1000",
    "gru --seed -1": "--seed must be at least 0, got -1",
    "gru --budget 0": "--budget must be at least 1, got 0",
    "gru --parameters 30": "gru on xml: no width fits a budget of 30 parameters",
    "gru --workers 0": "--workers must be 1 or more, auto or inline, got 0",
    "gru --workers many": "--workers must be 1 or more, auto or inline, got 'many'",
    "gru --op nowhere:op": "nowhere",
    "gru --out setup.cfg/x": "cannot use setup.cfg/x as a folder",
}


@pytest.mark.parametrize("arguments", BAD)
def test_bad_input_is_one_line_and_status_2(
    arguments: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("setup.cfg").touch()
    words = arguments.split()
    if "--tasks" not in words:
        words += ["--tasks", "xml"]
    assert main(["evaluate", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("cellsearch evaluate: ")
    assert printed.err.count("\n") == 1
    assert BAD[arguments] in printed.err
    assert list(tmp_path.iterdir()) == [tmp_path / "setup.cfg"]


def test_missing_data_is_one_line_before_anything_is_trained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CELLSEARCH_DATA", str(tmp_path / "absent"))
    out = tmp_path / "out"
    status = main(["evaluate", "gru", "--tasks", "xml,ptb", "--out", str(out)])
    assert status == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Penn Treebank" in error
    assert not out.exists()


def test_the_baseline_is_a_cell_and_not_a_name(tmp_path: Path) -> None:
    assert find_baseline([("lstm", ZOO["lstm"])]) == ("gru", ZOO["gru"])
    assert find_baseline([("mine", ZOO["gru"])]) == ("mine", ZOO["gru"])
    false = ("gru", ZOO["lstm"])
    assert find_baseline([false]) == ("gru (zoo)", ZOO["gru"])
