"""Exported affine cells compute all steps at once: what a loop computes."""

import copy
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cells import ZOO, Cell, StateClass, parse, state_class
from cells.export.all_steps import is_affine
from cells.export.flax_source import flax_source
from cells.export.names import name_values
from cells.export.torch_source import torch_source
from tests.cells.test_apart import CRAFTED, descendants
from tests.support import exports

torch: Any = pytest.importorskip("torch", reason="PyTorch is optional")
torch.set_num_threads(1)

AFFINE = {n: c for n, c in ZOO.items() if state_class(c) is StateClass.AFFINE}
TEXTS = {
    "shared": "f = h - x; return f * sigmoid(linear(x)) + f",
    "doubled": "return h + h",
    "ones": "return h * (one() - linear(x)) * (one() + one())",
    "fading": "return x * h - scale(h)",
    "negative": "return linear(x) - sigmoid(linear(x)) * h",
    "kept": "return h * one()",
    "memoryless": "return tanh(linear(x))",
    "words": (
        "before = linear(x); recurrence = sigmoid(before) - before\n"
        "    torch = tanh(recurrence) + before; jnp = torch * recurrence\n"
        "    h_a = h - jnp * torch; h_old = jnp * h_a + h_a; return h_old + h_old"
    ),
}
PAIRS = {
    "twice": "c_new = x + sigmoid(x) * c; return c_new, c_new",
    "delayed": "return c, h + linear(x)",
    "passed": "return x + linear(c), x",
    "still": "return c * x + h, c",
}
"""Bodies of cells of one and two states."""


def _written() -> dict[str, Cell]:
    return {
        name: parse(f"def {name}({states}):\n    " + "\n    ".join(body.split("; ")))
        for states, bodies in (("x, h", TEXTS), ("x, h, c", PAIRS))
        for name, body in bodies.items()
    }


def _named(cell: Cell, name: str) -> Any:
    bodies = TEXTS | PAIRS
    if name not in bodies:
        return name_values(cell, name)
    states = "x, h" if name in TEXTS else "x, h, c"
    body = "\n    ".join(bodies[name].split("; "))
    return name_values(cell, name, f"def {name}({states}):\n    {body}")


KNOWN = {
    **AFFINE,
    **{f"{n}_crafted": c for n, c in CRAFTED.items() if is_affine(c)},
    **{n: c for n, c in _written().items() if is_affine(c)},
    **{f"d{i}": c for i, c in enumerate(descendants({StateClass.AFFINE}, 10))},
}


def _module(folder: Path, library: str, cell: Cell, name: str) -> ModuleType:
    source = {"flax": flax_source, "torch": torch_source}[library]
    path = folder / f"{library}_{name}.py"
    path.write_text(source(cell, _named(cell, name), "0" * 32), "utf-8")
    return exports.load(path)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ModuleType]:
    """The PyTorch modules of all of them."""
    folder = tmp_path_factory.mktemp("torch")
    return {name: _module(folder, "torch", cell, name) for name, cell in KNOWN.items()}


def _layer(module: ModuleType, *sizes: int, **options: Any) -> Any:
    [name] = [name for name in vars(module) if name.endswith("Layer")]
    torch.manual_seed(0)
    layer = getattr(module, name)(*sizes, **options)
    with torch.no_grad():
        for param in layer.parameters():
            param.add_(0.1 * torch.randn_like(param))
    return layer


def _results(layer: Any, inputs: Any, hx: Any, at_once: bool) -> list[Any]:
    """Outputs, last states, and the gradients by inputs, states and weights."""
    layer.at_once = at_once
    layer.zero_grad()
    inputs = inputs.clone().requires_grad_()
    hx = [state.clone().requires_grad_() for state in hx]
    output, after = layer(inputs, tuple(hx) if len(hx) > 1 else hx[0])
    kept = [output, *(after if isinstance(after, tuple) else (after,))]
    sum(((value - 1) ** 2).sum() for value in kept).backward()
    leaves = [inputs, *hx, *layer.parameters()]
    return kept + [torch.zeros(()) if v.grad is None else v.grad for v in leaves]


