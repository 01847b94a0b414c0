"""One job in, one evaluation out: learning, identical bits, every status."""

import dataclasses
import gc
import itertools
import math
import os
from pathlib import Path

import pytest

from cells import ZOO, canonical, load_op, parse
from tasks import TaskError
from tests.support.jobs import (
    FIXED,
    SETTING,
    TINY,
    by_setting,
    job,
    keeping,
    scratch,
)
from workers import (
    BUDGET,
    Evaluator,
    JobError,
    MachineError,
    Schedule,
    Status,
    TaskSpec,
    Training,
    evaluate,
)
from workers.machine.clock import RunningClock
from workers.training import evaluator as evaluators

ROOT = Path(__file__).parents[2]


def test_the_loss_falls_and_memorization_is_learned():
    task = dataclasses.replace(
        TINY, overrides=(*TINY.overrides[:3], ("train_tokens", 14_000))
    )
    setting = dataclasses.replace(SETTING, parameters=5_000)
    training = Training(schedule=Schedule("filter"))
    learn = job("gru", setting, budget=1500, task=task, training=training)
    (result,) = evaluate(learn).results
    assert result.ended == "passed"
    assert result.best == max(point.metric for point in result.curve) >= 0.95
    first, last = result.curve[0], result.curve[-1]
    assert last.train_loss < 0.8 * first.train_loss
    assert last.valid_loss < 0.4 < first.valid_loss


def test_curve_points_are_whole_epochs_and_the_end_of_the_budget():
    (result,) = scratch().evaluate(job(budget=30)).results
    assert [point.updates for point in result.curve] == [12, 24, 30]
    assert (result.status, result.ended, result.updates) == (Status.OK, BUDGET, 30)
    assert not result.over


def test_vectorized_lanes_agree_with_lone_runs():
    """As accelerators run them; on CPU their last bits depend on the lane."""
    evaluator = Evaluator(lanes=4, state_bytes=0)
    evaluator.vectorized = True
    rates = [dataclasses.replace(SETTING, rate=rate) for rate in (0.1, 0.3, 0.5)]
    one = job("tanh", *rates, budget=12)
    together, alone = evaluator.evaluate(one), scratch().evaluate(one)
    for found, lone in zip(together.results, alone.results, strict=True):
        assert found.status is Status.OK
        for ours, theirs in zip(found.curve, lone.curve, strict=True):
            assert ours.valid_loss == pytest.approx(theirs.valid_loss, rel=1e-3)


def test_more_settings_than_lanes_are_trained_in_turns():
    rates = [dataclasses.replace(SETTING, rate=r) for r in (0.1, 0.5, 2)]
    together = scratch(2).evaluate(job("tanh", *rates))
    for result in together.results:
        alone = scratch(2).evaluate(job("tanh", result.setting))
        assert alone.results == (result,)


def test_a_smaller_budget_after_a_larger_one_is_trained_from_scratch():
    evaluator = keeping()
    large = evaluator.evaluate(job(budget=30))
    small = evaluator.evaluate(job(budget=10))
    assert small.results == scratch().evaluate(job(budget=10)).results
    assert evaluator.evaluate(job(budget=30)).results == large.results


def test_continuing_trains_only_what_is_missing(monkeypatch):
    from workers.training.program import Program

    spans, train = [], Program.train

    def counted(self, state, data, start, stop, hyper):
        spans.append((start, stop))
        return train(self, state, data, start, stop, hyper)

    monkeypatch.setattr(Program, "train", counted)
    evaluator = keeping()
    for budget in (10, 20, 20):
        evaluator.evaluate(job(budget=budget))
    assert spans == [(0, 10), (10, 12), (0, 8)]


def test_a_schedule_that_has_ended_is_not_trained_on():
    options = (("constant_epochs", 1), ("max_epochs", 2))
    training = Training(schedule=Schedule("treebank", options))
    evaluator = keeping()
    first = evaluator.evaluate(job(budget=50, training=training))
    again = evaluator.evaluate(job(budget=500, training=training))
    assert again.results == first.results
    assert first.results[0].over
    assert first.results[0].updates == 24


@pytest.mark.parametrize("lanes", [1, 2])
def test_training_that_was_cut_short_by_its_deadline_can_be_repeated(
    lanes, monkeypatch
):
    """Its state, from an earlier job, is consumed by then."""
    evaluator = keeping(lanes)
    evaluator.evaluate(job(budget=30, training=FIXED))
    times = itertools.chain([0.0], itertools.repeat(math.inf))
    monkeypatch.setattr(RunningClock, "read", lambda _: next(times))
    [result] = evaluator.evaluate(job(budget=300, training=FIXED), deadline_s=1).results
    assert result.status is Status.TIMEOUT
    assert result.updates > 30
    monkeypatch.undo()
    whole = job(budget=300, training=FIXED)
    assert evaluator.evaluate(whole).results == scratch(lanes).evaluate(whole).results


