"""The family tree of a search: who descends from whom, as a list to fold out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from search.output.lineage import Lineages, gain_words
from search.procedure.population import Member
from search.procedure.procedure import Procedure

SAID: Final = 1000
"""Ranked cells whose edits are put into words; of others the rules are named."""


@dataclass(frozen=True)
class TreeLine:
    """A cell of the tree; its children follow it.

    Attributes:
        name: Of the cell.
        rank: In the list, from 1; 0: below it.
        fitness: By what is known today.
        gain: On its parent, with the interval; empty for a seed.
        edit: What made it of its parent, in words; empty for a seed.
        direction: See `LineageStep.direction`.
        descendants: How many ranked cells come of it.
        dropped: How many of its mutants were never ranked.
        shown: Whether it is folded out.
        closes: How many parents end with it.
    """

    name: str
    rank: int
    fitness: float
    gain: str
    edit: str
    direction: str
    descendants: int
    dropped: int
    shown: bool
    closes: int


def tree_lines(procedure: Procedure, lineages: Lineages) -> Iterator[TreeLine]:
    """All ranked cells, each after its parent, the best first among siblings."""
    ranked, members = procedure.population.ranked, procedure.population.members
    known = {member.digest for member in ranked}
    children: dict[str, list[Member]] = {}
    for member in ranked:  # best first
        parent = member.parent if member.parent in known else ""
        children.setdefault(parent, []).append(member)
    lost = (m for m in members.values() if m.digest not in known and not m.under_way)
    dropped = Counter(member.parent for member in lost)
    ranks = {m.digest: i for i, m in enumerate(procedure.population.best, 1)}
    said = {m.digest for m in ranked[:SAID]}
    shown = _way_to_the_best(ranked, members)
    counts = _descendants(ranked, members)

    # Depth first, with a stack: a lineage may be longer than calls may nest.
    pending = [(member, 1) for member in reversed(children.get("", []))]
    depth = 0
    while pending:
        member, level = pending.pop()
        below = children.get(member.digest, [])
        pending += [(child, level + 1) for child in reversed(below)]
        depth = pending[-1][1] if pending else 1
        step = lineages.of(member)[-1] if member.digest in said else None
        yield TreeLine(
            name=member.name,
            rank=ranks.get(member.digest, 0),
            fitness=step.fitness if step else member.fitness,
            gain=gain_words(step) if step else "",
            edit=step.edit if step else ", ".join(member.rules),
            direction=step.direction if step else "",
            descendants=counts[member.digest],
            dropped=dropped[member.digest],
            shown=member.digest in shown,
            closes=max(0, level - depth),
        )


def _way_to_the_best(
    ranked: Sequence[Member], members: Mapping[str, Member]
) -> set[str]:
    """The best mutant and its ancestors."""
    best = next((member for member in ranked if member.parent), None)
    return set() if best is None else {m.digest for m in _line(best, members)}


def _descendants(
    ranked: Sequence[Member], members: Mapping[str, Member]
) -> Counter[str]:
    return Counter(
        ancestor.digest
        for member in ranked
        for ancestor in _line(member, members)
        if ancestor is not member
    )


def _line(member: Member, members: Mapping[str, Member]) -> Iterator[Member]:
    """A cell, its parent, and so on."""
    yield member
    while member.parent in members:
        member = members[member.parent]
        yield member
