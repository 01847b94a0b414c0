"""Residual blocks against NumPy, finite differences and counting; plain as it was."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cells import ZOO, CellError, flops
from tests.support.in_numpy import by_numpy
from tests.support.interpreter import random_params, run
from workers import (
    BLOCKS,
    Evaluator,
    InlinePool,
    Job,
    JobError,
    Schedule,
    Setting,
    Shape,
    TaskSpec,
    Training,
    make_job,
    model_width,
    nominal_cost,
    update_cost,
)
from workers.job.block import inner_width
from workers.side_by_side.kinds import room
from workers.training.model import Model, make_model
from workers.training.stack import STACKS, Dropout

B, T, V, H = 3, 4, 7, 6
RESIDUAL = Training(schedule=Schedule("fixed"), block="residual")
SETTING = Setting(2.0, 0.005, 2.5, 1, 6_000, optimizer="rmsprop")
TASK = TaskSpec("stack")
SHORT = (("train_tokens", 20 * 32 * 4), ("valid_tokens", 20 * 32 * 2))


@pytest.fixture
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def model(cell: str = "lstm", num_layers: int = 1, dropout: float = 0.0) -> Model:
    return Model(ZOO[cell], H, num_layers, V, V, dropout, "residual")


def drawn(net: Model, seed: int = 0) -> Any:
    """Weights in double precision, gains and biases among them."""
    rng = np.random.default_rng(seed)
    params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), net.init(0, 1.0))
    layers = tuple(random_params(net.cell, H, rng, 1.5) for _ in params["layers"])
    return {**params, "layers": layers}


def tokens(frames: bool) -> Any:
    rng = np.random.default_rng(1)
    if frames:
        return rng.integers(0, 2, (T, B, V)).astype(np.float64)
    return rng.integers(0, V, (T, B)).astype(np.int32)


def in_numpy(net: Model, params: Any, inputs: Any) -> Any:
    """The logits, as the formulas have them."""

    def norm(a: Any, gain: Any) -> Any:
        return a / np.sqrt((a**2).mean(-1, keepdims=True) + 1e-6) * gain

    def silu(a: Any) -> Any:
        return a / (1 + np.exp(-a))

    table = params["embedding"]
    v = table[inputs] if inputs.ndim == 2 else inputs @ table
    for weights, block in zip(params["layers"], params["blocks"], strict=True):
        v = v + run(net.cell, weights, norm(v, block["norm"]))
        y = norm(v, block["inner_norm"])
        v = v + (silu(y @ block["w1"]) * (y @ block["w2"])) @ block["w3"]
    readout = params["readout"]
    return norm(v, params["norm"]) @ readout["kernel"] + readout["bias"]


def logits(net: Model, params: Any, inputs: Any, key: Any = None) -> Any:
    zeros = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, params["norm"].dtype), net.initial_carry(B)
    )
    return net.apply(params, zeros, jnp.asarray(inputs), key)[1]


def gradient(net: Model, params: Any, inputs: Any, weight: Any) -> Any:
    """That of the weighted sum of the logits: traced by JAX, computed by NumPy."""
    own = jax.grad(lambda p: (logits(net, p, inputs) * weight).sum())
    return by_numpy(own, params)(params)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("frames", [False, True], ids=["tokens", "frames"])
@pytest.mark.parametrize(
    ("cell", "layers"), [("gru", 1), ("lstm", 2), ("mut2", 1), ("indrnn", 3)]
)
def test_values_and_gradients_are_those_of_the_formulas(
    cell: str, layers: int, frames: bool
) -> None:
    net, inputs = model(cell, layers), tokens(frames)
    params = drawn(net)
    right = in_numpy(net, params, inputs)
    own = by_numpy(lambda p: logits(net, p, inputs), params)(params)
    np.testing.assert_allclose(own, right, 1e-10, 1e-10)

    # Along one direction in the room of all weights, and in NumPy alone.
    weight = np.random.default_rng(2).normal(size=right.shape)
    way = jax.tree.map(
        lambda leaf: np.random.default_rng(leaf.size).normal(size=leaf.shape), params
    )

    def at(step: float) -> float:
        moved = jax.tree.map(lambda leaf, d: leaf + step * d, params, way)
        return float((in_numpy(net, moved, inputs) * weight).sum())

    found = gradient(net, params, inputs, weight)
    slope = sum(
        float((g * d).sum())
        for g, d in zip(jax.tree.leaves(found), jax.tree.leaves(way), strict=True)
    )
    wanted = (8 * (at(1e-5) - at(-1e-5)) - (at(2e-5) - at(-2e-5))) / 12e-5
    assert slope == pytest.approx(wanted, rel=1e-6)
    for path, leaf in jax.tree_util.tree_leaves_with_path(found):
        assert np.abs(leaf).max() > 0, path


@pytest.mark.usefixtures("x64")
def test_each_weight_of_a_block_has_the_slope_of_finite_differences() -> None:
    net, inputs = model("gru", 2), tokens(frames=False)
    params = drawn(net)
    weight = np.random.default_rng(2).normal(size=(T, B, V))
    found = gradient(net, params, inputs, weight)
    block = params["blocks"][1]
    for name, place in (
        *(("norm", (4,)), ("inner_norm", (2,))),
        *(("w1", (1, 7)), ("w2", (5, 0)), ("w3", (6, 3))),
    ):
        start, ends = block[name][place], []
        for step in (1e-6, -1e-6):
            block[name][place] = start + step
            ends.append(float((in_numpy(net, params, inputs) * weight).sum()))
        block[name][place] = start
        slope = float(found["blocks"][1][name][place])
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5), name


@pytest.mark.parametrize("cell", ["tanh", "lstm", "nascell"])
@pytest.mark.parametrize("layers", [1, 3])
def test_every_weight_is_counted(cell: str, layers: int) -> None:
    net = model(cell, layers)
    leaves = jax.tree.leaves(net.init(0, 1.0))
    assert net.num_params == sum(leaf.size for leaf in leaves)
    bare = replace(net, block="plain")
    own = layers * (3 * H * inner_width(H) + 2 * H) + H
    assert net.num_params == bare.num_params + own


@pytest.mark.parametrize("budget", [1_000, 6_000, 100_000])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_width_is_the_largest_that_the_budget_allows(
    budget: int, layers: int
) -> None:
    shape = Shape(layers, budget, 0.0)
    net = make_model(ZOO["gru"], shape, TASK.task, "residual")
    assert net.num_params <= budget < replace(net, width=net.width + 1).num_params
    assert net.width == model_width(ZOO["gru"], shape, TASK.task, "residual")
    assert net.width < model_width(ZOO["gru"], shape, TASK.task)


def test_a_budget_that_is_too_small_is_the_cells_own() -> None:
    with pytest.raises(CellError, match="width 1 has"):
        model_width(ZOO["gru"], Shape(9, 100, 0.0), TASK.task, "residual")


def test_nominal_costs_have_the_work_of_the_block() -> None:
    task, shape = TASK.task, Shape(2, 1_000_000, 0.0)
    width = model_width(ZOO["gru"], shape, task, "residual")
    bare = 2 * flops(ZOO["gru"], width, training=True) + 6 * width * task.num_outputs
    position = update_cost(ZOO["gru"], shape, task, "residual") / (
        task.batch_size * task.num_steps
    )
    products = 2 * 3 * width * inner_width(width)  # two layers of three
    more = position / (bare / 40e9) - 1
    assert more * bare == pytest.approx(3 * 2 * products, rel=0.02)
    jobs = [
        make_job(ZOO["gru"], TASK, (SETTING,), budget, training=RESIDUAL)
        for budget in (1, 2)
    ]
    assert nominal_cost(jobs[1]) - nominal_cost(jobs[0]) == pytest.approx(
        update_cost(ZOO["gru"], SETTING.shape, task, "residual")
    )


def test_gains_start_at_one_and_matrices_as_those_of_the_cell() -> None:
    net = replace(model("gru", 2), width=40)
    params, bound = net.init(3, 2.0), 2.0 / 40**0.5
    np.testing.assert_array_equal(params["norm"], 1)
    seen = set()
    for block in params["blocks"]:
        np.testing.assert_array_equal(block["norm"], 1)
        np.testing.assert_array_equal(block["inner_norm"], 1)
        for name in ("w1", "w2", "w3"):
            assert 0.9 * bound < np.abs(block[name]).max() <= bound
            seen.add(float(block[name][0, 0]))
    assert len(seen) == 6  # none is drawn twice


def test_dropout_changes_training_by_its_key_and_never_validation() -> None:
    net, inputs = model("gru", 2, dropout=0.5), tokens(frames=False)
    params = jax.tree.map(jnp.asarray, net.init(0, 2.0))
    first, second = (logits(net, params, inputs, jax.random.key(n)) for n in (1, 2))
    assert not np.allclose(first, second)
    again = logits(net, params, inputs, jax.random.key(1))
    np.testing.assert_array_equal(first, again)
    whole = logits(replace(net, dropout=0.0), params, inputs)
    np.testing.assert_array_equal(logits(net, params, inputs), whole)


def test_dropout_is_on_the_embedding_and_on_all_that_is_added() -> None:
    """Where one thing alone is in the stream, a share of it is missing."""
    width, rate = 400, 0.25
    net = Model(ZOO["tanh"], width, 1, V, V, rate, "residual")
    params = jax.tree.map(jnp.asarray, net.init(0, 1.0))
    silent = jax.tree.map(jnp.zeros_like, params)
    silent["norm"] = jnp.ones(width)
    # tanh of a large bias is 1, whatever the input.
    biased = jax.tree.map(jnp.copy, silent["layers"])
    biased[0]["n1"]["bias"] = jnp.full(width, 9.0)

    def missing(**changes: Any) -> float:
        given = {**silent, **changes}
        carry = jax.tree.map(jnp.asarray, net.initial_carry(B))
        dropout = Dropout(rate, jax.random.key(5))
        inputs = jnp.asarray(tokens(frames=False))
        run = STACKS["residual"].run
        return float((run(net.layer, given, carry, inputs, dropout)[1] == 0).mean())

    ones = jnp.ones_like(params["embedding"])
    assert missing(embedding=ones) == pytest.approx(rate, abs=0.03)
    assert missing(layers=biased) == pytest.approx(rate, abs=0.03)
    # With the map too, whose own key decides: all that is dropped by both.
    assert missing(layers=biased, blocks=params["blocks"]) == pytest.approx(
        rate**2, abs=0.02
    )


def test_losses_fall_and_a_longer_budget_goes_on_with_the_same_bits() -> None:
    def job(budget: int) -> Job:
        return make_job(ZOO["gru"], TASK, (SETTING,), budget, training=RESIDUAL)

    once = Evaluator()
    parts = [once.evaluate(job(budget)).results[0] for budget in (30, 200)]
    (whole,) = Evaluator().evaluate(job(200)).results
    assert parts[1] == whole
    assert whole.num_params <= SETTING.parameters
    assert whole.width == model_width(
        ZOO["gru"], SETTING.shape, TASK.task, RESIDUAL.block
    )
    losses = [part.curve[-1].valid_loss for part in parts]
    assert losses[1] < 0.9 * losses[0] < 0.9 * TASK.task.uniform_loss


def test_one_evaluator_keeps_programs_of_both_blocks_apart() -> None:
    evaluator = Evaluator()
    plain = replace(RESIDUAL, block="plain")
    widths = [
        evaluator.evaluate(make_job(ZOO["gru"], TASK, (SETTING,), 2, training=how))
        .results[0]
        .width
        for how in (plain, RESIDUAL, plain)
    ]
    assert widths[0] == widths[2] > widths[1]


def test_the_block_is_part_of_what_a_job_is_and_survives_json() -> None:
    plain, residual = (
        make_job(ZOO["gru"], TASK, (SETTING,), 60, training=how)
        for how in (replace(RESIDUAL, block="plain"), RESIDUAL)
    )
    assert plain.id != residual.id
    assert plain.run_id(SETTING) != residual.run_id(SETTING)
    assert Job.from_json(residual.to_json()) == residual
    assert "block" not in plain.to_json()


def test_plain_models_are_what_they_were_before_there_were_blocks() -> None:
    """Names and numbers written down then; the last bits are a machine's own."""
    training = Training(schedule=Schedule("fixed"))
    setting = replace(SETTING, parameters=10_000)
    job = make_job(ZOO["gru"], TASK, (setting,), 60, seed=3, training=training)
    assert job.id == "19040db7aef230ed2680e19400461fda"
    assert job.run_id(setting) == "4133dd759f2473c681c47b5e5abb4ca5"
    (result,) = Evaluator().evaluate(job).results
    assert (result.width, result.num_params) == (35, 9832)
    np.testing.assert_allclose(
        result.curve[0], (60, 1.3017578125, 0.8955965909, 0.6223776224), rtol=1e-3
    )


def test_a_block_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(JobError, match="unknown block 'resdual'; did you mean 'resid"):
        Training(block="resdual")


def test_every_block_has_a_way_to_run_it() -> None:
    assert STACKS.keys() == BLOCKS.keys()


def test_residual_blocks_are_not_trained_side_by_side_but_each_alone() -> None:
    spec, setting = (
        TaskSpec("adding", overrides=SHORT),
        replace(SETTING, parameters=700),
    )
    plain, residual = (
        make_job(ZOO["gru"], spec, (setting,), 8, training=how)
        for how in (replace(RESIDUAL, block="plain"), RESIDUAL)
    )
    assert room(plain) is not None
    assert room(residual) is None
    pool = InlinePool(platforms="cpu", beside=2)
    pool.submit(residual)
    done = pool.next()
    assert done is not None
    assert done[1].results == Evaluator().evaluate(residual).results
