"""How large outputs grow, against the cell computed node by node."""

import math

from hypothesis import given

from cells import ZOO, growth, parse
from cells.untrained.growth import _growth
from tests.support.strategies import cells

GROWS = {
    "def f(x, h):\n    return x + h": 1,
    "def f(x, h):\n    return x + h + h": 9,
    "def f(x, h):\n    return linear(x) + h * h": 0,
    "def f(x, h):\n    return linear(x, bias=2) + h * linear(h, bias=3)": math.inf,
}


def test_of_published_cells_that_alone_grows_which_diverges_by_every_setting():
    grow = [name for name, cell in ZOO.items() if growth(cell) > 50]
    assert grow == ["irnn"]  # all of 48 runs by the settings of preset `quick`
    assert growth(ZOO["irnn"]) > 1e5


def test_what_adds_grows_slowly_and_what_multiplies_without_bound():
    found = [growth(parse(text)) for text in GROWS]
    assert found[0] < 50
    assert 1e8 < found[1] < 1e11  # about 2 ** 32
    assert found[3] == math.inf


def test_every_state_counts_from_zero():
    one = parse("def f(x, h, c):\n    return tanh(c), c + c + x")
    assert growth(one) == 1.0


@given(cells(max_nodes=25, max_states=3))
def test_the_answer_is_a_function_of_the_cell(cell):
    first = growth(cell)
    _growth.cache_clear()
    assert growth(cell) == first >= 0
