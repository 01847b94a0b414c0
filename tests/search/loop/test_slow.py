"""Searches by common runs of many kinds, against the slow and plain one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cells import ZOO, parse
from search.procedure.objective import Fitness, NominalCost, Paired
from tests.support.fake_search import history
from tests.support.instant import (
    Pool,
    States,
    config,
    formula,
    nearly,
    run,
    table,
    trained,
)
from tests.support.slow_costed import slow_search
from workers import Setting

PANEL = tuple(
    Setting(scale, rate, 1.0, 1, 6_000, optimizer=optimizer)
    for scale, rate, optimizer in (
        (2.0, 0.5, "sgd"),
        (1.4, 0.01, "adam"),
        (2.0, 0.1, "momentum"),
    )
)
ZOO_SEEDS = tuple((name, ZOO[name]) for name in ("gru", "ugrnn", "mut2", "tanh", "mgu"))
PLAIN = {
    name: parse(f"def {name}(x, h):\n    return {text}\n")
    for name, text in {
        "sum": "tanh(x + h)",
        "less": "tanh(x - h)",
        "relu": "relu(x + h)",
        "twice": "tanh(tanh(x + h))",
        "both": "relu(tanh(x) + h)",
    }.items()
}
MEAN = Fitness.MEAN
FLOPS, MATRICES, STATE_BYTES, TRAINING = (
    NominalCost(one) for one in NominalCost if one != "none"
)


@dataclass(frozen=True)
class World:
    """A search: its panel's size, its rungs, and what else differs."""

    panel: int
    rungs: tuple[int, ...]
    most_seeds: int = 5
    error: float = 0.3
    fitness: Fitness = Fitness.LEAST
    rules: tuple[tuple[str, Any], ...] = ()
    cost: NominalCost = NominalCost.NONE

    def config(self, seed: int) -> Any:
        objective = Paired(
            panel=PANEL[: self.panel],
            rungs=self.rungs,
            most_seeds=self.most_seeds,
            error=self.error,
            fitness=self.fitness,
            cost=self.cost,
        )
        common = {"seeds": ZOO_SEEDS, "reexamine": 0.3, "edits": (1, 2)}
        options = {**common, **dict(self.rules)}
        return config(seed=seed, objective=objective, filter=None, **options)


FEW = (
    ("seeds", (("sum", PLAIN["sum"]), ("twice", PLAIN["twice"]))),
    ("references", tuple((n, PLAIN[n]) for n in ("less", "relu", "both"))),
    ("baseline", "less"),
    ("ops", ("add", "subtract", "tanh", "relu")),
    ("edits", (1, 1)),
    ("max_redraws", 9),
)
"""Small cells: mutants are often known, and some are a reference or the baseline."""

WORLDS = {
    "one setting": World(1, (1, 2), fitness=MEAN),
    "two settings": World(2, (1, 2, 4)),
    "three settings": World(3, (2, 3, 5, 9), error=0.4),
    "a rung within seeds": World(3, (1, 4, 6), fitness=MEAN, error=0.4),
    "one seed": World(2, (1, 2), most_seeds=2),
    "one rung": World(2, (4,)),
    "no more seeds": World(2, (2, 4), most_seeds=2),
    "one task": World(2, (1, 4), rules=(("tasks", ("xml",)),)),
    "three tasks": World(2, (1, 4), rules=(("tasks", ("xml", "jsb", "arithmetic")),)),
    "hardly an error": World(2, (1, 2, 4), error=0.01),
    "mostly an error": World(2, (1, 2, 4), error=0.9),
    "a list of one": World(2, (1, 4), rules=(("list_size", 1),)),
    "a list that is never full": World(2, (2, 4), rules=(("list_size", 99),)),
    "few cells": World(2, (1, 4), rules=FEW),
    "few cells, mean": World(2, (1, 2, 4), fitness=MEAN, error=0.5, rules=FEW),
    "slots": World(3, (1, 3, 6), rules=(("slots", 30), ("in_flight", 9))),
    "one at a time": World(3, (1, 6), rules=(("slots", 1), ("in_flight", 1))),
    "parents are seeds": World(2, (1, 4), rules=(("parents", "seeds"),)),
    "half are crossed": World(2, (1, 4), rules=(("crossover", 0.5),)),
    "few cells, all crossed": World(
        2, (1, 2, 4), error=0.5, rules=(*FEW, ("crossover", 1.0))
    ),
    "seeds are crossed": World(
        2, (1, 4), rules=(("crossover", 0.7), ("parents", "seeds"))
    ),
    "crossed, with a cost": World(2, (1, 4), cost=FLOPS, rules=(("crossover", 0.5),)),
    "FLOPs": World(2, (1, 2, 4), cost=FLOPS),
    "training": World(3, (1, 6), cost=TRAINING, fitness=MEAN),
    "matrices": World(2, (1, 2, 4), cost=MATRICES),
    "bytes of state": World(2, (1, 4), cost=STATE_BYTES, error=0.6),
    "the front is larger than the list": World(
        2, (1, 2, 4), cost=FLOPS, rules=(("list_size", 2),)
    ),
    "a list of one, with a cost": World(
        2, (1, 4), cost=TRAINING, rules=(("list_size", 1),)
    ),
    "all are in the list, with a cost": World(
        2, (2, 4), cost=STATE_BYTES, rules=(("list_size", 99),)
    ),
    "few cells, with a cost": World(2, (1, 2, 4), cost=FLOPS, error=0.5, rules=FEW),
    "single jobs": World(3, (1, 2, 6), rules=(("settings_per_job", 1),)),
}


@pytest.mark.parametrize("name", WORLDS)
def test_common_runs_are_what_a_slow_and_plain_search_makes(
    name: str, tmp_path: Path
) -> None:
    chosen, states = WORLDS[name].config(list(WORLDS).index(name)), States()
    _, engine = run(tmp_path, chosen, 14, pool=Pool(), call=states)
    slow = slow_search(chosen)(chosen, formula, 14)
    assert history(tmp_path) == [slow.decisions, slow.rejected, slow.issued]
    assert {row[0] for row in trained(tmp_path)} == {key for key, _ in slow.trained}
    members = engine.procedure.population.members.values()
    assert {m.digest: m.mate for m in members} == {
        known.digest: known.mate for known in slow.known if known.origin != "reference"
    }
    assert len(states.found) == len(slow.states)
    assert all(map(nearly, states.found, slow.states))
    assert all(map(nearly, table(engine), slow.table()))
