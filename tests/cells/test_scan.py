"""The fast scan computes what `step` computes, and `step` what the notation says."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from jax.flatten_util import ravel_pytree

from cells import ZOO, Cell, canonicalize, lower, parse, parse_named
from cells.scan.hoisted import take_rows
from tests.support.in_numpy import in_numpy
from tests.support.interpreter import random_params, run
from tests.support.strategies import cells, mutants

T, B, H, V = 3, 2, 3, 5
NESTED = "def nested(x, a, b):\n    return a - (linear(x) - (linear(a) + linear(b))), a"
BOTH = """
def both(x, a, b):
    p = tanh(linear(a) + linear(b) + linear(x))
    q = sigmoid(linear(a) + linear(b))
    return p * q + x, q - linear(a) * b
"""
ODD = """
def odd(x, h, c):
    u = linear(tanh(x)) + x
    s = linear(h)
    return softplus(s + u) * silu(s) + rms_norm(c), scale(c) + maximum(s, sin(h))
"""
SIGNED = """
def signed(x, h):
    return tanh(linear(h) - h * x) - (linear(x) - relu(h * x - linear(h)))
"""
VARIED = ("gru", "mut3", "gru_reset_after", "lstm_peephole", "nascell", "lem")
CRAFTED = dict(parse_named(text) for text in (NESTED, BOTH, ODD, SIGNED))


def by_steps(layer: Any, params: Any, carry: Any, inputs: jax.Array) -> Any:
    """The reference: `step`, one position after the other."""
    outputs = []
    for x in inputs:
        carry, output = layer.step(params, carry, x)
        outputs.append(output)
    return carry, jnp.stack(outputs)


def loss_and_results(run: Any, *args: Any) -> tuple[jax.Array, Any]:
    """A scalar in which every output and final state has its own weight; and these."""
    carry, outputs = run(*args)
    total = jnp.zeros((), outputs.dtype)
    for array in (outputs, *carry):
        weights = jnp.cos(jnp.arange(array.size, dtype=array.dtype))
        total = total + jnp.sum(jnp.tanh(array) * weights.reshape(array.shape))
    return total, (carry, outputs)


def loss_of(run: Any, *args: Any) -> jax.Array:
    """The scalar alone."""
    return loss_and_results(run, *args)[0]


def answers(run: Any, *args: Any) -> Any:
    """Results and gradients of a scan; `args` are constants."""

    def found(*given: Any) -> Any:
        whole = partial(loss_and_results, lambda *each: run(*each, *args))
        gradient, results = jax.grad(whole, (0, 1, 2), has_aux=True)(*given)
        return results, gradient

    return found


def problem(cell: Cell, dtype: Any = jnp.float64, width: int = H) -> tuple[Any, ...]:
    """A layer with random weights, biases, states and inputs."""
    layer = lower(cell)
    rng = np.random.default_rng(len(cell.nodes))

    def draw(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape) * 0.5, dtype)

    drawn = random_params(cell, width, rng, 0.7)
    params = jax.tree.map(lambda array: jnp.asarray(array, dtype), drawn)
    carry = tuple(draw(B, width) for _ in range(cell.num_states))
    tokens = jnp.asarray(rng.integers(0, V, (T, B)), jnp.int32)
    return layer, params, carry, draw(V, width), tokens


@pytest.fixture
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def tame(arrays: Any) -> bool:
    """Whether nothing is so large that rounding would decide."""
    return all(np.all(np.abs(a) < 1e4) for a in jax.tree.leaves(arrays))


def assert_close(got: Any, expected: Any, rtol: float = 1e-7) -> None:
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * 1e-2)


def assert_scan_equals_step(problem: Any, carry_out: Any = in_numpy) -> None:
    """The fast scans against `step`, value and gradient, carried out in some way.

    One is given weights by node, the other packed ones.
    """
    layer, params, carry, table, tokens = problem
    tokens = np.asarray(tokens)
    inputs = np.asarray(table)[tokens]
    slow = answers(partial(by_steps, layer))
    values, gradients = in_numpy(slow, params, carry, inputs)
    if not tame((values, gradients)):
        return

    def fast(
        params: Any, packed: Any, carry: Any, table: jax.Array, inputs: jax.Array
    ) -> Any:
        by_token = answers(layer.scan_tokens, tokens)
        return (
            answers(layer.scan)(params, carry, inputs),
            by_token(packed, carry, table),
            layer.scan_tokens(params, carry, table, tokens),  # nothing kept
        )

    found = carry_out(fast, params, layer.pack(params), carry, table, inputs)
    by_row = np.zeros(table.shape)
    np.add.at(by_row, tokens, gradients[2])
    expected = (values, (layer.pack(gradients[0]), gradients[1], by_row))
    assert_close(found, ((values, gradients), expected, values))


def compiled(function: Any, *args: Any) -> Any:
    return jax.jit(function)(*args)


@settings(max_examples=7)
@given(cell=cells(ops="paper"))
def test_scan_equals_step_for_random_paper_cells(cell: Cell) -> None:
    with jax.enable_x64(True):
        assert_scan_equals_step(problem(cell))


@settings(max_examples=8)
@given(cell=cells(ops="extended"))
def test_scan_equals_step_for_random_extended_cells(cell: Cell) -> None:
    with jax.enable_x64(True):
        assert_scan_equals_step(problem(cell))


@pytest.mark.parametrize("name", [*CRAFTED, *VARIED])
@pytest.mark.usefixtures("x64")
def test_scan_equals_step_for_published_and_crafted_cells(name: str) -> None:
    assert_scan_equals_step(problem({**ZOO, **CRAFTED}[name]))


@pytest.mark.parametrize("name", ["lstm_b", "nascell"])
@pytest.mark.usefixtures("x64")
def test_compiled_scan_equals_step(name: str) -> None:
    assert_scan_equals_step(problem(ZOO[name]), compiled)


@settings(max_examples=4)
@given(cell=mutants(ops="extended"))
def test_compiled_scan_equals_step_for_mutants(cell: Cell) -> None:
    with jax.enable_x64(True):
        assert_scan_equals_step(problem(cell), compiled)


@settings(max_examples=15)
@given(cell=cells(ops="extended"))
def test_step_equals_the_numpy_interpreter(cell: Cell) -> None:
    with jax.enable_x64(True):
        layer, params, _, table, tokens = problem(cell)
        inputs = table[tokens]
        carry = layer.initial_carry(B, H, jnp.float64)
        with jax.disable_jit():
            _, outputs = by_steps(layer, params, carry, inputs)
        arrays = jax.tree.map(np.asarray, params)
        expected = run(cell, arrays, np.asarray(inputs))
        if tame(expected):
            assert_close(outputs, expected)


@pytest.mark.parametrize("name", ["mut2", "nascell", "lstm_peephole"])
@pytest.mark.usefixtures("x64")
def test_gradients_equal_finite_differences(name: str) -> None:
    layer, params, carry, table, tokens = problem(ZOO[name])
    flat, unflatten = ravel_pytree((params, carry, table))

    def loss(flat: jax.Array) -> jax.Array:
        params, carry, table = unflatten(flat)
        return loss_of(layer.scan_tokens, params, carry, table, tokens)

    rng = np.random.default_rng(1)
    directions = jnp.asarray(rng.normal(size=(8, flat.size)))
    step = 1e-5
    value = jax.jit(jax.vmap(loss))
    ends = [value(flat[None] + sign * step * directions) for sign in (1, -1)]
    slopes = (ends[0] - ends[1]) / (2 * step)
    gradient = jax.jit(jax.grad(loss))(flat)
    np.testing.assert_allclose(directions @ gradient, slopes, rtol=1e-6)


def flax_outputs(cell: Any, params: Any, inputs: jax.Array) -> jax.Array:
    rnn = nn.RNN(cell, time_major=True)
    outputs: jax.Array = rnn.apply({"params": {"cell": params}}, inputs)
    return outputs


def gates(params: Any, names: dict[str, tuple[str, str]]) -> Any:
    """Flax's input and recurrent weights, by gate, from our nodes."""
    found = {}
    for gate, (of_x, of_h) in names.items():
        found["i" + gate] = {"kernel": params[of_x]["kernel"]}
        found["h" + gate] = dict(params[of_h])
        found["h" + gate]["bias"] = params[of_h]["bias"] + params[of_x]["bias"]
    return found


