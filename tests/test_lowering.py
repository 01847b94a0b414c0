"""The fast scan computes what `step` computes, and `step` what the notation says."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from cells import Cell, lower
from tests.strategies import cells

T, B, H, V = 5, 3, 4, 7


def by_steps(layer: Any, params: Any, carry: Any, inputs: jax.Array) -> Any:
    """The reference: `step`, one position after the other."""
    outputs = []
    for x in inputs:
        carry, output = layer.step(params, carry, x)
        outputs.append(output)
    return carry, jnp.stack(outputs)


def loss_of(run: Any, *args: Any) -> jax.Array:
    """A scalar in which every output and final state has its own weight."""
    carry, outputs = run(*args)
    total = jnp.zeros((), outputs.dtype)
    for array in (outputs, *carry):
        weights = jnp.cos(jnp.arange(array.size, dtype=array.dtype))
        total = total + jnp.sum(jnp.tanh(array) * weights.reshape(array.shape))
    return total


def problem(cell: Cell, seed: int = 0) -> tuple[Any, ...]:
    """A layer with random weights, biases, states and inputs, in float64."""
    layer = lower(cell)
    rng = np.random.default_rng(seed)
    params = layer.init(jax.random.key(seed), H, 0.7, jnp.float64)
    params = jax.tree.map(lambda a: a + 0.1 * rng.normal(size=a.shape), params)
    carry = tuple(
        jnp.asarray(rng.normal(size=(B, H)) * 0.5) for _ in range(cell.num_states)
    )
    table = jnp.asarray(rng.normal(size=(V, H)) * 0.5)
    tokens = jnp.asarray(rng.integers(0, V, (T, B)), jnp.int32)
    return layer, params, carry, table, tokens


@pytest.fixture
def x64() -> Any:
    with jax.enable_x64(True):
        yield


def assert_close(got: Any, expected: Any) -> None:
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        if np.all(np.isfinite(b)):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def check_scan_equals_step(cell: Cell) -> None:
    layer, params, carry, table, tokens = problem(cell)
    inputs = table[tokens]
    expected = by_steps(layer, params, carry, inputs)
    if not all(np.all(np.abs(a) < 1e6) for a in jax.tree.leaves(expected)):
        return
    assert_close(layer.scan(params, carry, inputs), expected)
    assert_close(layer.scan_tokens(params, carry, table, tokens), expected)
    reference = partial(loss_of, partial(by_steps, layer))
    d_reference = jax.grad(reference, (0, 1, 2))(params, carry, inputs)
    fast = partial(loss_of, layer.scan)
    assert_close(jax.grad(fast, (0, 1, 2))(params, carry, inputs), d_reference)
    by_row = jax.grad(partial(loss_of, layer.scan_tokens), (0, 1, 2))
    d_params, d_carry, d_table = by_row(params, carry, table, tokens)
    assert_close((d_params, d_carry), d_reference[:2])
    summed = np.zeros((V, H))
    np.add.at(summed, np.asarray(tokens), np.asarray(d_reference[2]))
    assert_close(d_table, summed)


@settings(max_examples=25)
@given(cell=cells(ops="paper"))
def test_scan_equals_step_for_random_paper_cells(cell: Cell) -> None:
    with jax.enable_x64(True):
        check_scan_equals_step(cell)


@settings(max_examples=25)
@given(cell=cells(ops="extended"))
def test_scan_equals_step_for_random_extended_cells(cell: Cell) -> None:
    with jax.enable_x64(True):
        check_scan_equals_step(cell)
