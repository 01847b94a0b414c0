"""How far the front of a search with a cost has come, by its hypervolume."""

from typing import Final

from search.procedure.costed import DEAREST, CostedPopulation
from search.procedure.front import Point, fronts, hypervolume

PARTS: Final = 4
"""Times at which a line tells the hypervolume, after the seeds' alone."""


def hypervolumes(population: CostedPopulation) -> dict[int, float]:
    """Number of candidates, 0 being the seeds, to hypervolume, where it rises.

    It is that of the cells that were proposed so far, by what is known of them now, in
    fitness times costs of the baseline, so that costs of any unit compare.

    Args:
        population: Whose seeds have been evaluated.
    """
    reference = population.reference
    unit, last = reference.cost / DEAREST, -1.0
    found: dict[int, float] = {}
    best: list[Point] = []
    for member in sorted(population.ranked, key=lambda one: (one.number, one.birth)):
        # Whoever is dominated once is dominated ever after.
        points = [*best, population.point_of(member)]
        best = [points[index] for index in fronts(points)[0]]
        volume = hypervolume(best, reference) / unit
        if volume > last:
            found[member.number] = last = volume
    return found


def course_line(population: CostedPopulation, proposed: int) -> str:
    """The hypervolume with the seeds, and after each quarter of the candidates."""
    steps = hypervolumes(population)
    at = [number * proposed // PARTS for number in range(PARTS + 1)]
    said = ", ".join(
        f"{max(steps[n] for n in steps if n <= number):.3f} at {number:,}"
        for number in dict.fromkeys(at)
    )
    return (
        f"hypervolume of the front by candidates: {said} (fitness above the worst "
        f"seed's x cost below {DEAREST:g} times the baseline's)"
    )
