"""Grids, draws and inheritance against the paper's numbers and hand-made cases."""

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import UserError
from search.procedure.reader import make_scoring
from search.procedure.settings import (
    Grid,
    Inheritance,
    Part,
    draw,
    inherit,
    inheritance_parts,
)
from workers import Setting

SMALL = Grid(
    scale=(1.0, 2.0),
    rate=(0.1, 0.5, 1.0),
    clip=(1.0, 5.0),
    num_layers=(1,),
    parameters=(1000,),
)


def grid_of(preset: str, task: str) -> Grid:
    return make_scoring({"preset": preset}).plan(task).grid


SYNTHETIC = grid_of("paper", "arithmetic")


def test_the_grids_have_as_many_settings_as_the_paper_says() -> None:
    assert len(SYNTHETIC) == 1680
    assert len(grid_of("paper", "nottingham")) == 1680
    assert len(grid_of("paper", "ptb")) == 840
    # Constant for {4, 7, 11} epochs, then {0.5, 0.65, 0.8}; dropout {0, .1, .3, .5}.
    assert len(grid_of("table3_10m", "ptb")) == 840 * 9 * 4
    assert len(grid_of("table3_20m", "ptb")) == 840 * 9 * 4
    assert len(grid_of("table3_5m", "ptb")) == 840 * 9


@pytest.mark.parametrize("grid", [SYNTHETIC, grid_of("table3_20m", "ptb"), SMALL])
def test_a_grid_holds_each_of_its_settings_once(grid: Grid) -> None:
    settings = list(grid)
    assert len(settings) == len(set(settings)) == len(grid)
    assert all(setting in grid for setting in settings)
    assert len({setting.shape for setting in settings}) == grid.shapes


def test_a_grid_has_the_papers_values() -> None:
    found = {name: {getattr(s, name) for s in SYNTHETIC} for name in vars(SYNTHETIC)}
    assert found == {
        "scale": {0.3, 0.7, 1, 1.4, 2, 2.8},
        "rate": {0.1, 0.2, 0.3, 0.5, 1, 2, 5},
        "clip": {1, 2.5, 5, 10, 20},
        "num_layers": {1, 2, 3, 4},
        "parameters": {250_000, 1_000_000},
        "dropout": {0},
        "constant_epochs": {None},
        "decay": {None},
    }


def test_a_setting_off_the_grid_is_not_in_it() -> None:
    assert Setting(1, 0.1, 1, 1, 1000) in SMALL
    assert Setting(1.5, 0.1, 1, 1, 1000) not in SMALL
    assert Setting(1, 0.1, 1, 1, 1000, dropout=0.5) not in SMALL
    assert "gru" not in SMALL


