"""The file of results: it can be queried, and what is something else is refused."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cells import parse
from search.errors import UserError
from search.store import tables
from search.store.database import RESULTS_FILE
from search.store.results import Results
from tests.search.store.test_store import SETTINGS, evaluation, job
from workers import Setting


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    file = sqlite3.connect(folder / RESULTS_FILE)
    try:
        return file.execute(sql).fetchall()
    finally:
        file.close()


def test_the_file_can_be_queried_in_plain_columns(tmp_path: Path) -> None:
    one = job()
    with Results.open(tmp_path) as results:
        results.add(one, evaluation(one))
    columns = "task, digest, status, setting, curve, run_id, test, machine, training"
    rows = query(tmp_path, f"SELECT {columns} FROM results ORDER BY setting")
    assert len(rows) == 2
    task, digest, status, setting, curve, run_id, test, machine, training = rows[0]
    assert (task, digest, status, test) == ("xml", one.digest, "OK", None)
    assert Setting.from_dict(json.loads(setting)) == SETTINGS[0]
    assert json.loads(curve)[0][0] == 30
    assert (run_id, machine, training) == (one.run_id(SETTINGS[0]), "fake", "{}")
    [(text,)] = query(tmp_path, "SELECT text FROM cells")
    assert parse(text) == one.cell


def test_the_documented_queries_work(tmp_path: Path) -> None:
    one = job()
    with Results.open(tmp_path) as results:
        results.add(one, evaluation(one))
    texts = str(tables.__doc__).split("\n\n")
    queries = [text for text in texts if "FROM results" in text]
    best, by_rate = [query(tmp_path, text) for text in queries[:2]]
    assert best[0][:2] == ("xml", one.digest)
    assert by_rate[0][0] == 0.5


def test_files_that_are_something_else_are_refused_and_left_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / RESULTS_FILE
    path.write_text("hello")
    with pytest.raises(UserError, match="file is not a database"):
        Results.open(tmp_path)
    assert path.read_text() == "hello"
    path.unlink()
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE mine (a)")
    file.close()
    with pytest.raises(UserError, match="was not made by cellsearch"):
        Results.open(tmp_path)


def test_a_file_of_a_later_format_is_refused(tmp_path: Path) -> None:
    with Results.open(tmp_path):
        pass
    file = sqlite3.connect(tmp_path / RESULTS_FILE)
    file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(UserError, match=r"of format 99, which .* reads format 3"):
        Results.open(tmp_path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(UserError, match=r"cannot use .* as a folder"):
        Results.open(path)
