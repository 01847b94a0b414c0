"""Cells exported in residual blocks: what a search trains, in Flax and PyTorch."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cells import ZOO, Cell, block_forms, lower, parse
from tests.support import exports
from workers.job.block import inner_width
from workers.training.stack import Dropout, stack_residual

CELLS = {
    **{name: ZOO[name] for name in ("gru", "min_gru")},
    "three": parse(
        "def three(x, h0, h1, h2):\n    "
        "return tanh(linear(x) + h1), relu(h2) * scale(h0), x - linear(h1)"
    ),
}
IMPORTS = {
    "flax_blocks.py": {"flax", "flax_cell", "jax", "jax.numpy"},
    "torch_blocks.py": {"torch", "torch_cell"},
}
BLOCKS = """\
if folder.name != "gru":
    check.LIMITS.pop("float32")
for library in [name for name in check.FORMS if check.importlib.util.find_spec(name)]:
    check.load(folder / check.FORMS[library][0])
table = check.load(folder / "check_blocks.py").FORMS
status = not all(check.check(folder, "golden_blocks.json", table))
"""
WRONG = """\
source = folder / "flax_blocks.py"
text = source.read_text("utf-8")
assert "nnx.silu(" in text
source.write_text(text.replace("nnx.silu(", "nnx.gelu("), "utf-8")
check.LIMITS.pop("float32")
for _, forms in check.FORMS.values():
    for name in list(forms)[1:]:
        del forms[name]
status = check.main(folder)
"""


def _write(folder: Path, cell: Cell, name: str) -> Path:
    exports.write(folder, cell, name)
    with exports.three_steps():
        files = block_forms(cell, name)
    for file, text in files.items():
        (folder / file).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The cells, exported in blocks."""
    root = tmp_path_factory.mktemp("blocks")
    return {name: _write(root / name, cell, name) for name, cell in CELLS.items()}


def _torch() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is optional")
    torch.set_num_threads(1)  # small tensors; other tests have the other cores
    return torch


def _loaded(folder: Path, library: str) -> ModuleType:
    exports.load(folder / f"{library}_cell.py")
    return exports.load(folder / f"{library}_blocks.py")


def test_they_are_four_files_of_the_same_bytes_each_time(
    folders: dict[str, Path],
) -> None:
    with exports.three_steps():
        files = block_forms(ZOO["min_gru"], "min_gru")
    assert sorted(files) == [
        *("check_blocks.py", "flax_blocks.py"),
        *("golden_blocks.json", "torch_blocks.py"),
    ]
    for file, text in files.items():
        assert (folders["min_gru"] / file).read_text("utf-8") == text


@pytest.mark.parametrize("name", CELLS)
def test_the_golden_vectors_are_those_of_the_stack_that_is_trained(
    name: str, folders: dict[str, Path]
) -> None:
    golden = json.loads((folders[name] / "golden_blocks.json").read_text())
    layer = lower(CELLS[name])
    with jax.enable_x64(True):

        def loss(weights: Any, inputs: Any, states: Any) -> Any:
            layers = list(weights["layers"].values())
            params = {
                "embedding": weights["embedding"],
                "layers": [own["cell"] for own in layers],
                "blocks": layers,
                "norm": weights["norm"],
            }
            carry = tuple(tuple(state) for state in states)
            off = Dropout(0.0, None)
            carry, outputs = stack_residual(layer, params, carry, inputs, off)
            after = jnp.stack([jnp.stack(states) for states in carry])
            total = jnp.sum((outputs - 1) ** 2) + jnp.sum((after - 1) ** 2)
            return total, (outputs, after)

        is_array = lambda tree: isinstance(tree, list)  # noqa: E731
        arguments = [
            jax.tree.map(jnp.asarray, golden[key], is_leaf=is_array)
            for key in ("weights", "inputs", "initial_states")
        ]
        both = jax.value_and_grad(loss, (0, 1, 2), has_aux=True)
        (value, (outputs, after)), gradients = jax.jit(both)(*arguments)
    found = {
        "loss": value,
        "outputs": outputs,
        "final_states": after,
        "gradients": dict(
            zip(("weights", "inputs", "initial_states"), gradients, strict=True)
        ),
    }
    wanted = {key: golden[key] for key in found}
    pairs = zip(
        jax.tree.leaves(found),
        jax.tree.leaves(wanted, is_leaf=is_array),
        strict=True,
    )
    for one, two in pairs:
        limit = 1e-8 * max(0.01, np.max(np.abs(two)))
        np.testing.assert_allclose(one, two, rtol=0, atol=limit)


