"""Searches by common runs: what is counted, who is dropped, who is examined again."""

import dataclasses
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cells import ZOO
from search.errors import UserError
from search.loop.engine import Engine
from search.procedure.config import Config
from search.procedure.members import Member, Origin
from search.procedure.objective import Finals, Fitness, NominalCost, Paired, log_loss
from search.procedure.paired import PairedPopulation
from search.procedure.staged import Prediction
from tests.support.fake_search import share
from tests.support.instant import Pool, config, everything, run, until
from workers import Job, Point, Result, Setting, Status

ADAM = Setting(2.0, 0.01, 1.0, 1, 6_000, optimizer="adam")
SGD = Setting(2.0, 0.5, 1.0, 1, 6_000, optimizer="sgd")
OBJECTIVE = Paired(panel=(ADAM, SGD), rungs=(1, 2, 4), most_seeds=4)
NAMES = ("gru", "lstm", "ugrnn", "mut2", "tanh")
NAMED = tuple((name, ZOO[name]) for name in NAMES)


def paired(objective: Paired = OBJECTIVE, **changes: Any) -> Config:
    """A small search by common runs, in which a fourth of all moves examine again."""
    options = {"seeds": NAMED, "filter": None, "reexamine": 0.25, **changes}
    return dataclasses.replace(config(**options), objective=objective)


def worth(digest: str) -> float:
    """How good a cell is: nothing can be learned but this."""
    return share(digest) - 0.5


def formula(job: Job, setting: Setting) -> Result:
    """Losses up to the cell, what it makes of the setting, and luck; few fail."""
    luck = share(job.run_id(setting))
    if luck < 0.02:
        return Result(setting, Status.DIVERGED, ended="loss")
    likes = share(job.digest[:24] + setting.text.encode().hex()[-8:])
    loss = math.exp(-worth(job.digest) + 0.1 * likes + 0.1 * luck)
    curve = (Point(100, 2.0, 2 * loss, 0.1), Point(200, 1.0, loss, 0.5))
    return Result(setting, Status.OK, 0.5, 200, "budget", curve)


def pool(seed: int = 0, capacity: int = 3) -> Pool:
    return Pool(seed, capacity, formula)


def test_a_loss_is_the_mean_of_its_logarithm_over_the_curve_with_a_floor() -> None:
    points = tuple(Point(i, 0, loss, 0) for i, loss in enumerate((2.0, 0.5, 1e-9)))
    found = log_loss(Result(ADAM, Status.OK, curve=points), uniform=4.0, floor=0.01)
    assert found == pytest.approx(np.log([2.0, 0.5, 0.04]).mean())


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.TIMEOUT, Status.OK])
def test_a_run_without_an_end_has_learned_nothing(status: Status) -> None:
    curve = () if status is Status.OK else (Point(1, 0, 0.1, 0),)
    result = Result(ADAM, status, curve=curve)
    assert log_loss(result, 4.0, 0.01) == pytest.approx(math.log(4.0))


def test_runs_go_through_the_settings_and_then_the_seeds() -> None:
    runs = [OBJECTIVE.run(number) for number in range(4)]
    assert runs == [(0, ADAM), (0, SGD), (1, ADAM), (1, SGD)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"panel": ()}, "panel needs at least one setting"),
        ({"panel": (ADAM, ADAM)}, "panel has a setting twice"),
        ({"rungs": (2, 1)}, "rungs must be rising"),
        ({"rungs": (0, 2)}, "rungs must be at least 1"),
        ({"rungs": (1, 3)}, "multiple of the 2 settings"),
        ({"error": 0.0}, "error must be between 0 and 1"),
        ({"floor": 1.0}, "floor must be between 0 and 1"),
        ({"most_seeds": 1}, "most_seeds must be at least 2"),
        ({"finals": Finals(panel=(SGD,))}, "finals.panel has a setting of the panel"),
    ],
)
def test_what_is_no_objective_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        dataclasses.replace(OBJECTIVE, **changes)


