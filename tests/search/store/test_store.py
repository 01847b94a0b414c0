"""The store of a search: what was decided and found is there again, and small."""

import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cells import ZOO, Cell, digest, to_text
from search.errors import UserError
from search.procedure.moves import Decision, Issued, Move, Reject
from search.store import history, tables
from search.store.database import RUN_FILE
from search.store.results import Results
from search.store.store import Store
from tests.support.fake_pool import FakePool
from workers import Evaluation, Job, Setting, Status, TaskSpec, make_job
from workers.job.evaluation import failed

SETTINGS = tuple(
    Setting(scale, rate, 1, 1, 6000) for scale in (0.5, 1, 2) for rate in (0.5, 1, 2)
)
GRU = digest(ZOO["gru"])


def job(
    cell: Cell = ZOO["gru"],
    settings: tuple[Setting, ...] = SETTINGS[:2],
    budget: int = 30,
    seed: int = 0,
) -> Job:
    return make_job(cell, TaskSpec("xml", seed=seed), settings, budget, seed=seed)


def evaluation(one: Job) -> Evaluation:
    return FakePool().evaluation(one)


def ids(one: Job) -> list[str]:
    return [one.run_id(setting) for setting in one.settings]


def seed_decision(number: int = 0) -> Decision:
    return Decision(number, Move.SEED, 0.0, GRU, "", to_text(ZOO["gru"]), (), ())


def proposal(number: int, rejects: int = 2, drain: bool = False) -> Decision:
    """A new candidate; its digest is made up."""
    drawn = tuple(
        Reject("known", GRU, f"{number:016x}{draw:016x}") for draw in range(rejects)
    )
    return Decision(
        number=number,
        kind=Move.PROPOSE,
        at=number * 1.5,
        digest=f"{number:032x}",
        parent=GRU,
        text=f"def cell(x, h):\n    return h  # {number}\n",
        rules=("replace", "insert"),
        rejects=drawn,
        drain=drain,
    )


def issued(number: int, decision: int, drain: bool = False) -> Issued:
    return Issued(number, decision, GRU, "xml", 1, 4, 0.5, 2.25, drain)


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    file = sqlite3.connect(folder / RUN_FILE)
    try:
        return file.execute(sql).fetchall()
    finally:
        file.close()


def reject_counts(folder: Path) -> dict[str, int]:
    """How many mutants were dropped for each reason."""
    return dict(query(folder, "SELECT reason, count(*) FROM rejected GROUP BY reason"))


def test_decisions_and_jobs_are_the_same_when_read_again(tmp_path: Path) -> None:
    unknown = Reject("invalid", GRU, "")
    decisions = [
        seed_decision(),
        proposal(1),
        Decision(2, Move.REEXAMINE, 3.5, GRU, "", to_text(ZOO["gru"]), (), ()),
        Decision(3, Move.NONE, 4.0, "", "", "", (), (unknown, unknown), drain=True),
    ]
    jobs = [issued(0, 0), issued(1, 1, drain=True)]
    with Store.create(tmp_path / "run", {}) as store:
        for decision in decisions:
            store.history.record(decision)
        for one in jobs:
            store.history.issue(one)
        store.commit((job(), evaluation(job())))
    with Store.read(tmp_path / "run") as store:
        assert list(store.history.decisions()) == decisions
        assert list(store.history.jobs()) == jobs
        assert store.history.counts() == {
            "none": 1,
            "propose": 1,
            "reexamine": 1,
            "seed": 1,
        }
    assert reject_counts(tmp_path / "run") == {"invalid": 2, "known": 2}


def test_a_decision_of_an_unknown_kind_is_one_line(tmp_path: Path) -> None:
    with Store.create(tmp_path, {}) as store:
        store.history.record(seed_decision())
        store.history.flush()
        file = sqlite3.connect(tmp_path / RUN_FILE)
        with file:
            file.execute("UPDATE words SET value = 'graft' WHERE value = 'seed'")
        file.close()
        with pytest.raises(UserError, match=r"kind must be .* got 'graft'"):
            list(store.history.decisions())


