"""Where a cell of a search comes from: its ancestors, and what each step gained."""

from dataclasses import dataclass

from search.procedure.population import Member, Population


@dataclass(frozen=True)
class Step:
    """One cell of a lineage.

    Attributes:
        member: The cell; its `rules` made it of the one before.
        fitness: By the best results that are known today.
        gain: Fitness less that of the cell before; None for the first.
    """

    member: Member
    fitness: float
    gain: float | None


def lineage(population: Population, member: Member) -> tuple[Step, ...]:
    """The ancestors of a cell, a seed first, the cell last."""
    line = [member]
    while line[-1].parent:
        line.append(population.members[line[-1].parent])
    steps: list[Step] = []
    for one in reversed(line):
        fitness = population.fitness_of(one)
        gain = fitness - steps[-1].fitness if steps else None
        steps.append(Step(one, fitness, gain))
    return tuple(steps)
