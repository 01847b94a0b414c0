"""A cell and its mirror images are one: found where they are, and nowhere else."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cells import (
    OP_SETS,
    OPS,
    PUBLISHED,
    ZOO,
    Cell,
    canonical,
    canonicalize,
    check,
    digest,
    from_json,
    lower,
    parse,
    to_json,
    to_text,
)
from cells.graph import ordered
from tests.support.identity import kept_as_grouped, mapped
from tests.support.in_numpy import by_numpy
from tests.support.interpreter import Params, random_params, run
from tests.support.mirrored import mirrored
from tests.support.strategies import SEEDS, Builder, cells, mutants

SETS = sorted(OP_SETS)
SEED = st.integers(0, 2**32 - 1)
any_cell = st.one_of(*(cells(ops, max_nodes=16) for ops in SETS), *map(mutants, SETS))


def of(body: str) -> str:
    """The digest of a cell of two states with these lines; the last one is returned."""
    *lines, result = body.split("; ")
    text = "".join(f"    {line}\n" for line in lines)
    return digest(parse(f"def cell(x, h, c):\n{text}    return {result}\n"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # A fresh linear and its negative.
        ("x - linear(h), h", "x + linear(h), h"),
        ("x - (linear(x) - linear(h)), h", "x + (linear(h) + linear(x)), h"),
        ("(x - x) - linear(h), h", "linear(h), h"),
        ("relu(x - linear(h)), h", "relu(linear(h) + x), h"),
        # The negative passes through odd ops, products, and into other linears.
        ("x - tanh(linear(h)), h", "x + tanh(linear(h)), h"),
        ("x - sin(scale(tanh(linear(h)))), h", "x + sin(scale(tanh(linear(h)))), h"),
        ("x - h * rms_norm(linear(h)), h", "x + h * rms_norm(linear(h)), h"),
        ("tanh(x - h) + c, linear(h)", "c - tanh(h - x), linear(h)"),
        ("linear(x - h), h", "linear(h - x), h"),
        ("h + linear(x - h, bias=1.0), h", "linear(h - x, bias=1.0) + h, h"),
        ("x - linear(linear(h), diagonal=1.0), h",
         "x + linear(linear(h), diagonal=1.0), h"),
        ("x + linear(x - h, diagonal=1.0), h", "x - linear(h - x, diagonal=1.0), h"),
        ("x - linear(h) * linear(h), h", "x + linear(h) * linear(h), h"),
        ("p = linear(h); x + p * p, h", "p = x - x - linear(h); x + p * p, h"),
        # All that read one value see it turned.
        ("p = linear(h); (x - p) * tanh(p), h",
         "p = linear(h); (p - p) - (x + p) * tanh(p), h"),
        ("p = linear(h); x - p * tanh(h - p), h",
         "p = linear(h); x + p * tanh(h + p), h"),
        # Extremes of negatives.
        ("x - maximum(linear(h), linear(x)), h",
         "x + minimum(linear(x), linear(h)), h"),
        ("maximum(x - h, c), h", "h - minimum(h - c - h, h - x) - h, h"),
        # States but the first.
        ("tanh(x - c), c + linear(x)", "tanh(x + c), c - linear(x)"),
        ("x * c, h - c * sigmoid(c * c)",
         "c - x * c - c, c - c - h - c * sigmoid(c * c)"),
        ("x + c * c, tanh(x + c)", "x + c * c, tanh(c - x)"),
        ("tanh(x) + c, x - h", "tanh(x) - c, h - x"),
        ("c + linear(h), x - linear(c)", "c + linear(h), linear(c) + x"),
        # Gates.
        ("one() - sigmoid(linear(x) + linear(h)), h",
         "sigmoid(linear(h) + linear(x)), h"),
        ("one() - sigmoid(x - h), h", "sigmoid(h - x), h"),
        ("tanh(x) * (one() - sigmoid(linear(h))), h",
         "tanh(x) * sigmoid(linear(h)), h"),
        ("c - c * sigmoid(linear(x)), h", "c * sigmoid(linear(x)), h"),
        ("z = sigmoid(linear(x)); h + z * (c - h), x",
         "z = sigmoid(linear(x)); c + z * (h - c), x"),
        ("z = sigmoid(linear(x)); z * h + (c - z * c), x",
         "z = sigmoid(linear(x)); z * c + (h - z * h), x"),
        ("z = sigmoid(x - h); h + z * (c - h), x",
         "z = sigmoid(h - x); c + z * (h - c), x"),
        ("z = sigmoid(linear(x)); linear(h + z * (c - h)), z",
         "z = sigmoid(linear(x)); linear(c + z * (h - c)), one() - z"),
        ("z = sigmoid(linear(x)); z * h + tanh(z), h",
         "z = sigmoid(linear(x)); h - z * h + tanh(one() - z), h"),
        ("relu(one() - sigmoid(linear(h))), h", "sigmoid(linear(h)), h"),
        ("tanh(sigmoid(linear(x)) - sigmoid(linear(h))), h",
         "tanh(one() - sigmoid(linear(h)) - sigmoid(linear(x))), h"),
    ],
)  # fmt: skip
def test_these_are_the_same(one: str, other: str) -> None:
    assert of(one) == of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x - linear(h, bias=1.0), h", "x + linear(h, bias=1.0), h"),
        ("x - linear(h, diagonal=1.0), h", "x + linear(h, diagonal=1.0), h"),
        ("linear(x - h, diagonal=1.0), h", "linear(h - x, diagonal=1.0), h"),
        ("x + linear(x - h, diagonal=1.0, bias=1.0), h",
         "x + linear(h - x, diagonal=1.0, bias=1.0), h"),
        ("x - scale(h), h", "x + scale(h), h"),
        ("relu(x - h), h", "relu(h - x), h"),
        ("silu(x - h) * c, linear(x)", "silu(h - x) * c, linear(x)"),
        ("x - relu(linear(h)), h", "x + relu(linear(h)), h"),
        ("x - linear(h) * h * relu(c), x", "x + linear(h) * relu(c), x"),
        # The first state is what the layer emits.
        ("x + tanh(h), h", "x - tanh(h), h"),
        ("x - h, h", "h - x, h"),
        # Signs that do not fit together.
        ("p = linear(x); q = linear(h); (p + q) * tanh(p + q), h",
         "p = linear(x); q = linear(h); (p + q) * tanh(p - q), h"),
        ("p = linear(h); x + p * tanh(h + p), h",
         "p = linear(h); x - p * tanh(h + p), h"),
        ("x * c, c + tanh(x)", "x * c, tanh(x) - c"),
        ("z = sigmoid(linear(x)); z * h + tanh(z), h",
         "z = sigmoid(linear(x)); z * h + tanh(one() - z), h"),
        ("z = sigmoid(x); z * h + c, linear(x)",
         "z = sigmoid(x); h - z * h + c, linear(x)"),
        ("z = sigmoid(linear(x, bias=1.0)); h + z * (c - h), x",
         "z = sigmoid(linear(x, bias=1.0)); c + z * (h - c), x"),
        ("maximum(x, linear(h)), h", "minimum(x, linear(h)), h"),
    ],
)  # fmt: skip
def test_these_are_not_the_same(one: str, other: str) -> None:
    assert of(one) != of(other)


def test_published_cells_stay_apart_but_for_the_two_that_are_one() -> None:
    """minGRU is the T-RNN with its gate turned, as the zoo's note says."""
    digests = {name: digest(cell) for name, cell in ZOO.items()}
    assert digests["t_rnn"] == digests["min_gru"]
    assert len(set(digests.values())) == len(ZOO) - 1
    assert "Up to the sign of the gate" in PUBLISHED["min_gru"].note


