"""What the driver of a search costs: candidates whose training takes no time.

    python -m benchmarks.bench_driver [--candidates 10000] [--settings-per-job 20 4 1]

Procedure, logical clock, store (on disk) and engine are those of a search with the
preset `paper`, where a candidate has about 23 trainings; the pool answers at once, from
a formula, by which 10 % of the cells pass the filter. Then the run is resumed to its
end. Each measurement has a process of its own. Seconds are CPU seconds, which other
work on the machine hardly changes; those of the formula are taken out.
"""

import argparse
import heapq
import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from search.loop.engine import Engine, Limits
from search.loop.runs import gone_on
from search.procedure.moves import Decision
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config
from search.store.database import RUN_FILE
from search.store.snapshots import Snapshot
from search.store.store import Store
from workers import BUDGET, Evaluation, Job, PoolNode, Result, Setting, Status
from workers.job.schedule import PASSED

PASSING: Final = 0.1
"""Share of cells that pass the filter."""

TENTHS: Final = 10


class Spent(NamedTuple):
    """CPU seconds of this process.

    Attributes:
        driver_s: All but the following.
        propose_s: Of `Procedure.decide`.
        pool_s: Of the formula.
    """

    driver_s: float = 0.0
    propose_s: float = 0.0
    pool_s: float = 0.0

    def __sub__(self, other: "Spent") -> "Spent":
        """What was spent in between."""
        return Spent(*(a - b for a, b in zip(self, other, strict=True)))


class Mark(NamedTuple):
    """Where a search stands.

    Attributes:
        candidates: Mutants proposed.
        trainings: Settings trained.
        spent: CPU seconds so far.
        memory_mb: Resident megabytes.
        file_bytes: Of the run's files.
    """

    candidates: int
    trainings: int
    spent: Spent
    memory_mb: float
    file_bytes: int


class Measured(NamedTuple):
    """What one process saw.

    Attributes:
        marks: When the seeds were done, and after each tenth of the candidates.
        jobs: Jobs issued.
        wall_s: Seconds by the clock on the wall.
        peak_mb: Most resident megabytes.
    """

    marks: tuple[Mark, ...]
    jobs: int
    wall_s: float
    peak_mb: float


class Meter:
    """CPU seconds by part."""

    def __init__(self) -> None:
        """Starts now."""
        self._start = time.process_time()
        self.propose_s = 0.0
        self.pool_s = 0.0

    def spent(self) -> Spent:
        """CPU seconds since the start."""
        total = time.process_time() - self._start
        return Spent(total - self.propose_s - self.pool_s, self.propose_s, self.pool_s)


class MeteredProcedure(Procedure):
    """A procedure whose decisions are timed."""

    meter: Meter

    def decide(self, at: float) -> Decision:
        """As it is."""
        start = time.process_time()
        decision = super().decide(at)
        self.meter.propose_s += time.process_time() - start
        return decision


class FormulaPool:
    """Answers at once, the most urgent job first; see `workers.Pool`."""

    capacity = 1

    def __init__(self, meter: Meter) -> None:
        """No jobs yet."""
        self._meter = meter
        self._queue: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        """Jobs that wait."""
        return len(self._queue)

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = 0.0,
        cost_s: float = 0.0,
    ) -> None:
        """Adds a job."""
        heapq.heappush(self._queue, (priority, next(self._numbers), job))

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        """The most urgent job and its evaluation: all are done at once."""
        if not self._queue:
            return None
        start = time.process_time()
        job = heapq.heappop(self._queue)[2]
        results = tuple(result(job, setting) for setting in job.settings)
        answer = Evaluation(job.id, results, 3.0, 60.0, "formula", "nowhere", 1)
        self._meter.pool_s += time.process_time() - start
        return job, answer

    def news(self) -> list[str]:
        """Nothing happens."""
        return []

    def workers(self) -> list[dict[str, Any]]:
        """Nobody."""
        return []

    def nodes(self) -> list[PoolNode]:
        """Nowhere."""
        return []

    def cancel(self) -> None:
        """Drops what waits."""
        self._queue.clear()

    def close(self) -> None:
        """Drops what waits."""
        self._queue.clear()