def linears(cell: Cell) -> list[str]:
    return [f"n{i}" for i, node in enumerate(cell.nodes) if node.op == "linear"]


@pytest.mark.usefixtures("x64")
def test_lstm_equals_flax_with_the_same_weights() -> None:
    layer, params, _, table, tokens = problem(ZOO["lstm"])
    names = linears(layer.cell)
    pairs = zip(names[::2], names[1::2], strict=True)  # in the order of the text
    theirs = gates(params, dict(zip("ifog", pairs, strict=True)))
    carry = layer.initial_carry(B, H, jnp.float64)
    _, ours = layer.scan_tokens(params, carry, table, tokens)
    cell = nn.OptimizedLSTMCell(H, param_dtype=jnp.float64)
    assert_close(ours, flax_outputs(cell, theirs, table[tokens]))


@pytest.mark.usefixtures("x64")
def test_gru_reset_after_equals_flax_with_the_same_weights() -> None:
    cell = ZOO["gru_reset_after"]
    layer, params, _, table, tokens = problem(cell)
    r_x, r_h, z_x, z_h, n_x, n_h = linears(cell)
    theirs = gates(params, {"r": (r_x, r_h), "z": (z_x, z_h)})
    for of_x, of_h, gate in ((r_x, r_h, "r"), (z_x, z_h, "z")):
        bias = params[of_x]["bias"] + params[of_h]["bias"]
        theirs[f"i{gate}"] = {**params[of_x], "bias": bias}
        theirs[f"h{gate}"] = {"kernel": params[of_h]["kernel"]}
    theirs |= {"in": params[n_x], "hn": params[n_h]}
    carry = layer.initial_carry(B, H, jnp.float64)
    _, ours = layer.scan_tokens(params, carry, table, tokens)
    flax_cell = nn.GRUCell(H, param_dtype=jnp.float64)
    assert_close(ours, flax_outputs(flax_cell, theirs, table[tokens]))


