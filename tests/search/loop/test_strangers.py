"""A run folder is data: nothing that it names is imported unless a person names it."""

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.store.database import RUN_FILE
from tests.support.searches import here, refused

EVIL = """
from pathlib import Path
Path({marker!r}).touch()
from cells import Op
from tests.support.tiny_frames import TinyFrames

class T(TinyFrames):
    pass

cube = Op("cube", "activation", 1, lambda xp, a: a * a * a)
"""
READING = (
    ("show", "RUN:1"),
    ("lineage", "RUN:1"),
    ("report", "RUN"),
    ("export", "RUN", "--out", "new"),
    ("export", "RUN:1", "--out", "new"),
    ("evaluate", "RUN:1", "--tasks", "xml", "--out", "new"),
    ("run", "--branch", "RUN", "--out", "new"),
    ("resume", "RUN"),
    ("final", "RUN"),
)
"""Commands that cannot do without what a run names."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that uses nothing of a person's own."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    here("run", "--preset", "small", "--candidates", 3, "--out", folder)
    return folder


@pytest.fixture
def evil(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder to be in, with a run that brings a module of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    shutil.copytree(plain, "runs/demo")
    marker = str(tmp_path / "executed")
    Path("runs/demo/evil.py").write_text(EVIL.format(marker=marker))
    yield tmp_path
    for name in ("runs", "runs.demo", "runs.demo.evil"):
        sys.modules.pop(name, None)


def edit(folder: Path, **changes: object) -> None:
    """Changes the configuration of a run, in its file alone."""
    file = sqlite3.connect(folder / RUN_FILE)
    [(text,)] = file.execute("SELECT value FROM metadata WHERE key = 'config'")
    text = json.dumps({**json.loads(text), **changes})
    with file:
        file.execute("UPDATE metadata SET value = ? WHERE key = 'config'", (text,))
    file.close()


CHANGES = {
    "--op runs.demo.evil:cube": {"own_ops": ["runs.demo.evil:cube"]},
    "--op runs.demo.evil": {"own_ops": ["runs.demo.evil"]},
    "--op runs.demo.evil:rule": {"rules": {"ops": ["runs.demo.evil:rule"]}},
    "--task runs.demo.evil:T": {"tasks": ["runs.demo.evil:T"]},
    "--task runs.demo.evil:F": {
        "objective": {"name": "paired", "finals": {"tasks": ["runs.demo.evil:F"]}}
    },
}


@pytest.mark.parametrize("missing", CHANGES)
def test_reading_a_run_imports_nothing_that_it_names(evil: Path, missing: str) -> None:
    edit(Path("runs/demo"), **CHANGES[missing])
    for words in READING:
        line = refused(*(word.replace("RUN", "runs/demo") for word in words))
        assert f"only if you name it: {missing}" in line, words
    for words in (["top"], ["top", "--json", "--text"], ["status"]):
        out, err = here(*words, "runs/demo")
        assert out
        assert err.count("\n") == 1
        assert missing in err
    assert not (evil / "executed").exists()


def test_a_table_without_its_code_has_texts_and_scores(evil: Path) -> None:
    edit(Path("runs/demo"), own_ops=["runs.demo.evil:cube"])
    rows = json.loads(here("top", "runs/demo", "--json")[0])
    assert all("def " in row["text"] for row in rows)
    assert any(row["bests"].get("arithmetic", 0) > 0 for row in rows)


def test_the_configuration_beside_a_run_imports_nothing_either(evil: Path) -> None:
    path = Path("runs/demo/config.toml")
    text = path.read_text()
    path.write_text('own_ops = ["runs.demo.evil:cube"]\n' + _without_own_ops(text))
    assert "only if you name it: --op" in refused("resume", "runs/demo")
    assert not (evil / "executed").exists()


def _without_own_ops(text: str) -> str:
    return "\n".join(li for li in text.splitlines() if not li.startswith("own_ops"))


def test_reading_does_not_look_for_modules_in_the_current_folder(evil: Path) -> None:
    for words in (["top", "runs/demo"], ["status", "runs/demo"]):
        here(*words)
    here("show", "runs/demo:1")
    assert str(evil) not in sys.path


def test_what_a_person_names_is_imported(evil: Path) -> None:
    edit(Path("runs/demo"), own_ops=["runs.demo.evil:cube"])
    out, err = here("top", "runs/demo", "--op", "runs.demo.evil:cube")
    assert "fitness" in out
    assert err == ""
    assert (evil / "executed").exists()
