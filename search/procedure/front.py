"""Two ends at once, fitness and cost: who dominates whom, crowding, hypervolume.

Points are few, and all of it is exact: nothing is drawn, and equal points stand in the
order in which they are given.
"""

import bisect
import math
from collections.abc import Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """What a cell is worth and what it costs: more of the one, less of the other."""

    fitness: float
    cost: float


def dominates(one: Point, other: Point) -> bool:
    """Whether one is no worse in both, and better in one at least."""
    return one.fitness >= other.fitness and one.cost <= other.cost and one != other


def fronts(points: Sequence[Point]) -> list[list[int]]:
    """Indices of points, front by front, each from the cheapest to the dearest.

    Nobody dominates a point of the first front; those that only points of earlier
    fronts dominate make the next: the non-dominated sorting of NSGA-II (Deb, Pratap,
    Agarwal and Meyarivan 2002, IEEE Transactions on Evolutionary Computation 6(2),
    section III-A), by one pass, since there are two ends.
    """
    order = sorted(
        range(len(points)),
        key=lambda index: (points[index].cost, -points[index].fitness, index),
    )
    found: list[list[int]] = []
    # The last of a front is its fittest, and none that come are cheaper: a front has a
    # point's dominators if its last is one, and so have all fronts before that one.
    for index in order:
        point = points[index]
        place = bisect.bisect_left(
            found, True, key=lambda front: not dominates(points[front[-1]], point)
        )
        if place == len(found):
            found.append([])
        found[place].append(index)
    return found


def crowding(front: Sequence[Point]) -> list[float]:
    """How far each point is from those beside it: infinity at both ends of the front.

    The sum over both ends of the difference between its neighbours, in units of the
    whole range: the crowding distance of NSGA-II (section III-B).

    Args:
        front: From the cheapest to the dearest, so that fitness rises, too.
    """
    distances = [0.0] * len(front)
    for values in zip(*front, strict=True):
        extent = values[-1] - values[0]
        for index in range(1, len(front) - 1):
            if extent:
                gap = values[index + 1] - values[index - 1]
                distances[index] += gap / extent
    if front:
        distances[0] = distances[-1] = math.inf
    return distances


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The area that points dominate down to a reference (Zitzler and Thiele 1999).

    Args:
        points: In any order; those that do not dominate the reference add nothing.
        reference: Least fitness and highest cost that count.
    """
    total, fittest = 0.0, reference.fitness
    # From the cheapest on, each adds what it is fitter, for all that cost more.
    for fitness, cost in sorted(points, key=lambda point: (point.cost, -point.fitness)):
        if fitness > fittest and cost < reference.cost:
            total += (fitness - fittest) * (reference.cost - cost)
            fittest = fitness
    return total