def test_what_is_kept_changes_nothing_when_it_is_forgotten():
    evaluator = Evaluator(state_bytes=0, data_bytes=0, programs=1)
    evaluator.evaluate(job(budget=10))
    evaluator.evaluate(job("irnn", budget=10))
    again = evaluator.evaluate(job(budget=20))
    assert again.compiled == 2
    assert again.results == scratch().evaluate(job(budget=20)).results


def test_each_shape_is_compiled_once_and_only_once():
    evaluator = Evaluator()
    rates = [dataclasses.replace(SETTING, rate=r, clip=c) for r, c in ((1, 1), (2, 5))]
    assert evaluator.evaluate(job("tanh", SETTING)).compiled == 2
    assert evaluator.evaluate(job("tanh", *rates)).compiled == 0
    assert evaluator.evaluate(job("tanh", *rates, seed=1)).compiled == 0
    assert evaluator.evaluate(job("tanh", SETTING, training=FIXED)).compiled == 0
    deeper = dataclasses.replace(SETTING, num_layers=2)
    assert evaluator.evaluate(job("tanh", deeper)).compiled == 2


def test_seeds_of_jobs_and_of_tasks_give_other_runs():
    jobs = (
        job(budget=12),
        job(budget=12, seed=1),
        job(budget=12, task=dataclasses.replace(TINY, seed=1)),
    )
    assert len({scratch().evaluate(one).results[0].curve for one in jobs}) == 3


def test_the_rate_follows_the_schedule():
    """With the rate at nothing after the first epoch, validation stands still."""
    options = (("constant_epochs", 1), ("decay", 0.0), ("max_epochs", 3))
    training = Training(schedule=Schedule("treebank", options))
    (result,) = scratch().evaluate(job(budget=100, training=training)).results
    assert [point.updates for point in result.curve] == [12, 24, 36]
    assert len({point.valid_loss for point in result.curve}) == 1
    assert (result.ended, result.updates) == ("last epoch", 36)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_other_optimizers_learn(optimizer):
    rate = 0.03 if optimizer == "momentum" else 0.003
    setting = dataclasses.replace(SETTING, rate=rate)
    learn = job("tanh", setting, budget=36, training=Training(optimizer))
    (result,) = evaluate(learn).results
    assert result.curve[-1].valid_loss < 0.9 * result.curve[0].valid_loss


def test_the_test_split_is_scored_at_the_best_validation():
    training = Training(schedule=Schedule("fixed"), test=True)
    task = TaskSpec(
        "tests.support.tiny_frames:TinyFrames", overrides=(("chance", True),)
    )

    def frames(budget):
        return job(budget=budget, task=task, training=training)

    evaluator = scratch()
    (result,) = evaluator.evaluate(frames(100)).results
    metrics = [point.metric for point in result.curve]
    best = metrics.index(min(metrics)) + 1
    assert 1 < best < len(metrics), "the test needs a curve with its best inside"
    assert result.best == min(metrics)
    assert evaluator.evaluate(frames(8 * best)).results[0].test == result.test
    assert evaluator.evaluate(frames(8 * best - 8)).results[0].test != result.test
    lanes = scratch(2).evaluate(frames(100))
    assert lanes.results[0].test == pytest.approx(result.test, rel=1e-3)
    going_on = keeping()
    going_on.evaluate(frames(8 * best + 3))
    assert going_on.evaluate(frames(100)).results == (result,)


def test_dropout_has_the_same_bits_twice_and_when_continued():
    setting = dataclasses.replace(SETTING, dropout=0.5, num_layers=2)
    one = scratch().evaluate(job("tanh", setting))
    evaluator = keeping()
    evaluator.evaluate(job("tanh", setting, budget=7))
    assert evaluator.evaluate(job("tanh", setting)).results == one.results


def test_frames_are_trained_with_a_sigmoid_readout():
    task = TaskSpec("tests.support.tiny_frames:TinyFrames")
    (result,) = scratch().evaluate(job(budget=40, task=task)).results
    assert result.curve[-1].valid_loss < 0.8 * task.task.uniform_loss
    assert result.best == min(point.metric for point in result.curve)


# Every status.

EXPLODING = parse("def f(x, h):\n    a = linear(h) * linear(h)\n    return a * a + x")
WILD = dataclasses.replace(SETTING, scale=100)


