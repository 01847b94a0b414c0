"""What is shown while jobs are carried out: lines in a pipe, a display elsewhere."""

import io

import pytest

from search.contest.progress import (
    Label,
    LiveProgress,
    Overview,
    PlainProgress,
    Stopwatch,
    duration,
    make_progress,
    outcome,
)
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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1:00"), (187, "3:07"), (7387, "2:03:07")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_evaluation_is_told_in_a_few_words() -> None:
    assert outcome(evaluation(ok(0.5))) == "0.5000, 3.2 s"
    assert outcome(evaluation(ok(0.5), ok(0.25))) == "0.2500 to 0.5000, 3.2 s"
    lost = Result(SETTING, Status.DIVERGED, ended="far too high")
    full = Result(SETTING, Status.OOM, ended="needs 9 MiB")
    told = outcome(evaluation(ok(0.5), lost, lost, full))
    assert told == "0.5000, 2 DIVERGED, 1 OOM, needs 9 MiB, 3.2 s"


def test_time_left_follows_from_what_was_gained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("search.contest.progress.time.monotonic", lambda: now[0])
    clock = Stopwatch()
    assert clock.left_s(0.5) is None  # half was known before
    now[0] = 110.0
    assert clock.left_s(0.75) == pytest.approx(10.0)
    assert clock.left_s(1.0) == 0


def test_a_pipe_gets_a_line_for_each_job() -> None:
    stream = io.StringIO()
    with make_progress(stream) as progress:
        progress.update(OVERVIEW._replace(done=0.0))
        progress.note("a note")
        progress.update(OVERVIEW)
        progress.finished(LABEL, evaluation(ok(0.5)))
    assert isinstance(progress, PlainProgress)
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
    with make_progress(stream) as progress:
        progress.update(OVERVIEW)
        progress.finished(LABEL, evaluation(ok(0.5)))
        failure = Result(SETTING, Status.CRASHED, ended="the process died")
        progress.finished(LABEL, evaluation(failure))
    assert isinstance(progress, LiveProgress)
    shown = stream.getvalue()
    assert "25%" in shown
    assert "runs  xml gru: rung 1 of 3, 2 settings on 1,000 updates" in shown
    assert "best  xml: gru 0.4321" in shown
    assert "1 CRASHED, the process died" in shown
    assert "0.5000" not in shown  # what went well is in the display
