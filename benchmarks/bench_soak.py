"""What a long search comes to hold: memory, memory maps, open files, disk.

    python -m benchmarks.bench_soak [--candidates 1000] [--workers 2] [--every 50]

One search as `cellsearch run` makes it: engine, store (in a folder that is deleted) and
Ray workers are the real ones. Budgets are a few updates and every candidate passes, so
nearly all of the time goes into compilation, two programs a job, which is what wears a
process. A row every so many candidates, and at the end, by how much each column grew
per 100 candidates in the second half, as a straight line fits it. Of workers the
largest counts; a worn one gives way to a new one, so theirs go up and down. Linux only.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np

from search.loop.engine import Engine, Limits
from search.loop.numerics import admit
from search.procedure.config import Config
from search.procedure.document import Document, assign
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config
from search.store.store import Store
from workers import Pool, PoolOptions, RayPool
from workers.machine.runtime import process_facts
from workers.pools.nodes import WORN

TINY: Final = {
    "tasks": ["xml"],
    "plans.xml.budget": 20,
    "plans.xml.task.train_tokens": 14_000,
    "filter.budget": 20,
    "filter.target": 0.0,
    "rules.gate": 0.0,
}
"""What differs from the preset `tiny`: one task, and next to no training."""


class Row(NamedTuple):
    """What everything holds at one moment.

    Attributes:
        candidates: Mutants proposed.
        minutes: Since the search began.
        driver_mb: Resident megabytes of this process.
        worker_mb: Of the largest worker.
        maps: Memory maps of the worker with most; Linux allows 65,530.
        driver_files: Open files of this process.
        worker_files: Of the worker with most.
        objects_kb: Kilobytes in Ray's object store.
        session_kb: Kilobytes on disk of Ray's session: logs, sockets.
        run_kb: Kilobytes of the run's folder.
        worn: Workers that gave way to new ones so far.
        lost: Workers that ended otherwise.
    """

    candidates: int
    minutes: float
    driver_mb: float
    worker_mb: float
    maps: int
    driver_files: int
    worker_files: int
    objects_kb: float
    session_kb: float
    run_kb: float
    worn: int
    lost: int


class Watcher:
    """Takes and prints a row whenever so many candidates more have been proposed."""

    def __init__(self, pool: Pool, folder: Path, every: int) -> None:
        """Nothing has happened.

        Args:
            pool: Of the search.
            folder: Of the run.
            every: Candidates between two rows.
        """
        self.rows: list[Row] = []
        self._pool, self._folder, self._every = pool, folder, every
        self._start, self._due = time.monotonic(), every
        print("  ".join(Row._fields), flush=True)

    def update(self, engine: Engine) -> None:
        """Takes a row if one is due."""
        candidates = engine.procedure.proposed
        if candidates >= self._due:
            self._due = (candidates // self._every + 1) * self._every
            minutes = (time.monotonic() - self._start) / 60
            self.rows.append(look(candidates, minutes, self._pool, self._folder))
            print(line(self.rows[-1]), flush=True)

    def note(self, text: str) -> None:
        """Says it."""
        print(text, flush=True)


def look(candidates: int, minutes: float, pool: Pool, folder: Path) -> Row:
    """What everything holds now."""
    pids = [each["pid"] for each in pool.workers()]
    facts = [process_facts(pid) for pid in pids]
    losses = [node.losses for node in pool.nodes()]
    worn = sum(each.get(WORN, 0) for each in losses)
    return Row(
        candidates,
        minutes,
        process_facts()["rss_bytes"] / 1e6,
        max((each["rss_bytes"] for each in facts), default=0) / 1e6,
        max((each["maps"] for each in facts), default=0),
        open_files(os.getpid()),
        max(map(open_files, pids), default=0),
        object_bytes() / 1e3,
        folder_bytes(session()) / 1e3,
        folder_bytes(folder) / 1e3,
        worn,
        sum(sum(each.values()) for each in losses) - worn,
    )


def open_files(pid: int) -> int:
    """Of a process; 0 if it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def object_bytes() -> float:
    """Bytes in use in Ray's object store."""
    import ray

    name = "object_store_memory"
    free = ray.available_resources().get(name, 0.0)
    return float(ray.cluster_resources().get(name, 0.0) - free)


def session() -> Path:
    """The folder of Ray's session, of which `ray` has no public name."""
    import ray

    return Path(ray._private.worker.global_worker.node.get_session_dir_path())


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder, and in those below it."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # it has just been deleted
                continue
    return total


def line(values: Sequence[float]) -> str:
    """A row, or slopes, below the columns' names."""
    texts = (f"{v:,}" if isinstance(v, int) else f"{v:,.1f}" for v in values)
    pairs = zip(texts, Row._fields, strict=True)
    return "  ".join(text.rjust(len(name)) for text, name in pairs)


def slopes(rows: Sequence[Row]) -> list[float]:
    """By how much each column grew per 100 candidates in the second half."""
    half = np.array(rows[len(rows) // 2 :], dtype=np.float64)
    slope, _ = np.polyfit(half[:, 0] / 100, half, 1)
    return [float(value) for value in slope]


def tiny_config(candidates: int, seed: int) -> Config:
    """The search: see `TINY`."""
    document: Document = {"preset": "tiny", "seed": seed, "candidates": candidates}
    for key, value in TINY.items():
        assign(document, key, value)
    return make_config(document)


def soak(folder: Path, candidates: int, workers: int, every: int, seed: int) -> None:
    """Searches, and prints the rows and slopes."""
    config = tiny_config(candidates, seed)
    pool = RayPool(PoolOptions(workers))
    try:
        watcher = Watcher(pool, folder, every)
        with Store.create(folder, {}) as store:
            admit(pool.workers(), store.history, mixed=False)
            limits = Limits(candidates=candidates)
            ending = Engine(
                Procedure(config), store, lambda: pool, watcher, limits
            ).run()
        print(ending)
    finally:
        pool.close()
    if len(watcher.rows) >= 4:
        print("per 100 candidates, second half:")
        print(line(slopes(watcher.rows)))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--candidates", type=int, default=1000, help="how many (1000)")
    add("--workers", type=int, default=2, help="Ray workers (2)")
    add("--every", type=int, default=50, help="candidates between two rows (50)")
    add("--seed", type=int, default=0, help="of the search (0)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="bench_soak_") as name:
        folder = Path(name)
        soak(
            *(folder, options.candidates, options.workers),
            every=options.every,
            seed=options.seed,
        )


if __name__ == "__main__":
    main()