def test_a_setting_that_is_not_finite_ends_at_once_as_diverged():
    calm = job(EXPLODING, WILD, SETTING, budget=100, training=FIXED)
    found = by_setting(scratch().evaluate(calm))
    assert found[WILD].status is Status.DIVERGED
    assert found[WILD].updates < 3
    assert found[WILD].best is None
    assert found[WILD].over
    assert "not finite" in found[WILD].ended
    assert found[SETTING].status is Status.OK


def test_a_diverged_lane_leaves_the_others_as_they_are():
    together = scratch(2).evaluate(job(EXPLODING, WILD, SETTING))
    for setting, result in by_setting(together).items():
        assert scratch(2).evaluate(job(EXPLODING, setting)).results == (result,)
    assert by_setting(together)[WILD].status is Status.DIVERGED


def test_a_loss_far_above_uniform_is_diverged_within_the_epoch():
    tokens = ("train_tokens", 280_000)
    task = dataclasses.replace(TINY, overrides=(*TINY.overrides[:3], tokens))
    wild = dataclasses.replace(SETTING, scale=3, rate=100, clip=100)
    (result,) = scratch().evaluate(job("irnn", wild, budget=400, task=task)).results
    assert result.status is Status.DIVERGED
    assert 1 < result.updates < 400


@pytest.mark.parametrize("budget", [5, 12, 24])
def test_a_short_epoch_is_judged_where_it_is_validated(budget):
    """It has too few windows to be judged while it is trained on."""
    strict = Training(divergence=1.5, schedule=Schedule("fixed"))
    wild = dataclasses.replace(SETTING, scale=30, rate=1e-6)
    bad = job("tanh", wild, budget=budget, training=strict)
    (result,) = scratch().evaluate(bad).results
    assert result.status is Status.DIVERGED
    assert result.updates == min(budget, 12)
    assert result.best is None


def test_the_deadline_ends_what_is_unfinished_as_timeout():
    other = dataclasses.replace(SETTING, rate=2)
    long = job("tanh", SETTING, other, budget=10**7, training=FIXED)
    scratch().evaluate(job())  # so that the deadline is not spent on compiling
    evaluation = scratch().evaluate(long, deadline_s=1.0)
    assert [r.status for r in evaluation.results] == [Status.TIMEOUT] * 2
    assert evaluation.train_s < 60
    assert evaluation.results[0].updates > 0
    assert evaluation.results[0].best is not None
    assert evaluation.results[1].updates == 0


def test_a_timeout_leaves_nothing_behind_that_a_later_job_would_use():
    evaluator = keeping()
    evaluator.evaluate(job(), deadline_s=0.0)
    assert evaluator.evaluate(job()).results == scratch().evaluate(job()).results


@pytest.mark.parametrize("limit", [1000, 100_000])
def test_a_job_that_cannot_fit_is_oom_without_being_tried(limit):
    training = Training(memory_limit_bytes=limit)
    evaluation = evaluate(job(budget=10**9, training=training))
    (result,) = evaluation.results
    assert (result.status, result.updates) == (Status.OOM, 0)
    assert "allowed" in result.ended
    assert evaluation.compiled == (limit == 100_000)


def test_a_huge_model_is_oom_without_making_anything_of_its_size():
    huge = dataclasses.replace(SETTING, parameters=10**11)
    training = Training(memory_limit_bytes=2**30)
    (result,) = evaluate(job("tanh", huge, training=training)).results
    assert result.status is Status.OOM


def test_a_job_within_the_limit_is_trained_as_without_it():
    training = Training(memory_limit_bytes=2**30)
    limited = evaluate(job(training=training))
    assert limited.compiled == 2
    assert limited.results == scratch().evaluate(job()).results


def test_an_op_that_raises_is_a_crash_with_its_cause():
    (result,) = evaluate(job_with_op("raising")).results
    assert result.status is Status.CRASHED
    assert "ZeroDivisionError: only under JAX" in result.ended


def test_a_program_that_asks_for_more_memory_than_there_is_is_oom():
    (result,) = evaluate(job_with_op("hungry")).results
    assert result.status is Status.OOM
    assert "RESOURCE_EXHAUSTED: Out of memory" in result.ended


def job_with_op(name):
    """A job of a cell with one of `bad_ops`."""
    op = f"tests.support.bad_ops:{name}"
    load_op(op)
    cell = parse(f"def f(x, h):\n    return {name}(linear(x) + linear(h))")
    return job(cell, ops=(op,))


