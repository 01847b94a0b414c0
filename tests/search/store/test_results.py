"""The store of results: nothing is lost, nothing is trusted, nothing is made twice."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cells import ZOO, parse
from search.errors import UserError
from search.store import tables
from search.store.results import FILE, Results
from tests.support.fake_pool import FakePool
from workers import Evaluation, Job, Setting, Status, TaskSpec, failed, make_job

SETTINGS = (Setting(1, 0.5, 1, 1, 900), Setting(2, 0.5, 1, 1, 900))


def job(budget: int = 30, seed: int = 0) -> Job:
    return make_job(ZOO["gru"], TaskSpec("xml"), SETTINGS, budget, seed=seed)


def evaluation(one: Job) -> Evaluation:
    return FakePool().evaluation(one)


def test_what_is_stored_is_found_again_by_another_process(tmp_path: Path) -> None:
    one = job()
    with Results(tmp_path / "new" / "folder") as results:
        results.add(one, evaluation(one))
    with Results(tmp_path / "new" / "folder") as results:
        for expected in evaluation(one).results:
            assert results.trainings(one.run_id(expected.setting)) == {30: expected}
        assert results.trainings("0" * 32) == {}


def test_results_are_found_in_the_process_that_added_them() -> None:
    one, other = job(30), job(90)
    with Results(None) as results:
        results.add(one, evaluation(one))
        results.add(other, evaluation(other))
        found = results.trainings(one.run_id(SETTINGS[0]))
    assert set(found) == {30, 90}
    assert found[90].updates == 90


def test_seeds_are_kept_apart() -> None:
    one = job(seed=1)
    with Results(None) as results:
        results.add(one, evaluation(one))
        assert results.trainings(job(seed=2).run_id(SETTINGS[0])) == {}


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    file = sqlite3.connect(folder / FILE)
    try:
        return file.execute(sql).fetchall()
    finally:
        file.close()


def test_the_file_can_be_queried_in_plain_columns(tmp_path: Path) -> None:
    one = job()
    with Results(tmp_path) as results:
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
    with Results(tmp_path) as results:
        results.add(one, evaluation(one))
    texts = str(tables.__doc__).split("\n\n")
    queries = [text for text in texts if "FROM results" in text]
    best, by_rate = [query(tmp_path, text) for text in queries[:2]]
    assert best[0][:2] == ("xml", one.digest)
    assert by_rate[0][0] == 0.5


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.CRASHED])
def test_faults_of_the_machine_are_kept_but_tried_again(
    tmp_path: Path, status: Status
) -> None:
    one = job()
    with Results(tmp_path) as results:
        results.add(one, failed(one, status, "killed"))
        assert results.trainings(one.run_id(SETTINGS[0]))[30].status is status
    with Results(tmp_path) as results:
        assert results.trainings(one.run_id(SETTINGS[0])) == {}
        results.add(one, evaluation(one))
    with Results(tmp_path) as results:
        assert results.trainings(one.run_id(SETTINGS[0]))[30].status is Status.OK


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.OOM])
def test_failures_of_a_cell_stand(tmp_path: Path, status: Status) -> None:
    one = job()
    with Results(tmp_path) as results:
        results.add(one, failed(one, status, "as it is"))
    with Results(tmp_path) as results:
        assert results.trainings(one.run_id(SETTINGS[0]))[30].status is status


def test_spent_counts_each_evaluation_once_and_only_those_in_use(
    tmp_path: Path,
) -> None:
    one, other = job(), job(seed=5)
    with Results(tmp_path) as results:
        results.add(one, evaluation(one))
        results.add(other, evaluation(other))
        assert results.spent()[:2] == (2.0, 4.0)
    with Results(tmp_path) as results:
        assert results.spent()[:2] == (0, 0)
        for setting in SETTINGS:
            results.trainings(one.run_id(setting))
        assert results.spent() == (1.0, 2.0, ("fake",))


def test_two_processes_may_use_a_folder_at_once(tmp_path: Path) -> None:
    one, other = job(), job(seed=5)
    with Results(tmp_path) as left, Results(tmp_path) as right:
        left.add(one, evaluation(one))
        right.add(other, evaluation(other))
        assert right.trainings(one.run_id(SETTINGS[0]))
        assert left.trainings(other.run_id(SETTINGS[0]))
        right.add(one, evaluation(one))  # both had been training it
    with Results(tmp_path) as results:
        assert set(results.trainings(one.run_id(SETTINGS[0]))) == {30}


def test_files_that_are_something_else_are_refused_and_left_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / FILE
    path.write_text("hello")
    with pytest.raises(UserError, match="file is not a database"):
        Results(tmp_path)
    assert path.read_text() == "hello"
    path.unlink()
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE mine (a)")
    file.close()
    with pytest.raises(UserError, match="was not made by cellsearch"):
        Results(tmp_path)


def test_a_file_of_a_later_format_is_refused(tmp_path: Path) -> None:
    with Results(tmp_path):
        pass
    file = sqlite3.connect(tmp_path / FILE)
    file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(UserError, match=r"of format 99, which .* reads format 2"):
        Results(tmp_path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(UserError, match=r"cannot use .* as a folder"):
        Results(path)
