"""The store of a search is small, and fast to ask."""

import dataclasses
import time
from pathlib import Path

import numpy as np

from cells import ZOO, Cell, canonical, dead, digest, mutate, to_text
from search.procedure.moves import Decision, Issued, Move, Reject
from search.store.database import RUN_FILE
from search.store.store import Store
from tests.search.store.test_store import GRU, SETTINGS, evaluation, ids, job, query


def descend(count: int) -> list[tuple[Cell, str, tuple[str, ...]]]:
    """Cells as a search meets them: mutants of mutants, with parent and rules."""
    rng = np.random.default_rng(0)
    born = {GRU: ZOO["gru"]}
    found: list[tuple[Cell, str, tuple[str, ...]]] = []
    while len(found) < count:
        parent = list(born)[int(rng.integers(len(born)))]
        cell = canonical(mutate(born[parent], rng).cell)
        if digest(cell) not in born and dead(cell) is None:
            born[digest(cell)] = cell
            found.append((cell, parent, ("replace_activation", "insert_node")))
    return found


def test_a_candidate_takes_less_than_four_kilobytes(tmp_path: Path) -> None:
    """With 18 trainings in 6 jobs, two rejects, and without learning curves."""
    count, rng = 200, np.random.default_rng(1)
    with Store.create(tmp_path, {}) as store:
        for number, (cell, parent, rules) in enumerate(descend(count)):
            drawn = tuple(Reject("known", parent, rng.bytes(16).hex()) for _ in "ab")
            at, text = 1e5 * rng.random(), to_text(cell)
            store.history.record(
                Decision(
                    number=number,
                    kind=Move.PROPOSE,
                    at=at,
                    digest=digest(cell),
                    parent=parent,
                    text=text,
                    rules=rules,
                    rejects=drawn,
                )
            )
            for part in range(6):
                first = part % 3 * 3
                settings = SETTINGS[first : first + 3]
                one = job(cell, settings, budget=(800, 2400)[part // 3])
                times = dataclasses.replace(
                    evaluation(one), compile_s=rng.random(), train_s=rng.random()
                )
                store.history.issue(
                    Issued(
                        number=6 * number + part,
                        decision=number,
                        digest=one.digest,
                        task="xml",
                        stage=part // 3,
                        settings=3,
                        start=at,
                        end=at + rng.random(),
                    )
                )
                store.commit((one, times))
    size = (tmp_path / RUN_FILE).stat().st_size / count
    print(f"{size:.0f} bytes a candidate")
    assert query(tmp_path, "SELECT count(*) FROM runs") == [(18 * count,)]
    assert size < 4096


def test_ten_thousand_questions_take_seconds(tmp_path: Path) -> None:
    jobs = [job(settings=SETTINGS[:4], seed=seed) for seed in range(100)]
    asked = [ids(one) for one in jobs]
    with Store.create(tmp_path, {}) as store:
        for one in jobs:
            store.commit((one, evaluation(one)))
        start = time.process_time()
        for number in range(10_000):
            assert len(store.results.find(asked[number % 100], 30)) == 4
        seconds = time.process_time() - start
    print(f"{seconds:.2f} s for 10,000 questions of 4 trainings each")
    assert seconds < 4  # about 1 on one idle core
