"""The cell as a value, its JSON form, its size, and the definition of valid."""

import contextlib
import pickle

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells import (
    ZOO,
    Cell,
    CellError,
    Node,
    check,
    flops,
    from_json,
    lower,
    num_params,
    to_json,
    width_for,
)
from cells.ir import linear
from tests.support.strategies import cells

TANH = Cell(1, (linear(0), linear(1), Node("add", (2, 3)), Node("tanh", (4,))), (5,))


@given(cell=cells())
def test_json_and_pickle_give_the_same_cell_back(cell: Cell) -> None:
    assert from_json(to_json(cell)) == cell
    assert pickle.loads(pickle.dumps(cell)) == cell
    assert hash(from_json(to_json(cell))) == hash(cell)
    check(cell)


@given(text=st.text(max_size=60) | st.from_regex(r'[\[\]{}:,"a-z0-9.]{0,60}'))
def test_any_text_is_a_valid_cell_or_a_cell_error(text: str) -> None:
    with contextlib.suppress(CellError):
        check(from_json(text))


@pytest.mark.parametrize(
    "text",
    [
        '{"states":1,"nodes":[[]],"outputs":[1]}',
        '{"states":1,"nodes":[["tanh"]],"outputs":[1]}',
        '{"states":true,"nodes":[],"outputs":[1]}',
        '{"states":1,"nodes":[["linear",[1],["1",0]]],"outputs":[2]}',
        '{"states":1,"nodes":[["linear",[1],[NaN,0]]],"outputs":[2]}',
        '{"states":1,"nodes":[["linear",[1],[' + "9" * 401 + ',0]]],"outputs":[2]}',
        '{"states":1,"nodes":[["tanhh",[1]]],"outputs":[2]}',
        "[" * 100_000,
        "null",
    ],
)
def test_damaged_json_is_refused(text: str) -> None:
    with pytest.raises(CellError):
        from_json(text)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (TANH._replace(num_states=0), "1 to 64 states, got 0"),
        (TANH._replace(outputs=(5, 5)), "returns as many values, got 2"),
        (TANH._replace(outputs=(6,)), "no value 6"),
        (TANH._replace(outputs=(4,)), "node n3: no output depends on it"),
        (
            Cell(1, (Node("add", (0, 1, 1)),), (2,)),
            "node n0: add takes 2 arguments, got 3",
        ),
        (Cell(1, (Node("tanh", (2,)),), (2,)), "not an input or earlier node"),
        (Cell(1, (Node("tahn", (1,)),), (2,)), "did you mean 'tanh'?"),
        (Cell(1, (Node("linear", (1,)),), (2,)), "linear has 2 attributes, got 0"),
        (Cell(1, (linear(1, float("inf")),), (2,)), "must be finite"),
        (Cell(1, (Node("tanh", (1,)),) * 1001, (2,)), "at most 1000 nodes, got 1001"),
    ],
)
def test_an_invalid_cell_is_refused_by_name(cell: Cell, message: str) -> None:
    with pytest.raises(CellError) as caught:
        check(cell)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ZOO)
def test_num_params_counts_what_init_makes(name: str) -> None:
    params = lower(ZOO[name]).init(jax.random.key(0), 6)
    count = sum(a.size for a in jax.tree.leaves(params))
    assert num_params(ZOO[name], 6) == count
    model = num_params(ZOO[name], 6, num_layers=2, num_inputs=9, num_outputs=5)
    assert model == 2 * count + 9 * 6 + (6 + 1) * 5


@given(budget=st.integers(200, 5_000_000), layers=st.integers(1, 4))
def test_width_for_a_budget_is_the_largest_that_fits(budget: int, layers: int) -> None:
    sizes = {"num_layers": layers, "num_inputs": 27, "num_outputs": 27}
    width = width_for(ZOO["lstm"], budget, **sizes)
    assert num_params(ZOO["lstm"], width, **sizes) <= budget
    assert num_params(ZOO["lstm"], width + 1, **sizes) > budget


def test_a_budget_that_no_width_fits_is_refused() -> None:
    with pytest.raises(CellError, match="no width fits a budget of 10 parameters"):
        width_for(ZOO["lstm"], 10)


def test_flops_of_an_lstm_are_those_of_its_products_and_elements() -> None:
    lstm, width = ZOO["lstm"], 100
    elements = len(lstm.nodes)
    assert flops(lstm, width) == 8 * 2 * width**2 + elements * width
    assert flops(lstm, width, training=True) == 3 * flops(lstm, width)
