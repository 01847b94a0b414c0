"""What is shown while jobs are carried out: lines in a pipe, a display elsewhere."""

import io
from pathlib import Path

import pytest

from search.contest.spectator import Label, Overview
from search.output.display import ContestDisplay, Stopwatch, how_to_go_on
from search.store.store import Store
from workers import Evaluation, Result, Setting, Status

SETTING = Setting(1, 0.5, 1, 1, 900)
LABEL = Label("xml", "gru", "rung 1 of 3", 2, 1000)
OVERVIEW = Overview(0.25, (LABEL,), (("xml", "gru", 0.4321),))


def evaluation(*results: Result) -> Evaluation:
    return Evaluation("id", results, compile_s=1.0, train_s=2.25)


def ok(best: float) -> Result:
    return Result(SETTING, Status.OK, best=best)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_time_left_follows_from_what_was_gained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("search.output.display.time.monotonic", lambda: now[0])
    watch = Stopwatch()
    assert watch.left_s(0.5) is None  # half was known before
    now[0] = 110.0
    assert watch.left_s(0.75) == pytest.approx(10.0)
    assert watch.left_s(1.0) == 0


def test_a_pipe_gets_a_line_for_each_job() -> None:
    stream = io.StringIO()
    with ContestDisplay(stream) as display:
        display.update(OVERVIEW._replace(done=0.0))
        display.note("a note")
        display.update(OVERVIEW)
        display.finished(LABEL, evaluation(ok(0.5)))
    note, line = stream.getvalue().splitlines()
    assert note == "a note"
    assert "25%" in line
    assert " left]" in line
    assert "xml gru: rung 1 of 3, 2 settings on 1,000 updates: 0.5000" in line
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_shows_what_runs_the_best_and_the_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with ContestDisplay(stream) as display:
        display.update(OVERVIEW)
        display.finished(LABEL, evaluation(ok(0.5)))
        failure = Result(SETTING, Status.CRASHED, ended="the process died")
        display.finished(LABEL, evaluation(failure))
    shown = stream.getvalue()
    assert "25%" in shown
    assert "runs  xml gru: rung 1 of 3, 2 settings on 1,000 updates" in shown
    assert "best  xml: gru 0.4321" in shown
    assert "1 CRASHED, the process died" in shown
    assert "0.5000" not in shown  # what went well is in the display


def test_the_command_that_goes_on_names_the_code_of_a_persons_own(
    tmp_path: Path,
) -> None:
    folder, plain = tmp_path / "my run", tmp_path / "plain"
    document = {"own_ops": ["mine:cube"], "tasks": ["xml", "mine:Task"]}
    Store.create(folder, {"config": document}).close()
    assert how_to_go_on(folder) == (
        f"Go on: cellsearch resume '{folder}' --op mine:cube --task mine:Task "
        "[--candidates N]"
    )
    assert how_to_go_on(plain) == f"Go on: cellsearch resume {plain} [--candidates N]"
