"""The class of a cell: what the graph says, against the Jacobian in numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells import ZOO, Cell, StateClass, canonical, mutate, parse, state_class
from tests.support.interpreter import FUNCTIONS, Array, random_params
from tests.support.strategies import cells, mutants

WIDTH = 4
MINIMAL = (
    "def a(x, h): return h + sigmoid(linear(x)) * (linear(x) - h)",
    "def b(x, h): return scale(h) + linear(x)",
    "def c(x, h): return tanh(linear(x) + scale(h))",
    "def d(x, h, c): return h * sigmoid(linear(x)) + c, c + tanh(linear(x))",
    "def e(x, h, c): return sin(h) * sigmoid(linear(x)) + c, h - linear(x)",
)
CLASSES = {
    **dict.fromkeys(("min_gru", "min_lstm", "qrnn", "t_rnn"), "affine"),
    **dict.fromkeys(("indrnn", "sru", "lrn", "brc"), "diagonal"),
    **dict.fromkeys(("tanh", "gru", "lstm", "ugrnn", "nascell", "irnn"), "dense"),
}


def new_states(cell: Cell, params: dict, x: Array, states: list[Array]) -> list[Array]:
    """One step, node by node; only what is read goes on."""
    values = [x, *states]
    for i, node in enumerate(cell.nodes):
        weights = [params[f"n{i}"]] if f"n{i}" in params else []
        function = FUNCTIONS.get(node.op, lambda: np.ones_like(x))
        values.append(function(*weights, *(values[arg] for arg in node.args)))
    read = {arg for node in cell.nodes for arg in node.args}.union(cell.outputs)
    return [values[o] for s, o in enumerate(cell.outputs, 1) if s in read]


def check_by_numbers(cell: Cell, seed: int) -> StateClass:
    """Holds the Jacobian of the new states against the class; returns the class."""
    kind, form = state_class(cell), canonical(cell)
    if kind is StateClass.DENSE:
        return kind
    rng = np.random.default_rng(seed)
    params = random_params(form, WIDTH, rng)
    x = rng.normal(size=WIDTH)
    one, other, moved = (rng.normal(size=(form.num_states, WIDTH)) for _ in range(3))

    # A feature of the states that moves leaves all others as they are, to the last bit.
    for feature in range(WIDTH):
        changed = one.copy()
        changed[:, feature] = moved[:, feature]
        rest = np.arange(WIDTH) != feature
        for old, new in zip(
            new_states(form, params, x, list(one)),
            new_states(form, params, x, list(changed)),
            strict=True,
        ):
            assert (old[rest] == new[rest]).all()

    # And where the class is affine, so is the function: the Jacobian does not vary.
    if kind is StateClass.AFFINE:
        corners = [one, one + moved, other, other + moved]
        steps = [new_states(form, params, x, list(corner)) for corner in corners]
        for a, b, c, d in zip(*steps, strict=True):
            size = 1 + max(np.abs(value).max() for value in (a, b, c, d))
            assert np.abs((b - a) - (d - c)).max() < 1e-9 * size
    return kind


@given(
    cell=st.one_of(mutants("paper"), mutants("extended"), cells(max_nodes=8)),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_the_graph_says_holds_in_numbers(cell: Cell, seed: int) -> None:
    check_by_numbers(cell, seed)


@pytest.mark.parametrize("text", MINIMAL)
def test_mutants_of_cells_without_a_matrix_on_their_states(text: str) -> None:
    rng = np.random.default_rng(0)
    cell, met = parse(_laid_out(text)), set[str]()
    for seed in range(40):
        mutant = mutate(cell, rng, ops="extended", edits=(1, 2)).cell
        met.add(check_by_numbers(mutant, seed))
    assert len(met) > 1


@pytest.mark.parametrize(("name", "kind"), CLASSES.items())
def test_published_cells_have_the_class_that_is_known_of_them(
    name: str, kind: str
) -> None:
    assert state_class(ZOO[name]) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (MINIMAL[0], "affine"),
        (MINIMAL[1], "affine"),
        (MINIMAL[2], "diagonal"),
        (MINIMAL[3], "affine"),  # c comes before h
        (MINIMAL[4], "diagonal"),
        # Each reads the other: no order of them is triangular.
        ("def f(x, h, c): return c + linear(x), h * sigmoid(linear(x))", "diagonal"),
        # h is emitted and read by nothing; c is all that is carried.
        ("def g(x, h, c): return tanh(linear(c)), scale(c) + linear(x)", "affine"),
        ("def i(x, h): return h * h + linear(x)", "diagonal"),
        # The matrix is on no path from a state to a state once terms have cancelled.
        ("def j(x, h): return scale(h) + linear(x + h - h)", "affine"),
        ("def k(x, h): return rms_norm(h) + linear(x)", "dense"),
        ("def l(x, h): return maximum(h, linear(x))", "diagonal"),
        ("def m(x, h): return h + linear(x) * relu(linear(h))", "dense"),
    ],
)
def test_small_cells(text: str, kind: str) -> None:
    assert state_class(parse(_laid_out(text))) == kind


def _laid_out(text: str) -> str:
    return text.replace(": ", ":\n    ")