def test_affine_cells_have_it_and_no_others() -> None:
    assert AFFINE.keys() == {"min_gru", "min_lstm", "qrnn", "t_rnn"}
    for name, cell in {**ZOO, **CRAFTED}.items():
        for source in (flax_source, torch_source):
            text = source(cell, name_values(cell, name), "0" * 32)
            found = [word in text for word in ("at_once", "all_steps", "recurrence")]
            assert found == [state_class(cell) is StateClass.AFFINE] * 3, name
    names = name_values(ZOO["min_gru"], "min_gru")
    assert (
        "    z = sigmoid(cell.linear0(x))\n"
        "    h_a = 1.0 - z\n"
        "    h_b = z * cell.linear2(x)\n"
        "    h_new = recurrence(h_a, h_b, h)\n"
        "    return h_new\n"
    ) in flax_source(ZOO["min_gru"], names, "0" * 32)


@pytest.mark.parametrize("name", KNOWN)
def test_a_torch_layer_computes_the_same_at_once(
    name: str, modules: Mapping[str, ModuleType]
) -> None:
    states = KNOWN[name].num_states
    for steps, sizes in ((5, (3, 4, 2)), (1, (4, 4)), (8, (4, 4))):
        layer = _layer(modules[name], *sizes, dtype=torch.float64, bidirectional=True)
        inputs = torch.randn(steps, 2, sizes[0], dtype=torch.float64)
        shape = (len(layer.cells), 2, 4)
        hx = [torch.randn(shape, dtype=torch.float64) for _ in range(states)]
        wanted = _results(layer, inputs, hx, at_once=False)
        for one, two in zip(_results(layer, inputs, hx, True), wanted, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


def test_a_torch_layer_takes_batches_first_and_none(
    modules: Mapping[str, ModuleType],
) -> None:
    for shape, batch_first in (((5, 3), False), ((2, 5, 3), True)):
        for dtype, limit in ((torch.float32, 1e-5), (torch.bfloat16, 0.05)):
            options = {"batch_first": batch_first, "dtype": dtype}
            layer = _layer(modules["qrnn"], 3, 4, **options)
            inputs = torch.randn(shape, dtype=dtype)
            assert layer.at_once
            output, states = layer(inputs)
            layer.at_once = False
            wanted, last = layer(inputs)
            assert (output.shape, output.dtype) == (wanted.shape, dtype)
            for one, two in zip((output, *states), (wanted, *last), strict=True):
                torch.testing.assert_close(one, two, rtol=limit, atol=limit)
    assert "at_once=False" in repr(layer)
    assert "at_once" not in repr(_layer(modules["qrnn"], 3, 4))


def test_a_torch_layer_is_copied_saved_and_on_any_device(
    modules: Mapping[str, ModuleType],
) -> None:
    layer = _layer(modules["min_gru"], 3, 4, at_once=False)
    assert not copy.deepcopy(layer).at_once
    other = _layer(modules["min_gru"], 3, 4)
    other.load_state_dict(layer.state_dict())
    output, _ = layer.to("meta")(torch.zeros(5, 2, 3, device="meta"))
    assert output.shape == (5, 2, 4)


def test_the_torch_recurrence_has_second_and_transformed_derivatives(
    modules: Mapping[str, ModuleType],
) -> None:
    recurrence = modules["min_gru"].recurrence
    values = [torch.randn(n, 2, dtype=torch.float64) for n in (5, 5, 1)]
    a, b, h = (value.requires_grad_() for value in values)
    assert torch.autograd.gradcheck(recurrence, (a, b, h[0]))
    assert torch.autograd.gradgradcheck(recurrence, (a, b, h[0]))

    def loss(a: Any, b: Any) -> Any:
        return recurrence(a, b, h[0]).square().sum()

    several = torch.stack([a, 2 * a])
    lanes = torch.func.vmap(torch.func.grad(loss, (0, 1)), (0, None))(several, b)
    [alone] = torch.autograd.grad(loss(2 * a, b), b)
    torch.testing.assert_close(lanes[1][1], alone)


def _flax(folder: Path, name: str) -> tuple[Any, Any]:
    """A Flax module, and the nnx cell of it in double precision."""
    module = _module(folder, "flax", KNOWN[name], name)
    [stem] = [n for n in vars(module) if n.endswith("LinenCell")]
    nnx_name = stem.replace("LinenCell", "Cell")
    cell = getattr(module, nnx_name)(4, 4, rngs=nnx.Rngs(0), param_dtype="float64")
    return getattr(module, stem), cell


@pytest.mark.parametrize("name", [name for name in KNOWN if name not in AFFINE])
def test_a_flax_cell_computes_what_torch_does(
    name: str, modules: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    layer = _layer(modules[name], 4, 4, dtype=torch.float64, at_once=False)
    inputs = torch.randn(5, 2, 4, dtype=torch.float64)
    count = KNOWN[name].num_states
    states = [torch.randn(1, 2, 4, dtype=torch.float64) for _ in range(count)]
    output, after = layer(inputs, tuple(states) if count > 1 else states[0])
    with jax.enable_x64(True):
        _, cell = _flax(tmp_path, name)
        for word, held in layer.cells[0].named_parameters():
            attribute, _, part = word.partition(".")
            own = getattr(cell, attribute)
            value = jnp.asarray(held.detach().numpy())
            if part:
                own = own.kernel if part == "weight" else own.bias
                value = value.T
            own[...] = value
        carry = tuple(jnp.asarray(state[0].numpy()) for state in states)
        carry, outputs = cell.at_once(
            jnp.asarray(inputs.numpy()),
            carry if count > 1 else carry[0],
            time_major=True,
        )
    np.testing.assert_allclose(outputs, output.detach(), atol=1e-9)
    for one, two in zip(
        carry if count > 1 else (carry,), after if count > 1 else (after,), strict=True
    ):
        np.testing.assert_allclose(one, two[0].detach(), atol=1e-9)


def test_flax_cells_take_any_batch_and_type(tmp_path: Path) -> None:
    module = _module(tmp_path, "flax", ZOO["qrnn"], "qrnn")
    for shape, dtype, limit in (
        ((5, 3), "float32", 1e-6),
        ((2, 1, 3), "bfloat16", 0.02),
    ):
        inputs = jnp.ones(shape)
        cell = module.QrnnCell(3, 4, dtype=dtype, rngs=nnx.Rngs(0))
        carry, outputs = cell.at_once(inputs)
        assert (outputs.shape, outputs.dtype) == ((*shape[:-1], 4), dtype)
        last, wanted = nnx.RNN(cell, return_carry=True)(inputs)
        for one, two in zip((*carry, outputs), (*last, wanted), strict=True):
            left, right = (np.asarray(value, np.float32) for value in (one, two))
            np.testing.assert_allclose(left, right, atol=limit)

        linen = module.QrnnLinenCell(3, 4, dtype=dtype)
        variables = linen.init(jax.random.key(0), inputs, method="at_once")
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(variables)} == {"float32"}
        carry, outputs = linen.apply(variables, inputs, method="at_once")
        assert (outputs.shape, outputs.dtype) == ((*shape[:-1], 4), dtype)
        assert [state.shape for state in carry] == [(*shape[:-2], 4)] * 2


def test_the_usage_in_the_docstring_is_right(tmp_path: Path) -> None:
    module = _module(tmp_path, "flax", ZOO["min_gru"], "min_gru")
    code = exports.usage(tmp_path / "flax_min_gru.py", "Usage, all steps at once:")
    names = {"jax": jax, "nnx": nnx, "inputs": jnp.ones((2, 5, 3)), **vars(module)}
    exec(code, names)  # from our own file
    assert names["outputs"].shape == (2, 5, 32)
    assert names["carry"].shape == (2, 32)


def test_both_multiply_many_factors_in_single_precision_and_may_overflow(
    modules: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    # 255/256 is exact in bfloat16, its powers are not.
    flax = _module(tmp_path, "flax", ZOO["min_gru"], "min_gru").recurrence
    own = modules["min_gru"].recurrence
    a = np.full((300, 1), 255 / 256)
    wanted = np.cumsum((255 / 256) ** np.arange(300))[:, None]
    low = [jnp.asarray(v, jnp.bfloat16) for v in (a, np.ones_like(a), np.zeros(1))]
    np.testing.assert_allclose(np.asarray(flax(*low), np.float64), wanted, rtol=0.004)
    low = [torch.tensor(v, dtype=torch.bfloat16) for v in (a, np.ones_like(a), [0.0])]
    np.testing.assert_allclose(own(*low).double(), wanted, rtol=0.004)

    # A loop has zeros and then 1e30; here 1e30 is squared before it meets the zeros.
    a, b = np.full((8, 1), 1e30, np.float32), np.zeros((8, 1), np.float32)
    assert not np.isfinite(flax(*map(jnp.asarray, (a, b, b[0])))).all()
    assert not own(*map(torch.tensor, (a, b, b[0]))).isfinite().all()
