"""The dead test rejects what cannot learn, and nothing that ever reacts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells import OP_SETS, ZOO, Cell, Dead, canonical, dead, parse, response
from tests.support.interpreter import random_params, run
from tests.support.strategies import SEEDS, Builder, cells, mutants

SETS = sorted(OP_SETS)
any_cell = st.one_of(*(cells(ops) for ops in SETS), *(mutants(ops) for ops in SETS))


def cell_of(body: str, states: str = "h") -> Cell:
    return parse(f"def cell(x, {states}):\n    return {body}\n")


def reacts(cell: Cell, seed: int) -> bool:
    """Whether inputs of the first 20 steps show in the outputs of the next 20."""
    rng = np.random.default_rng(seed)
    params = random_params(cell, 6, rng, scale=float(rng.choice([0.5, 1, 2, 4])))
    first, second = rng.normal(size=(2, 40, 3, 6))
    second[20:] = first[20:]
    with np.errstate(all="ignore"):
        one, other = run(cell, params, first)[20:], run(cell, params, second)[20:]
        # Larger than what rounding does to values that cancel.
        gap = np.abs(one - other) > 1e-6 * (1 + np.abs(one) + np.abs(other))
        sound = np.isfinite(one) & np.isfinite(other)
        tame = (np.abs(one) < 1e3) & (np.abs(other) < 1e3)
    return bool((gap & sound & tame).any())


@given(any_cell, st.integers(0, 2**32 - 1))
def test_a_cell_that_reacts_is_never_rejected(cell, seed):
    form = canonical(cell)
    if reacts(form, seed):
        assert dead(form) is None
        assert dead(cell) is None


@given(any_cell)
def test_a_dead_cell_is_dead_in_canonical_form(cell):
    if dead(cell) is not None:
        assert dead(canonical(cell)) is not None


@pytest.mark.parametrize("name", sorted(ZOO))
def test_published_cells_are_alive(name):
    assert dead(ZOO[name]) is None
    assert dead(canonical(ZOO[name])) is None


@pytest.mark.parametrize(
    ("body", "states", "missing"),
    [
        ("tanh(linear(h))", "h", "input"),
        ("c, tanh(linear(c))", "h, c", "input"),
        ("x - x + linear(h)", "h", "input"),
        ("linear(x)", "h", "past"),
        ("tanh(x) + c, linear(c)", "h, c", "past"),
        ("tanh(x) * (h - h) + x", "h", "past"),
        # What remembers x never reaches the output.
        ("tanh(x) + x, tanh(x + c) * h", "h, c", "past"),
        # The second state stays zero.
        ("tanh(x) + c * h, c * linear(h)", "h, c", "past"),
        ("x * relu(c), tanh(c)", "h, c", "input"),
        ("tanh(h) * linear(x)", "h", "input"),
        ("minimum(h * x, h * h * sigmoid(x))", "h", "input"),
    ],
)
def test_cells_without_a_path_are_structurally_dead(body, states, missing):
    cell = cell_of(body, states)
    assert dead(cell) == Dead("structural", missing)
    assert dead(canonical(cell)) == Dead("structural", missing)


@pytest.mark.parametrize(
    ("body", "states", "missing"),
    [
        ("relu(h - h - sigmoid(linear(x) + h))", "h", "input"),
        ("minimum(h, softplus(x))", "h", "input"),
        ("linear(x) + relu(h - h - sigmoid(x + h))", "h", "past"),
        # One state moves, and the other rests at zero whatever it does.
        ("minimum(h, softplus(x * c)), tanh(linear(x + c))", "h, c", "input"),
    ],
)
def test_cells_without_a_response_are_numerically_dead(body, states, missing):
    cell = cell_of(body, states)
    assert dead(cell) == Dead("numerical", missing)
    assert dead(canonical(cell)) == Dead("numerical", missing)


def chain(length: int) -> Cell:
    """x takes as many steps as there are states to reach the output."""
    builder = Builder(length)
    last = builder("tanh", builder("linear", 0))
    return builder.cell(*range(2, length + 1), last)


def gate_after(doublings: int) -> Cell:
    """The output opens after 2 ** doublings steps, counted in a state."""
    builder = Builder(2)
    one = builder("one")
    threshold = one
    for _ in range(doublings):
        threshold = builder("add", threshold, threshold)
    count = builder("add", 2, one)
    gate = builder("relu", builder("subtract", count, threshold))
    memory = builder("tanh", builder("add", builder("linear", 0), 1))
    return builder.cell(builder("multiply", gate, memory), count)


def deep(op: str, depth: int) -> Cell:
    """A tower of linears and activations over the state."""
    builder = Builder(1)
    value = builder("add", builder("linear", 0), builder("linear", 1))
    for _ in range(depth):
        value = builder(op, builder("linear", value))
    return builder.cell(value)


SLOW = {
    **{f"chain of {n}": chain(n) for n in (2, 5, 16, 40)},
    **{f"gate after {2**n} steps": gate_after(n) for n in (3, 6, 12)},
    **{f"{op} tower of {n}": deep(op, n) for op, n in [("tanh", 40), ("relu", 10)]},
    "sigmoid tower of 20": deep("sigmoid", 20),
    "needs a bias": cell_of("x * linear(h)"),
    "needs two biases": cell_of("linear(c) * linear(x), c * h + linear(h)", "h, c"),
    "toggles": cell_of(
        "p * tanh(linear(x) + h) + (one() - p) * h, one() - p", states="h, p"
    ),
    "product of gates": cell_of(
        "h + sigmoid(linear(h)) * sigmoid(linear(h)) * sigmoid(linear(h)) * "
        "sigmoid(linear(h)) * sigmoid(linear(h)) * sigmoid(linear(h)) * tanh(x)"
    ),
    "high power": cell_of("tanh(x * x * x * x * x * x * x * x + h * h * h)"),
    "threshold on x": cell_of("relu(x - one() - one() - one() - one()) + tanh(h)"),
    "mostly hidden": cell_of("maximum(linear(x) + h, softplus(x) + one() + one())"),
    "saturates": cell_of("tanh(h + h + h + h + x + x + x + x)"),
}


@pytest.mark.parametrize("name", sorted(SLOW))
def test_slow_and_rare_responses_are_alive(name):
    cell = SLOW[name]
    assert dead(cell) is None
    assert dead(canonical(cell)) is None


def test_a_run_that_is_not_finite_is_not_dead():
    stuck = "minimum(h, softplus(x * c)), {}"
    explodes = cell_of(stuck.format("c * c + one() + one()"), "h, c")
    bounded = cell_of(stuck.format("tanh(c * c + one() + one())"), "h, c")
    assert dead(explodes) is None
    assert dead(bounded) == Dead("numerical", "input")


def test_biases_of_zero_can_hide_a_response():
    cell = cell_of("x * linear(h)")
    assert response(cell, biases=False) is None
    assert response(cell) == "past"
    assert response(cell_of("x * linear(h, bias=1.0)"), biases=False) == "past"
    for seed in SEEDS:
        assert response(seed, biases=False) == "past"


@given(any_cell)
def test_the_answer_is_a_function_of_the_cell(cell):
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - it must stay as it is
    assert dead(cell) == dead(cell)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
