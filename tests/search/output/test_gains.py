"""The interval of a gain: that of pairs, and of independent tasks."""

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from search.contest.variance import t_quantile
from search.output.gains import Gains
from search.procedure.members import Member, Origin
from search.procedure.objective import Fitness
from search.procedure.paired import PairedPopulation
from tests.search.procedure.test_staged import OBJECTIVE, paired

SETTINGS = len(OBJECTIVE.panel)


class Family:
    """A baseline, a cell and its child, with log losses [tasks, seeds, settings]."""

    def __init__(
        self, fitness: Fitness, losses: dict[str, np.ndarray], above: str = "base"
    ) -> None:
        self.objective = dataclasses.replace(OBJECTIVE, fitness=fitness)
        config = dataclasses.replace(paired(), objective=self.objective)
        known = PairedPopulation(config.tasks, 6, "base", self.objective)
        parents = {"base": "", "old": above, "new": "old"}
        self.members = {
            name: Member(name, name, Origin.MUTANT, i, parent=parents[name])
            for i, name in enumerate(losses)
        }
        for name, values in losses.items():
            known.add(self.members[name])
            for task, rows in enumerate(values):
                for number, value in enumerate(rows.ravel()):
                    known.observe(self.members[name], task, number, float(value))
        for name in losses:
            known.join(self.members[name])
            if name != "base":
                known.pool(self.members[name])
        self.known = known
        procedure: Any = SimpleNamespace(population=known, config=config)
        self.gains = Gains(procedure)

    def half(self, child: str, parent: str) -> float:
        half = self.gains.half_of(self.members[child], self.members[parent])
        assert half is not None
        return half


def normal(seed: int, seeds: int, level: tuple[float, float]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    means = np.array(level)[:, None, None]
    return means + rng.normal(scale=0.1, size=(2, seeds, SETTINGS))


def test_with_the_same_seeds_it_is_students_interval_of_the_pairs() -> None:
    losses = {
        "base": normal(0, 4, (0.0, 0.0)),
        "old": normal(1, 4, (5.0, 1.0)),
        "new": normal(2, 4, (4.0, 1.0)),
    }
    gaps = [
        (losses[a][0] - losses[b][0]).mean(axis=1)
        for a, b in (("base", "old"), ("old", "new"))
    ]
    # Of one task; its scatter is pooled over both steps, 3 degrees of freedom each.
    scatter = np.mean([gap.var(ddof=1) for gap in gaps])
    wanted = t_quantile(0.975, 6) * math.sqrt(scatter / 4)
    family = Family(Fitness.LEAST, losses)
    assert family.half("new", "old") == pytest.approx(wanted)
    assert family.half("old", "base") == pytest.approx(wanted)


def test_luck_that_both_share_is_taken_out_and_more_seeds_of_the_parent_help() -> None:
    luck = normal(3, 16, (0.0, 0.0)) * 20
    losses = {
        "base": normal(0, 16, (0.0, 0.0)),
        "old": normal(1, 16, (5.0, 1.0)) + luck,
        "new": (normal(2, 16, (4.0, 1.0)) + luck)[:, :4],
    }
    family = Family(Fitness.LEAST, losses, above="")
    less = Family(Fitness.LEAST, {**losses, "old": losses["old"][:, :4]}, above="")
    worth = family.known.error_of(family.members["new"], 0)
    assert less.half("new", "old") < worth
    # By other seeds than the child's the parent's value has luck of its own.
    assert family.half("new", "old") > less.half("new", "old")


def test_where_each_is_worst_on_another_task_errors_add_up() -> None:
    losses = {
        "base": normal(0, 4, (0.0, 0.0)),
        "old": normal(1, 4, (5.0, 1.0)),
        "new": normal(2, 4, (1.0, 5.0)),
    }
    family = Family(Fitness.LEAST, losses)
    own = family.known.error_of(family.members["new"], 1)
    other = family.known.error_of(family.members["old"], 0)
    wanted = t_quantile(0.975, 6) * math.hypot(own, other)
    assert family.half("new", "old") == pytest.approx(wanted)


def test_of_a_mean_every_task_counts() -> None:
    losses = {
        "base": normal(0, 4, (0.0, 0.0)),
        "old": normal(1, 4, (5.0, 1.0)),
        "new": normal(2, 4, (1.0, 5.0)),
    }
    gaps = np.array(
        [
            [(losses[a][t] - losses[b][t]).mean(axis=1).var(ddof=1) for t in (0, 1)]
            for a, b in (("base", "old"), ("old", "new"))
        ]
    )
    wanted = t_quantile(0.975, 6) * math.sqrt(gaps.mean(axis=0).sum() / 4) / 2
    half = Family(Fitness.MEAN, losses).half("new", "old")
    assert half == pytest.approx(wanted)


def test_one_seed_tells_nothing() -> None:
    losses = {name: normal(i, 1, (1.0, 1.0)) for i, name in enumerate(("base", "old"))}
    family = Family(Fitness.LEAST, losses)
    old, base = family.members["old"], family.members["base"]
    assert family.gains.half_of(old, base) is None
