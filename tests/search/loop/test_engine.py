"""One seed, one search: whatever order, however many workers, limits and kills."""

import contextlib
import dataclasses
import functools
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cells import TRANSFORMATIONS, ZOO, dead, parse
from search.errors import UserError
from search.loop import engine as engine_module
from search.loop import snapshots
from search.loop.engine import BARREN, Ending, Engine, Limits
from search.procedure.objective import Fitness, NominalCost, Paired
from search.procedure.procedure import Procedure
from search.procedure.racing import Racing
from search.store.store import Store
from tests.support.fake_pool import FakePool
from tests.support.fake_search import history
from tests.support.instant import (
    Pool,
    States,
    Watcher,
    config,
    everything,
    formula,
    nearly,
    run,
    table,
    trained,
    until,
)
from tests.support.slow_costed import slow_search
from workers import Job, Result, Setting
from workers.job.schedule import PASSED

ACTIVATION = tuple((name, 0.0) for name in TRANSFORMATIONS if name != "activation")
NEAR = parse("def near(x, h):\n    return tanh(x + h)\n")
FAR = parse("def far(x, h):\n    return tanh(x - h)\n")

RELU = "def relu(x, h):\n    return relu(linear(x) + linear(h))\n"
NAMES = ("gru", "lstm", "ugrnn", "mut2", "tanh")
PANEL = (
    Setting(2.0, 0.5, 1.0, 1, 6_000, optimizer="sgd"),
    Setting(2.0, 0.1, 1.0, 1, 6_000, optimizer="sgd"),
)
"""In order of text the second is first."""

SEARCHES: dict[str, tuple[int, dict[str, Any]]] = {
    "plain": (30, {}),
    "racing": (15, {"racing": Racing(), "settings": 7, "reexamine": 0.4}),
    "one at a time": (15, {"slots": 1, "in_flight": 1}),
    "many at once": (25, {"slots": 20, "in_flight": 12, "settings_per_job": 1}),
    "a loss, no filter": (15, {"tasks": ("jsb", "xml"), "filter": None}),
    "lstm, references": (
        15,
        {
            "seeds": (("lstm", ZOO["lstm"]), ("gru", ZOO["gru"])),
            "references": (("mut1", ZOO["mut1"]), ("tanh", ZOO["tanh"])),
            "baseline": "mut1",
        },
    ),
    "often the same cells": (25, {"rounds": (1, 1), "max_nodes": 5, "list_size": 2}),
    "few cells": (
        30,
        {
            "seeds": (("near", NEAR),),
            "references": (("far", FAR),),
            "baseline": "near",
            "ops": ("add", "subtract", "tanh", "relu"),
            "weights": (("insert", 0.0), ("combine", 0.0)),
            "max_redraws": 4,
            "gate": 0.5,
        },
    ),
    "two mutants": (
        30,
        {
            "seeds": (
                ("near", NEAR),
                ("sum", parse("def sum(x, h):\n    return x + h\n")),
            ),
            "baseline": "sum",
            "ops": ("tanh", "relu", "sigmoid"),
            "weights": ACTIVATION,
            "max_redraws": 2,
            "settings": 12,
        },
    ),
    "common runs": (
        25,
        {
            "seeds": tuple((name, ZOO[name]) for name in NAMES),
            "objective": Paired(panel=PANEL, rungs=(1, 2, 4), most_seeds=4, error=0.3),
            "filter": None,
            "edits": (1, 2),
            "recurrent": 1,
            "widest": 1.5,
            "largest": 30.0,
            "faintest": 0.1,
            "reexamine": 0.3,
            "crossover": 0.4,
        },
    ),
    "common runs and a cost": (
        25,
        {
            "seeds": tuple((name, ZOO[name]) for name in NAMES),
            "objective": Paired(
                panel=PANEL,
                rungs=(1, 2, 4),
                most_seeds=4,
                error=0.3,
                cost=NominalCost.STATE_BYTES,
            ),
            "filter": None,
            "edits": (1, 2),
            "list_size": 4,
            "reexamine": 0.3,
        },
    ),
    "common runs, few cells": (
        30,
        {
            "seeds": (("near", NEAR), ("tanh", ZOO["tanh"])),
            "references": (("far", FAR), ("relu", parse(RELU))),
            "baseline": "far",
            "objective": Paired(
                panel=PANEL[::-1], rungs=(2, 4), error=0.4, fitness=Fitness.MEAN
            ),
            "filter": None,
            "ops": ("add", "subtract", "tanh", "relu"),
            "edits": (1, 2),
            "max_redraws": 4,
            "list_size": 3,
        },
    ),
}
"""Candidates, and what differs from `config`."""