def test_every_status_is_reached():
    jobs = {
        Status.OK: job(),
        Status.DIVERGED: job(EXPLODING, WILD),
        Status.TIMEOUT: job("tanh", budget=10**8, training=FIXED),
        Status.OOM: job(training=Training(memory_limit_bytes=1000)),
        Status.CRASHED: job_with_op("raising"),
    }
    assert set(jobs) == set(Status)
    for status, one in jobs.items():
        deadline_s = 0.5 if status is Status.TIMEOUT else math.inf
        (result,) = scratch().evaluate(one, deadline_s=deadline_s).results
        assert result.status is status, result


def test_a_budget_that_no_width_fits_is_a_failure_with_its_cause():
    tiny = dataclasses.replace(SETTING, parameters=10)
    (result,) = scratch().evaluate(job("gru", tiny)).results
    assert result.status is Status.CRASHED
    assert "no width fits" in result.ended


def test_a_failure_that_is_not_the_cells_is_an_error_with_its_cause(monkeypatch):
    """The environment mended, the same evaluator carries the job out."""
    evaluator, one = keeping(), job(budget=2)

    def breaks(*_, **__):
        raise AssertionError("no such\n device")

    for error_of in ("program.Program.train", "trainer.Trainer.train"):
        with monkeypatch.context() as patch:
            patch.setattr(f"workers.training.{error_of}", breaks)
            with pytest.raises(MachineError, match=r"AssertionError: no such device$"):
                evaluator.evaluate(one)
    assert evaluator.evaluate(one).results[0].status is Status.OK


def breaking(monkeypatch, times):
    """Has programs of all cells but GRU fail so often; how often they did."""
    calls, make = [], evaluators.make_model

    def make_or_break(cell, *arguments):
        if cell != canonical(ZOO["gru"]):
            calls.append(cell)
            if len(calls) <= times:
                raise RuntimeError("INTERNAL: no such\n fusion")
        return make(cell, *arguments)

    monkeypatch.setattr(evaluators, "make_model", make_or_break)
    return calls


def test_a_cell_that_alone_makes_the_compiler_fail_is_to_blame(monkeypatch):
    calls = breaking(monkeypatch, 2)
    (result,) = evaluate(job(budget=2)).results
    assert result.status is Status.CRASHED
    cause = "RuntimeError: INTERNAL: no such fusion; twice, while a GRU trains"
    assert result.ended == cause
    assert len(calls) == 2


def test_what_fails_but_once_leaves_no_trace(monkeypatch):
    right = scratch().evaluate(job(budget=2)).results
    breaking(monkeypatch, 1)
    assert evaluate(job(budget=2)).results == right


def test_a_cell_with_an_own_op_does_not_answer_for_the_machine(monkeypatch):
    def breaks(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("workers.training.trainer.Trainer.train", breaks)
    with pytest.raises(MachineError, match="OSError: no space left"):
        evaluate(job_with_op("raising"))


def test_faults_of_task_and_machine_are_errors_not_failures_of_the_candidate():
    with pytest.raises(JobError, match="bfloat16 needs an accelerator"):
        evaluate(job(training=Training(products="bfloat16")))
    with pytest.raises(TaskError, match="stream"):
        evaluate(job(task=TaskSpec("tests.support.tiny_frames:Broken")))


def test_an_evaluation_says_where_and_how_it_was_made():
    evaluation = evaluate(job(budget=1))
    assert evaluation.job_id == job(budget=1).id
    assert evaluation.numerics == Evaluator().numerics.key
    assert evaluation.numerics != Evaluator(lanes=2).numerics.key
    assert evaluation.machine
    assert evaluation.compile_s > 0
    assert evaluation.train_s > 0


# Memory.


def memory():
    """Resident megabytes and memory maps of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    maps = Path("/proc/self/maps").read_text().count("\n")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, maps


@pytest.mark.parametrize(("cells", "clear_after"), [(8, 2)])
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_stays_flat_over_many_distinct_cells(cells, clear_after, monkeypatch):
    monkeypatch.setattr(evaluators, "CLEAR_AFTER", clear_after)
    setting = dataclasses.replace(SETTING, parameters=600)
    evaluator, seen = Evaluator(programs=2), []
    for index in range(cells):
        text = f"def f(x, h):\n    return tanh(linear(x, bias={index}) + linear(h))"
        evaluation = evaluator.evaluate(job(parse(text), setting, budget=2))
        assert evaluation.compiled == 2
        if index % (2 * clear_after) == 2 * clear_after - 1:
            seen.append(memory())
    megabytes, maps = zip(*seen, strict=True)
    assert megabytes[-1] - megabytes[0] < 10
    assert maps[-1] - maps[0] < 30
