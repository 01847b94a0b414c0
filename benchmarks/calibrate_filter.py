"""Records learning curves of the memorization filter and derives when to give up.

    python -m benchmarks.calibrate_filter record [--cells 220] [--seed N] [--workers 2]
    python -m benchmarks.calibrate_filter derive
    python -m benchmarks.calibrate_filter check

`record` trains every cell of the zoo, and mutants of LSTM and GRU drawn as a search
draws them, on the filter's first setting with its whole budget, and appends a line a
cell to the file; what is there already is not trained again, so it may be stopped and
started at any time. With `--attempt N` it is each cell's setting of that attempt; give
another `--file`. `derive` reads the curves, prints what preset `small` has as
`filter.give_up`, what that saves, and how often it would stop a cell that passes, on
the curves themselves and by leaving parts of them out. `check` says the same of the
rule in use, and of the cells that the preset does not train at all (`rules.largest`
and `rules.faintest`).
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from cells import (
    ZOO,
    Cell,
    canonical,
    dead,
    digest,
    mutate,
    parse,
    to_text,
)
from search.procedure.filter import Filter
from search.procedure.proposals import untrained_reason
from search.procedure.reader import make_config, preset_filter
from workers import INLINE, Evaluation, Pool, PoolOptions, make_pool
from workers.job.schedule import PASSED

SMALL: Final = preset_filter("small")
SEARCH: Final = make_config({"preset": "small"})
WHOLE: Final = replace(SMALL, give_up=())
"""The filter that is calibrated, without its rule."""

FILE: Final = Path(__file__).parent / "data" / "filter_curves.jsonl"
FRESH: Final = FILE.with_name("filter_curves_fresh.jsonl")
"""Mutants by another seed, 7, that no number was chosen by before `SLACK_NATS`."""

CHECKPOINTS: Final = (1200, 1800, 2400, 3000, 3600, 4200, 4800)
"""Updates at which a loss may be judged: ends of epochs of 300 updates."""

SLACK_NATS: Final = 0.2
"""How far above the worst passing curve a bound lies: a new cell may be worse."""

PARTS: Final = 10

SEED: Final = 20150706
"""Of the mutants from which the rule is derived."""

Bounds = tuple[tuple[float, float], ...]
"""Updates, and the loss above which a cell is given up from then on."""


class Curve(NamedTuple):
    """One recorded curve.

    Attributes:
        name: Of the cell.
        digest: Of the cell.
        text: Of the cell, canonical: mutants of today may be others.
        ended: Why training ended; `passed` at the target.
        updates: Updates done.
        losses: Validation loss after each epoch.
        metrics: Validation accuracy after each epoch.
        every: Updates of an epoch.
    """

    name: str
    digest: str
    text: str
    ended: str
    updates: int
    losses: tuple[float, ...]
    metrics: tuple[float, ...]
    every: int

    @property
    def passed(self) -> bool:
        """Whether the cell memorized."""
        return self.ended == PASSED


def cells(count: int, seed: int = SEED) -> Iterator[tuple[str, Cell]]:
    """Distinct living cells by name: the zoo, then mutants of LSTM and GRU in turn.

    By a seed of one's own it is mutants alone.
    """
    seen: set[str] = set()
    rng = np.random.default_rng(seed)
    found = zoo_then_mutants(rng) if seed == SEED else mutants(rng)
    for name, cell in found:
        if len(seen) == count:
            return
        known = digest(cell)
        if known not in seen and dead(canonical(cell)) is None:
            seen.add(known)
            yield name, cell


def zoo_then_mutants(rng: np.random.Generator) -> Iterator[tuple[str, Cell]]:
    """Cells without end, some of them dead or alike."""
    yield from ZOO.items()
    yield from mutants(rng)


def mutants(rng: np.random.Generator) -> Iterator[tuple[str, Cell]]:
    """Of LSTM and GRU in turn, without end; some of them dead or alike."""
    number = 0
    while True:
        parent = ("lstm", "gru")[number % 2]
        yield f"{parent}~{number}", mutate(ZOO[parent], rng).cell
        number += 1


def record(
    path: Path,
    count: int,
    pool: Pool,
    allowed: Filter = WHOLE,
    attempt: int = 0,
    seed: int = SEED,
) -> None:
    """Appends the curves that are missing, as they come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {curve.digest for curve in read(path)}
    names = {}
    for name, cell in cells(count, seed):
        if digest(cell) not in known:
            job = allowed.job(cell, attempt)
            names[job.id] = name, to_text(canonical(cell))
            pool.submit(job)
    print(f"{len(known)} curves are there, {len(pool)} to record", flush=True)
    while (answer := pool.next()) is not None:
        job, evaluation = answer
        row = line(*names[job.id], job.digest, evaluation)
        with path.open("a") as file:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")
        print(f"{len(pool):4} left  {row['name']}: {row['ended']}", flush=True)


