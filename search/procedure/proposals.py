"""Which cell comes next: one of the list again, or a mutant of one that is new.

Jozefowicz et al. 2015, sections 3.1 and 3.2. What is drawn is a function of (seed,
number of the decision) and of the results so far; drawing changes nothing.
"""

from collections.abc import MutableMapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from cachetools import LRUCache

from cells import (
    CROSSOVER,
    Canonical,
    Cell,
    CellError,
    Mutant,
    canonicalize,
    crossover,
    dead,
    growth,
    mutate,
    recurrent_linears,
    signal,
    to_text,
)
from search.procedure.config import Config
from search.procedure.course import Course
from search.procedure.members import Member
from search.procedure.moves import Decision, Move, Reject
from search.procedure.parents import PARENTS, any_of
from search.procedure.population import Population
from search.procedure.rules import Rules
from workers import model_width

DECISION: Final = 1
"""What a generator is for; `rounds` has 2 and 3: no two uses share a seed."""

CELLS: Final = 500
"""Cells that are kept as such, and not as text alone."""


def opening(config: Config) -> list[Decision]:
    """The first decisions: seeds and references, the baseline among them."""
    kinds = [Move.SEED] * len(config.seeds) + [Move.REFERENCE] * len(config.references)
    decisions = []
    for number, (_, cell) in enumerate((*config.seeds, *config.references)):
        form = canonicalize(cell)
        text = to_text(form.cell)
        decisions.append(
            Decision(number, kinds[number], 0.0, form.digest, "", text, (), ())
        )
    return decisions


def mutant_by(rules: Rules, cell: Cell, rng: np.random.Generator) -> Mutant:
    """A mutant as these rules draw it; `rng` is advanced.

    Raises:
        CellError: The cell has none.
    """
    return mutate(
        cell,
        rng,
        ops=rules.ops,
        rounds=rules.rounds,
        edits=rules.edit_bounds,
        max_nodes=rules.max_nodes,
        weights=dict(rules.weights),
    )


def untrained_reason(config: Config, cell: Cell) -> str:
    """Why a cell is not taken for what it does untrained; empty if it is."""
    rules = config.rules
    if rules.largest and growth(cell) > rules.largest:
        return "grows without bound"
    if rules.faintest and signal(cell, config.first.scale) < rules.faintest:
        return "forgets at once"
    return ""


class Child(NamedTuple):
    """What a proposal is of.

    Attributes:
        form: The cell.
        rules: What was done to the parent.
        mate: Digest of the other parent; empty: there is none.
    """

    form: Canonical
    rules: tuple[str, ...]
    mate: str = ""


class Proposals:
    """Draws the decisions that follow the opening.

    Args:
        config: What is searched, and how.
        population: Cells that are known, and the list.
        course: What may be done with cells that are known.
    """

    def __init__(self, config: Config, population: Population, course: Course) -> None:
        self._config = config
        self._population = population
        self._course = course
        self._cells: MutableMapping[str, Cell] = LRUCache(CELLS)

    def draw(self, number: int, at: float) -> Decision:
        """The decision of a number.

        Args:
            number: Of the decision.
            at: Logical time.
        """
        rng = np.random.default_rng([DECISION, self._config.seed, number])
        if rng.random() < self._config.rules.reexamine:
            free = self._course.examinable()
            if free:
                own = free[int(rng.integers(len(free)))].digest
                return Decision(number, Move.REEXAMINE, at, own, "", "", (), ())
        return self._propose(number, at, rng)

    def outside(self, number: int, at: float, form: Canonical, by: str) -> Decision:
        """The decision for a cell that somebody else has proposed.

        Args:
            number: Of the decision.
            at: Logical time.
            form: The canonical cell.
            by: Who has proposed it.
        """
        self._cells[form.digest] = form.cell
        text = to_text(form.cell)
        return Decision(number, Move.OUTSIDE, at, form.digest, "", text, (), (), by=by)

    def cell(self, member: Member) -> Cell:
        """The canonical cell of a member."""
        if member.digest not in self._cells:
            self._cells[member.digest] = member.cell()
        return self._cells[member.digest]

    def _propose(self, number: int, at: float, rng: np.random.Generator) -> Decision:
        """A child of random cells of the list that is new, or may be tried again."""
        population, rules = self._population, self._config.rules
        parents = PARENTS[rules.parents](population)
        rejects: list[Reject] = []
        while len(rejects) < rules.max_redraws:
            parent = any_of(parents, rng)
            child = self._crossed(parent, parents, rng) or self._mutant(parent, rng)
            if child is None:  # another parent may have one
                rejects.append(Reject("no mutant", parent.digest, ""))
                continue

            # A cell that is known under another text is the same cell.
            form = child.form
            known = population.members.get(form.digest)
            if known is not None:
                reason = self._course.reason_against(known)
            else:
                reason = self.reason_against(form.cell)
            if reason:
                rejects.append(Reject(reason, parent.digest, form.digest))
                continue

            self._cells[form.digest] = form.cell
            return Decision(
                number,
                Move.PROPOSE if known is None else Move.AGAIN,
                at,
                form.digest,
                parent.digest,
                to_text(form.cell),
                child.rules,
                tuple(rejects),
                mate=child.mate,
            )
        return Decision(number, Move.NONE, at, "", "", "", (), tuple(rejects))

    def _mutant(self, parent: Member, rng: np.random.Generator) -> Child | None:
        """A mutant within the rules; None: the parent has none."""
        try:
            mutant = mutant_by(self._config.rules, self.cell(parent), rng)
        except CellError:
            return None
        return Child(canonicalize(mutant.cell), mutant.rules)

    def _crossed(
        self, parent: Member, parents: Sequence[Member], rng: np.random.Generator
    ) -> Child | None:
        """A cell between two, as often as the rules say; None: none, or one of both."""
        rules = self._config.rules
        if not rules.crossover or rng.random() >= rules.crossover:
            return None
        others = [one for one in parents if one is not parent]
        if not others:
            return None
        mate = any_of(others, rng)
        cell = crossover(self.cell(parent), self.cell(mate), rng)
        if cell is None or len(cell.nodes) > rules.max_nodes:
            return None
        form = canonicalize(cell)
        if form.digest in (parent.digest, mate.digest):
            return None
        return Child(form, (CROSSOVER,), mate.digest)

    def reason_against(self, cell: Cell) -> str:
        """Why a new cell, canonical, is not taken; empty if it is."""
        reason = dead(cell)
        if reason is not None:
            return f"ignores {reason.missing}"
        if recurrent_linears(cell) < self._config.rules.recurrent:
            return "few recurrent matrices"
        widest = self._config.rules.widest
        if widest and self._width(cell) > widest * self._baseline_width:
            return "too wide"
        return untrained_reason(self._config, cell)

    @cached_property
    def _baseline_width(self) -> int:
        return self._width(self._config.baseline_cell)

    def _width(self, cell: Cell) -> int:
        """H of its model on the first task; 0 where no width fits the budget."""
        shape, first = self._config.settings(0)[0].shape, self._config.tasks[0]
        try:
            return model_width(cell, shape, first.task.task, first.training.block)
        except CellError:
            return 0
