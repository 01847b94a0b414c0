"""Affine and diagonal cells: no product in a loop; states as an associative scan."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from cells import (
    ZOO,
    Cell,
    ScanForm,
    StateClass,
    canonical,
    lower,
    mutate,
    parse_named,
    state_class,
)
from cells.scan.affine import linear_recurrence
from cells.scan.apart import is_apart
from cells.scan.split import make_split
from tests.cells.test_scan import (
    assert_close,
    assert_scan_equals_step,
    compiled,
    loss_of,
    problem,
)
from tests.support.in_numpy import in_numpy

LOOP, APART, TREE = ScanForm
STEPS = 4
AFFINE = ("min_lstm", "qrnn")
DIAGONAL = ("indrnn", "sru", "brc")
TEXTS = (
    """
def after(x, h, c):
    c_new = c + sigmoid(linear(x)) * (linear(x) - c)
    return tanh(linear(c_new) + linear(x)) * linear(c_new) + linear(c), c_new
""",
    """
def triangle(x, h, c, m):
    m_new = scale(m) - linear(x)
    c_new = sigmoid(linear(x)) * (c - m) + m_new
    return linear(x) - (h - c_new) * tanh(linear(x)) + x * m, c_new, m_new
""",
    """
def delay(x, h, c, m):
    return rms_norm(m) * linear(c), m, x
""",
    """
def shared(x, h, c):
    gate = sigmoid(linear(x) + scale(c))
    c_new = gate * c + tanh(linear(x))
    return linear(gate) * sin(c_new) + relu(linear(c)), c_new
""",
    """
def alone(x, h, c):
    return h * sigmoid(linear(x)) + c, c + tanh(linear(x))
""",
)
CRAFTED = dict(parse_named(text) for text in TEXTS)
KNOWN = {name: ZOO[name] for name in AFFINE + DIAGONAL} | CRAFTED


def descendants(kinds: set[StateClass], count: int) -> Iterator[Cell]:
    """Random cells of these classes: mutants of mutants of known ones."""
    rng, pool = np.random.default_rng(0), list(KNOWN.values())
    found = dict[Cell, None]()
    while len(found) < count:
        parent = pool[rng.integers(len(pool))]
        cell = canonical(mutate(parent, rng, ops="extended", edits=(1, 3)).cell)
        fits = 2 < len(cell.nodes) < 25
        if fits and state_class(cell) in kinds and cell not in found:
            found[cell] = None
            pool.append(cell)
    yield from found


def longer(cell: Cell, form: ScanForm | None, dtype: Any = jnp.float64) -> Any:
    """A problem of more steps, and of more positions than rows."""
    _, params, carry, table, _ = problem(cell, dtype)
    tokens = np.random.default_rng(1).integers(0, len(table), (STEPS, len(carry[0])))
    return lower(cell, form), params, carry, table, jnp.asarray(tokens, jnp.int32)


def products_in_loops(cell: Cell, form: ScanForm) -> tuple[int, int]:
    """Matrix products inside loops, and loops, in a scan's value and gradient."""
    layer, params, carry, table, tokens = longer(cell, form, jnp.float32)
    loss = jax.value_and_grad(partial(loss_of, layer.scan_tokens), (0, 1, 2))
    counts = [0, 0]
    pending = [(jax.make_jaxpr(loss)(params, carry, table, tokens).jaxpr, False)]
    while pending:
        jaxpr, inside = pending.pop()
        for equation in jaxpr.eqns:
            looped = equation.primitive.name in ("scan", "while")
            counts[0] += inside and equation.primitive.name == "dot_general"
            counts[1] += looped
            within = jaxprs_in_params(equation.params)
            pending += [(each, inside or looped) for each in within]
    return counts[0], counts[1]


@pytest.mark.parametrize("name", KNOWN)
def test_no_product_stands_in_a_loop(name: str) -> None:
    cell = KNOWN[name]
    assert products_in_loops(cell, APART)[0] == 0
    products, loops = products_in_loops(cell, TREE)
    assert products == 0
    assert (loops == 0) == (state_class(cell) is StateClass.AFFINE)
    assert products_in_loops(ZOO["gru"], LOOP)[0] > 0


def test_no_product_stands_in_a_loop_of_random_cells() -> None:
    for cell in descendants({StateClass.AFFINE, StateClass.DIAGONAL}, 30):
        assert products_in_loops(cell, APART)[0] == 0, cell


@pytest.mark.parametrize("form", [APART, TREE])
@pytest.mark.parametrize("name", KNOWN)
def test_both_forms_equal_step(name: str, form: ScanForm) -> None:
    with jax.enable_x64(True):
        assert_scan_equals_step(longer(KNOWN[name], form))


