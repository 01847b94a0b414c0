"""Records learning curves of the memorization filter and derives when to give up.

    python -m benchmarks.calibrate_filter record [--cells 220] [--workers 2]
    python -m benchmarks.calibrate_filter derive

`record` trains every cell of the zoo, and mutants of LSTM and GRU drawn as a search
draws them, on the filter's first setting with its whole budget, and appends a line a
cell to the file; what is there already is not trained again, so it may be stopped and
started at any time. `derive` reads the file, prints the constants for
`workers/filter.py`, what they save, and how often they would stop a cell that passes,
on the curves themselves and by leaving parts of them out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cells import ZOO, Cell, canonical, dead, digest, mutate
from workers import InlinePool, Pool, RayPool, filter_job
from workers.job import Evaluation
from workers.schedule import PASSED

FILE = Path(__file__).parent / "data" / "filter_curves.jsonl"
CHECKPOINTS = (1200, 1800, 2400, 3000, 3600, 4200, 4800)
"""Updates at which a loss may be judged: ends of epochs of 300 updates."""

SLACK_NATS = 0.1
"""How far above the worst passing curve a bound lies: a new cell may be worse."""

PARTS = 10


class Curve(NamedTuple):
    """One recorded curve.

    Attributes:
        name: Of the cell.
        digest: Of the cell.
        ended: Why training ended; `passed` at the target.
        updates: Updates done.
        losses: Validation loss after each epoch.
        metrics: Validation accuracy after each epoch.
        every: Updates of an epoch.
    """

    name: str
    digest: str
    ended: str
    updates: int
    losses: tuple[float, ...]
    metrics: tuple[float, ...]
    every: int

    @property
    def passed(self) -> bool:
        """Whether the cell memorized."""
        return self.ended == PASSED


def cells(count: int) -> Iterator[tuple[str, Cell]]:
    """Distinct living cells by name: the zoo, then mutants of LSTM and GRU in turn."""
    seen: set[str] = set()
    rng = np.random.default_rng(20150706)
    for name, cell in zoo_then_mutants(rng):
        if len(seen) == count:
            return
        known = digest(cell)
        if known not in seen and dead(canonical(cell)) is None:
            seen.add(known)
            yield name, cell


def zoo_then_mutants(rng: np.random.Generator) -> Iterator[tuple[str, Cell]]:
    """Cells without end, some of them dead or alike."""
    yield from ZOO.items()
    number = 0
    while True:
        parent = ("lstm", "gru")[number % 2]
        yield f"{parent}~{number}", mutate(ZOO[parent], rng).cell
        number += 1


def record(path: Path, count: int, pool: Pool) -> None:
    """Appends the curves that are missing, as they come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {curve.digest for curve in read(path)}
    names = {}
    for name, cell in cells(count):
        if digest(cell) not in known:
            job = filter_job(cell, early=False)
            names[job.id] = name
            pool.submit(job)
    print(f"{len(known)} curves are there, {len(pool)} to record", flush=True)
    while (answer := pool.next()) is not None:
        job, evaluation = answer
        row = line(names[job.id], job.digest, evaluation)
        with path.open("a") as file:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
        print(f"{len(pool):4} left  {row['name']}: {row['ended']}", flush=True)


def line(name: str, known: str, evaluation: Evaluation) -> dict[str, Any]:
    """What is kept of an evaluation."""
    (result,) = evaluation.results
    return {
        "name": name,
        "digest": known,
        "ended": result.ended,
        "updates": result.updates,
        "losses": [round(min(point.valid_loss, 99.0), 3) for point in result.curve],
        "metrics": [round(point.metric, 3) for point in result.curve],
        "every": result.curve[0].updates if result.curve else 0,
    }


def read(path: Path) -> list[Curve]:
    """The recorded curves; a last line that was cut off is dropped."""
    if not path.exists():
        return []
    curves = []
    for text in path.read_text().splitlines():
        try:
            row = json.loads(text)
        except json.JSONDecodeError:
            continue
        lists = {key: tuple(row[key]) for key in ("losses", "metrics")}
        curves.append(Curve(**{**row, **lists}))
    return curves


def derive(curves: Sequence[Curve]) -> tuple[tuple[int, float], ...]:
    """Bounds above every curve that passes, by `SLACK_NATS`; only those that fall.

    A bound that is no lower than an earlier one says nothing new and is left out.
    """
    bounds: list[tuple[int, float]] = []
    for updates in CHECKPOINTS:
        later = [
            max(curve.losses[updates // curve.every - 1 :])
            for curve in curves
            if curve.passed and curve.updates > updates
        ]
        bound = round(max(later, default=0.0) + SLACK_NATS, 2)
        if later and (not bounds or bound < bounds[-1][1]):
            bounds.append((updates, bound))
    return tuple(bounds)


def stopped(curve: Curve, bounds: Sequence[tuple[int, float]]) -> int:
    """Updates after which the rule gives a curve up; 0 if it never does."""
    for index, loss in enumerate(curve.losses, 1):
        updates = index * curve.every
        if any(updates >= start and loss > bound for start, bound in bounds):
            over = curve.passed and index == len(curve.losses)
            return 0 if over else updates
    return 0


def report(curves: Sequence[Curve]) -> None:
    """Prints the constants and what they do."""
    bounds = derive(curves)
    passing = [curve for curve in curves if curve.passed]
    failing = [curve for curve in curves if not curve.passed and curve.losses]
    lost = [curve.name for curve in passing if stopped(curve, bounds)]
    total = sum(curve.updates for curve in curves)
    saved = sum(c.updates - stopped(c, bounds) for c in curves if stopped(c, bounds))
    print(f"{len(curves)} curves: {len(passing)} pass, {len(failing)} fail,", end=" ")
    print(f"{len(curves) - len(passing) - len(failing)} diverge before an epoch")
    first = sorted(curve.updates for curve in passing)
    print(f"updates until passing: median {first[len(first) // 2]}, last {first[-1]}")
    print(f'GIVE_UP["small"] = {bounds}')
    print(f"stops {len(lost)} of {len(passing)} that pass: {', '.join(lost) or 'none'}")
    print(f"saves {saved / total:.0%} of {total:,} updates")
    left_out = 0
    for part in range(PARTS):
        rest = [curve for i, curve in enumerate(curves) if i % PARTS != part]
        held = [curve for i, curve in enumerate(curves) if i % PARTS == part]
        rule = derive(rest)
        left_out += sum(curve.passed and stopped(curve, rule) > 0 for curve in held)
    print(f"derived without a tenth at a time, stops {left_out} of those left out")


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=("record", "derive"))
    parser.add_argument("--cells", type=int, default=220, help="how many to record")
    parser.add_argument("--workers", type=int, default=0, help="Ray actors; 0: none")
    parser.add_argument("--file", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    if options.action == "derive":
        curves = read(options.file)
        if not any(curve.passed for curve in curves):
            sys.exit(f"{options.file}: no curves that pass; run `record` first")
        report(curves)
        return
    pool: Pool = RayPool(options.workers) if options.workers else InlinePool()
    try:
        record(options.file, options.cells, pool)
    finally:
        pool.close()


if __name__ == "__main__":
    main()
