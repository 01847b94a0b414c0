"""Fronts, crowding and hypervolume, against their definitions."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.procedure.front import Point, crowding, dominates, fronts, hypervolume
from tests.support.slow_costed import area, beats, crowd, peeled

FEW = st.builds(Point, st.integers(0, 4).map(float), st.integers(1, 5).map(float))
"""Often equal in one or both."""

MANY = st.builds(Point, st.floats(-2, 2), st.floats(1, 9))
POINTS = st.lists(FEW | MANY, max_size=14)


@given(POINTS)
def test_fronts_are_those_that_none_of_the_rest_dominates(points: list[Point]) -> None:
    found = fronts(points)
    assert [sorted(front) for front in found] == peeled(points)
    for front in found:
        rising = [points[index] for index in front]
        for one, other in itertools.pairwise(rising):
            assert one.cost <= other.cost
            assert one.fitness <= other.fitness


@given(FEW, FEW)
def test_to_dominate_is_to_be_no_worse_and_not_equal(one: Point, other: Point) -> None:
    assert dominates(one, other) == beats(one, other)
    assert not (dominates(one, other) and dominates(other, one))


@given(POINTS)
def test_who_is_crowded_is_as_the_paper_says(points: list[Point]) -> None:
    for front in fronts(points):
        own = sorted(front, key=lambda index: (points[index].cost, index))
        found = dict(zip(own, crowding([points[i] for i in own]), strict=True))
        old = sorted(front)
        expected = dict(zip(old, crowd([points[i] for i in old]), strict=True))
        assert found == pytest.approx(expected)


def test_the_ends_of_a_front_are_not_crowded_and_gaps_count_in_both() -> None:
    front = [Point(0.0, 1.0), Point(0.5, 2.0), Point(0.6, 4.0), Point(1.0, 5.0)]
    far = [math.inf, 0.6 + 3 / 4, 0.5 + 3 / 4, math.inf]
    assert crowding(front) == pytest.approx(far)
    assert crowding(front[:1]) == [math.inf]
    assert crowding([]) == []


@given(POINTS, FEW | MANY)
def test_a_hypervolume_is_the_area_of_what_is_dominated(
    points: list[Point], reference: Point
) -> None:
    found = hypervolume(points, reference)
    assert found == pytest.approx(area(points, reference), abs=1e-12)
    first = fronts(points)[0] if points else []
    assert found == hypervolume([points[index] for index in first], reference)
    assert found == hypervolume(points[::-1], reference)


@given(POINTS, FEW | MANY, FEW)
def test_another_point_makes_no_hypervolume_smaller(
    points: list[Point], more: Point, reference: Point
) -> None:
    both = hypervolume([*points, more], reference)
    assert both >= hypervolume(points, reference) - 1e-12


def test_what_is_worse_than_the_reference_adds_nothing() -> None:
    reference = Point(0.0, 3.0)
    assert hypervolume([Point(1.0, 1.0)], reference) == 2.0
    for outside in (Point(-1.0, 0.5), Point(2.0, 3.0), Point(0.0, 0.1)):
        assert hypervolume([Point(1.0, 1.0), outside], reference) == 2.0