@pytest.mark.usefixtures("x64")
def test_gru_equals_its_equations() -> None:
    layer, params, _, table, tokens = problem(ZOO["gru"])
    names = linears(layer.cell)
    h = jnp.zeros((B, H), jnp.float64)
    outputs = []

    def product(name: str, a: jax.Array) -> jax.Array:
        bias = jnp.broadcast_to(params[name]["bias"], a.shape)
        return a @ params[name]["kernel"] + bias

    for x in table[tokens]:
        r = jax.nn.sigmoid(product(names[0], x) + product(names[1], h))
        z = jax.nn.sigmoid(product(names[2], x) + product(names[3], h))
        g = jnp.tanh(product(names[4], x) + product(names[5], r * h))
        h = z * h + (1 - z) * g
        outputs.append(h)
    carry = layer.initial_carry(B, H, jnp.float64)
    _, ours = layer.scan_tokens(params, carry, table, tokens)
    assert_close(ours, jnp.stack(outputs))


@pytest.mark.usefixtures("x64")
def test_tanh_equals_flax_with_the_same_weights() -> None:
    layer, params, _, table, tokens = problem(ZOO["tanh"])
    of_x, of_h = linears(layer.cell)
    bias = params[of_x]["bias"] + params[of_h]["bias"]
    theirs = {
        "i": {**params[of_x], "bias": bias},
        "h": {"kernel": params[of_h]["kernel"]},
    }
    carry = layer.initial_carry(B, H, jnp.float64)
    _, ours = layer.scan_tokens(params, carry, table, tokens)
    cell = nn.SimpleCell(H, param_dtype=jnp.float64)
    assert_close(ours, flax_outputs(cell, theirs, table[tokens]))


@settings(max_examples=12)
@given(cell=cells(ops="paper", max_nodes=20))
def test_the_canonical_cell_takes_the_same_gradient_steps(cell: Cell) -> None:
    found = canonicalize(cell)
    with jax.enable_x64(True):
        layer, params, _, table, tokens = problem(cell)
        mapped = {
            f"n{i}": params[f"n{found.nodes[i]}"]
            for i, node in enumerate(found.cell.nodes)
            if node.op == "linear"
        }
        other = lower(found.cell)

        def gradient(layer: Any, params: Any) -> Any:
            def loss(params: Any, table: jax.Array) -> jax.Array:
                carry = layer.initial_carry(B, H, jnp.float64)
                _, outputs = layer.scan_tokens(params, carry, table, tokens)
                return jnp.sum(jnp.tanh(outputs) * jnp.cos(outputs))

            return in_numpy(jax.value_and_grad(loss, (0, 1)), params, table)

        value, (by_weight, by_row) = gradient(layer, params)
        expected, (by_mapped, by_mapped_row) = gradient(other, mapped)
        if not tame((value, by_weight)):
            return
        kept = {
            f"n{i}": by_weight[f"n{found.nodes[i]}"]
            for i, node in enumerate(found.cell.nodes)
            if node.op == "linear"
        }
        got = (value, kept, by_row)
        assert_close(got, (expected, by_mapped, by_mapped_row), rtol=1e-6)


