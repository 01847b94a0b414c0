"""Part f: mutants at the first stage of preset `quick`, one by one and side by side."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.device.place import Place, on
from benchmarks.device.rows import Row, attempt
from benchmarks.device.sizes import Sizes
from cells import ZOO, canonicalize, dead, mutate
from cells.tables.sizes import SIZES
from workers import (
    Evaluator,
    Job,
    Result,
    Schedule,
    Setting,
    TaskSpec,
    Training,
    make_job,
)
from workers.side_by_side.kinds import room
from workers.side_by_side.queue import SideBySide
from workers.training.data import DataCache

SEEDS: Final = ("gru", "mut2", "mut3", "ugrnn", "ligru", "mut1", "mgu")
"""Those of the preset with one state: nearly all of their mutants share a program."""

SETTING: Final = Setting(2.0, 0.005, 2.5, 1, 10_000, optimizer="rmsprop")
TRAINING: Final = Training(schedule=Schedule("fixed"), divergence=4.0)
TOGETHER: Final = 64
"""Mutants of a row of the form that trains them side by side."""


class Filtered(NamedTuple):
    """What some mutants took.

    Attributes:
        cells: How many.
        ended: How each ended.
        seconds: All of them.
        compile_s: Tracing and compiling among them.
        updates: Of all.
    """

    cells: int
    ended: tuple[str, ...]
    seconds: float
    compile_s: float
    updates: int


Form = Callable[[Sequence[Job], Sizes, Any], Iterator[Filtered]]
"""Takes mutants through their training; yields some as they are done."""


def one_by_one(jobs: Sequence[Job], sizes: Sizes, device: Any) -> Iterator[Filtered]:
    """A program for each cell, as workers do it today."""
    del device  # the default one
    evaluator = Evaluator(lanes=1)
    for job in jobs[: sizes.filter_alone]:
        start = time.monotonic()
        evaluation = evaluator.evaluate(job)
        (result,) = evaluation.results
        yield Filtered(
            1,
            (f"{result.status}",),
            time.monotonic() - start,
            evaluation.compile_s,
            result.updates,
        )


def side_by_side(jobs: Sequence[Job], sizes: Sizes, device: Any) -> Iterator[Filtered]:
    """One program for all of them, whose lanes go from cell to cell."""
    del device  # the default one
    queue = SideBySide(sizes.filter_lanes)
    waiting = [(0.0, index, job, math.inf) for index, job in enumerate(jobs)]
    start, compile_s = time.monotonic(), 0.0
    some: list[Result] = []
    for index in range(len(jobs)):
        if not queue.ready:
            waiting = queue.take(waiting)
        _, evaluation = queue.next()
        some += evaluation.results
        compile_s += evaluation.compile_s
        if len(some) == TOGETHER or index + 1 == len(jobs):
            now = time.monotonic()
            yield Filtered(
                len(some),
                tuple(f"{result.status}" for result in some),
                now - start,
                compile_s,
                sum(result.updates for result in some),
            )
            start, compile_s, some = now, 0.0, []


FORMS: Final[Mapping[str, Form]] = {
    "side by side": side_by_side,
    "one by one": one_by_one,
}
"""Ways to train mutants."""


def measure(place: Place) -> Iterator[Row]:
    """Form by form, and what it comes to so far."""
    sizes = place.sizes
    start = time.monotonic()
    jobs = drawn_jobs(sizes)
    yield Row(
        "mutants",
        f"{len(jobs)} mutants drawn in {time.monotonic() - start:.1f} s",
        {"drawn": len(jobs), "seconds": time.monotonic() - start},
    )
    for form, run in FORMS.items():
        done: list[Filtered] = []
        with on(place.device):
            for part in run(jobs, sizes, place.device):
                done.append(part)
                yield attempt(form, partial(_summary, form, done))


def drawn_jobs(sizes: Sizes) -> list[Job]:
    """Mutants that are new, alive, and fit the first size."""
    rng = np.random.default_rng(0)
    spec = TaskSpec("adding", overrides=sizes.filter_task)
    epoch = DataCache(1).get(spec, "train").length
    budget, found = sizes.filter_epochs * epoch, dict[str, Job]()
    while len(found) < sizes.filter_cells:
        parent = ZOO[SEEDS[int(rng.integers(len(SEEDS)))]]
        form = canonicalize(mutate(parent, rng, edits=(1, 3)).cell)
        if form.digest in found or dead(form.cell) is not None:
            continue
        job = make_job(form.cell, spec, (SETTING,), budget, training=TRAINING)
        held = room(job)
        if held is not None and held.size == SIZES[0]:
            found[form.digest] = job
    return list(found.values())


def _summary(form: str, done: Sequence[Filtered]) -> Row:
    count = sum(part.cells for part in done)
    seconds = sum(part.seconds for part in done)
    compile_s = sum(part.compile_s for part in done)
    # A candidate that diverges at once says little about an update.
    updates = sum(part.updates for part in done)
    update_ms = (seconds - compile_s) / max(updates, 1) * 1e3
    median = statistics.median(part.compile_s / part.cells for part in done)
    text = (
        f"{form}: {count} mutants, {seconds / count:.3f} s each, "
        f"{compile_s / seconds:.0%} compiling ({compile_s:.1f} s); "
        f"{update_ms:.3f} ms an update with its looks"
    )
    values = {
        "form": form,
        "count": count,
        "seconds": seconds,
        "compile_s": compile_s,
        "median_compile_s": median,
        "updates": updates,
        "update_ms": update_ms,
        "ended": [how for part in done for how in part.ended],
    }
    return Row(form, text, values)
