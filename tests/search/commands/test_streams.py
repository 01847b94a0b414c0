"""Output that nobody reads, that the disk does not take, or that lacks characters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.store.store import Store
from tests.support.fake_search import Fake, query
from tests.support.searches import evaluations, here, shown

ROOT = Path(__file__).parents[3]
COMMAND = f"{sys.executable} -m tests.support.fake_search"
RUN = "run --preset tiny --seed 3 --candidates 4 --out"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of a command; the status is that of a pipe's first."""
    return subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT,
        env={**Fake().environment(), "PYTHONUTF8": "0", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def check_finished(folder: Path) -> None:
    [(proposed,)] = query(folder, "SELECT count(*) FROM decisions WHERE born")
    assert proposed >= 4
    assert evaluations(folder)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_lacks_characters_gets_others(encoding: str) -> None:
    found = shell(f"{COMMAND} show gru", PYTHONIOENCODING=encoding)
    assert found.returncode == 0, found.stderr
    assert "n3   sigmoid gate  <- x h" in found.stdout
    assert "ht = n12 + n7 * (ht-1 - n12)" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "redirection", "reason"),
    [
        ("show gru", ">/dev/full", "No space left on device"),
        ("show gru", ">&-", "Bad file descriptor"),
        ("--help", ">/dev/full", "No space left on device"),
    ],
)
def test_output_that_cannot_be_written_is_one_line_and_status_1(
    arguments: str, redirection: str, reason: str
) -> None:
    found = shell(f"{COMMAND} {arguments} {redirection}")
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert f"cannot write its output ({reason})" in found.stderr


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_errors_that_cannot_be_written_change_nothing(redirection: str) -> None:
    found = shell(f"{COMMAND} show gru {redirection}")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("def gru(x, h):\n")
    assert shell(f"{COMMAND} show gruu {redirection}").returncode == 2


@pytest.mark.parametrize(
    "redirection", ["2>&-", "2>/dev/full", "2>&1 | head -1", "2>&1 | true"]
)
def test_a_search_goes_on_whoever_reads(redirection: str, tmp_path: Path) -> None:
    found = shell(f"{COMMAND} {RUN} {tmp_path / 'run'} {redirection}")
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    check_finished(tmp_path / "run")


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_a_search_whose_table_is_lost_is_whole_and_says_so(
    redirection: str, tmp_path: Path
) -> None:
    found = shell(f"{COMMAND} {RUN} {tmp_path / 'run'} {redirection}")
    assert found.returncode == 1
    assert "cannot write its output" in found.stderr.splitlines()[-1]
    assert "Traceback" not in found.stderr
    check_finished(tmp_path / "run")


def test_the_end_of_a_pipe_s_reader_is_no_failure() -> None:
    found = shell(f"{COMMAND} show gru | true")
    assert (found.returncode, found.stderr) == (0, "")


def test_names_of_files_that_are_no_text_are_printed_as_they_are(
    tmp_path: Path,
) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")
    Path(name).write_text("def odd(x, h):\n    return tanh(linear(x) + linear(h))\n")
    found = subprocess.run(
        [*COMMAND.split(), "show", name, "--out", f"{name[:-4]}.svg"],
        cwd=ROOT,
        env={**Fake().environment(), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    assert os.fsencode(name)[:-4] + b".svg" in found.stdout


def test_a_picture_without_a_home_prints_nothing_of_matplotlib(tmp_path: Path) -> None:
    picture = tmp_path / "gru.svg"
    found = shell(
        f"{COMMAND} show gru --out {picture}", HOME="/proc/none", XDG_CACHE_HOME="/proc"
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert picture.read_text().startswith("<")


def test_a_strangers_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    here(*RUN.split(), tmp_path / "run")
    node = {"machine": "a\x1b[2J", "address": "\u202eb", "node": "\x9bc", "pids": [1]}
    with Store.open(tmp_path / "run") as store:
        nodes = [{**node, "busy": 0, "losses": {}}]
        store.history.set("workers", {"at": 0, "nodes": nodes})
    printed = shown("status", tmp_path / "run")
    assert "a?[2J ?b ?c: 1 worker" in printed
    assert "\x1b" not in printed
