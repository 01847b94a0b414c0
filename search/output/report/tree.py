"""The family tree of a search: who descends from whom, as a list to fold out."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from search.output.lineage import Lineages, gain_words, line_of, parent_of
from search.procedure.members import Member
from search.procedure.population import Population
from search.procedure.procedure import Procedure


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


def tree_lines(
    procedure: Procedure, lineages: Lineages, ranks: Mapping[str, int]
) -> Iterator[TreeLine]:
    """All ranked cells, each after its parent, the best first among siblings.

    Args:
        procedure: The search.
        lineages: Of its cells.
        ranks: Of those in the table, by digest.
    """
    population = procedure.population
    ranked, known = population.ranked, {m.digest for m in population.ranked}
    children: dict[str, list[Member]] = {}
    for member in ranked:  # best first
        above = parent_of(population, member)
        parent = above.digest if above and above.digest in known else ""
        children.setdefault(parent, []).append(member)
    lost = (
        member
        for member in population.members.values()
        if member.digest not in known and not member.under_way
    )
    dropped = Counter(member.parent for member in lost)
    shown, counts = _way_to_the_best(population), _descendants(population)

    # Depth first, with a stack: a lineage may be longer than calls may nest.
    pending = [(member, 1) for member in reversed(children.get("", []))]
    depth = 0
    while pending:
        member, level = pending.pop()
        below = children.get(member.digest, [])
        pending += [(child, level + 1) for child in reversed(below)]
        depth = pending[-1][1] if pending else 1
        # To put an edit into words takes milliseconds; of others the rules are named.
        step = lineages.of(member)[-1] if member.digest in ranks else None
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


def _way_to_the_best(population: Population) -> set[str]:
    """The best mutant and its ancestors."""
    best = next((member for member in population.ranked if member.parent), None)
    return set() if best is None else {m.digest for m in line_of(population, best)}


def _descendants(population: Population) -> Counter[str]:
    """How many ranked cells descend from each."""
    counts: Counter[str] = Counter()
    # The youngest first: whoever descends from a cell has been counted before it.
    for member in sorted(population.ranked, key=lambda one: -one.birth):
        parent = parent_of(population, member)
        if parent is not None:
            counts[parent.digest] += 1 + counts[member.digest]
    return counts
