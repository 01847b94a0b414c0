"""Cells that a search knows, each with all that it knows of it."""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, overload

import numpy as np

from cells import Cell, CellError, parse
from search.errors import UserError
from tasks import Metric


class Origin(StrEnum):
    """Where a cell comes from.

    Attributes:
        SEED: It is one of those that the list starts with.
        REFERENCE: It is scored, and has no mutants.
        MUTANT: The search has made it.
        OUTSIDE: Somebody outside of the search has proposed it.
    """

    SEED = "seed"
    REFERENCE = "reference"
    MUTANT = "mutant"
    OUTSIDE = "outside"


class Trials:
    """The settings that a cell has been given on a task, and how each did.

    Kept as numbers, since a search of 100,000 candidates has millions of them.
    """

    __slots__ = ("_had", "_indices", "_values", "best", "best_index", "rounds")

    def __init__(self) -> None:
        self._had = 0  # bit i: whether the setting of index i is there
        self._indices = array("H")
        self._values = array("d")
        self.best = math.nan
        self.best_index = -1
        self.rounds = 0

    @staticmethod
    def restored(
        indices: "array[int]", values: "array[float]", best_index: int, rounds: int
    ) -> "Trials":
        """Trials as they were: settings in order, how each did, the best, the rounds.

        Raises:
            ValueError: The best is none of them.
        """
        trials = Trials()
        trials._had = _UNCOUNTED if indices else 0
        trials._indices, trials._values, trials.rounds = indices, values, rounds
        if best_index >= 0:
            trials.best = values[indices.index(best_index)]
            trials.best_index = best_index
        return trials

    def __len__(self) -> int:
        """How many settings were tried."""
        return len(self._indices)

    def add(self, index: int, value: float | None, metric: Metric) -> bool:
        """Adds a result; returns whether it is the best so far.

        Args:
            index: Of the setting in its grid.
            value: Best validation metric; None: it failed.
            metric: The task's.
        """
        number = math.nan if value is None else value
        if self._had == _UNCOUNTED:  # most that are restored have no more
            self._had = sum(1 << one for one in set(self._indices))
        if self._had >> index & 1:  # a race: the same setting with a larger budget
            place = self._indices.index(index)
            old = self._values[place]
            if metric.better(number, old):
                self._values[place] = number
        else:
            self._had |= 1 << index
            self._indices.append(index)
            self._values.append(number)
        if metric.better(number, self.best):
            self.best, self.best_index = number, index
            return True
        return False

    @property
    def indices(self) -> Sequence[int]:
        """The settings that were tried, in order."""
        return self._indices

    @property
    def values(self) -> Sequence[float]:
        """The metric of each; NaN where it failed."""
        return self._values


_UNCOUNTED: Final = -1


def best_first(trials: Sequence[Trials], metric: Metric) -> tuple[int, ...]:
    """Settings of a task that cells have had, by index; failures come last.

    Args:
        trials: Of each cell; a setting that several have had counts where it is best.
        metric: The task's.
    """
    indices = np.concatenate([np.array(one.indices) for one in trials])
    values = np.concatenate([np.array(one.values) for one in trials])
    worse = -values if metric.higher_is_better else values
    order = np.lexsort((indices, np.where(np.isnan(worse), np.inf, worse)))
    return tuple(dict.fromkeys(indices[order].tolist()))


@dataclass(slots=True)
class Member:
    """A cell that was proposed, and all that is known of it.

    Attributes:
        digest: Its identity.
        name: What it is called in tables.
        origin: Where it comes from.
        birth: Members are numbered as they are added.
        number: How many candidates had been proposed with it; 0 for seeds.
        parent: The digest of the cell that it is a mutant of; empty for none.
        rules: The transformations that made it of its parent.
        depth: Mutations between it and a seed.
        text: The canonical cell; empty where it is no longer needed.
        attempts: Times it was given the filter.
        filtered: Whether it has passed the filter, or need not.
        complete: Whether it has passed all gates, and so is in the population.
        under_way: Whether it is being evaluated.
        trials: For each task, once it has been given it.
        fitness: See `Population.fitness_of`; kept up to date for complete members.
        by: Who proposed it; empty: the search.
        mate: The digest of its other parent, if it is between two; empty: it is not.
    """

    digest: str
    name: str
    origin: Origin
    birth: int
    number: int = 0
    parent: str = ""
    rules: tuple[str, ...] = ()
    depth: int = 0
    text: str = ""
    attempts: int = 0
    filtered: bool = False
    complete: bool = False
    under_way: bool = False
    trials: list[Trials] = field(default_factory=list)
    fitness: float = 0.0
    by: str = ""
    mate: str = ""

    @property
    def is_candidate(self) -> bool:
        """Whether it had to make its way: it is no seed and no reference."""
        return self.origin in (Origin.MUTANT, Origin.OUTSIDE)

    def cell(self) -> Cell:
        """The canonical cell, read from its text."""
        try:
            return parse(self.text)
        except CellError as error:
            message = f"the text of cell {self.name} cannot be read: {error}"
            raise UserError(message) from None

    def trials_on(self, task: int) -> Trials:
        """Its trials on a task, none if it was not given it."""
        return self.trials[task] if task < len(self.trials) else Trials()

    @property
    def rank(self) -> tuple[float, int]:
        """Sorts the best first; the older of equal ones."""
        return (-self.fitness, self.birth)


