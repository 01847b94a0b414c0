"""A stored history is held against this search, and refused in words."""

import functools
import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cells import ZOO
from search.errors import UserError
from search.loop import past
from search.procedure.config import Config
from search.procedure.procedure import Procedure
from search.store.database import RUN_FILE
from tests.support.fake_search import history
from tests.support.instant import SIMPLE, config, run


@functools.cache
def long_run() -> tuple[TemporaryDirectory[str], Config]:
    parent = TemporaryDirectory()
    run(Path(parent.name, "run"), config(), 40)
    return parent, config()


def edited(tmp_path: Path, edit: str) -> Path:
    """A copy of a long run, with a change."""
    parent, _ = long_run()
    folder = shutil.copytree(Path(parent.name, "run"), tmp_path / "copy")
    file = sqlite3.connect(folder / RUN_FILE)
    with file:
        assert file.execute(edit).rowcount > 0
    file.close()
    return Path(folder)


EDITS = {
    "kind": "UPDATE decisions SET kind = (SELECT id FROM words WHERE value = 'again') "
    "WHERE number = {}",
    "time": "UPDATE decisions SET at = at + 0.001 WHERE number = {}",
    "cell": "UPDATE decisions SET cell = (SELECT max(id) FROM cells) WHERE number = {}",
    "parent": "UPDATE decisions SET parent = (SELECT max(cell) FROM decisions) "
    "WHERE number = {}",
    "rules": "UPDATE decisions SET rules = '[\"insert\"]' WHERE number = {}",
    "number": "DELETE FROM decisions WHERE number = {}",
    "rejects": "UPDATE rejects SET digest = NULL WHERE decision >= {}",
}


@pytest.mark.parametrize("what", EDITS)
def test_a_decision_that_was_edited_is_refused_in_words(
    what: str, tmp_path: Path
) -> None:
    folder = edited(tmp_path, EDITS[what].format(30))
    with pytest.raises(UserError, match=r"decision \d+ was stored with") as caught:
        run(folder, long_run()[1], 45)
    said = str(caught.value)
    assert "by this version and configuration" in said
    assert len(said) < 420
    assert "(" not in said
    assert "its file was edited" in said
    assert "start a branch from its table with `cellsearch run --branch" in said
    assert "or start a new run" in said


@pytest.mark.parametrize(
    "edit",
    [
        'UPDATE jobs SET "end" = "end" + 0.001 WHERE number = 100',
        'UPDATE jobs SET "end" = start WHERE number = 100',
        'UPDATE jobs SET "end" = -1 WHERE number = 100',
        "UPDATE jobs SET start = start + 0.001 WHERE number = 100",
        "UPDATE jobs SET settings = settings + 1 WHERE number = 100",
        "UPDATE jobs SET stage = 1 - stage WHERE number = 100",
        "UPDATE jobs SET decision = 0 WHERE number = 100",
        "UPDATE jobs SET cell = 1 WHERE number = 100",
        "DELETE FROM jobs WHERE number = 100",
    ],
)
def test_a_job_that_was_edited_is_refused_in_words(edit: str, tmp_path: Path) -> None:
    folder = edited(tmp_path, edit)
    with pytest.raises(
        UserError, match=r"job 100 was stored with .* and has .* by this"
    ):
        run(folder, long_run()[1], 45)


def test_an_edit_outside_of_what_is_derived_again_is_seen_by_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "VERIFIED", 8)
    edits = [EDITS[what].format(19) for what in ("kind", "time", "cell", "number")]
    edits += ['UPDATE jobs SET "end" = 0 WHERE decision = 19']
    for number, edit in enumerate(edits):
        folder = edited(tmp_path / str(number), edit)
        with pytest.raises(UserError, match="was stored with"):
            run(folder, long_run()[1], 45)


def test_every_hundredth_and_the_last_hundred_decisions_are_derived_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, chosen = long_run()
    folder = Path(shutil.copytree(Path(parent.name, "run"), tmp_path / "copy"))
    count = len(history(folder)[0])
    derived: list[int] = []
    decide = Procedure.decide

    def counted(procedure: Procedure, at: float) -> Any:
        derived.append(procedure.decisions)
        return decide(procedure, at)

    monkeypatch.setattr(Procedure, "decide", counted)
    monkeypatch.setattr(past, "VERIFIED", 8)
    run(folder, chosen, 40)
    seeds, last = (0, 1), range(count - 8, count)
    assert derived == sorted({*seeds, *range(0, count, 8), *last})


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2},
        {"gate": 0.5},
        {"list_size": 2},
        {"seeds": (*SIMPLE, ("mut1", ZOO["mut1"]))},
        {"tasks": ("arithmetic",)},
        {"slots": 7},
    ],
)
def test_the_history_of_another_configuration_is_refused(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    run(tmp_path, config(), 20)
    before = history(tmp_path)
    with pytest.raises(UserError, match=r"(decision|job) \d+ was stored with"):
        run(tmp_path, config(**changes), 25)
    assert history(tmp_path)[0] == before[0]
