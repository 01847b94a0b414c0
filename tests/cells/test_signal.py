"""What is left of an input some steps later, against what cells are known to keep."""

import math

import numpy as np
import pytest
from hypothesis import given

from cells import ZOO, parse, signal
from cells.untrained.signal import _signal
from tests.support.strategies import cells

SUM = parse("def f(x, h):\n    return x + h")


def test_what_only_adds_keeps_all_and_what_forgets_nothing():
    assert signal(SUM, 1.0) == pytest.approx(1, rel=1e-12)
    doubled = parse("def f(x, h):\n    return x + h + h")
    assert signal(doubled, 1.0) == pytest.approx(2**5, rel=1e-12)
    assert signal(parse("def f(x, h):\n    return tanh(linear(x))"), 1.0) == 0.0


def test_a_linear_recurrence_keeps_what_its_matrices_do():
    """Of U[-s, s] with s = k / sqrt(H), a step leaves k / sqrt(3) of the size."""
    cell = parse("def f(x, h):\n    return x + linear(h)")
    for scale in (0.5, 1.0, 2.0):
        expected = (scale / math.sqrt(3)) ** 5
        assert signal(cell, scale) == pytest.approx(expected, rel=0.2)


def test_weights_that_are_twice_as_large_carry_more():
    small, large = (signal(ZOO["tanh"], scale) for scale in (1.0, 2.0))
    assert small < large


def test_a_way_that_biases_of_zero_keep_shut_counts():
    """h is zero until a bias has moved."""
    shut = parse("def f(x, h):\n    return tanh(linear(x) + h) * linear(h)")
    assert 0 < signal(shut, 1.0) < 1e-2


def test_what_leaves_the_range_of_numbers_is_no_faint_signal():
    cell = parse("def f(x, h):\n    n = x + linear(h, bias=9999)\n    return n * n * n")
    assert signal(cell, 1.0) == math.inf


def test_published_cells_that_memorize_are_heard():
    memorize = ("lstm", "gru", "mut1", "mut2", "mut3", "tanh", "atr", "cfn", "mlstm")
    assert all(signal(ZOO[name], 1.0) > 1e-3 for name in memorize)
    assert signal(ZOO["mrnn"], 1.0) < 1e-6  # at chance after 1,800 updates


@given(cells(max_nodes=25, max_states=3))
def test_the_answer_is_a_function_of_the_cell(cell):
    first = signal(cell, 1.0)
    _signal.cache_clear()
    assert np.array_equal(signal(cell, 1.0), first)
    assert first >= 0
