"""The way from a seed to a cell: each step's edit, difference in text, and gain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cells import Difference, Spelling, difference, marked, spell
from search.output.gains import Gains
from search.output.markdown import safe_name
from search.output.words import plain
from search.procedure.members import Member
from search.procedure.population import Population
from search.procedure.procedure import Procedure

MOST_EDITS: Final = 5
"""Edits of a step that are said; the difference in text has all of them."""


@dataclass(frozen=True)
class LineageStep:
    """One cell of a lineage.

    Attributes:
        member: The cell; its `rules` made it of the one before.
        fitness: By the best results that are known today.
        gain: Fitness less that of the cell before; None for the first.
        half: Half the width of the gain's interval; None: it cannot be told.
        change: What makes the cell of the one before; None for the first.
        spelling: The cell in the order and names of the one before.
        mate: The name of the other parent, if the cell is between two; else empty.
    """

    member: Member
    fitness: float
    gain: float | None
    half: float | None
    change: Difference | None
    spelling: Spelling
    mate: str = ""

    @property
    def edit(self) -> str:
        """What makes the cell of the one before, in words; empty for the first."""
        words = self.change.words if self.change else ()
        said = "; ".join(words[:MOST_EDITS])
        if len(words) > MOST_EDITS:
            said += f"; and {len(words) - MOST_EDITS} more"
        return f"half of the way to {self.mate}: {said}" if self.mate else said

    @property
    def direction(self) -> str:
        """`up` or `down` where a gain is beyond its interval, if it has one."""
        if self.gain is None or not abs(self.gain) > (self.half or 0.0):
            return ""
        return "up" if self.gain > 0 else "down"

    def to_dict(self) -> dict[str, Any]:
        """JSON values: the same for the same search."""
        interval = None
        if self.gain is not None and self.half is not None:
            interval = [self.gain - self.half, self.gain + self.half]
        return {
            "name": self.member.name,
            "digest": self.member.digest,
            "born": self.member.birth,
            "depth": self.member.depth,
            "rules": list(self.member.rules),
            **({"mate": self.mate} if self.mate else {}),
            "fitness": self.fitness,
            "gain": self.gain,
            "interval": interval,
            "edits": list(self.change.words) if self.change else [],
            "difference": marked(self.change.lines) if self.change else "",
            "text": self.spelling.text(safe_name(self.member.name)),
        }


class Lineages:
    """Makes lineages of a search's members; steps that they share are found once.

    Args:
        procedure: Of the search, which may be in progress.
    """

    def __init__(self, procedure: Procedure) -> None:
        self._population = procedure.population
        self.gains = Gains(procedure)
        self._steps: dict[str, LineageStep] = {}

    def of(self, member: Member) -> tuple[LineageStep, ...]:
        """The ancestors of a cell, a seed first, the cell last."""
        steps: list[LineageStep] = []
        for ancestor in reversed(list(line_of(self._population, member))):
            if ancestor.digest not in self._steps:
                before = steps[-1] if steps else None
                self._steps[ancestor.digest] = self._step(ancestor, before)
            steps.append(self._steps[ancestor.digest])
        return tuple(steps)

    def _step(self, member: Member, before: LineageStep | None) -> LineageStep:
        fitness = self._population.fitness_of(member)
        if before is None:
            return LineageStep(member, fitness, None, None, None, spell(member.cell()))
        change = difference(before.spelling, member.cell())
        mate = self._population.members.get(member.mate)
        return LineageStep(
            member,
            fitness,
            gain=fitness - before.fitness,
            half=self.gains.half_of(member, before.member),
            change=change,
            spelling=change.spelling,
            mate=mate.name if mate else "",
        )


def line_of(population: Population, member: Member) -> Iterator[Member]:
    """A cell, its parent, and so on."""
    one: Member | None = member
    while one is not None:
        yield one
        one = parent_of(population, one)


def parent_of(population: Population, member: Member) -> Member | None:
    """The parent of a cell; None: it has none."""
    if not member.parent:
        return None
    older = population.members.get(member.parent)
    # In a damaged file a cell might descend from itself.
    return older if older and older.birth < member.birth else None


def render_lineage(
    steps: Sequence[LineageStep], note: str, *, texts: bool = False
) -> str:
    """A lineage as lines for a person, one a step.

    Args:
        steps: The seed first.
        note: What the interval is.
        texts: Whether the text of each cell comes below its line.
    """
    return plain("\n".join([*_lines(steps, texts), *_legend(note)]))


def gain_words(step: LineageStep) -> str:
    """`+0.013 ±0.020`; empty for a seed."""
    if step.gain is None:
        return ""
    half = "" if step.half is None else f" ±{step.half:.3f}"
    return f"{step.gain:+.3f}{half}"


def _lines(steps: Sequence[LineageStep], texts: bool) -> Iterator[str]:
    names = max(len("cell"), *(len(step.member.name) for step in steps))
    gains = max(len("gain"), *(len(gain_words(step)) for step in steps))
    yield f"{'cell':<{names}}  {'fitness':>8}  {'gain':<{gains}}  edit: difference"
    for step in steps:
        said = step.edit or "seed"
        if step.change:
            said += f": {marked(step.change.lines)}"
        yield (
            f"{step.member.name:<{names}}  {step.fitness:>8.3f}  "
            f"{gain_words(step):<{gains}}  {said}"
        )
        if texts:
            yield step.spelling.text(safe_name(step.member.name))


def _legend(note: str) -> Iterator[str]:
    yield "gain: fitness less the parent's, by what is known of both today"
    if note:
        yield note
    yield "difference: [-gone-] {+come+}, in the names of the parent's text"