class Outcome:
    """What an undisturbed search comes to."""

    def __init__(self, name: str, candidates: int | None = None) -> None:
        number, changes = SEARCHES[name]
        self.candidates = candidates or number
        self.config = config(**changes)
        with TemporaryDirectory() as folder:
            self.pool, states = Pool(), States()
            self.ending, self.engine = run(
                Path(folder, "run"),
                self.config,
                self.candidates,
                pool=self.pool,
                call=states,
            )
            self.states = states.found
            self.everything = everything(Path(folder, "run"), self.engine)
        self.decisions, self.rejected, self.issued, self.trained, self.table = (
            self.everything
        )


outcome = functools.cache(Outcome)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_what_a_slow_and_plain_one_is(name: str) -> None:
    fast = outcome(name)
    slow = slow_search(fast.config)(fast.config, formula, fast.candidates)
    assert fast.decisions == slow.decisions
    assert fast.rejected == slow.rejected
    assert fast.issued == slow.issued
    results = {(row[0], row[1]): row[6] for row in fast.trained}
    assert results == {key: one.best for key, one in slow.trained.items()}
    assert all(map(nearly, fast.states, slow.states))
    expected = slow.table()
    assert all(map(nearly, fast.table, expected))
    assert len(expected) >= len(fast.engine.procedure.population.best)
    assert len(fast.states) == len(slow.states) == len(fast.issued)


def test_the_searches_have_everything_that_can_happen() -> None:
    found = [outcome(name) for name in SEARCHES]
    kinds = Counter(row[1] for one in found for row in one.decisions)
    reasons = Counter(row[2] for one in found for row in one.rejected)
    statuses = Counter(row[5] for one in found for row in one.trained)
    assert set(kinds) == {"seed", "reference", "propose", "again", "reexamine", "none"}
    assert set(reasons) == {
        "ignores input",
        "ignores past",
        "under way",
        "no mutant",
        "all settings tried",
        "all attempts failed",
        "known already",
        "few recurrent matrices",
        "too wide",
        "grows without bound",
        "forgets at once",
    }
    assert set(statuses) == {"OK", "DIVERGED", "TIMEOUT"}
    assert {one.ending for one in found} == {Ending.CANDIDATES, Ending.BARREN}


@pytest.mark.parametrize("name", SEARCHES)
def test_no_training_is_made_twice_and_no_dead_cell_is_trained(name: str) -> None:
    done = outcome(name).pool
    asked = done.trainings()
    assert len(asked) == len(set(asked)) > 50
    assert all(dead(job.cell) is None for job in done.jobs)


# Order, workers, kills


def in_pieces(
    name: str,
    seed: int,
    capacity: int,
    pieces: list[tuple[int, bool]],
    every: int = snapshots.EVERY,
) -> tuple[list[Any], list[tuple[str, int]]]:
    """A search that is interrupted after so many answers, and gone on with each time.

    Args:
        name: One of `SEARCHES`.
        seed: Of the order in which results arrive.
        capacity: How many jobs are carried out at once.
        pieces: Answers, and whether it is killed after them or stopped by hand.
        every: Decisions between two snapshots.
    """
    one, asked = outcome(name), []
    with TemporaryDirectory() as parent, pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "EVERY", every)
        folder = Path(parent, "run")
        for number, (answers, killed) in enumerate([*pieces, (10**9, False)]):
            pool = Pool(seed + number, capacity)
            call = functools.partial(end, pool=pool, answers=answers, killed=killed)
            with contextlib.suppress(KeyboardInterrupt):
                _, engine = run(
                    folder, one.config, one.candidates, pool=pool, call=call
                )
            asked += pool.trainings()
        return everything(folder, engine), asked