def population() -> tuple[PairedPopulation, Member, Member]:
    chosen = paired()
    known = PairedPopulation(chosen.tasks, 6, "base", OBJECTIVE)
    base, own = (Member(name, name, Origin.SEED, 0) for name in ("base", "own"))
    for member in (base, own):
        known.add(member)
    return known, base, own


def test_a_value_is_the_mean_difference_in_pairs_each_setting_alike() -> None:
    known, base, own = population()
    rng = np.random.default_rng(0)
    for task in (0, 1):
        for run_number in range(8):
            known.observe(base, task, run_number, rng.normal())
    values = {0: 0.3, 1: -0.2, 2: 0.9, 4: 0.1}  # three of one setting, one of the other
    for number, value in values.items():
        known.observe(own, 0, number, value)
    pairs = known.differences(own, 0)
    first = np.mean([pairs[0], pairs[2], pairs[4]])
    assert known.worth_of(own, 0) == pytest.approx((first + pairs[1]) / 2)
    assert known.worth_of_first(own, 0, 1) == pytest.approx(pairs[0])
    assert known.worth_of(base, 0) == 0


def test_an_error_is_that_of_independent_seeds_pooled_over_cells() -> None:
    known, base, own = population()
    rng = np.random.default_rng(1)
    others = [Member(f"other{i}", "", Origin.MUTANT, i) for i in range(3)]
    rows = {}
    for member in (base, own, *others):
        values = rng.normal(size=(2, 3, 2))
        rows[member.digest] = values
        for task in (0, 1):
            for number in range(6):
                known.observe(member, task, number, values[task].ravel()[number])
    by_seed = [
        (rows["base"][0] - rows[member.digest][0]).mean(axis=1) for member in others
    ]
    for member in others:
        known.pool(member)
    variance = np.mean([seeds.var(ddof=1) for seeds in by_seed])
    assert known.error_of(own, 0) == pytest.approx(math.sqrt(variance / 3))


def test_fitness_is_the_least_or_the_mean() -> None:
    known, base, own = population()
    for task, gain in ((0, 0.5), (1, -0.1)):
        known.observe(base, task, 0, 0.0)
        known.observe(own, task, 0, -gain)
    assert known.fitness_of(own) == pytest.approx(-0.1)
    known._objective = dataclasses.replace(OBJECTIVE, fitness=Fitness.MEAN)
    assert known.fitness_of(own) == pytest.approx(0.2)


def test_a_prediction_has_students_interval() -> None:
    shifts = np.random.default_rng(2).normal(0.1, 0.3, 9)
    prediction = Prediction()
    for shift in shifts:
        prediction.add(shift)
    width = shifts.std(ddof=1) * math.sqrt(1 + 1 / 9)
    wanted = 0.4 + shifts.mean() + stats.t.ppf(0.95, 8) * width
    assert prediction.highest(0.4, 0.05) == pytest.approx(wanted)


def test_a_prediction_drops_no_more_than_its_error_says() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(2000):
        prediction = Prediction()
        for shift in rng.normal(0, 0.3, 8):
            prediction.add(shift)
        wrong += prediction.highest(0.0, 0.1) < rng.normal(0, 0.3)
    assert wrong / 2000 == pytest.approx(0.1, abs=0.02)


def test_little_is_known_at_first_and_nobody_is_dropped() -> None:
    prediction = Prediction()
    prediction.add(0.1)
    assert prediction.highest(-9.0, 0.05) == math.inf


def runs_of(engine: Engine, member: Member) -> list[set[int]]:
    return [set(trials.indices) for trials in member.trials]