def test_both_libraries_compute_them_in_value_and_gradient(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    wrong = shutil.copytree(folders["gru"], tmp_path / "wrong")
    printed = exports.run(dict.fromkeys(folders.values(), BLOCKS) | {wrong: WRONG})
    for name in CELLS:
        lines = printed[name]
        assert lines[-1] == "status 0", lines
        assert lines[0].startswith(f"{'flax blocks':18} float64: greatest error")
    assert printed["wrong"][-1] == "status 1"
    failed = [line for line in printed["wrong"] if "FAILED" in line]
    assert failed
    assert all("blocks" in line for line in failed)


def test_sources_import_the_cell_and_pass_the_linter(folders: dict[str, Path]) -> None:
    paths = [folder / file for folder in folders.values() for file in IMPORTS]
    for path in paths:
        tree = ast.parse(path.read_text("utf-8"))
        found = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        found |= {n.module or "" for n in ast.walk(tree) if type(n) is ast.ImportFrom}
        assert found <= IMPORTS[path.name]
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                assert ast.get_docstring(statement)
    rules = ["check", "--isolated", "--select=F,I,E4,E7,E9,B,UP"]
    for words in (rules, ["format", "--isolated", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, *map(str, paths)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2000:]


def test_flax_blocks_take_any_batch_and_start_as_in_a_search(
    folders: dict[str, Path],
) -> None:
    make = _loaded(folders["three"], "flax").ThreeBlocks
    blocks = make(3, 8, dropout=1.0, init_scale=2.0, rngs=nnx.Rngs(0))
    for inputs in (jnp.ones((5, 3)), jnp.ones((2, 5, 3))):
        carry, outputs = blocks(inputs)
        assert outputs.shape == (*inputs.shape[:-1], 8)
        assert len(carry) == 2
        found = {state.shape for state in jax.tree.leaves(carry)}
        assert found == {(*inputs.shape[:-2], 8)}
        assert not outputs.any()  # all that is added is dropped
    blocks.eval()
    carry, outputs = blocks(inputs)
    assert outputs.any()
    _, again = blocks(inputs.swapaxes(0, 1), carry, time_major=True)
    _, wanted = blocks(inputs, carry)
    np.testing.assert_allclose(again.swapaxes(0, 1), wanted, atol=1e-5)
    assert not hasattr(make(8, 8, rngs=nnx.Rngs(0)), "project")
    inner, bound = inner_width(8), 2 / 8**0.5
    shapes = {"w1": (8, inner), "w2": (8, inner), "w3": (inner, 8)}
    for matrix, shape in shapes.items():
        kernel = getattr(blocks.block0, matrix).kernel[...]
        assert kernel.shape == shape
        assert 0.9 * bound < np.abs(kernel).max() <= bound
    assert 0.8 * bound < np.abs(blocks.project.kernel[...]).max() <= bound
    assert (blocks.block1.norm.scale[...] == 1).all()


def test_torch_blocks_take_any_batch_and_start_as_in_a_search(
    folders: dict[str, Path],
) -> None:
    torch = _torch()
    for name, stem in (("three", "Three"), ("min_gru", "MinGru")):
        make = getattr(_loaded(folders[name], "torch"), f"{stem}Blocks")
        torch.manual_seed(0)
        blocks = make(3, 8, batch_first=True, dropout=1.0, init_scale=2.0)
        for inputs in (torch.ones(5, 3), torch.ones(2, 5, 3)):
            output, h_n = blocks(inputs)
            states = h_n if name == "three" else (h_n,)
            assert output.shape == (*inputs.shape[:-1], 8)
            assert {state.shape for state in states} == {(2, *inputs.shape[:-2], 8)}
            assert not output.any()  # all that is added is dropped
        blocks.eval()
        output, h_n = blocks(inputs)
        assert output.any()
        again, _ = blocks(inputs[:, 2:], blocks(inputs[:, :2])[1])
        torch.testing.assert_close(again, output[:, 2:], rtol=1e-4, atol=1e-5)
        with pytest.raises(ValueError, match="hx is of 3 layers, got 2"):
            make(3, 8, 3)(inputs, h_n)
    inner, bound = inner_width(8), 2 / 8**0.5
    shapes = {"w1": (inner, 8), "w2": (inner, 8), "w3": (8, inner)}
    for matrix, shape in shapes.items():
        weight = getattr(blocks.blocks[0], matrix).weight
        assert weight.shape == shape
        assert 0.9 * bound < weight.abs().max() <= bound
    assert (blocks.blocks[1].inner_norm.weight == 1).all()
    low = make(3, 8, dtype=torch.bfloat16)
    assert low(torch.ones(5, 2, 3, dtype=torch.bfloat16))[0].dtype == torch.bfloat16


@pytest.mark.parametrize("library", ["flax", "torch"])
def test_the_usage_in_the_docstring_trains(
    library: str, folders: dict[str, Path]
) -> None:
    if library == "torch":
        _torch()
    _loaded(folders["gru"], library)
    start = f"Usage, beside `{library}_cell.py`:"
    code = exports.usage(folders["gru"] / f"{library}_blocks.py", start)
    names: dict[str, Any] = {}
    with jax.numpy_dtype_promotion("standard"):  # Optax needs it
        exec(code, names)  # from our own file
    last = names["value"] if library == "flax" else names["loss"].detach()
    assert float(last) < 0.5 * float((names["targets"] ** 2).mean())
