"""Tasks of one shape share a compiled program, and the results are as without that."""

import pytest

from cells import ZOO
from tasks import PACK
from tests.support.jobs import FIXED, SETTING, TINY, job
from workers import Evaluator, JobError, TaskSpec, Training
from workers.job.setting import OPTIMIZERS
from workers.training.program import Program

SPECS = [TaskSpec(kind.name) for kind in PACK]
STACK = TaskSpec("stack")
LONG_STACK = TaskSpec("stack", overrides=(("stretch", 12),))


@pytest.fixture
def compiled(monkeypatch):
    """The name of each program compiled, in order."""
    names, compile_ = [], Program._lower

    def counted(self, name, *shapes):
        names.append(name)
        return compile_(self, name, *shapes)

    monkeypatch.setattr(Program, "_lower", counted)
    return names


def test_a_cell_compiles_once_for_all_tasks_of_the_pack(compiled):
    evaluator = Evaluator()
    for spec in SPECS:
        evaluator.evaluate(job(budget=3, task=spec))
    assert compiled == ["train", "validate"]
    for spec in SPECS:
        longer = TaskSpec(spec.name, overrides=(("stretch", 12),))
        evaluator.score_on(job(budget=3, task=spec), longer)
    assert compiled == ["train", "validate"]


def test_all_optimizers_share_a_program(compiled):
    evaluator = Evaluator()
    jobs = [
        job(budget=3, task=STACK, training=Training(optimizer))
        for optimizer in OPTIMIZERS
    ]
    sharing = [evaluator.evaluate(one).results for one in jobs]
    assert compiled == ["train", "validate"]
    assert len({str(results) for results in sharing}) == len(OPTIMIZERS)
    own = [Evaluator().evaluate(one).results for one in jobs[::4]]
    assert sharing[::4] == own


def test_another_cell_or_vocabulary_compiles_anew(compiled):
    evaluator = Evaluator()
    wide = TaskSpec("stack", overrides=(("vocabulary", 33),))
    for changed in (
        {},
        {"cell": ZOO["irnn"]},
        {"task": wide},
        {"task": TINY},
    ):
        evaluator.evaluate(job(**{"budget": 3, "task": STACK, **changed}))
        assert compiled == ["train", "validate"]
        compiled.clear()


def test_another_window_is_compiled_within_the_same_program(compiled):
    evaluator = Evaluator()
    short = TaskSpec("stack", overrides=(("num_steps", 16), ("train_tokens", 64_000)))
    for spec in (STACK, short, STACK):
        evaluator.evaluate(job(budget=3, task=spec))
    assert compiled == ["train", "validate"] * 2


def test_a_shared_program_gives_the_bits_of_one_of_its_own():
    sharing = Evaluator()
    for spec in SPECS[:2]:
        together = sharing.evaluate(job(budget=3, task=spec)).results
        assert together == Evaluator().evaluate(job(budget=3, task=spec)).results


@pytest.mark.parametrize("lanes", [1, 2])
def test_weights_are_scored_at_a_length_that_they_were_not_trained_on(lanes):
    evaluator = Evaluator(lanes=lanes)
    learn = job(budget=203, task=STACK, training=FIXED)
    (result,) = evaluator.evaluate(learn).results
    assert evaluator.score_on(learn, STACK)[SETTING] == result.curve[-1]
    (point,) = evaluator.score_on(learn, LONG_STACK).values()
    assert point.updates == 203
    assert point.valid_loss != result.curve[-1].valid_loss
    assert evaluator.evaluate(learn).results == (result,)


def test_weights_that_are_not_kept_have_no_score():
    learn = job(budget=3, task=STACK)
    assert Evaluator(state_bytes=0).score_on(learn, LONG_STACK) == {SETTING: None}


def test_weights_cannot_be_scored_on_a_task_of_another_shape():
    with pytest.raises(JobError, match="stack cannot be scored on memorization"):
        Evaluator().score_on(job(budget=3, task=STACK), TINY)
