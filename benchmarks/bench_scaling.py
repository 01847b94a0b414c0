"""What a second worker is worth, and what a job costs the driver through Ray.

    python -m benchmarks.bench_scaling [--pairs 5] [--candidates 16] [--jobs 10000]
        [--parts filter search instant]

Pairs of the same work with 1 and with 2 workers, the order alternating: the `small`
filter of mutants (candidates a minute), and a whole search of the preset `small` with
budgets cut to a fifth (so that a pair takes minutes; its share of compilation is
therefore larger than in a real one). Then instant jobs, to see the driver: CPU seconds
of this process a job, and its memory, the workers' and the object store's.
"""

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.bench_soak import object_bytes
from cells import ZOO, Cell, canonical, dead, digest, mutate
from search.commands.cli import main as cellsearch
from search.procedure.reader import preset_filter
from workers import Job, PoolOptions, RayPool, Setting, TaskSpec, Training, make_job
from workers.machine.runtime import process_facts

FIFTH: Final = ("plans.arithmetic.budget=600", "plans.xml.budget=1200")


def mutants(count: int) -> list[Cell]:
    """Distinct living mutants of LSTM and GRU."""
    rng, found = np.random.default_rng(6), dict[str, Cell]()
    while len(found) < count:
        parent = ZOO[("lstm", "gru")[len(found) % 2]]
        cell = canonical(mutate(parent, rng).cell)
        if dead(cell) is None:
            found[digest(cell)] = cell
    return list(found.values())


def filter_s(workers: int, cells: list[Cell]) -> float:
    """Seconds in which workers, once ready, give the filter to all cells."""
    pool, small = RayPool(PoolOptions(workers)), preset_filter("small")
    try:
        start = time.monotonic()
        for cell in cells:
            pool.submit(small.job(cell))
        while pool.next() is not None:
            pass
        return time.monotonic() - start
    finally:
        pool.close()


def search_s(workers: int, candidates: int) -> float:
    """Seconds of a whole small search, the start of its workers included."""
    with tempfile.TemporaryDirectory() as name:
        words = ["run", "--preset", "small", "--out", str(Path(name) / "run"), "--json"]
        words += ["--candidates", str(candidates), "--workers", str(workers)]
        words += [word for one in FIFTH for word in ("--set", one)]
        words += ["--set", "rules.baseline_settings=4"]
        start, said = time.monotonic(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = cellsearch(words)
        assert status == 0, said.getvalue()
        return time.monotonic() - start


def pairs(count: int, work: Callable[[int], float]) -> Iterator[tuple[float, float]]:
    """Seconds with one and with two workers, side by side, the order alternating."""
    for number in range(count):
        order = (1, 2) if number % 2 == 0 else (2, 1)
        took = {workers: work(workers) for workers in order}
        yield took[1], took[2]


def show(name: str, candidates: int, count: int, work: Callable[[int], float]) -> None:
    """Prints each pair, and the median of their ratios."""
    ratios = []
    for one, two in pairs(count, work):
        ratios.append(one / two)
        print(
            f"{name}: {60 * candidates / one:6.1f} candidates a minute with 1 worker, "
            f"{60 * candidates / two:6.1f} with 2: {one / two:.2f}x",
            flush=True,
        )
    low, high = min(ratios), max(ratios)
    print(f"{name}: median {statistics.median(ratios):.2f}x ({low:.2f} to {high:.2f})")


def refused_at_once(seed: int) -> Job:
    """A job that no memory limit allows: it is answered without compiling anything."""
    setting, refused = Setting(1, 0.5, 1, 1, 1000), Training(memory_limit_bytes=1)
    task = TaskSpec("memorization")
    return make_job(ZOO["tanh"], task, (setting,), 1, seed=seed, training=refused)


def instant(jobs: int) -> None:
    """Jobs that are answered at once: what the driver spends on each."""
    pool = RayPool(PoolOptions(2))
    marks = [0, jobs // 10, jobs]
    try:
        done = 0
        for last in marks[1:]:
            start = time.process_time()
            wall = time.monotonic()
            count = last - done
            while done < last:
                while len(pool) < min(32, last - done):
                    pool.submit(refused_at_once(done + len(pool)))
                assert pool.next() is not None
                done += 1
            spent = time.process_time() - start
            memory = process_facts()["rss_bytes"] / 1e6
            pids = [each["pid"] for each in pool.workers()]
            sizes = [process_facts(pid)["rss_bytes"] / 1e6 for pid in pids]
            workers = max(sizes, default=0.0)  # none: all are being renewed
            print(
                f"after {done:>6,} jobs: {1000 * spent / count:.2f} ms of driver CPU a "
                f"job, {count / (time.monotonic() - wall):,.0f} jobs/s, driver "
                f"{memory:.0f} MB, largest worker {workers:.0f} MB, object store "
                f"{object_bytes() / 1e3:.0f} kB",
                flush=True,
            )
    finally:
        pool.close()


def main() -> None:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--pairs", type=int, default=5, help="of each kind of work (5)")
    add("--candidates", type=int, default=16, help="in a pair (16)")
    add("--jobs", type=int, default=10_000, help="instant ones (10,000)")
    parts = ["filter", "search", "instant"]
    add("--parts", nargs="+", choices=parts, default=parts, help="all three")
    options = parser.parse_args()
    cells, count = mutants(options.candidates), options.candidates
    if "filter" in options.parts:
        show("filter", count, options.pairs, lambda workers: filter_s(workers, cells))
    if "search" in options.parts:
        show("search", count, options.pairs, lambda workers: search_s(workers, count))
    if "instant" in options.parts:
        instant(options.jobs)


if __name__ == "__main__":
    main()