def result(job: Job, setting: Setting) -> Result:
    """What a setting comes to: a number of its cell and task, and one of its own."""
    quality, luck = fraction(job.digest), fraction(job.run_id(setting))
    if job.task.name == "memorization":
        well = quality < PASSING
        return Result(
            setting,
            Status.OK,
            best=0.96 if well else 0.2 + luck / 2,
            updates=3_000 if well else job.budget,
            ended=PASSED if well else BUDGET,
            width=60,
            num_params=24_951,
        )
    # Of cells that pass, numbers are below `PASSING`, and all are to differ.
    best = 0.5 + 0.3 * (quality / PASSING % 1) + 0.2 * luck
    return Result(
        setting,
        Status.OK,
        best=best,
        updates=int(job.budget * (0.5 + luck / 2)),
        ended="no further improvement",
        width=200,
        num_params=setting.parameters - 97,
    )


def fraction(name: str) -> float:
    """A number in [0, 1) that hexadecimal digits stand for."""
    return int(name[-12:], 16) / 16**12


class Watcher:
    """Takes a mark when the seeds are done and after each tenth of the candidates."""

    def __init__(self, folder: Path, candidates: int, meter: Meter) -> None:
        """Nothing has happened."""
        self.marks: list[Mark] = []
        self._folder = folder
        self._candidates = candidates
        self._meter = meter

    def update(self, engine: Engine) -> None:
        """Takes a mark if one is due."""
        due = len(self.marks) * self._candidates // TENTHS
        if engine.procedure.opened and engine.procedure.proposed >= due:
            self.mark(engine)

    def mark(self, engine: Engine) -> None:
        """Takes a mark."""
        tally = engine.tally
        self.marks.append(
            Mark(
                engine.procedure.proposed,
                tally.settings + tally.filtered,
                self._meter.spent(),
                memory_mb(),
                file_bytes(self._folder),
            )
        )

    def note(self, text: str) -> None:
        """Says it."""
        print(text, file=sys.stderr)


def measure(folder: Path, candidates: int, size: int, slots: int) -> Measured:
    """Searches in this process, or resumes what another has searched there.

    Args:
        folder: The run.
        candidates: How many.
        size: `settings_per_job`.
        slots: Logical slots; 0: the default.
    """
    rules = {"settings_per_job": size, **({"slots": slots} if slots else {})}
    config = make_config(
        {"preset": "paper", "seed": 1, "candidates": candidates, "rules": rules}
    )
    start, meter = time.monotonic(), Meter()
    watcher = Watcher(folder, candidates, meter)
    known = (folder / RUN_FILE).exists()
    store = Store.open(folder) if known else Store.create(folder, {})
    with store:
        store.history.set("numerics", {"key": "formula"})  # as a real pool has it

        def take(snapshot: Snapshot | None) -> Engine:
            procedure = MeteredProcedure(config)
            procedure.meter = meter
            return Engine(
                procedure,
                store,
                lambda: FormulaPool(meter),
                watcher,
                Limits(candidates=candidates),
                snapshot=snapshot,
            )

        engine = gone_on(store, take)
        engine.run()
        if len(watcher.marks) > TENTHS:  # what was under way belongs to the last tenth
            watcher.marks.pop()
        watcher.mark(engine)
    wall_s = time.monotonic() - start
    return Measured(tuple(watcher.marks), engine.clock.issued, wall_s, peak_mb())