def end(engine: Engine, *, pool: Pool, answers: int, killed: bool) -> None:
    """Ends a search after so many answers."""
    if len(pool.jobs) >= answers:
        if killed:
            raise KeyboardInterrupt
        engine.stop()


@settings(max_examples=16)
@given(
    name=st.sampled_from(list(SEARCHES)),
    seed=st.integers(0, 10**6),
    capacity=st.integers(1, 8),
    pieces=st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=4),
    every=st.sampled_from([1, 5, snapshots.EVERY]),
)
def test_in_any_order_with_any_workers_and_interruptions_it_is_the_same_search(
    name: str,
    seed: int,
    capacity: int,
    pieces: list[tuple[int, bool]],
    every: int,
) -> None:
    found, asked = in_pieces(name, seed, capacity, pieces, every)
    assert found == outcome(name).everything
    assert sorted(asked) == sorted(outcome(name).pool.trainings())


def test_after_a_draw_of_no_cell_a_snapshot_waits_for_the_next_result() -> None:
    """It is taken between that draw and the result before which none comes."""
    one = outcome("few cells")
    assert one.decisions[15][1] == "none"
    found, _ = in_pieces("few cells", 0, 1, [(39, True)], every=5)
    assert found == one.everything


@pytest.mark.parametrize("answers", [20, 47])
def test_what_was_decided_before_a_result_outlives_a_kill(
    answers: int, tmp_path: Path
) -> None:
    one, pool = outcome("plain"), Pool()
    call = functools.partial(end, pool=pool, answers=answers, killed=True)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, one.config, one.candidates, pool=pool, call=call)
    check_prefix(tmp_path)
    assert len(trained(tmp_path)) == len(pool.trainings())


def test_pools_do_answer_in_different_orders() -> None:
    orders = []
    for seed in range(3):
        pool = Pool(seed, 8)
        with TemporaryDirectory() as parent:
            run(Path(parent, "run"), outcome("plain").config, 5, pool=pool)
        orders.append([job.id for job in pool.jobs])
    assert orders[0] != orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])


@pytest.mark.parametrize("name", ["plain", "racing", "a loss, no filter"])
def test_what_is_counted_is_what_happened(name: str) -> None:
    one, tally = outcome(name), outcome(name).engine.tally
    assert tally.decisions == Counter(row[1] for row in one.decisions)
    assert tally.rejects == Counter(row[2] for row in one.rejected)
    assert tally.dead == sum(row[2].startswith("ignores") for row in one.rejected)
    filters = [row for row in one.trained if row[3] == "memorization"]
    assert tally.filtered == len(filters)
    assert tally.passed == sum(row[-1] == PASSED for row in filters)
    assert tally.settings == len(one.trained) - len(filters)
    statuses = Counter(row[5] for row in one.trained)
    assert tally.faults == statuses["TIMEOUT"] > 0
    assert tally.failures == {
        "DIVERGED": statuses["DIVERGED"],
        "TIMEOUT: no end": statuses["TIMEOUT"],
    }
    assert (tally.new_settings, tally.reused) == (len(one.trained), 0)
    assert tally.train_s == 2 * len(one.pool.jobs)


def test_what_is_counted_is_the_same_after_it_was_interrupted(tmp_path: Path) -> None:
    one = outcome("plain")
    stop = until(lambda engine: engine.clock.issued > 40)
    run(tmp_path, one.config, one.candidates, call=stop)
    pool = Pool(5)
    _, engine = run(tmp_path, one.config, one.candidates, pool=pool)
    whole, found = (dataclasses.asdict(e.tally) for e in (one.engine, engine))
    assert found["new_settings"] == len(pool.trainings()) < whole["new_settings"]
    for of_process in ("reused", "new_settings", "compile_s", "train_s"):
        del whole[of_process], found[of_process]
    assert found == whole