def test_long_histories_are_read_in_order_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 3)
    decisions = [seed_decision(), *(proposal(n, rejects=n % 3) for n in range(1, 11))]
    with Store.create(tmp_path, {}) as store:
        for decision in reversed(decisions):
            store.history.record(decision)
        for number in range(7):
            store.history.issue(issued(number, 0))
        assert list(store.history.decisions()) == decisions
        assert [one.number for one in store.history.jobs()] == list(range(7))


def test_what_waits_is_written_with_the_next_evaluation_or_by_flush(
    tmp_path: Path,
) -> None:
    with Store.create(tmp_path, {}) as store, Store.read(tmp_path) as reader:
        store.history.record(seed_decision())
        assert list(reader.history.decisions()) == []
        store.commit((job(), evaluation(job())))
        assert list(reader.history.decisions()) == [seed_decision()]
        store.history.issue(issued(0, 0))
        assert list(reader.history.jobs()) == []
        store.history.flush()
        assert list(reader.history.jobs()) == [issued(0, 0)]


def test_a_commit_that_fails_writes_nothing_and_keeps_what_waits(
    tmp_path: Path,
) -> None:
    with Store.create(tmp_path, {}) as store:
        store.history.record(seed_decision())
        with pytest.raises(AttributeError):
            store.commit((job(), None))  # type: ignore[arg-type]
        assert query(tmp_path, "SELECT count(*) FROM decisions") == [(0,)]
        assert query(tmp_path, "SELECT count(*) FROM words") == [(0,)]
        store.commit((job(), evaluation(job())))
        assert list(store.history.decisions()) == [seed_decision()]
        assert len(store.results.find(ids(job()), 30)) == 2


def test_drained_decisions_and_jobs_can_be_dropped(tmp_path: Path) -> None:
    with Store.create(tmp_path, {}) as store:
        store.history.record(seed_decision())
        store.history.record(proposal(1, drain=True))
        store.history.issue(issued(0, 0))
        store.history.issue(issued(1, 0, drain=True))
        store.history.drop_drain()
        assert list(store.history.decisions()) == [seed_decision()]
        assert list(store.history.jobs()) == [issued(0, 0)]
        assert reject_counts(tmp_path) == {}


def test_metadata_are_json_values(tmp_path: Path) -> None:
    with Store.create(tmp_path, {"config": {"seed": 3}}) as store:
        store.history.set("stopped", ["candidates", 10])
    with Store.open(tmp_path) as store:
        assert store.history.get("config") == {"seed": 3}
        assert store.history.get("stopped") == ["candidates", 10]
        assert store.history.get("nothing") is None
        assert store.history.get("version")


def test_a_run_can_be_queried_in_plain_columns(tmp_path: Path) -> None:
    with Store.create(tmp_path, {}) as store:
        store.history.record(seed_decision())
        store.history.record(proposal(1))
        store.history.issue(issued(0, 0))
        store.commit((job(), evaluation(job())))
    texts = [text for text in str(tables.__doc__).split("\n") if "FROM" in text]
    candidates, reasons = [query(tmp_path, text) for text in texts[-2:]]
    assert candidates == [
        (1, GRU, "", None),
        (2, f"{1:032x}", GRU, '["replace", "insert"]'),
    ]
    assert reasons == [("known", 2)]
    assert query(tmp_path, "SELECT digest, task FROM issued") == [(GRU, "xml")]
    assert len(query(tmp_path, "SELECT * FROM results")) == 2
    assert query(tmp_path, "SELECT text FROM candidates")[0] == (to_text(ZOO["gru"]),)


def test_results_are_found_with_their_budget_or_if_training_was_over_before(
    tmp_path: Path,
) -> None:
    small, large = job(budget=30), job(budget=90)
    over = FakePool(lambda one, setting: None).evaluation(small)  # both diverge
    other = job(settings=SETTINGS[2:3], budget=30)
    with Store.create(tmp_path, {}) as store:
        store.commit((small, over))
        store.commit((other, evaluation(other)))
        found = store.results.find([*ids(large), *ids(other)], 90)
        assert set(found) == set(ids(large))
        assert {result.status for result in found.values()} == {Status.DIVERGED}
        assert store.results.find(ids(large), 10) == {}
        store.commit((large, evaluation(large)))
        exact = store.results.find(ids(large), 90)
        assert [exact[run_id].updates for run_id in ids(large)] == [90, 90]


