"""Ladders of sizes: which rates, which seeds, who is left out, what is doubted."""

import json
import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from cells import ZOO
from search.contest.ladder import MOST_SEEDS, Ladder, climb, costs, sized
from search.contest.ledger import Ledger
from search.contest.panel import PanelTask
from search.contest.rungs import RungTable, is_behind
from search.errors import UserError
from search.procedure.objective import Fitness
from tests.support.fake_search import share
from tests.support.instant import Pool
from workers import COMPILE_S, Job, Point, Result, Setting, Status, TaskSpec, Training

ADAM = Setting(2.0, 0.01, 1.0, 1, 6_000, optimizer="adam")
MOMENTUM = Setting(2.0, 0.2, 1.0, 1, 6_000, optimizer="momentum")
TASKS = tuple(
    PanelTask(name, TaskSpec(name, seed=5), 30, Training())
    for name in ("selcopy", "stack", "echo")
)
CELLS = {name: ZOO[name] for name in ("lstm", "gru", "mgu", "ugrnn")}

Loss = Callable[[str, Job, Setting], float]
"""Of a cell, by its name."""


def ladder(**changes: object) -> Ladder:
    values = {"cells": CELLS, "baseline": "gru", "tasks": TASKS, "searched": 2}
    values |= {"settings": (ADAM, MOMENTUM), "sizes": (6_000, 24_000), "seed": 5}
    return Ladder(**{**values, **changes})  # type: ignore[arg-type]


def climbed(
    chosen: Ladder, loss: Loss, jobs: list[Job] | None = None
) -> list[RungTable]:
    """Its rungs, where what a cell comes to is a formula."""
    names = {
        digest: name for name, (_, digest) in chosen.panel(0, CELLS)._forms.items()
    }

    def answer(job: Job, setting: Setting) -> Result:
        if jobs is not None:
            jobs.append(job)
        value = loss(names[job.digest], job, setting)
        value *= 1 + share(job.run_id(setting)) / 1000
        return Result(setting, Status.OK, curve=(Point(30, 1.0, value, 0.1),))

    with Ledger.open(None) as ledger:
        return list(climb(chosen, ledger, lambda: Pool(0, 3, answer), lambda *_: None))


def of_worth(worth: Mapping[str, float]) -> Loss:
    """Cells that are worth the same everywhere, and learn best at the middle rate."""
    return lambda name, _, setting: math.exp(-worth[name] + off(setting))


def off(setting: Setting) -> float:
    """How far a rate is from the middle one of its size."""
    base = ADAM if setting.optimizer == "adam" else MOMENTUM
    shrunk = setting.parameters if base is ADAM else base.parameters
    good = base.rate * math.sqrt(base.parameters / shrunk)
    return abs(math.log(setting.rate / good))


def test_rates_of_adaptive_optimizers_fall_with_the_width_and_others_stay() -> None:
    assert sized(ADAM, 6_000, 1.0, "adam") == ADAM
    assert sized(ADAM, 24_000, 1.0, "adam").rate == 0.005
    assert sized(ADAM, 600_000, 0.5, "adam").rate == 0.0005
    assert sized(MOMENTUM, 24_000, 2.0, "momentum").rate == 0.4
    assert sized(MOMENTUM, 24_000, 2.0, "momentum").parameters == 24_000


def test_every_rung_has_seeds_and_data_of_its_own_and_all_cells_the_same_runs() -> None:
    jobs: list[Job] = []
    climbed(ladder(error=0), of_worth(dict.fromkeys(CELLS, 0.0)), jobs)
    assert len(jobs) == 2 * 4 * 3 * 6 * 4
    seeds = {size: set[int]() for size in (6_000, 24_000)}
    runs: dict[str, set[tuple[str, int, str]]] = {}
    for job in jobs:
        [setting] = job.settings
        assert job.seed == job.task.seed
        seeds[setting.parameters].add(job.seed)
        runs.setdefault(job.digest, set()).add((job.task.name, job.seed, setting.text))
    first, second = seeds.values()
    assert first == {1005, 1006, 1007, 1008}
    assert second == {seed + MOST_SEEDS for seed in first}
    assert len(set(map(frozenset, runs.values()))) == 1


def test_who_is_clearly_behind_is_left_out_above_and_the_baseline_never() -> None:
    jobs: list[Job] = []
    worth = {"lstm": -0.5, "gru": 0.0, "mgu": 0.2, "ugrnn": 0.0}
    low, high = climbed(ladder(), of_worth(worth), jobs)
    assert low.behind == ("lstm",)
    assert low.rows[0].name == "mgu"
    assert {row.name for row in high.rows} == {"gru", "mgu", "ugrnn"}
    assert {job.digest for job in jobs if job.settings[0].parameters == 24_000} == {
        row.digest for row in high.rows
    }
    assert low.own_rates["mgu"] == pytest.approx(0.2, abs=0.01)
    [mgu] = [row for row in low.rows if row.name == "mgu"]
    assert mgu.beats
    assert [score.searched for score in mgu.scores] == [True, True, False]
    # Where only the baseline is left there is nothing to compare.
    below = {name: 0.0 if name == "gru" else -0.5 for name in CELLS}
    assert len(climbed(ladder(), of_worth(below))) == 1


