"""What cells are scored by: nothing is lost, nothing is trained twice."""

from pathlib import Path

import pytest

from search.contest.ledger import Ledger
from tests.search.store.test_store import SETTINGS, evaluation, job
from workers import Status
from workers.job.evaluation import failed


def test_what_is_stored_is_found_again_by_another_process(tmp_path: Path) -> None:
    one = job()
    with Ledger.open(tmp_path / "new" / "folder") as ledger:
        ledger.add(one, evaluation(one))
    with Ledger.open(tmp_path / "new" / "folder") as ledger:
        for expected in evaluation(one).results:
            assert ledger.trainings(one.run_id(expected.setting)) == {30: expected}
        assert ledger.trainings("0" * 32) == {}


def test_results_are_found_in_the_process_that_added_them() -> None:
    one, other = job(budget=30), job(budget=90)
    with Ledger.open(None) as ledger:
        ledger.add(one, evaluation(one))
        ledger.add(other, evaluation(other))
        found = ledger.trainings(one.run_id(SETTINGS[0]))
    assert set(found) == {30, 90}
    assert found[90].updates == 90


def test_seeds_are_kept_apart() -> None:
    one = job(seed=1)
    with Ledger.open(None) as ledger:
        ledger.add(one, evaluation(one))
        assert ledger.trainings(job(seed=2).run_id(SETTINGS[0])) == {}


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.CRASHED])
def test_faults_of_the_machine_are_kept_but_tried_again(
    tmp_path: Path, status: Status
) -> None:
    one = job()
    with Ledger.open(tmp_path) as ledger:
        ledger.add(one, failed(one, status, "killed"))
        assert ledger.trainings(one.run_id(SETTINGS[0]))[30].status is status
    with Ledger.open(tmp_path) as ledger:
        assert ledger.trainings(one.run_id(SETTINGS[0])) == {}
        ledger.add(one, evaluation(one))
    with Ledger.open(tmp_path) as ledger:
        assert ledger.trainings(one.run_id(SETTINGS[0]))[30].status is Status.OK


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.OOM])
def test_failures_of_a_cell_stand(tmp_path: Path, status: Status) -> None:
    one = job()
    with Ledger.open(tmp_path) as ledger:
        ledger.add(one, failed(one, status, "as it is"))
    with Ledger.open(tmp_path) as ledger:
        assert ledger.trainings(one.run_id(SETTINGS[0]))[30].status is status


def test_spent_counts_each_evaluation_once_and_only_those_in_use(
    tmp_path: Path,
) -> None:
    one, other = job(), job(seed=5)
    with Ledger.open(tmp_path) as ledger:
        ledger.add(one, evaluation(one))
        ledger.add(other, evaluation(other))
        assert ledger.spent()[:2] == (2.0, 4.0)
    with Ledger.open(tmp_path) as ledger:
        assert ledger.spent()[:2] == (0, 0)
        for setting in SETTINGS:
            ledger.trainings(one.run_id(setting))
        assert ledger.spent() == (1.0, 2.0, ("fake",))


def test_two_processes_may_use_a_folder_at_once(tmp_path: Path) -> None:
    one, other = job(), job(seed=5)
    with Ledger.open(tmp_path) as left, Ledger.open(tmp_path) as right:
        left.add(one, evaluation(one))
        right.add(other, evaluation(other))
        assert right.trainings(one.run_id(SETTINGS[0]))
        assert left.trainings(other.run_id(SETTINGS[0]))
        right.add(one, evaluation(one))  # both had been training it
    with Ledger.open(tmp_path) as ledger:
        assert set(ledger.trainings(one.run_id(SETTINGS[0]))) == {30}
