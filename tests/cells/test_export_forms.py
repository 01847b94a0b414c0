"""Exported cells: what the files hold, and that they compute the cell."""

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cells import (
    OPS,
    ZOO,
    Cell,
    CellError,
    Node,
    Op,
    mutate,
    parse,
    parse_named,
)
from cells.export import forms
from cells.export.all_steps import is_affine
from cells.export.flax_source import FLAX, flax_source
from cells.export.names import Names, name_values
from cells.export.step import called_ops
from cells.export.torch_source import TORCH, torch_source
from tests.support import exports
from tests.support.interpreter import FUNCTIONS
from tests.support.strategies import Builder, gru

FILES = [
    "cell.txt",
    "check.py",
    "equations.tex",
    "flax_cell.py",
    "golden.json",
    "torch_cell.py",
]
IMPORTS = {
    "flax_cell.py": {"flax", "jax", "jax.nn", "jax.numpy"},
    "torch_cell.py": {"warnings", "torch", "torch.nn.functional"},
}
HOSTILE = [
    '"""\nimport os',
    "../x",
    "",
    "'''",
    "\\",
    '"',
    'a\\"""\nraise SystemExit\n"""',
    "$title",
    "class",
    "Cell",
    "1st",
    "match",
    "naïve \ud800\u2028",
    "x" * 5000,
    "%\n\\input{/etc/passwd}",
]


def _mutants(count: int) -> dict[str, Cell]:
    """Mutants of zoo cells, as a search draws them."""
    found: dict[str, Cell] = {}
    parents = [cell for cell in ZOO.values() if len(cell.nodes) > 9]
    while len(found) < count:
        rng = np.random.default_rng(len(found))
        cell = mutate(parents[len(found) % len(parents)], rng, ops="extended").cell
        found[f"mutant{len(found)}"] = cell
    return found


RELATIVES = (
    "lstm_b",
    "lstm_cifg",
    "lstm_f",
    "lstm_i",
    "lstm_o",
    "gru1",
    "mut2",
    "mi_rnn",
)
"""Of cells that are here: nothing is exported otherwise."""

CELLS = {**ZOO, **_mutants(4)}
for name in RELATIVES:
    del CELLS[name]