def memory_mb() -> float:
    """Resident megabytes of this process; 0 where there is no /proc."""
    path = Path("/proc/self/statm")
    if not path.exists():
        return 0.0
    return int(path.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mb() -> float:
    """Most resident megabytes so far; 0 where there is no /proc."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return (
        sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    )


def file_bytes(folder: Path) -> int:
    """Bytes of a run's files, without the log that is written into them later."""
    return sum(path.stat().st_size for path in folder.glob(RUN_FILE))


def alone(function: Callable[..., Measured], *arguments: object) -> Measured:
    """Calls a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(function, *arguments).result()


def report(size: int, candidates: int, slots: int) -> None:
    """Measures one number of settings a job, and prints what came out."""
    with TemporaryDirectory(prefix="bench_driver_") as name:
        arguments = (Path(name), candidates, size, slots)
        first = alone(measure, *arguments)
        written = file_bytes(Path(name))
        again = alone(measure, *arguments)
    opening, last, resumed = first.marks[0], first.marks[-1], again.marks[-1].spent
    jobs = first.jobs / candidates
    print(f"\nsettings_per_job = {size}: {jobs:.1f} jobs a candidate")
    print(f"{'':12}{'trainings':>10}{'driver':>8}{'proposing':>11}", end="")
    print(f"{'in all':>8}  CPU ms a candidate; driver us a training")
    for title, start, end in parts(first.marks):
        print(row(title, start, end))
    print(
        f"opening     {opening.trainings:,} trainings, {sum(opening.spent):.1f} CPU s\n"
        f"file        {written / candidates:,.0f} bytes a candidate\n"
        f"memory      {opening.memory_mb:.0f} MiB after the opening, then "
        f"{growth_kb(first.marks):.2f} KiB a candidate; at most "
        f"{first.peak_mb:.0f} MiB\n"
        f"run         {sum(last.spent):.1f} CPU s, {last.spent.pool_s:.1f} of them of "
        f"the formula; {first.wall_s:.0f} s by the clock\n"
        f"resume      {sum(resumed):.1f} CPU s, {resumed.propose_s:.1f} of them checks "
        f"of decisions; {again.wall_s:.0f} s by the clock; at most "
        f"{again.peak_mb:.0f} MiB",
        flush=True,
    )


def parts(marks: Sequence[Mark]) -> list[tuple[str, Mark, Mark]]:
    """What is compared: all candidates, and tenths of them."""
    return [
        ("all", marks[0], marks[-1]),
        ("1st tenth", marks[0], marks[1]),
        ("2nd tenth", marks[1], marks[2]),
        ("last tenth", marks[-2], marks[-1]),
    ]


def row(title: str, start: Mark, end: Mark) -> str:
    """What candidates took between two marks."""
    candidates = end.candidates - start.candidates
    trainings = end.trainings - start.trainings
    spent = end.spent - start.spent
    driver, propose = (
        1000 * seconds / candidates for seconds in (spent.driver_s, spent.propose_s)
    )
    return (
        f"{title:<12}{trainings / candidates:>10.1f}{driver:>8.2f}{propose:>11.2f}"
        f"{driver + propose:>8.2f}  {1e6 * spent.driver_s / trainings:.0f} us"
    )


def growth_kb(marks: Sequence[Mark]) -> float:
    """Kibibytes a candidate by which memory grew in the second half."""
    middle, last = marks[len(marks) // 2], marks[-1]
    grown = last.memory_mb - middle.memory_mb
    return 1024 * grown / (last.candidates - middle.candidates)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--candidates", type=int, default=10_000)
    add("--settings-per-job", type=int, nargs="+", default=[20, 4, 1], metavar="K")
    add("--slots", type=int, default=0, help="logical slots (the default's number)")
    options = parser.parse_args()
    if options.candidates < TENTHS:
        parser.error(f"--candidates must be at least {TENTHS}")
    load = os.getloadavg()[0]
    print(f"{options.candidates:,} candidates; {os.cpu_count()} cores, load {load:.1f}")
    for size in options.settings_per_job:
        report(size, options.candidates, options.slots)


if __name__ == "__main__":
    main()