def test_the_gru_is_one_cell_however_its_gate_is_turned() -> None:
    swapped = """
def gru(x, h):
    r = sigmoid(linear(h) - linear(x))
    z = sigmoid(linear(x) - linear(h))
    candidate = tanh(linear(h - r * h) - linear(x))
    return h - z * (candidate + h)
"""
    assert digest(parse(swapped)) == digest(ZOO["gru"])


@given(any_cell, SEED)
def test_mirror_images_have_one_canonical_form(cell: Cell, seed: int) -> None:
    other = ordered(mirrored(cell, np.random.default_rng(seed)).cell)
    check(other)
    # Where sharing decides how sums are grouped, what is written out may change it.
    assume(not kept_as_grouped(cell) and not kept_as_grouped(other))
    assume(not has_half(canonical(cell)))
    assert canonical(other) == canonical(cell)


def has_half(cell: Cell) -> bool:
    """Whether it has a sigmoid of zero, written x - x: one less that is not found."""
    zeros = [
        cell.num_inputs + i
        for i, node in enumerate(cell.nodes)
        if node.op == "subtract" and node.args[0] == node.args[1]
    ]
    return any(n.op == "sigmoid" and n.args[0] in zeros for n in cell.nodes)


@given(any_cell, SEED)
def test_mirror_images_compute_the_same_and_so_does_the_canonical_form(
    cell: Cell, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    other = mirrored(cell, rng)
    params, inputs = random_params(cell, 3, rng), rng.normal(size=(6, 2, 3))
    form = canonical(cell)
    with np.errstate(all="ignore"):
        expected = run(cell, params, inputs)
        found = [
            run(other.cell, other.weights(params), inputs),
            run(form, mapped(cell, params), inputs),
        ]
    tame = np.cumprod((np.abs(expected) < 1e3).all(axis=(1, 2))).astype(bool)
    for got in found:
        np.testing.assert_allclose(got[tame], expected[tame], rtol=1e-6, atol=1e-8)


@given(any_cell)
def test_only_weights_that_are_drawn_symmetrically_are_turned(cell: Cell) -> None:
    form = canonicalize(cell)
    assert len(form.turned) == form.cell.num_states
    assert form.turned[0] == 1
    for node, signs in zip(form.cell.nodes, form.signs, strict=True):
        assert len(signs) == len(OPS[node.op].weights)
        if node.op == "linear":
            for start, sign in zip(node.attrs, signs, strict=True):
                assert sign == 1 or start == 0
        else:
            assert set(signs) <= {1}


@given(any_cell)
def test_the_canonical_form_reads_back_as_itself(cell: Cell) -> None:
    form = canonical(cell)
    assert parse(to_text(form)) == form
    assert from_json(to_json(form)) == form
    assert canonical(form) == form


OPTIMIZERS = {
    "sgd": optax.sgd(0.1),
    "adam": optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.01)),
    "adamw": optax.adamw(0.01, weight_decay=0.1),
}