BUILT_IN = [op.name for op in OPS.values() if not op.origin]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every zoo cell and some mutants, exported."""
    root = tmp_path_factory.mktemp("exports")
    return {
        name: exports.write(root / name, cell, name) for name, cell in CELLS.items()
    }


@pytest.fixture(scope="module")
def printed(
    folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """What all folders print that are tried without this project, in one process."""
    root = tmp_path_factory.mktemp("small")
    made = {**{f"op_{op}": exports.cell_of(op) for op in BUILT_IN}, **ODD}
    small = [exports.write(root / name, cell, name) for name, cell in made.items()]
    return exports.run(
        {
            folder: exports.AT_ONCE if is_affine(CELLS[name]) else exports.VALUES
            for name, folder in folders.items()
        }
        | dict.fromkeys(small, exports.GRADIENTS)
        | {_wrong(root / "wrong"): ONE_FORM}
        # The last: from there on no library is found.
        | {exports.write(root / "alone", ZOO["gru"], "gru"): NO_LIBRARY}
    )


ONE_FORM = """\
check.FORMS.pop("torch"); check.LIMITS.pop("float32")
del check.FORMS["flax"][1]["flax nn.RNN"]
del check.FORMS["flax"][1]["flax nnx.RNN"]
status = check.main(folder)
"""
NO_LIBRARY = """\
check.importlib.util.find_spec = lambda name: None
status = check.main(folder)
"""


def _wrong(folder: Path) -> Path:
    """Forms of which one computes another cell."""
    source = exports.write(folder, ZOO["tanh"], "tanh") / "flax_cell.py"
    text = source.read_text("utf-8")
    assert "h_new = tanh(" in text
    source.write_text(text.replace("h_new = tanh(", "h_new = 1.0001 * tanh("), "utf-8")
    return folder


def test_forms_are_six_files(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        assert sorted(path.name for path in folder.iterdir()) == FILES


def test_all_forms_of_zoo_cells_and_mutants_compute_the_golden_vectors(
    printed: dict[str, list[str]],
) -> None:
    for name in CELLS:
        assert printed[name][-1] == "status 0", (name, printed[name])


def test_the_text_is_that_of_the_cell(folders: dict[str, Path]) -> None:
    for name, folder in folders.items():
        assert parse_named((folder / "cell.txt").read_text()) == (name, CELLS[name])


def test_sources_hold_nothing_but_imports_functions_classes_and_the_table(
    folders: dict[str, Path],
) -> None:
    for folder in folders.values():
        for file, allowed in IMPORTS.items():
            tree = ast.parse((folder / file).read_text("utf-8"))
            assert _imports(tree) <= allowed
            assert ast.get_docstring(tree)
            for statement in tree.body:
                match statement:
                    case ast.Import() | ast.ImportFrom():
                        pass
                    case ast.FunctionDef() | ast.ClassDef():
                        assert ast.get_docstring(statement)
                    case ast.Expr(ast.Constant(str())):
                        pass
                    case ast.Assign([ast.Name("WEIGHTS")]):
                        pass
                    case _:
                        raise AssertionError(ast.unparse(statement))


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_sources_pass_the_linter(folders: dict[str, Path]) -> None:
    paths = [str(f / file) for f in folders.values() for file in IMPORTS]
    rules = "--select=F,I,E4,E7,E9,B,UP"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", rules, *paths],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    well = [str(folders[n] / file) for n in ("gru", "lstm", "sru") for file in FILES]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--check"]
        + [path for path in well if path.endswith(".py")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]


ODD = {
    "every_op": exports.every_op(),
    "no_nodes": Cell(2, (), (2, 0)),
    "constant": Cell(2, (Node("one", ()),), (3, 3)),
    "ones": parse("def f(x, h): return (one() + one()) * (one() - one()) - h"),
}


@pytest.mark.parametrize("op", BUILT_IN)
def test_every_op_is_exported_in_value_and_gradient(
    op: str, printed: dict[str, list[str]]
) -> None:
    assert op in {node.op for node in exports.cell_of(op).nodes}
    assert printed[f"op_{op}"][-1] == "status 0", printed[f"op_{op}"]


def test_every_op_that_is_called_has_a_row_for_each_library() -> None:
    called = {*called_ops(exports.every_op()), "ones_like"} - {"one"}
    assert called == set(FLAX.spellings) == set(TORCH.spellings)


@pytest.mark.parametrize("name", ODD)
def test_odd_cells_are_exported_in_value_and_gradient(
    name: str, printed: dict[str, list[str]]
) -> None:
    assert printed[name][-1] == "status 0", printed[name]


def test_the_check_fails_on_another_cell_and_without_libraries(
    printed: dict[str, list[str]],
) -> None:
    lines = printed["wrong"]
    assert lines[-1] == "status 1"
    assert "FAILED at " in lines[0]
    lines = printed["alone"]
    assert lines[-2:] == ["nothing ran: install flax or torch", "status 1"]
    assert "skipped: it is not installed" in lines[0]


def test_the_golden_vectors_are_those_of_a_numpy_interpreter(
    folders: dict[str, Path],
) -> None:
    for name, folder in folders.items():
        golden = json.loads((folder / "golden.json").read_text())
        outputs, after, loss = _run(CELLS[name], golden)
        scale = max(1.0, np.max(np.abs(outputs)), np.max(np.abs(after)))
        np.testing.assert_allclose(outputs, golden["outputs"], atol=2e-9 * scale)
        np.testing.assert_allclose(after, golden["final_states"], atol=2e-9 * scale)
        assert loss == pytest.approx(golden["loss"], rel=1e-8)


def test_the_golden_gradients_are_central_differences(
    folders: dict[str, Path],
) -> None:
    for name in ("lstm_peephole", "mutant1", "mutant3"):
        golden = json.loads((folders[name] / "golden.json").read_text())
        gradients = golden["gradients"]
        pairs = [(golden["inputs"][0][1], gradients["inputs"][0][1])]
        pairs.append(
            (golden["initial_states"][0][1], gradients["initial_states"][0][1])
        )
        for node, weights in golden["weights"].items():
            for part, values in weights.items():
                slope = gradients["weights"][node][part]
                pairs.append(
                    (values, slope) if part != "kernel" else (values[1], slope[1])
                )
        for values, slopes in pairs:
            ends, held = [], values[2]
            for step in (1e-5, -1e-5):
                values[2] = held + step
                ends.append(_run(CELLS[name], golden)[2])
            values[2] = held
            assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slopes[2], abs=1e-5)


def _run(cell: Cell, golden: dict) -> tuple[np.ndarray, np.ndarray, float]:  # type: ignore[type-arg]
    carry = [np.array(state) for state in golden["initial_states"]]
    weights = {
        node: {part: np.array(values) for part, values in given.items()}
        for node, given in golden["weights"].items()
    }
    outputs = []
    for frame in np.array(golden["inputs"]):
        values = [frame @ weights["embedding"]["kernel"], *carry]
        for i, node in enumerate(cell.nodes):
            args = [values[arg] for arg in node.args]
            if OPS[node.op].weights:
                args.insert(0, weights[f"n{i}"])
            function = FUNCTIONS.get(node.op, lambda: np.ones_like(values[0]))  # noqa: B023
            values.append(function(*args))
        carry = [values[output] for output in cell.outputs]
        outputs.append(carry[0])
    emitted, after = np.stack(outputs), np.stack(carry)
    return emitted, after, float(((emitted - 1) ** 2).sum() + ((after - 1) ** 2).sum())


def test_an_exploding_cell_gets_fewer_steps_and_an_infinite_one_is_refused() -> None:
    golden = json.loads(forms(_powers(2), "wild")["golden.json"])
    assert 1 <= len(golden["inputs"]) < 6
    assert np.max(np.abs(golden["outputs"])) <= 1e6
    with pytest.raises(CellError, match="first step is not finite"):
        forms(_powers(40), "wilder")


def _powers(count: int) -> Cell:
    b = Builder(1)
    value = b("add", b("add", b("one"), b("one")), b("multiply", 1, 1))
    for _ in range(count):
        value = b("multiply", value, value)
    return b.cell(value)


def test_the_same_cell_and_name_give_the_same_bytes() -> None:
    code = (
        "import sys\nfrom cells import ZOO\nfrom cells.export import forms\n"
        "sys.stdout.buffer.write(repr(forms(ZOO['tanh'], 'tanh')).encode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**exports.environment(), "PYTHONHASHSEED": "5"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == repr(forms(ZOO["tanh"], "tanh"))


def test_values_have_the_names_of_the_published_text(folders: dict[str, Path]) -> None:
    reads = {"flax_cell.py": "cell.linear8(x)", "torch_cell.py": "linear8_x"}
    for file, of_input in reads.items():
        source = (folders["gru"] / file).read_text("utf-8")
        assert f"    candidate = tanh({of_input} + cell.linear10(r * h))\n" in source
        assert "    h_new = candidate + z * (h - candidate)\n" in source
    tex = (folders["gru"] / "equations.tex").read_text("utf-8")
    assert (
        r"h_{t} &= \mathrm{candidate} + z \odot (h_{t-1} - \mathrm{candidate})" in tex
    )


def test_names_come_from_a_text_unless_they_would_collide() -> None:
    text = (
        "def mine(x, y):\n    h = sigmoid(linear(x) + y)\n    gate = tanh(h)\n"
        "    n0 = relu(h)\n    return gate * n0 + gate * h + n0\n"
    )
    names = name_values(parse(text), "mine", text)
    assert list(names.values.values()) == ["n2", "gate", "n4"]
    assert parse(names.text(parse(text))) == parse(text)
    with pytest.raises(CellError, match="another cell"):
        forms(gru(), "gru", text)


def test_a_persons_own_op_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Op("cube", "activation", 1, lambda xp, a: a * a * a, origin="my_ops:cube")
    monkeypatch.setitem(OPS, "cube", own)
    with pytest.raises(CellError, match=r"node n0: cube is an op of your own \(my_ops"):
        forms(Cell(1, (Node("cube", (1,)),), (2,)), "mine")


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:20])
def test_hostile_names_are_only_names(name: str) -> None:
    _assert_harmless(name)


@given(st.text(st.characters() | st.sampled_from("\"'\\\n\r$%{}"), max_size=30))
@examples(max_examples=30)
def test_no_name_changes_the_code(name: str) -> None:
    _assert_harmless(name)


def _assert_harmless(name: str) -> None:
    cell = ZOO["tanh"]
    names = name_values(cell, name)
    assert parse_named(names.text(cell)) == (names.function, cell)
    for source in (flax_source, torch_source):
        text = source(cell, names, "0" * 32)
        text.encode()
        assert _skeleton(text, names.stem) == _plain_skeleton(source)
    assert names.title.isprintable()
    assert names.title.isascii()
    assert len(names.title) < 1300


@functools.cache
def _plain_skeleton(source: Callable[[Cell, Names, str], str]) -> str:
    names = name_values(ZOO["tanh"], "plain")
    return _skeleton(source(ZOO["tanh"], names, "0" * 32), names.stem)


def _skeleton(source: str, stem: str) -> str:
    """The code without docstrings, and with one name for the classes."""
    tree = ast.parse(source)
    tree.body = tree.body[1:]
    text = ast.unparse(tree)
    for end in ("Cell", "LinenCell", "Layer"):
        text = text.replace(f"class {stem}{end}(", f"class Stem{end}(")
        text = text.replace(f" {stem}{end}(", f" Stem{end}(")
        text = text.replace(f"({stem}{end}(", f"(Stem{end}(")
    return text


def test_hostile_names_reach_no_file_but_as_names() -> None:
    files = forms(ZOO["tanh"], HOSTILE[0])
    for file in IMPORTS:
        assert not any("import os" in line for line in files[file].splitlines()[1:])
    assert json.loads(files["golden.json"])["classes"]["nnx"] == "ImportOsCell"
    first, *rest = files["equations.tex"].splitlines()
    assert first.startswith("% ")
    assert "import os" not in "\n".join(rest)


def test_a_torch_layer_has_what_needs_no_state_for_all_steps_at_once() -> None:
    source = forms(ZOO["gru"], "gru")["torch_cell.py"]
    of_input, step = source.split("def step(")
    assert of_input.count("cell.linear") == 3
    assert step.count("cell.linear") == 3
    assert "for value in of_input(cell, inputs)" in step


def test_a_cell_that_makes_nothing_of_its_input_alone_is_one_function() -> None:
    cell = parse("def plain(x, h): return tanh(x * linear(h))")
    source = forms(cell, "plain")["torch_cell.py"]
    assert "of_input" not in source
    assert "def step(cell, x, h):" in source


def test_what_is_made_of_the_input_alone_is_called_as_no_other_value() -> None:
    body = "linear1_x = tanh(h)\n    return linear(x) * linear1_x + linear1_x"
    text = f"def odd(x, h):\n    {body}"
    source = forms(parse(text), "odd", text)["torch_cell.py"]
    assert "    linear1_x_ = cell.linear1(x)\n    return (linear1_x_,)\n" in source
    assert "def step(cell, linear1_x_, h):" in source