def test_a_search_that_is_done_is_only_read(tmp_path: Path) -> None:
    one = outcome("plain")
    run(tmp_path, one.config, one.candidates)
    nobody = FakePool(stop_after=0)
    ending, engine = run(tmp_path, one.config, one.candidates, pool=nobody)
    assert ending is Ending.CANDIDATES
    assert everything(tmp_path, engine) == one.everything
    assert engine.past.restored == len(one.decisions)


# Limits


def check_prefix(folder: Path, name: str = "plain") -> None:
    """What was decided and issued is the beginning of the whole."""
    for part, whole in zip(history(folder), outcome(name).everything, strict=False):
        assert part == whole[: len(part)]
    assert set(trained(folder)) < set(outcome(name).trained)
    assert 2 < len(history(folder)[0]) < len(outcome(name).decisions)


def check_goes_on(folder: Path, name: str = "plain") -> None:
    """Gone on with, it comes to what the whole is."""
    one = outcome(name)
    _, engine = run(folder, one.config, one.candidates)
    assert [*history(folder), table(engine)] == [*one.everything[:3], one.table]
    assert set(trained(folder)) >= set(one.trained)


def test_a_run_that_is_raised_equals_one_that_was_begun_so(tmp_path: Path) -> None:
    chosen = outcome("plain").config
    run(tmp_path, chosen, 14)
    short = history(tmp_path)
    assert any(row[-1] for row in short[2])
    check_goes_on(tmp_path)
    one = outcome("plain")
    assert sum(row[1] == "propose" for row in short[0]) == 14
    assert short[0] == one.decisions[: len(short[0])]
    kept = [row for row in short[2] if not row[-1]]
    assert kept == one.issued[: len(kept)]
    assert short[2] != one.issued[: len(short[2])]


def test_a_run_may_be_raised_again_and_again(tmp_path: Path) -> None:
    one = outcome("plain")
    for candidates in (1, 2, 8, 9):
        _, engine = run(tmp_path, one.config, candidates)
        assert engine.procedure.proposed == candidates
    check_goes_on(tmp_path)


def test_a_run_may_be_raised_while_it_finishes_what_is_under_way(
    tmp_path: Path,
) -> None:
    chosen = outcome("many at once").config
    for candidates in (6, 9, 12):
        draining = until(lambda engine: engine.draining and len(engine.clock) < 3)
        ending, _ = run(tmp_path, chosen, candidates, call=draining)
        assert ending is Ending.STOPPED
        assert any(row[-1] for row in history(tmp_path)[2])
    check_goes_on(tmp_path, "many at once")


def test_with_no_candidates_the_seeds_are_the_table(tmp_path: Path) -> None:
    _, engine = run(tmp_path, config(), 0)
    assert {row["origin"] for row in table(engine)} == {"seed"}
    assert [row[1] for row in history(tmp_path)[0]] == ["seed", "seed"]


@pytest.mark.parametrize("jobs", [20, 41, 63])
def test_a_run_stopped_by_hand_is_a_prefix(jobs: int, tmp_path: Path) -> None:
    ending, engine = run(
        tmp_path,
        outcome("plain").config,
        30,
        call=until(lambda engine: engine.clock.issued >= jobs),
    )
    assert ending is Ending.STOPPED
    check_prefix(tmp_path)
    assert len(history(tmp_path)[2]) == engine.clock.issued >= jobs
    check_goes_on(tmp_path)


def test_a_run_whose_time_is_up_is_a_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(10**9))
    clock = SimpleNamespace(monotonic=lambda: next(times), time=lambda: 0.0)
    monkeypatch.setattr(engine_module, "time", clock)
    ending, _ = run(tmp_path, outcome("plain").config, 30, hours=0.04)
    assert ending is Ending.HOURS
    check_prefix(tmp_path)
    check_goes_on(tmp_path)