@pytest.mark.parametrize(
    ("values", "message"),
    [((), "rate of a grid needs at least one value"), ((1.0, 1.0), "repeats a value")],
)
def test_a_grid_of_nothing_or_with_repeats_is_refused(
    values: tuple[float, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        dataclasses.replace(SMALL, rate=values)


@given(
    seed=st.integers(0, 2**32),
    few=st.integers(0, 12),
    more=st.integers(0, 20),
    excluded=st.sets(st.sampled_from(SMALL.settings)),
)
def test_draws_never_repeat_and_fewer_are_the_first_of_more(
    seed: int, few: int, more: int, excluded: set[Setting]
) -> None:
    few, more = sorted((few, more))
    short = draw(SMALL, few, np.random.default_rng(seed), excluded)
    long = draw(SMALL, more, np.random.default_rng(seed), excluded)
    assert long[: len(short)] == short
    assert len(long) == len(set(long)) == min(more, 12 - len(excluded))
    assert not excluded & set(long)


def test_draws_are_uniform() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(draw(SMALL, 1, rng)[0] for _ in range(6000))
    expected = dict.fromkeys(SMALL, 1 / 12)
    assert chi_square(counts, expected, 6000) < 31.3  # 0.999 quantile, 11 degrees


def chi_square(
    counts: Counter[Setting], expected: dict[Setting, float], draws: int
) -> float:
    assert set(counts) <= set(expected)
    return sum((counts[s] - draws * p) ** 2 / (draws * p) for s, p in expected.items())


def test_a_parent_with_more_than_420_settings_hands_on_its_100_best() -> None:
    tried = SYNTHETIC.settings[:421]
    parent, random = inheritance_parts(
        SYNTHETIC.settings, tried, SYNTHETIC.settings[500:]
    )
    assert (parent.name, parent.weight) == ("parent", 0.8)
    assert tuple(parent.settings) == tried[:100]
    assert (random.name, random.weight) == ("random", 0.2)
    assert tuple(random.settings) == SYNTHETIC.settings


def test_exactly_420_settings_are_not_more() -> None:
    tried, good = SYNTHETIC.settings[:420], SYNTHETIC.settings[500:700]
    random, baselines, parent = inheritance_parts(SYNTHETIC.settings, tried, good)
    assert [random.weight, baselines.weight, parent.weight] == [1 / 3] * 3
    assert tuple(random.settings) == SYNTHETIC.settings
    assert tuple(baselines.settings) == good[:100]
    assert tuple(parent.settings) == tried  # all that were tried, good or bad


def test_a_setting_counts_once_however_often_it_was_tried() -> None:
    one, two, three = SMALL.settings[:3]
    rule = Inheritance(many=2, best=2)
    parts = inheritance_parts(
        SMALL.settings, [one, two, one], [three, one, three, two], rule
    )
    assert [part.name for part in parts] == ["random", "baselines", "parent"]
    assert parts[1].settings == (three, one)
    assert parts[2].settings == (one, two)


def probabilities(
    parts: Sequence[Part[Setting]], exclude: Collection[Setting] = ()
) -> Mapping[Setting, float]:
    """The probability of each setting in the first draw of `inherit`."""
    free = [
        source._replace(settings=[s for s in source.settings if s not in exclude])
        for source in parts
    ]
    free = [source for source in free if source.settings]
    total = sum(source.weight for source in free)
    found: dict[Setting, float] = {}
    for source in free:
        share = source.weight / total / len(source.settings)
        for setting in source.settings:
            found[setting] = found.get(setting, 0.0) + share
    return found


def test_probabilities_are_those_computed_by_hand() -> None:
    settings = SMALL.settings
    parts = inheritance_parts(SMALL.settings, settings[:2], settings[1:4])
    found = probabilities(parts)
    third = 1 / 3
    assert found[settings[0]] == pytest.approx(third / 12 + third / 2)
    assert found[settings[1]] == pytest.approx(third / 12 + third / 3 + third / 2)
    assert found[settings[3]] == pytest.approx(third / 12 + third / 3)
    assert found[settings[11]] == pytest.approx(third / 12)
    assert sum(found.values()) == pytest.approx(1)


def test_an_exhausted_source_gives_its_weight_to_the_others() -> None:
    settings = SMALL.settings
    parts = inheritance_parts(SMALL.settings, settings[:2], settings[1:4])
    found = probabilities(parts, exclude=settings[:2])
    assert set(found) == set(settings[2:])
    assert found[settings[2]] == pytest.approx(1 / 2 / 10 + 1 / 2 / 2)
    assert found[settings[9]] == pytest.approx(1 / 2 / 10)


@pytest.mark.parametrize("excluded", [0, 2, 5])
def test_first_draws_follow_the_probabilities(excluded: int) -> None:
    settings = SMALL.settings
    parts = inheritance_parts(SMALL.settings, settings[:2], settings[1:8])
    exclude = frozenset(settings[:excluded])
    rng = np.random.default_rng(1)
    counts = Counter(inherit(parts, 1, rng, exclude)[0] for _ in range(6000))
    expected = dict(probabilities(parts, exclude))
    assert chi_square(counts, expected, 6000) < 31.3


def test_eighty_percent_come_from_the_best_of_a_well_known_parent() -> None:
    rule = Inheritance(many=3, best=2)
    settings = SMALL.settings
    parts = inheritance_parts(SMALL.settings, settings[:4], (), rule)
    rng = np.random.default_rng(2)
    draws = [inherit(parts, 1, rng)[0] for _ in range(4000)]
    share = sum(setting in settings[:2] for setting in draws) / len(draws)
    assert share == pytest.approx(0.8 + 0.2 * 2 / 12, abs=0.02)


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 20),
    parent=st.lists(st.sampled_from(SMALL.settings), max_size=12),
    baselines=st.lists(st.sampled_from(SMALL.settings), max_size=12),
    excluded=st.sets(st.sampled_from(SMALL.settings)),
)
def test_inherited_settings_never_repeat_and_never_run_out_early(
    seed: int,
    count: int,
    parent: list[Setting],
    baselines: list[Setting],
    excluded: set[Setting],
) -> None:
    parts = inheritance_parts(SMALL.settings, parent, baselines)
    found = inherit(parts, count, np.random.default_rng(seed), excluded)
    assert len(found) == len(set(found)) == min(count, 12 - len(excluded))
    assert not excluded & set(found)
    assert found == inherit(parts, count, np.random.default_rng(seed), excluded)