def test_cells_get_runs_of_a_rung_of_the_panel_or_of_whole_seeds(
    tmp_path: Path,
) -> None:
    _, engine = run(tmp_path, paired(), 40, pool=pool())
    known = engine.procedure.population
    mutants = [m for m in known.members.values() if m.origin == Origin.MUTANT]
    assert len(mutants) == 40
    dropped = [member for member in mutants if not member.complete]
    assert dropped
    assert len(dropped) < 40
    for member in dropped:
        numbers = runs_of(engine, member)
        assert all(one in ({0}, {0, 1}) for one in numbers)
    for member in known.ranked:
        for numbers in runs_of(engine, member):
            assert numbers >= {0, 1, 2, 3}
            assert len(numbers) % 2 == 0
    more = [m for m in known.ranked if m.name != "gru" and len(m.trials[0]) > 4]
    assert more
    baseline = next(m for m in known.seeds if m.name == "gru")
    assert all(len(trials) == 8 for trials in baseline.trials)
    assert baseline.fitness == 0


def test_better_cells_are_found_and_ranked_by_their_worth(tmp_path: Path) -> None:
    _, engine = run(tmp_path, paired(), 60, pool=pool())
    ranked = engine.procedure.population.ranked
    true = [worth(member.digest) for member in ranked]
    assert stats.spearmanr(true, [m.fitness for m in ranked]).statistic > 0.75
    assert max(true[:3]) > worth(next(m.digest for m in ranked if m.name == "gru"))


def test_dropped_cells_are_those_clearly_worse(tmp_path: Path) -> None:
    _, engine = run(tmp_path, paired(), 60, pool=pool())
    known = engine.procedure.population
    mutants = [m for m in known.members.values() if m.origin == Origin.MUTANT]
    dropped = [worth(m.digest) for m in mutants if not m.complete]
    kept = [worth(m.digest) for m in mutants if m.complete]
    assert np.median(dropped) < np.median(kept)
    assert max(kept) > max(dropped)


@pytest.mark.parametrize(
    "objective",
    [
        OBJECTIVE,
        dataclasses.replace(OBJECTIVE, fitness=Fitness.MEAN, rungs=(2, 4)),
        dataclasses.replace(OBJECTIVE, rungs=(2,), most_seeds=1),
        dataclasses.replace(OBJECTIVE, cost=NominalCost.FLOPS),
    ],
    ids=["least", "mean", "one rung", "cost"],
)
def test_any_pool_and_any_interruption_give_the_same_search(
    objective: Paired, tmp_path: Path
) -> None:
    chosen = paired(objective)
    _, engine = run(tmp_path / "whole", chosen, 25, pool=pool())
    whole = everything(tmp_path / "whole", engine)
    rng = random.Random(4)
    for number, capacity in enumerate((1, 2, 7)):
        folder = tmp_path / str(number)
        for _ in range(3):
            jobs = rng.randrange(5, 60)
            stop = until(lambda one, most=jobs: one.tally.new_settings >= most)
            run(folder, chosen, 25, pool=pool(number, capacity), call=stop)
        _, engine = run(folder, chosen, 25, pool=pool(9, capacity))
        assert everything(folder, engine) == whole


def test_no_run_is_trained_twice(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(job: Job, setting: Setting) -> Result:
        asked.append(job.run_id(setting))
        return formula(job, setting)

    run(tmp_path, paired(), 40, pool=Pool(0, 3, answer))
    assert len(asked) == len(set(asked))


def test_repeats_have_data_of_their_own_and_all_cells_the_same(tmp_path: Path) -> None:
    seeds: dict[str, set[tuple[int, int]]] = {}

    def answer(job: Job, setting: Setting) -> Result:
        seeds.setdefault(job.digest, set()).add((job.seed, job.task.seed))
        return formula(job, setting)

    run(tmp_path, paired(), 30, pool=Pool(0, 3, answer))
    assert max(seeds.values(), key=len) == {(s, s) for s in (1, 2, 3, 4)}
    assert all(own <= {(s, s) for s in (1, 2, 3, 4)} for own in seeds.values())
