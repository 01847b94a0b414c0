"""Part f: mutants at the filter, each compiled and trained as a search has it done."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from benchmarks.device.correctness import mutants
from benchmarks.device.place import Place
from benchmarks.device.rows import Row, attempt
from cells import Cell
from search.procedure.reader import preset_filter
from workers import Evaluator, make_job


class Filtered(NamedTuple):
    """What some mutants took.

    Attributes:
        names: Theirs.
        ended: How each ended.
        seconds: All of them.
        compile_s: Tracing and compiling among them.
        updates: Of all.
    """

    names: tuple[str, ...]
    ended: tuple[str, ...]
    seconds: float
    compile_s: float
    updates: int


Form = Callable[[Sequence[tuple[str, Cell]], int], Iterator[Filtered]]
"""Takes mutants through a number of updates; yields some as they are done."""


def one_by_one(cells: Sequence[tuple[str, Cell]], budget: int) -> Iterator[Filtered]:
    """A program for each cell, as workers do it today."""
    known, evaluator = preset_filter("small"), Evaluator()
    for name, cell in cells:
        start = time.monotonic()
        job = make_job(
            cell, known.task, (known.first,), budget, training=known.training
        )
        evaluation = evaluator.evaluate(job)
        (result,) = evaluation.results
        yield Filtered(
            (name,),
            (f"{result.status}",),
            time.monotonic() - start,
            evaluation.compile_s,
            result.updates,
        )


FORMS: Final[Mapping[str, Form]] = {"one by one": one_by_one}
"""Ways to take mutants through the filter."""


def measure(place: Place) -> Iterator[Row]:
    """Form by form, cell by cell, and what it comes to in the end or so far."""
    sizes = place.sizes
    cells = list(mutants(sizes.filter_cells).items())
    for form, run in FORMS.items():
        done: list[Filtered] = []
        for part in run(cells, sizes.filter_updates):
            done.append(part)
            yield attempt(form, partial(_summary, form, done, sizes.filter_cells))


def _summary(form: str, done: Sequence[Filtered], planned: int) -> Row:
    count = sum(len(part.names) for part in done)
    seconds = sum(part.seconds for part in done)
    compile_s = sum(part.compile_s for part in done)
    # A candidate that diverges at once says little about an update.
    updates = sum(part.updates for part in done)
    update_ms = (seconds - compile_s) / max(updates, 1) * 1e3
    median = statistics.median(part.compile_s / len(part.names) for part in done)
    text = (
        f"{form}: {count} of {planned} mutants, {seconds / count:.1f} s each, "
        f"{compile_s / seconds:.0%} compiling (median {median:.1f} s); "
        f"{update_ms:.2f} ms an update with its looks"
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
