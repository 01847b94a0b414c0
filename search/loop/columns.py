"""What is known of all cells of a search, as columns of numbers, and back.

They are millions of numbers; who the cells are is in the history. See `snapshots`.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from search.procedure.config import Config
from search.procedure.members import Member, Trials
from search.procedure.population import Population
from search.store.decode import COUNT
from search.store.snapshots import need

COLUMNS: Final[Mapping[str, str]] = {
    "attempts": "<u2",  # a row a cell
    "flags": "u1",  # 1: filtered, 2: complete
    "tasks": "u1",  # that it was given
    "counts": "<u2",  # a row a cell and task
    "rounds": "<u2",
    "bests": "<i4",
    "indices": "<u2",  # a row a cell, task and setting
    "values": "<f8",
    "ranked": "<u4",  # a row a complete cell, best first
    "fitness": "<f8",
}
"""Columns of numbers and their types."""

FILTERED: Final = 1
COMPLETE: Final = 2
"""Flags."""

Columns = Mapping[str, npt.NDArray[Any]]


def freeze_cells(population: Population) -> Columns:
    """What is known of all cells, as `COLUMNS`."""
    members = [*population.members.values(), *population.references.values()]
    members.sort(key=lambda member: member.birth)
    need(all(member.birth == place for place, member in enumerate(members)))
    trials = [one for member in members for one in member.trials]
    indices, values = array("H"), array("d")
    for one in trials:
        indices.extend(one.indices)
        values.extend(one.values)
    found: dict[str, Sequence[Any]] = {
        "attempts": [member.attempts for member in members],
        "flags": [
            FILTERED * member.filtered + COMPLETE * member.complete
            for member in members
        ],
        "tasks": [len(member.trials) for member in members],
        "counts": [len(one) for one in trials],
        "rounds": [one.rounds for one in trials],
        "bests": [one.best_index for one in trials],
        "indices": indices,
        "values": values,
        "ranked": [member.birth for member in population.ranked],
        "fitness": [member.fitness for member in population.ranked],
    }
    return {name: np.array(found[name], kind) for name, kind in COLUMNS.items()}


def read_columns(sizes: Any, numbers: bytes) -> Columns:
    """Columns of which each has so many numbers.

    Raises:
        UnfitError: There are more numbers, or less.
        ValueError, TypeError: Sizes are none.
    """
    columns, start = {}, 0
    for (name, kind), size in zip(COLUMNS.items(), sizes, strict=True):
        need(COUNT.fits(size))
        columns[name] = np.frombuffer(numbers, kind, size, start)
        start += columns[name].nbytes
    need(start == len(numbers))
    return columns


class Learned:
    """What was learned of cells, one of which is told when it is made.

    Args:
        columns: Of all cells.
        config: Of the search.
        cells: How many they are.

    Raises:
        UnfitError: These are not its cells, or not its settings.
    """

    def __init__(self, columns: Columns, config: Config, cells: int) -> None:
        _check(columns, config, cells)
        names = ("attempts", "flags", "counts", "rounds", "bests")
        self._columns = {name: columns[name].tolist() for name in names}
        self._trials = _starts(columns["tasks"])  # of each cell the first, and the end
        self._settings = _starts(columns["counts"])
        self._indices, self._values = array("H"), array("d")
        self._indices.frombytes(columns["indices"].astype("u2").tobytes())
        self._values.frombytes(columns["values"].astype("f8").tobytes())
        self.births: list[int] = columns["ranked"].tolist()
        pairs = zip(self.births, columns["fitness"].tolist(), strict=True)
        self._fitness: dict[int, float] = dict(pairs)

    def recall(self, member: Member) -> None:
        """Tells a member what is known of it."""
        birth, columns = member.birth, self._columns
        flags = columns["flags"][birth]
        member.attempts = columns["attempts"][birth]
        member.filtered = bool(flags & FILTERED)
        member.complete = bool(flags & COMPLETE)
        member.fitness = self._fitness.get(birth, member.fitness)
        first, last = self._trials[birth : birth + 2]
        if first < last:
            member.trials = [self._of(place) for place in range(first, last)]

    def _of(self, place: int) -> Trials:
        first, last = self._settings[place : place + 2]
        own, values = self._indices[first:last], self._values[first:last]
        best, rounds = self._columns["bests"][place], self._columns["rounds"][place]
        return Trials.restored(own, values, best, rounds)


def _starts(counts: npt.NDArray[Any]) -> list[int]:
    """Where rows begin of which there are so many each, and where the last end."""
    return list(accumulate(counts.tolist(), initial=0))


def _check(columns: Columns, config: Config, cells: int) -> None:
    """Whether these are so many cells, with settings and ranks that there can be."""
    sizes = {name: len(column) for name, column in columns.items()}
    of_tasks, of_settings = int(columns["tasks"].sum()), int(columns["counts"].sum())
    need(all(sizes[name] == cells for name in ("attempts", "flags", "tasks")))
    need(all(sizes[name] == of_tasks for name in ("counts", "rounds", "bests")))
    need(all(sizes[name] == of_settings for name in ("indices", "values")))

    # Each setting is one of its task, and the best of a cell is one that it had.
    limits = np.array(list(_limits(config)))
    tasks, counts, bests = (columns[name] for name in ("tasks", "counts", "bests"))
    need(int(tasks.max(initial=0)) <= len(limits))
    first = np.repeat(np.cumsum(tasks, dtype=np.int64) - tasks, tasks)
    own_limits = limits[np.arange(of_tasks) - first]
    need(bool((columns["indices"] < np.repeat(own_limits, counts)).all()))
    had = np.zeros(of_tasks, bool)
    is_best = columns["indices"] == np.repeat(bests, counts)
    had[np.repeat(np.arange(of_tasks), counts)[is_best]] = True
    need(bool((had | (bests == -1)).all()))

    # All complete cells are ranked: the best first, of equal ones the older.
    ranked, fitness = columns["ranked"].astype(np.int64), columns["fitness"]
    complete = np.flatnonzero(columns["flags"] & COMPLETE)
    need(np.array_equal(np.sort(ranked), complete) and len(fitness) == len(ranked))
    worse = fitness[1:] < fitness[:-1]
    need(bool((worse | (fitness[1:] == fitness[:-1]) & (np.diff(ranked) > 0)).all()))


def _limits(config: Config) -> Iterator[int]:
    """How many trainings of different settings, or runs, a task may have of a cell."""
    for task in range(len(config.tasks)):
        if config.objective is None:
            yield len(config.settings(task))
        else:
            yield len(config.objective.panel) * config.objective.most_seeds