def trained(cell: Cell, params: Params, seed: int) -> dict[str, tuple[float, Params]]:
    """For each optimizer, the loss and weights after three steps from these weights."""
    rng = np.random.default_rng(seed)
    layer = lower(cell)
    inputs, readout = (jnp.asarray(rng.normal(size=(3, 2, 3))) for _ in range(2))

    def loss_of(params: Params) -> jax.Array:
        carry, total = layer.initial_carry(2, 3, jnp.float64), jnp.zeros(())
        for x, weight in zip(inputs, readout, strict=True):
            carry, output = layer.step(params, carry, x)
            total += jnp.sum(jnp.tanh(output) * weight)
        return total

    slopes_of = by_numpy(jax.value_and_grad(loss_of), params)
    found = {}
    for name, optimizer in OPTIMIZERS.items():
        weights = jax.tree.map(jnp.asarray, params)
        state = optimizer.init(weights)
        for _ in range(3):
            loss, slopes = slopes_of(weights)
            update, state = optimizer.update(slopes, state, weights)
            weights = optax.apply_updates(weights, update)
        found[name] = (float(loss), jax.tree.map(np.asarray, weights))
    return found


@settings(max_examples=6)
@given(st.one_of(*(mutants(ops, max_nodes=12) for ops in SETS)), SEED)
def test_a_mirror_image_learns_the_same(cell: Cell, seed: int) -> None:
    rng = np.random.default_rng(seed)
    other, form = mirrored(cell, rng), canonical(cell)
    params = random_params(cell, 3, rng, 0.5)
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        expected = trained(cell, params, seed)
        assume(all(np.isfinite(loss) for loss, _ in expected.values()))
        turned = trained(other.cell, other.weights(params), seed)
        written = trained(form, mapped(cell, params), seed)
    for name, (loss, weights) in expected.items():
        got = (turned[name][0], written[name][0])
        np.testing.assert_allclose(got, loss, rtol=1e-9, atol=1e-9)
        close(turned[name][1], other.weights(weights))
        close(written[name][1], mapped(cell, weights))


