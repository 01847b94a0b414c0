"""What a metric says of values: which is better, and ratios to a base."""

import math

import pytest

from tasks import ACCURACY, TOKEN_NLL


def test_more_is_better_of_an_accuracy_and_less_of_a_loss() -> None:
    assert ACCURACY.better(0.6, 0.5)
    assert TOKEN_NLL.better(0.5, 0.6)
    assert not ACCURACY.better(0.5, 0.5)
    assert not TOKEN_NLL.better(0.5, 0.5)


@pytest.mark.parametrize("metric", [ACCURACY, TOKEN_NLL])
def test_a_failure_is_worse_than_any_value(metric) -> None:
    assert metric.better(1e300, math.nan)
    assert metric.better(-1e300, math.nan)
    assert not metric.better(math.nan, math.nan)
    assert metric.oriented(math.nan) == -math.inf
    assert metric.ratio(math.nan, 0.5) == 0


def test_ratios_are_above_one_where_a_value_is_better() -> None:
    assert ACCURACY.ratio(0.6, 0.5) == 0.6 / 0.5
    assert TOKEN_NLL.ratio(0.6, 0.5) == 0.5 / 0.6
    assert TOKEN_NLL.ratio(0.0, 0.5) == math.inf
    with pytest.raises(ZeroDivisionError):
        ACCURACY.ratio(0.5, 0.0)
