"""Part g: a demo search, in this process and without Ray."""

import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.device.place import Place
from benchmarks.device.rows import Row, attempt
from search.api import Limits, PoolOptions, Run, search


def measure(place: Place) -> Iterator[Row]:
    """One search, until its candidates or the time are done."""
    yield attempt("demo", partial(_searched, place))


def _searched(place: Place) -> Row:
    sizes, start, said = place.sizes, time.monotonic(), io.StringIO()
    # A job may be under way when time is up, and is ended first.
    limits = Limits(candidates=sizes.demo_candidates, hours=place.left_s * 0.7 / 3600)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said):
        run = search(
            "demo",
            Path(folder) / "run",
            settings=dict(sizes.demo),
            limits=limits,
            pool=PoolOptions(workers="inline"),
        )
        status, table = run.status(), Run(folder + "/run").table()
    seconds = time.monotonic() - start
    done = status["candidates"]["proposed"]
    names = ", ".join(row["name"] for row in table)
    text = (
        f"demo: {done} of {sizes.demo_candidates} candidates in {seconds:.0f} s; "
        f"table: {names or 'none yet'}"
    )
    values = {"seconds": seconds, "status": status, "table": table}
    return Row("demo", text, {**values, "said": said.getvalue()[-4000:]})