def close(one: Params, other: Params) -> None:
    assert one.keys() == other.keys()
    for node, row in one.items():
        for name, weight in row.items():
            np.testing.assert_allclose(weight, other[node][name], rtol=1e-9, atol=1e-9)


def test_small_cells_are_one_exactly_if_some_signs_and_order_make_them_so() -> None:
    """By brute force: all signs of weights, in any order, against equal digests.

    Different digests may compute the same where the canonical form does not look: no
    sums multiplied out, and no state that equals an earlier value of another. So this
    is about cells of one state whose products have no sums as factors.
    """
    rng = np.random.default_rng(0)
    forms = set[Cell]()
    for _ in range(6000):
        builder = Builder(1)
        for _ in range(rng.integers(2, 7)):
            ops = ("linear", "linear", "add", "subtract", "multiply", "tanh", "sigmoid")
            op, size = str(rng.choice(ops)), 2 + len(builder.nodes)
            builder(op, *(int(a) for a in rng.integers(size, size=OPS[op].arity)))
        form = canonical(ordered(builder.cell(1 + len(builder.nodes))))
        if not multiplies_sums(form) and sum(map(bool, params_of(form))) in (1, 2):
            forms.add(form)
    found: dict[tuple[float, ...], list[Cell]] = {}
    for form in forms:
        found.setdefault(signature(form), []).append(form)
    assert len(forms) > 150
    assert [group for group in found.values() if len(group) > 1] == []


def params_of(cell: Cell) -> list[bool]:
    return [bool(OPS[node.op].weights) for node in cell.nodes]


def multiplies_sums(cell: Cell) -> bool:
    sums = {
        cell.num_inputs + i
        for i, node in enumerate(cell.nodes)
        if node.op in ("add", "subtract")
    }
    return any(n.op == "multiply" and sums & set(n.args) for n in cell.nodes)


def signature(cell: Cell) -> tuple[float, ...]:
    """The least of all outputs under weights of all signs, in any order."""
    rng, outputs = np.random.default_rng(1), []
    weights = [(rng.uniform(-1, 1, (2, 2)), rng.uniform(-1, 1, 2)) for _ in range(2)]
    inputs = rng.normal(size=(4, 1, 2))
    nodes = [f"n{i}" for i, has in enumerate(params_of(cell)) if has]
    for order in itertools.permutations(weights, len(nodes)):
        for signs in itertools.product((1, -1), repeat=2 * len(nodes)):
            params = {
                node: {"kernel": signs[2 * i] * kernel, "bias": signs[2 * i + 1] * bias}
                for i, (node, (kernel, bias)) in enumerate(
                    zip(nodes, order, strict=True)
                )
            }
            outputs.append(np.round(run(cell, params, inputs), 7).ravel() + 0.0)
    return min(tuple(map(float, output)) for output in outputs)


def test_gates_leave_the_old_state_outside_and_terms_are_added() -> None:
    gru, lstm = (to_text(canonical(cell)) for cell in SEEDS)
    assert gru.splitlines()[-2:] == [
        "    n13 = tanh(linear(x) + linear(h * sigmoid(linear(x) + linear(h)))) - h",
        "    return h + n3 * n13",
    ]
    assert "-" not in lstm


def test_a_product_of_more_signs_than_are_looked_into_is_left_as_it_is() -> None:
    size = 9
    builder = Builder(1 + size)
    states = range(2, 2 + size)
    product = 2
    for state in states[1:]:
        product = builder("multiply", product, state)
    news = [builder("tanh", builder("add", builder("linear", 0), s)) for s in states]
    cell = builder.cell(product, *news)
    form = canonicalize(cell)
    assert form.cell.num_states == 1 + size
    assert canonical(form.cell) == form.cell
