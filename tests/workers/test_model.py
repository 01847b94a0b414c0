"""The model and its update against a plain loop over steps."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cells import ZOO, lower
from tasks import Windows
from tests.support.in_numpy import in_numpy
from tests.support.reference_metrics import frame_sums, token_sums
from workers import Training
from workers.job.spec import OPTIMIZERS
from workers.training.losses import READOUTS, log_sum_exp
from workers.training.model import Model
from workers.training.optimizers import RULES, by_rule
from workers.training.program import Hyper, Program

B, T, W, V, H = 3, 4, 2, 7, 5


def windows(frames=False, seed=0):
    rng = np.random.default_rng(seed)
    shape = (W, T, B)
    scored = rng.random(shape) < 0.6
    reset = np.array([[True] * B, [False, True, False]])
    if frames:
        both = rng.integers(0, 2, (2, *shape, V)).astype(np.uint8)
    else:
        both = rng.integers(0, V, (2, *shape)).astype(np.int32)
    return Windows(both[0], both[1], scored, reset)


def model(cell="lstm", num_layers=1, dropout=0.0):
    return Model(ZOO[cell], H, num_layers, V, V, dropout)


def plain_logits(net, params, carry, inputs):
    """The model as one would write it: node by node, step by step."""
    layer, rows = lower(net.cell), []
    for x in inputs:
        value = params["embedding"][x] if x.ndim == 1 else x @ params["embedding"]
        new = []
        for weights, states in zip(params["layers"], carry, strict=True):
            states, value = layer.step(weights, states, value)
            new.append(states)
        carry = tuple(new)
        readout = params["readout"]
        rows.append(jnp.dot(value, readout["kernel"]) + readout["bias"][None, :])
    return carry, jnp.stack(rows)


def plain_loss(net, params, carry, window, frames):
    inputs = jnp.asarray(window.inputs)
    if frames:
        inputs = inputs.astype(jnp.float32)
    carry, logits = plain_logits(net, params, carry, inputs)
    total = 0.0
    for t in range(T):
        for b in range(B):
            if window.scored[t, b] and frames:
                y = window.targets[t, b]
                p = jax.nn.sigmoid(logits[t, b])
                total -= jnp.log(jnp.where(y == 1, p, 1 - p)).sum()
            elif window.scored[t, b]:
                total -= jax.nn.log_softmax(logits[t, b])[window.targets[t, b]]
    return total, carry


@pytest.mark.parametrize(
    ("cell", "layers", "frames"),
    [("lstm", 1, False), ("gru", 2, True), ("tanh", 3, False)],
)
def test_two_windows_of_sgd_equal_a_plain_step_loop(cell, layers, frames):
    net, data = model(cell, layers), windows(frames)
    readout = "sigmoid" if frames else "softmax"
    program = Program(net, readout, B, Training(), divergence_loss=1e9)
    rate, clip = 0.3, 0.1
    state = program.initial([11], [1.0])
    hyper = Hyper(np.float32(rate), np.float32(clip), np.zeros(2, np.uint32))
    state = program.train(state, data, 0, W, hyper)

    params = jax.tree.map(jnp.asarray, net.init(11, 1.0))
    carry = jax.tree.map(jnp.asarray, net.initial_carry(B))
    total = 0.0
    for index in range(W):
        window = jax.tree.map(lambda array, i=index: array[i], data)
        keep = jnp.asarray(~window.reset[:, None], jnp.float32)
        carry = jax.tree.map(lambda s, k=keep: s * k, carry)

        def objective(params, carry=carry, window=window):
            loss, new = plain_loss(net, params, carry, window, frames)
            return loss / B, (loss, new)

        grads, (loss, carry) = in_numpy(jax.grad(objective, has_aux=True), params)
        norm = np.sqrt(sum(np.sum(g * g) for g in jax.tree.leaves(grads)))
        assert norm > clip  # so that clipping is part of what is compared
        shrink = min(1.0, clip / norm)
        params = jax.tree.map(lambda p, g, s=shrink: p - rate * s * g, params, grads)
        total += loss

    jax.tree.map(
        lambda ours, plain: np.testing.assert_allclose(ours, plain, 2e-4, 2e-6),
        (program.tree(state.params), state.carry),
        (net.pack(params), carry),
    )
    np.testing.assert_allclose(state.loss_sum, total, rtol=1e-5)
    assert float(state.positions) == data.scored.sum()
    assert int(state.updates) == W


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_takes_the_step_of_optax(optimizer):
    net, data = model("tanh"), windows()
    program = Program(net, "softmax", B, Training(optimizer), divergence_loss=1e9)
    rate, clip, key = np.float32(0.01), np.float32(1.0), np.zeros(2, np.uint32)
    hyper = Hyper(rate, clip, key, rule=RULES[optimizer])
    state = program.train(program.initial([3], [1.0]), data, 0, W, hyper)

    params = jax.tree.map(jnp.asarray, net.init(3, 1.0))
    own = {"momentum": lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True)}
    make = own.get(optimizer) or getattr(optax, optimizer)
    tx = optax.chain(optax.clip_by_global_norm(1.0), make(0.01))
    inner, carry = tx.init(params), jax.tree.map(jnp.asarray, net.initial_carry(B))
    for index in range(W):
        window = jax.tree.map(lambda array, i=index: array[i], data)
        keep = jnp.asarray(~window.reset[:, None], jnp.float32)
        carry = jax.tree.map(lambda s, k=keep: s * k, carry)

        def objective(params, carry=carry, window=window):
            loss, new = plain_loss(net, params, carry, window, False)
            return loss / B, new

        grads, carry = in_numpy(jax.grad(objective, has_aux=True), params)
        with jax.numpy_dtype_promotion("standard"):  # Optax's Adam mixes types
            steps, inner = tx.update(grads, inner, params)
        params = optax.apply_updates(params, steps)
    jax.tree.map(
        lambda ours, plain: np.testing.assert_allclose(ours, plain, 1e-3, 1e-5),
        program.tree(state.params),
        net.pack(params),
    )


def test_sgd_has_the_bits_that_it_has_by_itself():
    rng = np.random.default_rng(1)
    params, grads = rng.standard_normal((2, 500)).astype(np.float32)
    own = by_rule(RULES["sgd"], np.float32(0.07))
    steps, state = own.update(grads, own.init(params), params)
    np.testing.assert_array_equal(steps, -np.float32(0.07) * grads)
    again, _ = own.update(grads, state, params)
    np.testing.assert_array_equal(again, steps)


def test_log_sum_exp_is_jaxs_in_value_and_gradient():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 3, 9)).astype(np.float32) * np.float32(30)
    logits[0, 0] = 1e30
    logits[0, 1, :-1] = -np.inf
    weights = rng.normal(size=(4, 3)).astype(np.float32)
    (ours, slope), (jaxs, theirs) = (
        jax.value_and_grad(lambda a, f=f: (f(a) * weights).sum())(logits)
        for f in (log_sum_exp, partial(jax.nn.logsumexp, axis=-1))
    )
    np.testing.assert_allclose(log_sum_exp(logits), jax.nn.logsumexp(logits, -1), 1e-6)
    np.testing.assert_allclose(ours, jaxs, 1e-6)
    np.testing.assert_allclose(slope, theirs, 1e-4, 1e-6)
    for wrong in (np.nan, np.inf):  # what has diverged does not look well again
        assert not np.isfinite(log_sum_exp(jnp.float32([0, wrong])))


def test_rules_are_of_all_optimizers():
    assert list(RULES) == list(OPTIMIZERS)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_biases_of_cells_stay_where_they_start_if_they_are_not_learned(optimizer):
    net, data = model("lstm_b"), windows()
    training = Training(optimizer, biases=False)
    program = Program(net, "softmax", B, training, divergence_loss=1e9)
    rate, clip, key = np.float32(0.1), np.float32(1.0), np.zeros(2, np.uint32)
    hyper = Hyper(rate, clip, key, rule=RULES[optimizer])
    state = program.train(program.initial([3], [1.0]), data, 0, W, hyper)
    before, after = net.init(3, 1.0), program.tree(state.params)
    for name, weights in before["layers"][0].items():
        np.testing.assert_array_equal(after["layers"][0][name]["bias"], weights["bias"])
        assert (after["layers"][0][name]["kernel"] != weights["kernel"]).any()
    assert (after["readout"]["bias"] != 0).any()


@pytest.mark.parametrize("readout", READOUTS)
def test_validation_sums_agree_with_the_reference_metrics(readout):
    frames = readout == "sigmoid"
    net, data = model("gru", 2), windows(frames)
    program = Program(net, readout, B, Training(), divergence_loss=1e9)
    params = net.init(5, 2.0)
    totals = program.validate(program.flat(params), data, W)
    carry, correct, loss, positions = net.initial_carry(B), 0.0, 0.0, 0.0
    for index in range(W):
        window = jax.tree.map(lambda array, i=index: array[i], data)
        keep = jnp.asarray(~window.reset[:, None], jnp.float32)
        carry = jax.tree.map(lambda s, k=keep: s * k, carry)
        inputs = jnp.asarray(window.inputs)
        inputs = inputs.astype(jnp.float32) if frames else inputs
        carry, logits = in_numpy(partial(plain_logits, net), params, carry, inputs)
        sums = (frame_sums if frames else token_sums)(
            np.asarray(logits), window.targets, window.scored
        )
        correct += sums.correct
        loss += sums.loss
        positions += sums.positions
    assert float(totals.correct) == correct
    assert float(totals.positions) == positions
    np.testing.assert_allclose(totals.loss, loss, rtol=1e-5)


def test_validation_stops_where_it_is_told():
    net, data = model(), windows()
    program = Program(net, "softmax", B, Training(), divergence_loss=1e9)
    totals = program.validate(program.flat(net.init(5, 1.0)), data, 1)
    assert int(totals.positions) == data.scored[0].sum()


def test_many_symbols_are_scored_as_few_are():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((T, B, 600)).astype(np.float32)
    targets = rng.integers(0, 600, (T, B)).astype(np.int32)
    scored = np.ones((T, B), bool)
    losses = READOUTS["softmax"].loss(jnp.asarray(logits), jnp.asarray(targets))
    reference = token_sums(logits, targets, scored).loss
    np.testing.assert_allclose(losses.sum(), reference, rtol=1e-5)


@pytest.mark.parametrize("cell", ["lstm_b", "mut1", "irnn", "mogrifier_lstm"])
def test_weights_have_the_form_and_the_bounds_of_a_layers_own(cell):
    net = Model(ZOO[cell], 20, 2, V, V)
    params = net.init(seed=4, scale=2.0)
    bound = 2.0 / 20**0.5
    own = net.layer.init(jax.random.key(0), 20, 0.0)  # diagonals and biases alone
    for layer in params["layers"]:
        assert jax.tree.structure(layer) == jax.tree.structure(own)
        rest = jax.tree.map(lambda a, b: a - np.asarray(b), layer, own)
        for name, weights in rest.items():
            for kind, array in weights.items():
                assert array.dtype == np.float32
                if kind == "kernel":
                    assert 0.9 * bound < np.abs(array).max() <= bound * (1 + 1e-6)
                    assert abs(array.mean()) < 0.1 * bound
                else:
                    np.testing.assert_array_equal(array, 0, f"{name} {kind}")
    assert np.abs(params["embedding"]).max() <= bound
    assert np.abs(params["readout"]["kernel"]).max() <= bound
    assert not params["readout"]["bias"].any()


def test_weights_are_a_function_of_the_seed_and_scale_with_scale():
    net = model()
    one, two = net.init(8, 1.0), net.init(8, 2.0)
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(2 * a, b),
        (one["embedding"], one["readout"]["kernel"]),
        (two["embedding"], two["readout"]["kernel"]),
    )
    other = net.init(9, 1.0)
    assert not np.array_equal(one["embedding"], other["embedding"])
    # Written down once: the same in every process and under every version.
    np.testing.assert_allclose(one["embedding"][0, :3], FIRST_WEIGHTS, rtol=1e-6)


FIRST_WEIGHTS = [-0.15476073, 0.4358336, -0.16214998]


@pytest.mark.parametrize("cell", ["tanh", "lstm", "nascell"])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_number_of_weights_is_counted_right(cell, layers):
    net = model(cell, layers)
    leaves = jax.tree.leaves(net.init(0, 1.0))
    assert net.num_params == sum(leaf.size for leaf in leaves)


def test_dropout_is_on_the_non_recurrent_connections_only():
    """A cell that only remembers keeps its state whole, and nothing is lost in it."""
    net = model("lstm", 2, dropout=0.5)
    params = jax.tree.map(jnp.asarray, net.init(0, 1.0))
    silent = jax.tree.map(jnp.zeros_like, params["layers"])  # all gates are 1/2
    params = {**params, "layers": silent}
    carry = jax.tree.map(jnp.ones_like, jax.tree.map(jnp.asarray, net.initial_carry(B)))
    inputs = jnp.zeros((T, B), jnp.int32)
    dropped, _ = net.apply(params, carry, inputs, jax.random.key(0))
    whole, _ = net.apply(params, carry, inputs)
    jax.tree.map(np.testing.assert_array_equal, dropped, whole)


def test_dropout_changes_training_by_its_key_and_never_validation():
    net, plain = model("gru", 2, dropout=0.5), model("gru", 2)
    params = jax.tree.map(jnp.asarray, net.init(0, 2.0))
    carry = jax.tree.map(jnp.asarray, net.initial_carry(B))
    inputs = jnp.asarray(windows().inputs[0])

    def logits(net, key):
        return np.asarray(net.apply(params, carry, inputs, key)[1])

    first, second = logits(net, jax.random.key(1)), logits(net, jax.random.key(2))
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, logits(net, jax.random.key(1)))
    np.testing.assert_array_equal(logits(net, None), logits(plain, None))


def test_dropout_keeps_the_mean_of_what_it_drops():
    net = Model(ZOO["tanh"], 50, 1, V, V, dropout=0.3)
    params = jax.tree.map(jnp.asarray, net.init(0, 1.0))
    params["layers"][0]["n0"]["kernel"] *= 0.01  # so that tanh is nearly linear
    params["layers"][0]["n1"]["kernel"] *= 0.0
    carry = jax.tree.map(jnp.asarray, net.initial_carry(B))
    inputs = jnp.zeros((T, B), jnp.int32)
    keys = jax.random.split(jax.random.key(0), 500)
    _, many = jax.vmap(lambda key: net.apply(params, carry, inputs, key))(keys)
    _, whole = net.apply(params, carry, inputs)
    np.testing.assert_allclose(many.mean(0), whole, rtol=0.3, atol=2e-4)