def test_a_run_that_reached_the_fitness_wanted_is_a_prefix(tmp_path: Path) -> None:
    mutants = [row for row in outcome("plain").table if row["origin"] == "mutant"]
    wanted = mutants[2]["fitness"]
    ending, engine = run(tmp_path, outcome("plain").config, 30, fitness=wanted)
    assert ending is Ending.FITNESS
    fittest = [one for one in engine.procedure.population.ranked if one.depth]
    assert fittest[0].fitness >= wanted
    check_prefix(tmp_path)
    check_goes_on(tmp_path)


def test_a_fitness_that_only_seeds_have_does_not_end_a_search(tmp_path: Path) -> None:
    chosen = config(gate=1.0)
    assert run(tmp_path, chosen, 0, fitness=0.5)[0] is Ending.CANDIDATES


def test_a_limit_below_what_there_is_is_no_obstacle(tmp_path: Path) -> None:
    """Moves that were made after the limit, examinations for example, are kept."""
    one = outcome("plain")
    stop = until(lambda engine: engine.procedure.decisions >= 20)
    _, engine = run(tmp_path, one.config, 30, call=stop)
    decided = history(tmp_path)[0]
    _, engine = run(tmp_path, one.config, 3)
    assert history(tmp_path)[0] == decided
    assert engine.draining
    assert not engine.procedure.visits
    check_goes_on(tmp_path)


def test_a_search_in_which_nothing_can_be_proposed_ends(tmp_path: Path) -> None:
    changes = SEARCHES["two mutants"][1]
    for _ in range(2):
        ending, engine = run(tmp_path, config(**changes), None)
        assert ending is Ending.BARREN
        decisions, rejected, _ = history(tmp_path)
        assert [row[1] for row in decisions[-BARREN:]] == ["none"] * BARREN
        last = [row for row in rejected if row[0] == decisions[-1][0]]
        assert len(last) == 2
        assert {"no mutant", "all settings tried"} >= {row[2] for row in last}
        assert engine.procedure.proposed == 2


def test_a_baseline_that_learns_nothing_ends_a_search_again_and_again(
    tmp_path: Path,
) -> None:
    def nothing(job: Job, setting: Setting) -> Result:
        return dataclasses.replace(formula(job, setting), best=0.0)

    for pool in (Pool(answer=nothing), FakePool(stop_after=0)):
        with pytest.raises(UserError, match="the baseline reaches 0 on arithmetic"):
            run(tmp_path, config(), 12, pool=pool)


@pytest.mark.parametrize(
    ("name", "capacity", "said"),
    [
        ("plain", 6, []),  # 3 candidates in 2 jobs each
        ("plain", 13, ["note: 13 trainings can", "in_flight=3 has about 6", "=9 "]),
        ("common runs", 6, []),  # 3 candidates on 2 tasks
        ("common runs", 7, ["in_flight=3 has about 6:", "rules.in_flight=6 would"]),
    ],
)
def test_more_workers_than_a_search_keeps_busy_are_told_once(
    name: str, capacity: int, said: list[str], tmp_path: Path
) -> None:
    watcher, pool = Watcher(), Pool(capacity=capacity)
    with Store.create(tmp_path, {}) as store:
        procedure = Procedure(config(**SEARCHES[name][1]))
        Engine(procedure, store, lambda: pool, watcher, Limits(3)).run()
    assert len(watcher.notes) == (1 if said else 0)
    assert [words for words in said if words not in watcher.notes[0]] == []


# Reading


def test_a_reader_sees_the_table_decides_nothing_and_writes_nothing(
    tmp_path: Path,
) -> None:
    one = outcome("plain")
    stop = until(lambda engine: engine.procedure.decisions >= 20)
    for call in (stop, lambda engine: None):
        run(tmp_path, one.config, one.candidates, call=call)
        before = history(tmp_path)
        with Store.read(tmp_path) as store:
            reader = Engine(
                Procedure(one.config),
                store,
                None,
                Watcher(),
                Limits(one.candidates),
            )
            reader.run()
        assert reader.procedure.decisions == len(before[0])
        assert history(tmp_path) == before
    assert table(reader) == one.table
