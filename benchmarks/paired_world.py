"""Made-up worlds for searches by common runs, in which nothing is trained.

A world says what a cell is truly worth on each task; a run comes to that, and to luck
of the setting, which fresh seeds do not take away, and of the seed, as measured on
small tasks: what tells good cells apart is about as large as the luck of one run.
"""

import functools
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, Protocol

from cells import PUBLISHED, ZOO, Cell, canonical, canonicalize
from cells.zoo.alignment import Parts, align, cost, improve
from cells.zoo.terms import make_terms
from search.procedure.members import Member
from search.procedure.moves import Order
from search.procedure.procedure import Procedure
from workers import BUDGET, Point, Result, Setting, Status

SPREADS: Final = (0.25, 0.15, 0.1, 0.05)
"""Standard deviation between runs of one cell on each task, in log nats against the
baseline's; other differences of a task are in units of it."""

OF_SETTING: Final = 0.9
OF_SEED: Final = 0.45
"""Their shares of it: cells differ in which settings they like more than by seeds."""

OF_TASK: Final = 0.3
"""What a cell has of its own on each task, whatever it looks like."""

STEP: Final = 0.35
"""What an edit of the distance to a planted cell is worth."""

LEARNED: Final = 0.3
"""The baseline's loss, in units of one that knows nothing; a run is never above 1."""

NEAR: Final = 6
"""Distances up to this are searched for well, which takes longer."""


Worths = tuple[float, ...]
"""A value for each task."""


class Landscape(Protocol):
    """What cells are worth."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def seeds(self) -> Sequence[str]:
        """Published cells that a search in it starts with."""

    def worths(self, member: Member, cell: Cell, parent: Worths | None) -> Worths:
        """The value of a cell on each task in log nats, from any zero.

        Args:
            member: The cell's, with the edits that made it.
            cell: The cell.
            parent: The parent's worths; None: it has no parent.
        """


class Planted:
    """The nearer a cell is to a hidden published one, the better it is.

    Args:
        target: The hidden cell.
        seeds: Published cells that a search starts with.
    """

    def __init__(self, target: str, seeds: Sequence[str] = ("gru", "lstm")) -> None:
        self.name = f"planted {target}"
        self.seeds = seeds
        form = canonicalize(ZOO[target])
        self._digest = form.digest
        self._parts = Parts(make_terms(form.cell))
        self._distances: dict[str, int] = {form.digest: 0}

    def worths(self, member: Member, cell: Cell, parent: Worths | None) -> Worths:
        """Less for each edit, and a little that is the cell's own."""
        digest = member.digest
        if digest not in self._distances:
            self._distances[digest] = self._distance(cell)
        own = OF_TASK if digest != self._digest else 0.0
        far = STEP * self._distances[digest]
        return tuple(
            spread * (own * normal(f"{digest} {task}") - far)
            for task, spread in enumerate(SPREADS)
        )

    def _distance(self, cell: Cell) -> int:
        """Edits, at least 1; roughly where they are many."""
        own = Parts(make_terms(cell))
        mapped = align(own, self._parts)
        edits = cost(own, self._parts, mapped)
        if edits <= NEAR:
            edits, _ = improve(own, self._parts, mapped)
        return max(edits, 1)


class Pieces:
    """A cell is worth what its pieces are: ops, each with those that it reads.

    Pieces of published cells are worth something on average, and others cost something:
    most edits harm, some help, and many ways lead upwards.

    Args:
        number: Of the world; in each, pieces have other values.
    """

    seeds = ("gru", "lstm")

    def __init__(self, number: int = 0) -> None:
        self.name = "pieces" if not number else f"pieces {number}"
        self._number = number

    def worths(self, member: Member, cell: Cell, parent: Worths | None) -> Worths:
        """The sum over kinds of pieces, however often each is there."""
        own = frozenset(pieces(cell))
        digest = member.digest
        return tuple(
            spread
            * (
                math.fsum(self._piece(one, task) for one in own)
                + OF_TASK * normal(f"{self._number} {digest} {task}")
            )
            for task, spread in enumerate(SPREADS)
        )

    @functools.lru_cache(maxsize=100_000)  # noqa: B019 - worlds live as long as tables
    def _piece(self, piece: str, task: int) -> float:
        shared = normal(f"{self._number} {piece}")
        own = normal(f"{self._number} {piece} {task}")
        mean = 0.5 if piece in _published_pieces() else -0.5
        return STEP * (mean + 0.8 * shared + 0.6 * own)


def pieces(cell: Cell) -> Counter[str]:
    """Each op with its attributes, and the ops that it reads."""
    vertices = make_terms(cell)
    return Counter(
        f"{one.op}{one.attrs}"
        + str(sorted((slot, vertices[child].op) for slot, child in one.children))
        for one in vertices
    )


@functools.cache
def _published_pieces() -> frozenset[str]:
    cells = [canonical(row.cell) for row in PUBLISHED.values()]
    return frozenset(piece for cell in cells for piece in pieces(cell))


class PairedWorld:
    """What the runs of one search come to.

    Args:
        landscape: What cells are worth.
        procedure: The search.
    """

    def __init__(self, landscape: Landscape, procedure: Procedure) -> None:
        self._landscape = landscape
        self._procedure = procedure
        config = procedure.config
        self._uniform = [stage.task.task.uniform_loss for stage in config.tasks]
        self._worths: dict[str, Worths] = {}
        self._liking: dict[tuple[str, int, Setting], float] = {}

    def results(self, order: Order, member: Member) -> tuple[Result, ...]:
        """What the settings of an order come to, for the cell that it is about."""
        value, uniform = self._values(member)[order.task], self._uniform[order.task]
        results = []
        for setting in order.settings:
            luck = self._luck(order, setting)
            loss = uniform * min(LEARNED * math.exp(-value - luck), 1.0)
            point = Point(order.budget, 0.0, loss, 0.5)
            results.append(
                Result(setting, Status.OK, 0.5, order.budget, BUDGET, (point,))
            )
        return tuple(results)

    def quality(self, member: Member) -> float:
        """The least of a cell's true values: its fitness, were there no luck."""
        return min(self._values(member))

    def _luck(self, order: Order, setting: Setting) -> float:
        """What setting and seed add to a value, in log nats."""
        key = (order.digest, order.task, setting)
        if key not in self._liking:
            self._liking[key] = normal(f"{order.digest} {order.task} {setting.text}")
        seed = normal(f"{order.digest} {order.task} {setting.text} {order.repeat}")
        return SPREADS[order.task] * (OF_SETTING * self._liking[key] + OF_SEED * seed)

    def _values(self, member: Member) -> Worths:
        """True values on all tasks, of which the baseline's are 0."""
        population = self._procedure.population
        baseline = population.find(population.baseline)
        assert baseline is not None
        pairs = zip(self._of(member), self._of(baseline), strict=True)
        return tuple(own - base for own, base in pairs)

    def _of(self, member: Member) -> Worths:
        """Its worths; its parent was there before it."""
        if member.digest not in self._worths:
            parent = self._worths[member.parent] if member.parent else None
            cell = self._procedure.cell(member)
            self._worths[member.digest] = self._landscape.worths(member, cell, parent)
        return self._worths[member.digest]


def normal(text: str) -> float:
    """A number of the standard normal distribution for a text."""
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())
    return _NORMAL.inv_cdf((number + 0.5) / 2**48)


_NORMAL: Final = NormalDist()