def line(name: str, text: str, known: str, evaluation: Evaluation) -> dict[str, Any]:
    """What is kept of an evaluation."""
    (result,) = evaluation.results
    return {
        "name": name,
        "digest": known,
        "text": text,
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


def derive(curves: Sequence[Curve]) -> Bounds:
    """Bounds above every curve that passes, by `SLACK_NATS`; only those that fall.

    A bound that is no lower than an earlier one says nothing new and is left out.
    """
    bounds: list[tuple[float, float]] = []
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


def stopped(curve: Curve, bounds: Bounds) -> int:
    """Updates after which the rule gives a curve up; 0 if it never does."""
    for index, loss in enumerate(curve.losses, 1):
        updates = index * curve.every
        if any(updates >= start and loss > bound for start, bound in bounds):
            over = curve.passed and index == len(curve.losses)
            return 0 if over else updates
    return 0


def summarize(curves: Sequence[Curve]) -> None:
    """Prints how many pass, and when."""
    passing = [curve for curve in curves if curve.passed]
    failing = [curve for curve in curves if not curve.passed and curve.losses]
    print(f"{len(curves)} curves: {len(passing)} pass, {len(failing)} fail,", end=" ")
    print(f"{len(curves) - len(passing) - len(failing)} diverge before an epoch")
    first = sorted(curve.updates for curve in passing)
    print(f"updates until passing: median {first[len(first) // 2]}, last {first[-1]}")


def judge(curves: Sequence[Curve], bounds: Bounds) -> None:
    """Prints what a rule does to the curves."""
    passing = [curve for curve in curves if curve.passed]
    lost = [curve.name for curve in passing if stopped(curve, bounds)]
    total = sum(curve.updates for curve in curves)
    saved = sum(c.updates - stopped(c, bounds) for c in curves if stopped(c, bounds))
    print(f"stops {len(lost)} of {len(passing)} that pass: {', '.join(lost) or 'none'}")
    print(f"saves {saved / total:.0%} of {total:,} updates")


def judge_untrained(curves: Sequence[Curve]) -> None:
    """Prints what the rules about untrained cells do to the curves."""
    found = [(curve, untrained_reason(SEARCH, parse(curve.text))) for curve in curves]
    total = sum(stopped(c, SMALL.give_up) or c.updates for c in curves)
    for why in sorted({reason for _, reason in found} - {""}, reverse=True):
        those = [curve for curve, reason in found if reason == why]
        lost = [curve.name for curve in those if curve.passed]
        saved = sum(stopped(c, SMALL.give_up) or c.updates for c in those)
        print(
            f"{why}: {len(those)} of {len(curves)}, with {saved / total:.0%} of the "
            f"updates that are left; of those that pass {len(lost)}: "
            f"{', '.join(lost) or 'none'}"
        )


def leave_out(curves: Sequence[Curve]) -> int:
    """How many that pass are stopped by a rule derived without their tenth."""
    lost = 0
    for part in range(PARTS):
        rest = [curve for i, curve in enumerate(curves) if i % PARTS != part]
        rule = derive(rest)
        lost += sum(c.passed and stopped(c, rule) > 0 for c in curves[part::PARTS])
    return lost


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=("record", "derive", "check"))
    parser.add_argument("--cells", type=int, default=220, help="how many to record")
    parser.add_argument("--workers", type=int, default=0, help="Ray actors; 0: none")
    parser.add_argument("--attempt", type=int, default=0, help="which setting (0)")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="of mutants of one's own"
    )
    parser.add_argument("--file", type=Path, nargs="+", default=[FILE, FRESH])
    options = parser.parse_args(arguments)
    if options.action != "record":
        curves = [curve for path in options.file for curve in read(path)]
        if not any(curve.passed for curve in curves):
            names = ", ".join(map(str, options.file))
            sys.exit(f"{names}: no curves that pass; run `record` first")
        summarize(curves)
        derived = options.action == "derive"
        bounds = derive(curves) if derived else SMALL.give_up
        print(f"GIVE_UP = {bounds}")
        judge(curves, bounds)
        judge_untrained(curves)
        if derived:
            print(f"without a tenth at a time, stops {leave_out(curves)} of those")
        return
    pool = make_pool(PoolOptions(options.workers or INLINE))
    try:
        chosen = {"attempt": options.attempt, "seed": options.seed}
        record(options.file[0], options.cells, pool, **chosen)
    finally:
        pool.close()


if __name__ == "__main__":
    main()