def test_only_tasks_of_the_search_leave_a_cell_out() -> None:
    def loss(name: str, job: Job, setting: Setting) -> float:
        return 2.0 if (name, job.task.name) == ("mgu", "echo") else 1.0

    assert climbed(ladder(), loss)[0].behind == ()


def test_order_between_rungs_is_a_rank_correlation_of_the_cells_on_both() -> None:
    worth = {"lstm": 0.3, "gru": 0.0, "mgu": 0.2, "ugrnn": 0.1}

    def turned(name: str, job: Job, setting: Setting) -> float:
        sign = -1 if job.task.name == "stack" and setting.parameters > 6_000 else 1
        return math.exp(-sign * worth[name])

    low, high = climbed(ladder(error=0), turned)
    assert low.agreements == ()
    [found] = high.agreements
    assert (found.size, found.cells) == (6_000, 4)
    assert found.tasks == pytest.approx({"selcopy": 1.0, "stack": -1.0, "echo": 1.0})
    assert found.fitness == pytest.approx(-1.0)  # the least is on stack
    pair = {name: CELLS[name] for name in ("gru", "mgu")}
    [_, few] = climbed(ladder(cells=pair, error=0), turned)
    assert few.agreements[0].fitness is None


def test_it_is_said_where_the_baseline_is_best_at_an_end_of_the_rates() -> None:
    [low, high] = climbed(ladder(error=0), of_worth(dict.fromkeys(CELLS, 0.0)))
    assert low.edges == high.edges == ()

    def slow(name: str, job: Job, setting: Setting) -> float:
        return 1.0 + setting.rate * (setting.optimizer == "adam" and name == "gru")

    [low, _] = climbed(ladder(error=0), slow)
    adam = [edge for edge in low.edges if edge.setting.optimizer == "adam"]
    assert [edge.task for edge in adam] == ["selcopy", "stack", "echo"]
    assert all(edge.lowest and edge.told for edge in adam)
    assert {edge.setting.rate for edge in adam} == {0.005}
    # With one rate there is no inside.
    assert climbed(ladder(rates=(1.0,), error=0), slow)[0].edges == ()


def test_a_level_cell_is_left_out_as_often_as_is_said() -> None:
    rng = np.random.default_rng(0)
    for fitness in Fitness:
        worlds = rng.normal(size=(4_000, 3, 2, 4))
        share_out = np.mean([is_behind(world, 0.2, fitness) for world in worlds])
        # Bonferroni errs to the safe side, and by little: 1 - (1 - .2/3)^3 = .187.
        assert share_out == pytest.approx(0.19, abs=0.025)
    assert not any(is_behind(world - 9, 0.0, Fitness.LEAST) for world in worlds)


def test_costs_are_nominal_and_compile_a_cell_once() -> None:
    found = list(costs(ladder()))
    assert [(size, count) for size, count, _ in found] == [(6_000, 288), (24_000, 288)]
    one = list(costs(ladder(seeds=8)))
    compiling = 4 * COMPILE_S  # for three tasks that are alike, and two optimizers
    for (_, _, four), (_, _, eight) in zip(found, one, strict=True):
        assert eight - compiling == pytest.approx(2 * (four - compiling))
    assert found[1][2] > found[0][2] > compiling


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"sizes": (6_000, 6_000)},
            "`sizes` must be rising and above 0, got 6000,6000",
        ),
        ({"sizes": (0, 6_000)}, "`sizes` must be rising and above 0, got 0,6000"),
        ({"rates": ()}, "`rates` must be rising"),
        ({"rates": (1.0, math.inf)}, "`rates` must be rising"),
        ({"rates": (math.nan,)}, "`rates` must be rising"),
        ({"seeds": 1}, "`seeds` must be at least 2"),
        ({"seeds": 101}, "`seeds` must be at most 100"),
        ({"error": 1.0}, "`error` must be at least 0 and below 1"),
        ({"cells": {"gru": ZOO["gru"]}}, "nobody is there to compare with gru"),
    ],
)
def test_what_is_no_ladder_is_said(changes: Mapping[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        ladder(**changes)


def test_a_size_at_which_a_cell_has_no_width_is_said() -> None:
    with pytest.raises(UserError, match=r"lstm on selcopy: no width .* see `sizes`"):
        ladder(sizes=(9, 6_000)).check()


def test_a_rung_is_json() -> None:
    rungs = climbed(ladder(error=0), of_worth(dict.fromkeys(CELLS, 0.0)))
    values = json.loads(json.dumps([rung.to_dict() for rung in rungs]))
    assert [rung["size"] for rung in values] == [6_000, 24_000]
    assert values[1]["agreements"][0]["cells"] == 4
    assert {row["name"] for row in values[0]["rows"]} == set(CELLS)