def test_results_are_found_as_they_were_but_for_curves(tmp_path: Path) -> None:
    one = job()
    with Store.create(tmp_path, {}) as store:
        store.commit((one, evaluation(one)), curves=True)
        found = store.results.find(ids(one), 30)
        for expected in evaluation(one).results:
            run_id = one.run_id(expected.setting)
            assert found[run_id] == dataclasses.replace(expected, curve=())
            [row] = store.results.trainings(run_id)
            assert (row.budget, row.result) == (30, expected)


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.CRASHED])
def test_faults_are_found_until_they_are_tried_again(
    tmp_path: Path, status: Status
) -> None:
    one = job()
    with Store.create(tmp_path, {}) as store:
        store.commit((one, failed(one, status, "killed")))
        found = store.results.find(ids(one), 30)
        assert {result.status for result in found.values()} == {status}
        store.commit((one, evaluation(one)))
        found = store.results.find(ids(one), 30)
        assert {result.status for result in found.values()} == {Status.OK}


def test_results_of_another_run_are_taken_over_without_seconds_but_not_faults(
    tmp_path: Path,
) -> None:
    one, other, third = job(), job(seed=1), job(seed=2)
    with Store.create(tmp_path / "old", {}) as store:
        store.commit((one, evaluation(one)))
        store.commit((other, failed(other, Status.TIMEOUT, "slow")))
    with Results.open(tmp_path / "scored") as results:  # as `evaluate` keeps them
        results.add(third, evaluation(third))
    with Store.create(tmp_path / "new", {}) as store:
        store.results.reused.add(tmp_path / "old")
        store.results.reused.add(tmp_path / "scored")
        assert set(store.results.find(ids(one), 30)) == set(ids(one))
        assert store.results.find(ids(other), 30) == {}
        assert set(store.results.find(ids(third), 30)) == set(ids(third))
        assert store.results.trainings(ids(third)[0])[0].result.curve
    with Store.open(tmp_path / "new") as store:  # it is complete without the others
        assert set(store.results.find(ids(one), 30)) == set(ids(one))
        assert store.results.spent() == (0.0, 0.0, ("fake",))
    sources = {row[0] for row in query(tmp_path / "new", "SELECT source FROM results")}
    assert {Path(source).parent.name for source in sources} == {"old", "scored"}
    assert len(query(tmp_path / "new", "SELECT * FROM evaluations")) == 2


def test_what_was_spent_is_the_sum_over_all_evaluations(tmp_path: Path) -> None:
    with Store.create(tmp_path, {}) as store:
        for seed in range(20):
            store.commit((job(seed=seed), evaluation(job(seed=seed))))
        assert store.results.spent() == (20.0, 40.0, ("fake",))


def test_a_run_is_not_begun_twice(tmp_path: Path) -> None:
    with (
        Store.create(tmp_path, {}),
        pytest.raises(UserError, match=r"holds a run already; `cellsearch resume .*`"),
    ):
        Store.create(tmp_path, {})


def test_a_run_that_was_killed_as_it_began_can_be_begun(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / RUN_FILE).touch()
    with pytest.raises(UserError, match="is empty: no run was begun there"):
        Store.read(folder)
    with Store.create(folder, {}):
        pass


def test_a_run_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    for name in ("gamma", "paper-1"):
        with Store.create(tmp_path / name, {}):
            pass
    for use in (Store.read, Store.open):
        with pytest.raises(UserError, match=r"'paper-2'; did you mean 'paper-1'\? in"):
            use(tmp_path / "paper-2")
        with pytest.raises(UserError, match="there are gamma, paper-1 in"):
            use(tmp_path / "xyz")
        with pytest.raises(UserError, match="is no folder; `cellsearch run --out"):
            use(tmp_path / "none" / "here")
    assert not (tmp_path / "paper-2").exists()
