"""Contests and tournaments: what is trained, in which order, and never twice."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cells import ZOO, parse
from search.contest.contest import Contest, Outcome, repeat_seed
from search.contest.ledger import Ledger
from search.contest.tournament import Tournament, settings_per_job
from search.procedure.racing import Racing
from tests.support.contests import Recorder
from tests.support.fake_pool import FakePool, Reached, noisy
from workers import Job, Result, Setting, TaskSpec

SETTINGS = tuple(
    Setting(scale, rate, 1, layers, 900)
    for scale in (0.7, 1.0, 1.4)
    for rate in (0.5, 1.0)
    for layers in (1, 2)
)
OTHER_GRU = parse("""
def other(x, s):
    r = sigmoid(linear(s) + linear(x))
    z = sigmoid(linear(s) + linear(x))
    g = tanh(linear(s * r) + linear(x))
    return z * (s - g) + g
""")


def contest(cell: str = "gru", task: str = "xml", **changes: object) -> Contest:
    chosen = {
        "settings": SETTINGS,
        "budget": 90,
        "repeats": 3,
        "racing": Racing(),
        **changes,
    }
    return Contest(cell, ZOO[cell], TaskSpec(task), **chosen)  # type: ignore[arg-type]


def play(
    *contests: Contest, pool: FakePool | None = None, folder: Path | None = None
) -> tuple[FakePool, list[Outcome], Recorder]:
    pool, recorder = FakePool() if pool is None else pool, Recorder()
    with Ledger.open(folder) as results:
        tournament = Tournament(contests, results)
        tournament.play(pool, recorder, 4)
        assert tournament.over
        outcomes = [one.outcome(results.trainings) for one in contests]
    return pool, outcomes, recorder


def test_a_race_narrows_down_and_the_winner_gets_fresh_seeds() -> None:
    pool, [outcome], _ = play(contest())
    budgets = Counter(budget for _, budget in pool.trainings())
    assert budgets == {10: 12, 30: 4, 90: 1 + 3}
    assert outcome.over
    assert outcome.winner is not None
    assert outcome.winner.setting.scale == 1
    assert len(outcome.repeats) == 3
    assert outcome.trainings == 12 + 3
    seeds = {job.seed for job in pool.jobs}
    assert seeds == {repeat_seed(0, repeat) for repeat in range(4)}
    assert all(job.task.seed == job.seed for job in pool.jobs)


def test_without_racing_all_settings_are_trained_to_the_end() -> None:
    pool, [outcome], _ = play(contest(racing=None))
    assert Counter(budget for _, budget in pool.trainings()) == {90: 12 + 3}
    assert outcome.winner is not None


def test_without_repeats_the_race_is_all() -> None:
    pool, [outcome], _ = play(contest(repeats=0))
    assert {job.seed for job in pool.jobs} == {0}
    assert outcome.over
    assert outcome.repeats == ()


def test_only_fresh_seeds_are_scored_on_the_test_split() -> None:
    pool, [outcome], _ = play(contest())
    assert all(job.training.test == (job.seed > 0) for job in pool.jobs)
    assert all(result.test is not None for result in outcome.repeats)


def test_the_winner_is_the_best_of_those_trained_to_the_end() -> None:
    def falling(job: Job, setting: Setting) -> float:
        early = setting.scale if job.budget == 10 else 0.1
        return early if job.budget < 90 else 0.2

    _, [outcome], _ = play(contest(), pool=FakePool(falling))
    assert outcome.winner is not None
    assert outcome.winner.best == 0.2


def test_failures_never_win_and_a_cell_of_failures_is_over() -> None:
    def only(job: Job, setting: Setting) -> float | None:
        return 0.1 if setting.scale == 0.7 else None

    _, [outcome], _ = play(contest(), pool=FakePool(only))
    assert outcome.winner is not None
    assert outcome.winner.setting.scale == 0.7
    pool, [outcome], _ = play(contest(), pool=FakePool(lambda job, setting: None))
    assert outcome == Outcome(None, (), 12, over=True)
    assert len(pool.trainings()) == 12


def test_for_a_loss_the_lowest_wins() -> None:
    low: Reached = lambda job, setting: setting.scale  # noqa: E731
    _, [outcome], _ = play(contest(task="nottingham"), pool=FakePool(low))
    assert outcome.winner is not None
    assert outcome.winner.best == 0.7


def test_no_training_is_asked_for_twice_even_of_equivalent_cells() -> None:
    twin = replace(contest(), name="twin")
    other = Contest("other", OTHER_GRU, TaskSpec("xml"), SETTINGS, 90)
    pool, _, _ = play(contest(), twin, other, contest("lstm"))
    assert max(Counter(pool.trainings()).values()) == 1
    assert len({job.digest for job in pool.jobs}) == 2


def test_equivalent_cells_share_their_results() -> None:
    _, [one, twin], _ = play(contest(), replace(contest(), name="twin", cell=OTHER_GRU))
    assert one == twin


def test_stopped_anywhere_and_continued_gives_the_same_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    contests = [contest(), contest("lstm")]
    whole, expected, _ = play(*contests)
    for stop_after in range(len(whole.jobs)):
        folder, first = tmp_path / str(stop_after), FakePool(stop_after=stop_after)
        with pytest.raises(KeyboardInterrupt):
            play(*contests, pool=first, folder=folder)
        second, outcomes, _ = play(*contests, folder=folder)
        assert outcomes == expected
        assert not set(first.trainings()) & set(second.trainings())
        assert len(first.jobs) + len(second.jobs) <= len(whole.jobs) + 1


def test_more_settings_and_repeats_reuse_what_is_known(tmp_path: Path) -> None:
    few = contest(settings=SETTINGS[:6], racing=None)
    play(few, folder=tmp_path)
    pool, [outcome], _ = play(contest(racing=None, repeats=5), folder=tmp_path)
    assert len(pool.trainings()) in (6 + 2, 6 + 5)  # the same winner, or another
    assert len(outcome.repeats) == 5


def test_what_ended_early_is_not_trained_on_larger_budgets() -> None:
    class Ending(FakePool):
        def _result(self, job: Job, setting: Setting) -> Result:
            result = super()._result(job, setting)
            ended = {"ended": "no further improvement", "updates": 7}
            return Result(**{**vars(result), **ended})

    pool, [outcome], _ = play(contest(), pool=Ending(noisy))
    assert Counter(budget for _, budget in pool.trainings()) == {10: 12, 90: 3}
    assert outcome.winner is not None


def test_tasks_follow_each_other_and_cells_progress_together() -> None:
    cells = ("gru", "lstm", "tanh")
    contests = [contest(cell, task) for task in ("xml", "arithmetic") for cell in cells]
    _, _, recorder = play(*contests, pool=FakePool(answers=0))
    told = [(label.task, label.stage) for label in recorder.labels]
    stages = ["rung 1 of 3", "rung 2 of 3", "rung 3 of 3", "fresh seeds"]
    order = [(task, stage) for task in ("xml", "arithmetic") for stage in stages]
    positions = [order.index(row) for row in told]
    # While the last job of a stage is under way, what waits is of the next one.
    assert all(b >= a - 1 for a, b in itertools.pairwise(positions))


def test_jobs_share_a_shape_and_are_small() -> None:
    pool, _, _ = play(contest())
    assert all(len({s.shape for s in job.settings}) == 1 for job in pool.jobs)
    assert max(len(job.settings) for job in pool.jobs) == 4
    assert settings_per_job("cpu") < settings_per_job("gpu")


def test_the_share_that_is_done_grows_from_nothing_to_all(tmp_path: Path) -> None:
    _, _, recorder = play(contest(), contest("lstm"), folder=tmp_path)
    shares = [overview.done for overview in recorder.overviews]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert recorder.overviews[-1].running == ()
    [(task, cell, metric)] = recorder.overviews[-1].best
    assert task == "xml"
    assert cell in ("gru", "lstm")
    assert metric > 0.4
    _, _, again = play(contest(), contest("lstm"), folder=tmp_path)
    assert [overview.done for overview in again.overviews] == [1.0]


def test_a_search_seed_and_a_repeat_have_a_seed_of_their_own() -> None:
    seeds = [repeat_seed(seed, repeat) for seed in range(5) for repeat in range(1000)]
    assert len(set(seeds)) == len(seeds)
