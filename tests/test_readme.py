"""What the READMEs tell a person to type does what they say."""

import importlib
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
from tests.support import exports
from tests.support.fake_search import Fake, Trained, query
from tests.support.searches import ROOT

FOLDERS = ("cells", "tasks", "workers", "search", "benchmarks", "tests")
FILES = [ROOT / "README.md", *(ROOT / folder / "README.md" for folder in FOLDERS)]
BLOCKS = [
    block
    for file in FILES
    for block in re.findall(
        r"^```(\w*)\n(.*?)^```$", file.read_text(), re.MULTILINE | re.DOTALL
    )
]
MOST_LINES = 220
"""Of the first README: it is to be read from top to bottom."""


def commands() -> list[list[str]]:
    """Every command of `cellsearch` in a block, as words; each once."""
    found = []
    for _, block in BLOCKS:
        for line in block.replace("\\\n", " ").splitlines():
            line = line.removeprefix("$ ").split("&& ")[-1]
            if line.startswith("cellsearch "):
                words = shlex.split(line, comments=True)[1:]
                words = words[: words.index(">")] if ">" in words else words
                if words not in found:
                    found.append(words)
    return found


def python(word: str) -> str:
    """The block of Python that has a word."""
    [block] = [text for kind, text in BLOCKS if kind == "python" and word in text]
    return block


@pytest.fixture(autouse=True, scope="module")
def _brief() -> Iterator[None]:
    """Of exported folders."""
    with exports.three_steps():
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the READMEs speak of."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "notes.txt").write_text("to be or not to be, " * 2000)
    (folder / "mine.txt").write_text(python("def mine"))
    (folder / "cubic.txt").write_text(
        "def cubic(x, h):\n    return tanh(linear(cube(tanh(linear(x)))) + linear(h))\n"
    )
    (folder / "ops.py").write_text(python('Op("cube"'))
    (folder / "doubles.py").write_text(python("class Doubles"))
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


def test_the_first_readme_can_be_read_from_top_to_bottom() -> None:
    assert len(FILES[0].read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_has_the_options_that_it_is_given(words: list[str]) -> None:
    module = importlib.import_module(COMMANDS[words[0]].module)
    with (
        mock.patch.object(module, "run", return_value=0) as run,
        mock.patch("search.commands.own_code.OwnCode.load"),
    ):
        assert main(words) == 0
    run.assert_called_once()


def test_the_first_commands_work_one_after_another(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    statements = [
        sql
        for _, text in BLOCKS
        for sql in re.findall(r'sqlite3 runs/demo/search.db "(.*)"', text)
    ]
    assert statements
    for sql in statements:
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


def test_a_task_of_ones_own_is_checked_and_shown(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tasks", "doubles:Doubles"]
    assert words in commands()
    assert main(words) == 0
    assert "Every second digit repeats the one before." in capsys.readouterr().out
    sys.modules.pop("doubles")


def test_a_preset_that_is_printed_can_be_run(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["presets", "small"]) == 0
    (here / "mine.toml").write_text(capsys.readouterr().out)
    words = ["run", "mine.toml", "--out", "runs/tuned"]
    assert words in commands()
    assert main([*words, "--candidates", "1"]) == 0


def test_notebook_lines_work(here: Path) -> None:
    text = python("from search.api import").replace('"best"', '"notebook"')
    with mock.patch.object(sys, "argv", ["notebook"]):
        exec(compile(text, "README", "exec"), {})
    assert (here / "notebook").is_dir()


def test_a_loop_of_asking_telling_and_proposing_works(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(python("api.begin"), "README", "exec"), {})
    assert "place 1 in the queue" in capsys.readouterr().out
    assert main(["top", "runs/told"]) == 0
    assert "a proposer" in capsys.readouterr().out


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
        env=exports.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.05  # the mean of the targets' squares is 0.05


def test_the_house_has_all_rooms() -> None:
    house = next(text for _, text in BLOCKS if text.startswith("cells/"))
    named = set(re.findall(r"^ *(\w+)/", house, re.MULTILINE))
    named |= set(re.findall(r"\b(\w+)/  ", house))
    for folder in ("cells", "tasks", "workers", "search"):
        assert folder in named
    rooms = {path.parent.name for path in (ROOT / "search").glob("*/__init__.py")}
    assert rooms <= named


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_what_a_readme_points_to_is_there(file: Path) -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)", file.read_text()):
        assert (file.parent / path).exists(), path
