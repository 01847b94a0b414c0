"""What mutants of a real search came to, for simulated searches to draw from.

    python -m benchmarks.children RUN > benchmarks/data/children.json

A line has how many edits made the mutant, the parent's fitness, and on each task how
much better the child was than its parent on the runs that both have had; null where it
was dropped before. In the simulation a mutant's values are its parent's, and what a
recorded mutant of as many edits and of about as good a parent gained or lost.

What is missing is taken from the recorded mutant that is most alike where both are
known. Parents were chosen for values that luck is a part of; children have none of it:
so edits look somewhat worse here than they are.
"""

import argparse
import json
import math
import statistics
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.paired_world import SPREADS, Worths
from cells import Cell
from search.loop.runs import open_run, replay
from search.procedure.members import Member
from search.procedure.paired import PairedPopulation

FILE: Final = Path(__file__).parent / "data" / "children.json"

DONORS: Final = 30
"""Recorded mutants, with the nearest of parents, of which one is drawn."""


class Child(NamedTuple):
    """A recorded mutant.

    Attributes:
        edits: How many made it.
        parent: Fitness of its parent.
        gains: On each task; None: unknown.
    """

    edits: int
    parent: float
    gains: tuple[float | None, ...]


class Children:
    """A world in which mutants do as those of a recorded search did."""

    name = "children"

    def __init__(self, path: Path = FILE) -> None:
        """Reads the record."""
        table = json.loads(path.read_text())
        self._values = {name: tuple(row) for name, row in table["seeds"].items()}
        self.seeds = tuple(self._values)
        children = [Child(e, p, tuple(g)) for e, p, g in table["children"]]
        self._gains = [completed(one, children) for one in children]
        self._edits = np.array([one.edits for one in children])
        self._parents = np.array([one.parent for one in children])

    def worths(self, member: Member, cell: Cell, parent: Worths | None) -> Worths:
        """A seed's as recorded; a mutant's by its parent's and a recorded mutant."""
        if parent is None:
            return self._values[member.name]
        away = np.abs(self._parents - min(parent))
        away = away + 10 * np.abs(self._edits - len(member.rules))
        donors = np.argsort(away, kind="stable")[:DONORS]
        rng = np.random.default_rng(int(member.digest, 16))
        gains = self._gains[donors[int(rng.integers(len(donors)))]]
        return tuple(own + gain for own, gain in zip(parent, gains, strict=True))


def completed(child: Child, children: list[Child]) -> Worths:
    """Its gains, the unknown ones as those of the most alike that has them."""
    gains = list(child.gains)
    while None in gains:
        task = gains.index(None)
        known = [one.gains for one in children if one.gains[task] is not None]
        gains[task] = min(known, key=lambda other: _difference(gains, other))[task]
    return tuple(gain for gain in gains if gain is not None)


def _difference(one: list[float | None], other: tuple[float | None, ...]) -> float:
    """How unlike two mutants are where both are known."""
    pairs = zip(one, other, strict=True)
    known = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    return statistics.mean(known) if known else math.inf


def record(folder: Path) -> tuple[dict[str, list[float]], list[Child]]:
    """Values of the seeds of a run by common runs, and its mutants."""
    with open_run(folder, reading=True) as run:
        population = replay(run).procedure.population
    assert isinstance(population, PairedPopulation)
    members, tasks = population.members, range(len(SPREADS))
    children = []
    for member in members.values():
        parent = members.get(member.parent)
        if parent is not None and member.trials:
            gains = gains_over(population, member, parent)
            fitness = round(parent.fitness, 3)
            children.append(Child(len(member.rules), fitness, gains))
    seeds = {
        seed.name: [round(population.worth_of(seed, task), 4) for task in tasks]
        for seed in population.seeds
    }
    return seeds, children


def gains_over(
    population: PairedPopulation, child: Member, parent: Member
) -> tuple[float | None, ...]:
    """How much better it was than its parent on each task, on runs that both had."""
    tasks = range(len(child.trials))
    return tuple(_gain(population, child, parent, task) for task in tasks)


def _gain(
    population: PairedPopulation, child: Member, parent: Member, task: int
) -> float | None:
    own, other = (population.differences(one, task) for one in (child, parent))
    gains = [own[run] - other[run] for run in own if run in other]
    return round(statistics.mean(gains), 3) if gains else None


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Records what mutants came to.")
    parser.add_argument("run", type=Path)
    seeds, children = record(parser.parse_args().run)
    rows = ",\n".join(map(json.dumps, children))
    print(f'{{"seeds": {json.dumps(seeds)}, "children": [\n{rows}\n]}}')


if __name__ == "__main__":
    main()
