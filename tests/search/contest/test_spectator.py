"""What is told of jobs while cells are scored."""

from search.contest.spectator import Label, ending
from workers import Evaluation, Result, Setting, Status

SETTING = Setting(1, 0.5, 1, 1, 900)


def evaluation(*results: Result) -> Evaluation:
    return Evaluation("id", results, compile_s=1.0, train_s=2.25)


def ok(best: float) -> Result:
    return Result(SETTING, Status.OK, best=best)


def test_an_evaluation_is_told_in_a_few_words() -> None:
    assert ending(evaluation(ok(0.5))) == "0.5000, 3.2 s"
    assert ending(evaluation(ok(0.5), ok(0.25))) == "0.2500 to 0.5000, 3.2 s"
    lost = Result(SETTING, Status.DIVERGED, ended="far too high")
    full = Result(SETTING, Status.OOM, ended="needs 9 MiB")
    told = ending(evaluation(ok(0.5), lost, lost, full))
    assert told == "0.5000, 2 DIVERGED, 1 OOM, needs 9 MiB, 3.2 s"


def test_a_job_is_named_by_task_cell_stage_and_size() -> None:
    label = Label("xml", "gru", "fresh seeds", 1, 3000)
    assert str(label) == "xml gru: fresh seeds, 1 setting on 3,000 updates"