class Unmade(Protocol):
    """Members that are made when somebody asks for them, by their place."""

    def parent(self, place: int) -> str:
        """The digest of its parent; empty: it has none."""

    def make(self, place: int, parent: Member | None) -> Member:
        """One of them.

        Args:
            place: Of the member.
            parent: Its parent; None: it has none.
        """


class Members(Mapping[str, Member]):
    """Cells by digest, in order of birth.

    Of the cells of a long history most have failed, and a reader asks for few of them:
    these are made when somebody does.
    """

    def __init__(self) -> None:
        self._all: dict[str, Member | int] = {}  # a place: it is not made yet
        self._unmade: Unmade | None = None

    def add(self, member: Member) -> None:
        """Adds a member."""
        self._all[member.digest] = member

    def expect(self, places: Mapping[str, int], unmade: Unmade) -> None:
        """Adds members that are made when they are asked for.

        Args:
            places: Of each by digest, in order of birth.
            unmade: Makes them.

        Raises:
            ValueError: One is there already.
        """
        if self._all.keys() & places.keys():
            raise ValueError("a cell is born twice")
        self._all.update(places)
        self._unmade = unmade

    def __getitem__(self, digest: str) -> Member:
        """A member.

        Raises:
            KeyError: There is none.
        """
        found = self._all[digest]
        return self._made(digest, found) if isinstance(found, int) else found

    def __contains__(self, digest: object) -> bool:
        """Whether a cell is there."""
        return digest in self._all

    def __iter__(self) -> Iterator[str]:
        """Digests, in order of birth."""
        return iter(self._all)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def make_all(self) -> None:
        """Makes those that nobody has asked for, so that their source can go."""
        for digest in self:
            self[digest]

    def _made(self, digest: str, place: int) -> Member:
        """Makes one, its ancestors first: they may be more than calls may nest."""
        assert self._unmade is not None
        line = [(digest, place)]
        while True:
            digest, place = line[-1]
            above = self._unmade.parent(place)
            found = self._all.get(above)
            if not isinstance(found, int) or found >= place:
                break
            line.append((above, found))
        parent = None if isinstance(found, int) else found
        for digest, place in reversed(line):
            parent = self._all[digest] = self._unmade.make(place, parent)
        assert parent is not None
        return parent


class Ranking(MutableSequence[Member]):
    """Members in order; those of a long history are made when they are asked for.

    Args:
        members: All.
        digests: Of some, in order.
    """

    def __init__(self, members: Mapping[str, Member], digests: Iterable[str]) -> None:
        self._members = members
        self._all: list[Member | str] = list(digests)

    @overload
    def __getitem__(self, place: int) -> Member: ...

    @overload
    def __getitem__(self, place: slice) -> list[Member]: ...

    def __getitem__(self, place: int | slice) -> Member | list[Member]:
        """One of them, or several."""
        if isinstance(place, slice):
            return [self[one] for one in range(len(self))[place]]
        found = self._all[place]
        if isinstance(found, str):
            found = self._all[place] = self._members[found]
        return found

    def __setitem__(self, place: Any, members: Any) -> None:
        """Replaces one of them, or several."""
        self._all[place] = members

    def __delitem__(self, place: int | slice) -> None:
        """Drops one of them, or several."""
        del self._all[place]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def insert(self, place: int, member: Member) -> None:
        """Adds a member before a place."""
        self._all.insert(place, member)
