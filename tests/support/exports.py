"""Exported cells in folders, and a clean process that runs them."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from unittest import mock

from cells import OPS, Cell
from cells.export import forms, vectors
from tests.support import quick
from tests.support.strategies import Builder

HARNESS = """\
import importlib.util, json, sys
from pathlib import Path
TORCH = {torch!r}
sys.path += [TORCH] if TORCH else []

def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

def values_of_flax(check, golden, folder):
    import jax
    from flax import nnx
    import jax.numpy as jnp
    jax.config.update("jax_enable_x64", True)
    module = check.load(folder / "flax_cell.py")
    sizes = golden["in_features"], golden["hidden_features"]
    cell = getattr(module, golden["classes"]["nnx"])(
        *sizes, param_dtype="float64", rngs=nnx.Rngs(0))
    module.load_weights(cell, golden["weights"])
    states = tuple(jnp.asarray(state) for state in golden["initial_states"])
    carry = states if len(states) > 1 else states[0]
    after, outputs = check.steps(cell, carry, jnp.asarray(golden["inputs"]))
    after = jnp.stack(after if len(states) > 1 else (after,))
    got = check.listed({{"outputs": outputs, "final_states": after}})
    return check.compare("flax values", got, golden, 1e-8)

def with_torch(passed, check, folder):
    if not TORCH:
        return not passed
    check.FORMS.pop("flax")
    return check.main(folder) or not passed

for place, way in json.load(sys.stdin):
    folder = Path(place)
    print("folder", folder.name)
    check = load(folder / "check.py")
    golden = json.loads((folder / "golden.json").read_text("utf-8"))
    exec(way)
    print("status", int(status))
loaded = {{"cells", "search", "workers", "tasks"}} & set(sys.modules)
assert not loaded, loaded
"""

GRADIENTS = """\
form = check.run_nnx(
    check.load(folder / "flax_cell.py"), golden, "float64", way=check.LOOP)
passed = check.compare("flax nnx cell", form, golden, 1e-8)
status = with_torch(passed, check, folder)
"""
"""One Flax form and all of PyTorch, value and gradient."""

VALUES = "status = with_torch(values_of_flax(check, golden, folder), check, folder)"
"""The values of Flax and all of PyTorch."""

AT_ONCE = """\
form = check.run_nnx(
    check.load(folder / "flax_cell.py"), golden, "float64", way=check.AT_ONCE)
passed = check.compare("flax nnx at once", form, golden, 1e-8)
passed = values_of_flax(check, golden, folder) and passed
status = with_torch(passed, check, folder)
"""
"""Besides, all steps at once in Flax, value and gradient: of an affine cell."""


def three_steps() -> AbstractContextManager[object]:
    """Where it is entered, golden vectors are of three steps, not six."""
    return mock.patch.object(vectors, "STEPS", 3)


def write(folder: Path, cell: Cell, name: str) -> Path:
    """Writes the forms of a cell into a new folder, with vectors of three steps."""
    folder.mkdir()
    with three_steps():
        written = forms(cell, name)
    for file, text in written.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def run(ways: Mapping[Path, str]) -> dict[str, list[str]]:
    """Runs folders in one process that cannot see this project's checkout.

    Args:
        ways: The code by which each is tried, in this order; it sets `status`.

    Returns:
        Folder's name to the lines that were printed; the last one is the status.
    """
    torch = importlib.util.find_spec("torch")
    place = str(Path(torch.origin).parents[1]) if torch and torch.origin else ""
    done = subprocess.run(
        [sys.executable, "-I", "-c", HARNESS.format(torch=place)],
        input=json.dumps([(str(folder), way) for folder, way in ways.items()]),
        cwd=next(iter(ways)),
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("folder "):
            lines = found.setdefault(line.removeprefix("folder "), [])
        else:
            lines.append(line)
    return found


def environment() -> dict[str, str]:
    """The environment of one quiet process, without a path of Python's."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    one = {"JAX_PLATFORMS": "cpu", "NPROC": "1", "OMP_NUM_THREADS": "1"}
    return {**kept, **one, "XLA_FLAGS": quick.flags()}


def load(path: Path) -> ModuleType:
    """Imports an exported file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def usage(path: Path, start: str) -> str:
    """The example in a docstring that begins after a line."""
    import ast
    import textwrap

    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    _, _, rest = text.partition(start + "\n")
    lines = []
    for line in rest.splitlines():
        if line and not line.startswith("    "):
            break
        lines.append(line)
    return textwrap.dedent("\n".join(lines))


def cell_of(op: str) -> Cell:
    """A small cell in which an op gets what is trained, and is trained through."""
    b = Builder(1)
    mixed = b("add", b("linear", 0), b("linear", 1, attrs=(-0.5, 0.25)))
    args = (mixed, b("linear", mixed))[: OPS[op].arity]
    if len(args) < 2:
        b.nodes.pop()
    value = b(op, *args, attrs=(0.9, 1.5) if op == "linear" else ())
    return b.cell(b("multiply", mixed, value) if op == "one" else value)


def every_op() -> Cell:
    """A cell of three states in which each built-in op is used."""
    b = Builder(3)
    values = [0, 1, 2, 3]
    for op in (op for op in OPS.values() if not op.origin):
        args = [values[-1], values[-3]][: op.arity]
        value = b(op.name, *args, attrs=(0.9, -0.5) if op.name == "linear" else ())
        if op.kind == "constant":
            value = b("subtract", value, values[-1])
        values.append(b("tanh", b("add", value, b("linear", values[-2]))))
    states = [b("add", values[-1 - i], i + 1) for i in range(3)]
    return b.cell(*states)
