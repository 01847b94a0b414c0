"""Members, their trials and the ranked list, against hand-made and slow ones."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import UserError
from search.procedure.config import Stage
from search.procedure.members import Member, Origin, Trials, best_first
from search.procedure.population import Population
from search.procedure.settings import Grids
from tasks import ACCURACY, TOKEN_NLL, Metric
from tests.support.instant import GRID, config

UP, DOWN = "arithmetic", "jsb"
"""A task whose metric is an accuracy, and one whose metric is a loss."""

VALUES = st.one_of(st.none(), st.sampled_from([0.25, 0.5, 1.0, 2.0]))
"""Metrics; few, so that there are ties. None: it failed."""


def stages(*names: str) -> tuple[Stage, ...]:
    return config(tasks=names).tasks


def member(name: str, birth: int, origin: str = "mutant") -> Member:
    return Member(digest=name, name=name, origin=Origin(origin), birth=birth)


def trials(*results: tuple[int, float | None], metric: Metric = ACCURACY) -> Trials:
    found = Trials()
    for index, value in results:
        found.add(index, value, metric)
    return found


def population(*names: str, list_size: int = 10, base: float = 1.0) -> Population:
    """One whose baseline, its only member, has `base` on every task."""
    found = Population(stages(*names), list_size, "base")
    found.add(member("base", 0, "seed"))
    for task in range(len(names)):
        found.observe(found.members["base"], task, 0, base)
    found.join(found.members["base"])
    return found


def joined(found: Population, name: str, *bests: float | None) -> Member:
    """A new member with these results, one a task, that has passed all gates."""
    new = member(name, len(found.members))
    found.add(new)
    for task, best in enumerate(bests):
        found.observe(new, task, 1, best)
    found.join(new)
    return new


def names(members: object) -> list[str]:
    return [one.name for one in members]  # type: ignore[attr-defined]


# Trials


def test_trials_keep_settings_and_metrics_in_the_order_in_which_they_came() -> None:
    found = trials((70, 0.5), (3, None), (69, 0.75), (0, 0.25))
    assert list(found.indices) == [70, 3, 69, 0]
    assert len(found) == 4
    values = list(found.values)
    assert math.isnan(values.pop(1))
    assert values == [0.5, 0.75, 0.25]
    assert (found.best, found.best_index) == (0.75, 69)


def test_of_a_loss_the_least_is_best() -> None:
    found = trials((0, 2.0), (1, 0.5), (2, 1.0), metric=TOKEN_NLL)
    assert (found.best, found.best_index) == (0.5, 1)


def test_of_equal_results_the_first_is_the_best() -> None:
    found = Trials()
    told = [found.add(i, 0.5, ACCURACY) for i in (4, 2)]
    assert told == [True, False]
    assert found.best_index == 4


@pytest.mark.parametrize("metric", [ACCURACY, TOKEN_NLL])
def test_a_failure_is_a_trial_but_never_the_best(metric: Metric) -> None:
    found = trials((0, None), (1, None), metric=metric)
    assert math.isnan(found.best)
    assert (found.best_index, len(found)) == (-1, 2)
    found.add(2, 0.0, metric)
    found.add(3, None, metric)
    assert (found.best, found.best_index, len(found)) == (0.0, 2, 4)


def test_a_setting_that_races_on_counts_once_with_its_best() -> None:
    found = trials((0, 0.5), (1, 0.25), (1, 0.75), (0, 0.25), (0, None))
    assert list(found.indices) == [0, 1]
    assert list(found.values) == [0.5, 0.75]
    assert (found.best, found.best_index) == (0.75, 1)


@given(
    each=st.lists(st.dictionaries(st.integers(0, 9), VALUES), min_size=1, max_size=3),
    metric=st.sampled_from([ACCURACY, TOKEN_NLL]),
)
def test_settings_come_best_first_and_count_where_they_are_best(
    each: list[dict[int, float | None]], metric: Metric
) -> None:
    sign = 1 if metric.higher_is_better else -1
    merits: dict[int, float] = {}
    for one in each:
        for index, value in one.items():
            merit = -math.inf if value is None else sign * value
            merits[index] = max(merit, merits.get(index, merit))
    expected = sorted(merits, key=lambda index: (-merits[index], index))
    found = [trials(*one.items(), metric=metric) for one in each]
    assert best_first(found, metric) == tuple(expected)


def test_a_setting_is_found_at_its_place_in_the_grid() -> None:
    grids = Grids([stage.plan.grid for stage in stages(UP, DOWN)])
    assert grids.settings == [GRID.settings, GRID.settings]
    assert [grids.index(1, s) for s in GRID] == list(range(24))


# Ratios and fitness


def test_fitness_is_the_least_ratio_to_the_baseline() -> None:
    found = population(UP, "xml", base=0.5)
    assert joined(found, "a", 0.25, 1.0).fitness == 0.5
    assert joined(found, "b", 0.75, 1.0).fitness == 1.5
    assert found.members["base"].fitness == 1


def test_of_a_loss_the_ratio_is_that_of_the_baseline_to_the_cell() -> None:
    found = population(DOWN, base=2.0)
    assert joined(found, "better", 1.0).fitness == 2
    assert joined(found, "worse", 4.0).fitness == 0.5
    assert names(found.ranked) == ["better", "base", "worse"]


def test_a_loss_of_nothing_is_infinitely_good() -> None:
    found = population(DOWN, base=2.0)
    assert joined(found, "perfect", 0.0).fitness == math.inf
    assert names(found.ranked) == ["perfect", "base"]


def test_without_a_result_on_a_task_the_ratio_is_0() -> None:
    found = population(UP, DOWN)
    assert joined(found, "failed", 1.0, None).fitness == 0
    new = member("not given it", 2)
    found.add(new)
    assert found.ratio_of(new, 1) == 0


@pytest.mark.parametrize("task", [UP, DOWN])
@pytest.mark.parametrize(
    ("best", "said"), [(0.0, "reaches 0 on"), (None, "reaches nothing but failures on")]
)
def test_a_baseline_that_learns_nothing_is_an_error(
    task: str, best: float | None, said: str
) -> None:
    found = Population(stages(task), 10, "base")
    found.add(member("base", 0, "seed"))
    found.observe(found.members["base"], 0, 0, best)
    with pytest.raises(UserError, match=f"the baseline {said} {task}.*more updates"):
        found.join(found.members["base"])


def test_a_baseline_that_is_not_there_yet_is_not_ready() -> None:
    found = Population(stages(UP, "xml"), 10, "base")
    assert not found.baseline_ready()
    base = member("base", 0, "reference")
    found.add(base)
    found.observe(base, 0, 0, 1.0)
    found.observe(base, 1, 0, None)
    assert not found.baseline_ready()
    found.observe(base, 1, 1, 0.5)
    assert found.baseline_ready()


# The list


def test_the_list_has_the_best_and_the_others_are_kept_behind_it() -> None:
    found = population(UP, list_size=2)
    for name, best in (("a", 2.0), ("b", 0.5), ("c", 4.0)):
        joined(found, name, best)
    assert names(found.best) == ["c", "a"]
    assert names(found.ranked) == ["c", "a", "base", "b"]
    assert names(found.ranked[:2]) == ["c", "a"]


def test_of_equal_cells_the_older_ranks_first_whenever_they_join() -> None:
    found = population(UP, list_size=2)
    young, old = member("young", 2), member("old", 1)
    for one in (young, old):
        found.add(one)
        found.observe(one, 0, 0, 2.0)
        found.join(one)
    assert names(found.ranked) == ["old", "young", "base"]
    assert names(found.best) == ["old", "young"]
    joined(found, "youngest", 2.0)
    assert names(found.best) == ["old", "young"]


def test_a_better_result_moves_a_cell_up_and_a_worse_one_nothing() -> None:
    found = population(UP)
    low, high = joined(found, "low", 0.5), joined(found, "high", 2.0)
    found.observe(low, 0, 2, 0.25)
    found.observe(high, 0, 2, None)
    assert names(found.ranked) == ["high", "base", "low"]
    found.observe(low, 0, 3, 4.0)
    assert names(found.ranked) == ["low", "high", "base"]
    assert low.fitness == 4


def test_a_better_baseline_changes_the_fitness_of_all() -> None:
    found = population(UP, "xml")
    one, other = joined(found, "a", 1.0, 4.0), joined(found, "b", 2.0, 1.25)
    assert names(found.ranked) == ["b", "base", "a"]
    found.observe(found.members["base"], 1, 1, 4.0)
    assert (one.fitness, other.fitness) == (1.0, 0.3125)
    assert names(found.ranked) == ["base", "a", "b"]


def test_a_cell_joins_once_and_a_reference_never() -> None:
    found = population(UP)
    one = joined(found, "a", 2.0)
    found.join(one)
    reference = member("reference", 2, "reference")
    found.add(reference)
    found.observe(reference, 0, 0, 8.0)
    found.join(reference)
    assert names(found.ranked) == ["a", "base"]
    assert found.ratio_of(reference, 0) == 8


def test_a_reference_can_be_the_baseline_and_is_not_ranked() -> None:
    found = Population(stages(UP), 10, "base")
    base = member("base", 0, "reference")
    found.add(base)
    found.observe(base, 0, 0, 1.0)
    one = joined(found, "a", 2.0)
    found.observe(base, 0, 1, 4.0)
    assert one.fitness == 0.5
    assert names(found.ranked) == ["a"]


def test_a_mutant_that_is_the_baseline_again_is_not_the_baseline() -> None:
    found = Population(stages(UP), 10, "base")
    for origin, best in (("reference", 1.0), ("mutant", 4.0)):
        one = member("base", len(found.members), origin)
        found.add(one)
        found.observe(one, 0, 0, best)
    found.join(found.members["base"])
    assert found.members["base"].fitness == 4


MOVES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 1), st.integers(0, 23), VALUES),
    max_size=40,
)


@given(moves=MOVES, joins=st.lists(st.integers(0, 40), min_size=5, max_size=5))
def test_the_list_is_what_sorting_everything_gives(
    moves: list[tuple[int, int, int, float | None]], joins: list[int]
) -> None:
    """Five cells and the baseline (0) have results in any order; they join any time."""
    found = population(UP, DOWN, list_size=3)
    others = [member(f"m{number}", number) for number in range(1, 6)]
    cells = [found.members["base"], *others]
    for one in others:
        found.add(one)
    bests: list[list[float | None]] = [[1.0, 1.0], *([None, None] for _ in others)]
    for turn, (who, task, index, value) in enumerate([*moves, (0, 0, 0, None)]):
        for number, at in enumerate(joins, 1):
            if at == turn:
                found.join(cells[number])
        found.observe(cells[who], task, index, value)
        if value is not None:
            best = max if task == 0 else min
            old = bests[who][task]
            bests[who][task] = value if old is None else best(old, value)

        def fitness(one: Member) -> float:
            up, down = bests[one.birth]
            base_up, base_down = bests[0]
            assert base_up
            assert base_down
            return min(up / base_up if up else 0, base_down / down if down else 0)

        complete = [one for one in cells if one.complete]
        expected = sorted(complete, key=lambda one: (-fitness(one), one.birth))
        assert names(found.ranked) == names(expected)
        assert [one.fitness for one in expected] == [*map(fitness, expected)]
        assert names(found.best) == names(expected[:3])
