"""One small cell through every part: read, identified, trained, stored and drawn."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from cells import digest, draw_png, parse, to_text
from search.checks import processes
from search.checks.finding import Finding, error, ok
from search.store.store import Store
from workers import (
    InlinePool,
    PoolOptions,
    Setting,
    Status,
    TaskSpec,
    make_job,
)

TEXT: Final = """
def cell(x, h):
    return tanh(linear(x) + linear(h))
"""
SETTING: Final = Setting(scale=1, rate=0.5, clip=2.5, num_layers=1, parameters=1000)
TASK: Final = TaskSpec("memorization")


def check_round_trip(options: PoolOptions) -> Iterator[Finding]:
    """All parts together, in a process of its own."""
    try:
        done = processes.ask("search.checks.round_trip", "round_trip")
    except processes.ProcessError as reason:
        yield error(
            f"a cell was {_listed(reason.rows)}, and then: {reason}",
            "python -c 'from search.checks.round_trip import *; [*round_trip()]' shows "
            "all",
        )
    else:
        yield ok(f"a cell was {_listed(done)}")


def round_trip() -> Iterator[dict[str, str]]:
    """Takes a cell through every part; yields what was done with it, part by part.

    Raises:
        RuntimeError: A part gave something wrong; other errors are the parts' own.
    """
    cell = parse(TEXT)
    yield {"part": "read"}

    _hold(digest(parse(to_text(cell))) == digest(cell), "its text has another digest")
    yield {"part": "identified"}

    # One update is enough: the program is lowered, compiled, run and validated.
    pool = InlinePool(platforms="cpu")
    pool.submit(make_job(cell, TASK, (SETTING,), budget=1))
    answer = pool.next()
    assert answer is not None
    job, evaluation = answer
    (result,) = evaluation.results
    _hold(result.status == Status.OK, f"training ended {result.status}: {result.ended}")
    yield {"part": "trained"}

    # The second store opens the file anew, as another process would.
    with tempfile.TemporaryDirectory() as folder:
        with Store.create(Path(folder), {}) as store:
            store.commit((job, evaluation))
        with Store.read(Path(folder)) as store:
            rows = store.results.trainings(job.run_id(SETTING))
    _hold(len(rows) == 1, f"{len(rows)} trainings are in the file, not 1")
    yield {"part": "stored"}

    _hold(draw_png(cell, "cell").startswith(b"\x89PNG"), "its picture is no PNG")
    yield {"part": "drawn"}


def _hold(right: bool, reason: str) -> None:
    if not right:
        raise RuntimeError(reason)


def _listed(rows: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(row["part"] for row in rows) or "not even read"