def test_vmap_over_params_and_over_data_equals_single_runs() -> None:
    layer, params, carry, table, tokens = problem(ZOO["lstm"], jnp.float32)
    several = jax.tree.map(lambda a: jnp.stack([a, 1.1 * a]), params)
    loss = partial(loss_of, layer.scan_tokens)
    gradient = jax.jit(jax.vmap(jax.grad(loss), (0, None, None, None)))
    single = jax.jit(jax.grad(loss))
    both = gradient(several, carry, table, tokens)
    for lane in range(2):
        one = jax.tree.map(lambda a, lane=lane: a[lane], several)
        alone = single(one, carry, table, tokens)
        assert_close(jax.tree.map(lambda a, lane=lane: a[lane], both), alone, 1e-5)
    streams = jnp.stack([tokens, tokens[::-1]])
    _, outputs = jax.vmap(layer.scan_tokens, (None, None, None, 0))(
        params, carry, table, streams
    )
    _, reversed_outputs = layer.scan_tokens(params, carry, table, tokens[::-1])
    assert_close(outputs[1], reversed_outputs, 1e-5)


@pytest.mark.parametrize("name", ["gru", "nascell"])
def test_bfloat16_stays_bfloat16_and_near_float32(name: str) -> None:
    layer, params, carry, table, tokens = problem(ZOO[name], jnp.float32, 16)
    scan = jax.jit(layer.scan_tokens)
    _, outputs = scan(params, carry, table, tokens)
    args = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (params, carry, table))
    new, low = scan(*args, tokens)
    gradient = jax.jit(jax.grad(partial(loss_of, layer.scan_tokens)))(*args, tokens)
    assert {a.dtype for a in jax.tree.leaves((new, low, gradient))} == {
        jnp.dtype(jnp.bfloat16)
    }
    np.testing.assert_allclose(low.astype(jnp.float32), outputs, atol=0.05)


def test_init_draws_as_the_paper_does() -> None:
    cell = parse(
        "def c(x, h):\n"
        "    return tanh(linear(x, diagonal=0.9) + linear(h, bias=1.0) + scale(h))"
    )
    params = lower(cell).init(jax.random.key(0), 400, 2.0)
    bound = 2.0 / 400**0.5
    kernel = np.asarray(params["n1"]["kernel"])
    assert np.abs(kernel).max() <= bound
    assert np.abs(kernel).max() > 0.99 * bound
    np.testing.assert_allclose(kernel.std(), bound / 3**0.5, rtol=0.01)
    diagonal = np.diag(params["n0"]["kernel"])
    np.testing.assert_allclose(diagonal.mean(), 0.9, atol=3 * bound / 400**0.5)
    assert np.all(np.asarray(params["n0"]["bias"]) == 0)
    assert np.all(np.asarray(params["n1"]["bias"]) == 1)
    assert {np.shape(v["scale"]) for v in params.values() if "scale" in v} == {(400,)}


def test_looking_up_many_rows_adds_gradients_row_by_row() -> None:
    table = jnp.arange(1200.0).reshape(600, 2)
    tokens = jnp.asarray([[3, 599], [3, 0]], jnp.int32)
    gradient = jax.grad(lambda t: jnp.sum(take_rows(t, tokens) ** 2))(table)
    expected = np.zeros((600, 2))
    np.add.at(expected, np.asarray(tokens), 2 * np.asarray(table)[np.asarray(tokens)])
    np.testing.assert_allclose(gradient, expected)


def test_scan_compiles_once_for_two_calls_of_one_shape() -> None:
    layer, params, carry, table, tokens = problem(ZOO["gru"], jnp.float32)
    compiled = jax.jit(layer.scan_tokens)
    compiled(params, carry, table, tokens)
    compiled(params, carry, table * 2, tokens)
    assert compiled._cache_size() == 1
