"""Readers that take up a snapshot see what those see that replay the history."""

import contextlib
import dataclasses
import functools
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.loop import snapshots
from search.loop.engine import Engine, Limits
from search.loop.runs import Silent
from search.procedure.members import Member
from search.procedure.procedure import Procedure
from search.store.snapshots import NONE, Snapshot
from search.store.store import Store
from tests.search.loop.test_engine import SEARCHES, Outcome, end, outcome
from tests.support.instant import Pool, run, state, table


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "EVERY", 4)


def read(store: Store, one: Outcome, snapshot: Snapshot | None) -> Engine:
    """A search as a reader has it."""
    limits = Limits(candidates=one.candidates)
    engine = Engine(
        Procedure(one.config), store, None, Silent(), limits, snapshot=snapshot
    )
    engine.run()
    return engine


def known(member: Member) -> list[Any]:
    """All that is known of a cell."""
    fields = [getattr(member, field.name) for field in dataclasses.fields(Member)]
    trials = [
        (
            list(one.indices),
            repr(one.values),
            one.best_index,
            repr(one.best),
            one.rounds,
        )
        for one in member.trials
    ]
    return [*(one for one in fields if one is not member.trials), trials]


def seen(engine: Engine) -> list[Any]:
    """All that there is to see of a search."""
    procedure, population = engine.procedure, engine.procedure.population
    tally = vars(engine.tally)
    moves = [
        (one.decision, one.kind, one.member.name, one.task, one.rung, len(one.rounds))
        for one in procedure.visits
    ]
    return [
        {key: tally[key] for key in tally if key not in snapshots.OF_PROCESS},
        [known(one) for one in population.members.values()],
        [known(one) for one in population.references.values()],
        [one.name for one in population.ranked],
        moves,
        (engine.clock.now, engine.clock.issued, procedure.proposed),
        (population.learned(), procedure.course.learned()),
        state(engine),
        table(engine) if procedure.opened else [],
    ]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(list(SEARCHES)),
    seed=st.integers(0, 10**6),
    capacity=st.integers(1, 8),
    pieces=st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=3),
)
def test_a_snapshot_and_a_replay_show_the_same_at_any_moment(
    name: str, seed: int, capacity: int, pieces: list[tuple[int, bool]]
) -> None:
    one = outcome(name)
    with TemporaryDirectory() as parent:
        folder = Path(parent, "run")
        for number, (answers, killed) in enumerate([*pieces, (10**9, False)]):
            pool = Pool(seed + number, capacity)
            call = functools.partial(end, pool=pool, answers=answers, killed=killed)
            with contextlib.suppress(KeyboardInterrupt):
                run(folder, one.config, one.candidates, pool=pool, call=call)
            with Store.read(folder) as store:
                snapshot = store.snapshots.read()
                if snapshot is not None:
                    found = read(store, one, snapshot)
                    assert seen(found) == seen(read(store, one, None))
        assert snapshot is not None
        assert snapshot.decisions == found.procedure.decisions


def test_a_reader_makes_the_cells_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = outcome("plain")
    run(tmp_path, one.config, one.candidates)
    made: list[str] = []
    new_member = Procedure.new_member

    def counted(self: Procedure, *facts: Any) -> Member:
        made.append(facts[0].digest)
        return new_member(self, *facts)

    monkeypatch.setattr(Procedure, "new_member", counted)
    with Store.read(tmp_path) as store:
        population = read(store, one, store.snapshots.read()).procedure.population
        best = population.ranked[0]
        assert population.rank_of(best) == 1
        assert len(made) < len(population.members)
        population.members.make_all()
    assert len(made) == len(population.members) + len(population.references)
    assert len(set(made)) == len(population.members.keys() | population.references)


@pytest.mark.parametrize("name", ["plain", "common runs"])
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE runs SET best = best + 0.125 WHERE rowid_of = 1",
        "UPDATE decisions SET at = at + 1 WHERE number = 9",
        "DELETE FROM jobs WHERE number = 20",
        "UPDATE snapshots SET numbers = zeroblob(length(numbers))",
        "UPDATE snapshots SET state = replace(state, '1', '2')",
        "UPDATE metadata SET value = value || ' ' WHERE key = 'config'",
        "DROP TABLE snapshots",
    ],
)
def test_a_snapshot_that_does_not_fit_is_none(
    name: str, damage: str, tmp_path: Path
) -> None:
    one = outcome(name)
    run(tmp_path, one.config, one.candidates)
    with contextlib.closing(sqlite3.connect(tmp_path / "search.db")) as file:
        if "config" in damage:
            file.execute("INSERT INTO metadata VALUES ('config', '{}')")
        first = "run_id = (SELECT min(run_id) FROM runs WHERE best IS NOT NULL)"
        file.execute(damage.replace("rowid_of = 1", first))
        file.commit()
    with Store.read(tmp_path) as store:
        assert store.snapshots.read() is None


@pytest.mark.parametrize("name", ["plain", "racing", "common runs"])
def test_a_strangers_snapshot_is_a_search_or_none(name: str, tmp_path: Path) -> None:
    """Each of its numbers may be another one: what is refused is refused in time."""
    one = outcome(name)
    call = functools.partial(end, pool=(pool := Pool()), answers=60, killed=True)
    with contextlib.suppress(KeyboardInterrupt):
        run(tmp_path, one.config, one.candidates, pool=pool, call=call)
    refused = 0
    with Store.read(tmp_path) as store:
        snapshot = store.snapshots.read()
        assert snapshot is not None
        for key, value in snapshot.state.items():
            for other in (None, "x", -1, 10**30, [], [[]], {}, [value], [[value]]):
                forged = snapshot._replace(state={**snapshot.state, key: other})
                try:
                    read(store, one, forged)
                except NONE:
                    refused += 1
    assert refused > 60