@pytest.mark.parametrize("form", [APART, TREE])
def test_both_forms_equal_step_for_random_cells(form: ScanForm) -> None:
    kinds = {StateClass.AFFINE} | ({StateClass.DIAGONAL} if form is APART else set())
    with jax.enable_x64(True):
        for cell in descendants(kinds, 9 if form is TREE else 8):
            assert_scan_equals_step(longer(cell, form))


@pytest.mark.parametrize(
    ("name", "form"),
    [("after", APART), ("after", TREE), ("triangle", TREE), ("qrnn", TREE)],
)
def test_both_forms_equal_step_if_they_are_compiled(name: str, form: ScanForm) -> None:
    with jax.enable_x64(True):
        assert_scan_equals_step(longer(KNOWN[name], form), compiled)


def unrolled(a: Any, b: Any, first: Any) -> Any:
    """h_t = a_t h_(t-1) + b_t in NumPy, one step after the other."""
    states = []
    for left, right in zip(a, b, strict=True):
        first = left * first + right
        states.append(first)
    return np.stack(states)


def test_an_associative_scan_is_as_near_as_rounding_allows() -> None:
    steps, rng = 200, np.random.default_rng(0)
    a = rng.uniform(-1.02, 1.02, (steps, 2, 3)).astype(np.float32)
    b, weights = rng.normal(size=(2, *a.shape)).astype(np.float32)
    first = rng.normal(size=a.shape[1:]).astype(np.float32)

    def total(*args: jax.Array) -> jax.Array:
        return jnp.sum(weights * linear_recurrence(*args))

    # Before a step stands the state before it; cotangents come from the last step on.
    def by_hand(a: Any, b: Any, first: Any, weights: Any) -> Any:
        states = unrolled(a, b, first)
        following = np.concatenate([a[1:], np.zeros_like(a[:1])])
        pulled = unrolled(following[::-1], weights[::-1], np.zeros_like(first))[::-1]
        before = np.concatenate([first[None], states[:-1]])
        return states, pulled * before, pulled, a[0] * pulled[0]

    args = tuple(jnp.asarray(each) for each in (a, b, first))
    found = (
        jax.jit(linear_recurrence)(*args),
        *jax.jit(jax.grad(total, (0, 1, 2)))(*args),
    )
    exact = by_hand(*(each.astype(np.float64) for each in (a, b, first, weights)))
    # A state is a sum of at most T + 1 products of at most T + 1 numbers: in any order
    # of evaluation 2 T + 2 roundings of 2**-24 of the sum of their sizes, to first
    # order. A cotangent of a is a product of two such.
    size = by_hand(*(abs(each.astype(np.float64)) for each in (a, b, first, weights)))
    for one, other, bound, count in zip(found, exact, size, (1, 2, 1, 1), strict=True):
        allowed = count * (2 * steps + 3) * 2.0**-24 * 1.01 * bound
        assert (np.abs(np.asarray(one, np.float64) - other) <= allowed).all()


def test_the_platform_decides_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ScanForm.default() is LOOP
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert ScanForm.default() is TREE


def test_dense_cells_and_those_without_products_keep_their_loop() -> None:
    for name, cell in ZOO.items():
        split, kind = make_split(cell), state_class(cell)
        assert not is_apart(split, APART), name
        assert is_apart(split, TREE) == (kind is StateClass.AFFINE), name
    after = make_split(CRAFTED["after"])
    assert [is_apart(after, form) for form in ScanForm] == [False, True, True]


def test_an_associative_scan_in_lanes_and_in_bfloat16() -> None:
    layer, params, carry, table, tokens = longer(CRAFTED["after"], TREE, jnp.float32)
    gradient = jax.grad(partial(loss_of, layer.scan_tokens))
    several = jax.tree.map(lambda array: jnp.stack([array, 1.1 * array]), params)
    lanes = jax.jit(jax.vmap(gradient, (0, None, None, None)))
    alone = in_numpy(gradient, params, carry, table, tokens)
    both = lanes(several, carry, table, tokens)
    assert_close(jax.tree.map(lambda array: array[0], both), alone, 1e-5)

    low = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (params, carry, table))
    _, expected = in_numpy(layer.scan_tokens, params, carry, table, tokens)
    _, outputs = jax.jit(layer.scan_tokens)(*low, tokens)
    assert outputs.dtype == jnp.bfloat16
    np.testing.assert_allclose(outputs.astype(jnp.float32), expected, atol=0.05)
