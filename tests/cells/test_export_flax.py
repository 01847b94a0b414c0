"""The exported Flax cells behave as Flax's own do."""

from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from cells import ZOO, Cell
from cells.export.flax_source import flax_source
from cells.export.names import name_values
from tests.support import exports


def _module(folder: Path, cell: Cell, name: str) -> ModuleType:
    path = folder / "flax_cell.py"
    path.write_text(flax_source(cell, name_values(cell, name), "0" * 32), "utf-8")
    return exports.load(path)


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The LSTM with peepholes, exported: two states, scale vectors."""
    folder = tmp_path_factory.mktemp("lstm")
    return _module(folder, ZOO["lstm_peephole"], "lstm")


@pytest.fixture(scope="module")
def gru(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The GRU, exported: one state."""
    return _module(tmp_path_factory.mktemp("gru"), ZOO["gru"], "gru")


def test_nnx_rnn_runs_it_with_zeros_and_with_a_carry(
    lstm: ModuleType, gru: ModuleType
) -> None:
    for module, name, states, dtype in (
        (gru, "GruCell", 1, "float32"),
        (lstm, "LstmCell", 2, "bfloat16"),
    ):
        cell = getattr(module, name)(3, 4, dtype=dtype, rngs=nnx.Rngs(0))
        rnn = nnx.RNN(cell, return_carry=True)
        inputs = jnp.ones((2, 5, 3))
        carry, outputs = nnx.jit(lambda r, x: r(x))(rnn, inputs)
        assert (outputs.shape, outputs.dtype) == ((2, 5, 4), jnp.dtype(dtype))
        assert isinstance(carry, tuple) == (states == 2)
        zeros = jax.tree.map(jnp.zeros_like, carry)
        _, again = rnn(inputs, initial_carry=zeros)
        np.testing.assert_allclose(
            np.asarray(again, np.float32), np.asarray(outputs, np.float32), atol=1e-2
        )
        first = outputs[:, -1] == (carry[0] if states == 2 else carry)
        assert bool(jnp.all(first))
        assert {str(p.dtype) for p in jax.tree.leaves(nnx.state(cell))} == {"float32"}


def test_linen_rnn_runs_it(lstm: ModuleType, gru: ModuleType) -> None:
    dtype = "bfloat16"
    for module, name in ((gru, "GruLinenCell"), (lstm, "LstmLinenCell")):
        rnn = nn.RNN(getattr(module, name)(3, 4, dtype=dtype))
        inputs = jnp.ones((2, 5, 3))
        variables = rnn.init(jax.random.key(0), inputs)
        outputs = jax.jit(rnn.apply)(variables, inputs)
        assert (outputs.shape, outputs.dtype) == ((2, 5, 4), jnp.dtype(dtype))
        leaves = jax.tree.leaves(variables)
        assert {str(leaf.dtype) for leaf in leaves} == {"float32"}


def test_any_number_of_batch_axes(gru: ModuleType) -> None:
    cell = gru.GruCell(3, 4, rngs=nnx.Rngs(0))
    for shape in ((3,), (2, 3), (6, 2, 3)):
        carry, output = cell(cell.initialize_carry(shape), jnp.ones(shape))
        assert output.shape == carry.shape == (*shape[:-1], 4)


def test_equal_widths_need_no_projection(gru: ModuleType) -> None:
    assert not hasattr(gru.GruCell(4, 4, rngs=nnx.Rngs(0)), "project")
    carry = jnp.zeros(4)
    params = gru.GruLinenCell(4, 4).init(jax.random.key(0), carry, carry)["params"]
    assert sorted(params) == sorted(set(gru.WEIGHTS.values()) - {"project"})


def test_weights_start_as_in_the_paper(tmp_path: Path) -> None:
    module = _module(tmp_path, exports.cell_of("linear"), "diagonal")
    width, zeros = 200, jnp.zeros(200)
    cell = module.DiagonalCell(3, width, init_scale=2.0, rngs=nnx.Rngs(0))
    linen = module.DiagonalLinenCell(3, width, init_scale=2.0)
    params = linen.init(jax.random.key(0), zeros, zeros[:3])["params"]
    starts = {"linear0": (0, 0), "linear1": (-0.5, 0.25), "linear3": (0.9, 1.5)}
    for name, (diagonal, bias) in starts.items():
        for held in (
            (getattr(cell, name).kernel[...], getattr(cell, name).bias[...]),
            (params[name]["kernel"], params[name]["bias"]),
        ):
            drawn = np.asarray(held[0]) - diagonal * np.eye(width)
            assert 0.98 < np.abs(drawn).max() / (2 / width**0.5) <= 1.0001
            np.testing.assert_allclose(held[1], bias)
    kernel = cell.project.kernel[...]
    assert kernel.shape == (3, width)
    assert 0.9 < np.abs(kernel).max() / (2 / width**0.5) <= 1
    assert cell.project.bias is None or cell.project.bias[...] is None
    assert "bias" not in params["project"]


def test_the_usage_in_the_docstring_trains(gru: ModuleType) -> None:
    path = Path(str(gru.__file__))
    exports.load(path)
    names: dict[str, Any] = {}
    with jax.numpy_dtype_promotion("standard"):  # Optax needs it
        exec(exports.usage(path, "Usage, nnx:"), names)  # from our own file
    before = float((names["targets"] ** 2).mean())
    assert float(names["value"]) < 0.5 * before
    exec(exports.usage(path, "Usage, linen:"), names)
    assert names["outputs"].shape == (16, 20, 32)
