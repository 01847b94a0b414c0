"""What the README tells a person to type does what it says."""

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from cells import OPS
from search.commands.cli import COMMANDS, main
from search.loop import pools
from tests.support.fake_search import Fake, Trained, query
from tests.support.searches import ROOT

TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every command of `cellsearch` in a block, as words."""
    found = []
    for _, block in BLOCKS:
        for line in block.replace("\\\n", " ").splitlines():
            line = line.removeprefix("$ ").split("&& ")[-1]
            if line.startswith("cellsearch "):
                found.append(shlex.split(line, comments=True)[1:])
    return found


def python(word: str) -> str:
    """The block of Python that has a word."""
    [block] = [text for kind, text in BLOCKS if kind == "python" and word in text]
    return block


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README speaks of."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "notes.txt").write_text("to be or not to be, " * 2000)
    (folder / "mine.txt").write_text(python("def mine"))
    (folder / "cubic.txt").write_text(
        "def cubic(x, h):\n    return tanh(linear(cube(tanh(linear(x)))) + linear(h))\n"
    )
    (folder / "ops.py").write_text(python('Op("cube"'))
    return folder


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That folder, to be in; nothing is trained there."""
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(pools, "make_pool", lambda *_: Trained(Fake()))
    yield place
    OPS.pop("cube", None)
    sys.modules.pop("ops", None)


def test_there_are_commands_of_every_kind() -> None:
    assert {words[0] for words in commands()} == set(COMMANDS)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_has_the_options_that_it_is_given(words: list[str]) -> None:
    module = importlib.import_module(COMMANDS[words[0]].module)
    with mock.patch.object(module, "run", return_value=0) as run:
        assert main(words) == 0
    run.assert_called_once()


def test_the_first_commands_work_one_after_another(here: Path) -> None:
    block = next(text for _, text in BLOCKS if "cellsearch top runs/demo " in text)
    assert main(["run", "--preset", "demo", "--out", "runs/demo"]) == 0
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "cellsearch":
            assert main(words[1:]) == 0, line
    assert (here / "runs/demo/report.html").is_file()
    pattern = next(line.split()[1] for line in block.splitlines() if "check.py" in line)
    [check] = here.glob(pattern)
    assert check.is_file()
    for sql in re.findall(r'sqlite3 runs/demo/search.db "(.*)"', TEXT):
        assert query(here / "runs/demo", sql)


@pytest.mark.parametrize("file", ["mine.txt", "cubic.txt", "notes.txt"])
def test_recipes_work(here: Path, file: str) -> None:
    wanted = {"notes.txt": "text:notes.txt", "cubic.txt": "ops:cube"}.get(file, file)
    done = 0
    for words in commands():
        if any(wanted in word for word in words) and words[0] == "run":
            assert main([*words, "--candidates", "1"]) == 0
            done += 1
        if any(file in word for word in words) and words[0] == "show":
            assert main(words) == 0
            done += 1
    assert done


def test_notebook_lines_work(here: Path) -> None:
    text = python("from search.api import").replace('"best"', '"notebook"')
    with mock.patch.object(sys, "argv", ["notebook"]):
        exec(compile(text, "README", "exec"), {})
    assert (here / "notebook").is_dir()


@pytest.mark.parametrize("library", ["flax", "torch"])
def test_training_scripts_train(
    tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    monkeypatch.chdir(tmp_path)
    assert main(["export", "gru", "--out", "best"]) == 0
    script = python(f"from {library}_cell import")
    value = "float(value)" if library == "flax" else "float(loss)"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nprint({value})"],
        cwd=tmp_path / "best" / "gru",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.05  # the mean of the targets' squares is 0.05


def test_files_of_the_tree_are_there() -> None:
    tree = next(text for _, text in BLOCKS if text.startswith("cells/"))
    folder, seen = "", set()
    for line in tree.splitlines():
        start = re.match(r"(\w+)/", line)
        folder = start[1] if start else folder
        for name in re.findall(r"[\w/]+\.py\b", line):
            seen.add(f"{folder}/{name}")
    missing = [name for name in sorted(seen) if not (ROOT / name).is_file()]
    assert missing == []
    there = {
        str(path.relative_to(ROOT))
        for top in ("cells", "tasks", "workers", "search")
        for path in (ROOT / top).glob("*.py")
        if not path.name.startswith("__")
    }
    assert sorted(there - seen) == []


def test_pictures_are_there() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", TEXT):
        assert (ROOT / path).is_file(), path
