"""How long trainings take, as shares of their nominal cost: recorded, then drawn from.

    python -m benchmarks.durations [RUN]

records `data/durations.json`: from the evaluations of a run, or else from the recorded
learning curves of the filter. The file says which.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.calibrate_filter import FILE as CURVES
from benchmarks.calibrate_filter import WHOLE, Curve, read, stopped
from search.loop.orders import FILTER_NAME
from search.procedure.reader import preset_filter
from search.store.database import RUN_FILE
from search.store.opening import read_database
from workers import COMPILE_S

FILE: Final = Path(__file__).parent / "data" / "durations.json"
KINDS: Final = ("filter passed", "filter failed", "task")
KEPT: Final = 200
"""Durations of a kind that the file has at most: quantiles, if there are more."""

Draw = Callable[[str, np.random.Generator], float]
"""Given a kind of training, the share of its nominal cost that one of them takes."""


def drawn(durations: Mapping[str, Sequence[float]]) -> Draw:
    """Draws from recorded durations."""

    def share(kind: str, rng: np.random.Generator) -> float:
        values = durations[kind]
        return values[int(rng.integers(len(values)))]

    return share


def from_curves(curves: Sequence[Curve]) -> dict[str, Any]:
    """Durations by the updates that the filter's recorded curves took.

    Of the filter, with its rule to give up. Of tasks nothing is known from there:
    theirs are those of the curves without the rule, some early ends and many whole
    budgets.
    """
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    rule = preset_filter("small").give_up
    for curve in curves:
        updates = stopped(curve, rule) or curve.updates
        kind = "filter passed" if curve.passed else "filter failed"
        found[kind].append(updates / WHOLE.budget)
        found["task"].append(curve.updates / WHOLE.budget)
    source = f"updates of {len(curves)} learning curves of the filter ({CURVES.name})"
    return {"source": source, **found}


TAKEN: Final = """
WITH done AS (
    SELECT evaluation, count(*) AS settings, min(w.value = 'passed') AS passed
    FROM runs JOIN words w ON w.id = ended GROUP BY evaluation
), issued AS (
    SELECT cell, w.value AS task, settings, avg("end" - start) AS cost
    FROM jobs JOIN words w ON w.id = task GROUP BY 1, 2, 3
)
SELECT issued.task, passed, train_s / (cost - ?)
FROM done JOIN evaluations e ON e.id = evaluation JOIN tasks t ON t.id = e.task
    JOIN issued ON issued.cell = e.cell AND issued.settings = done.settings
        AND issued.task IN ('filter', json_extract(t.value, '$.name'))
        AND (issued.task = 'filter') = (json_extract(t.value, '$.name') = ?)
WHERE source IS NULL
"""
"""Seconds of training of each evaluation, by the nominal ones of a job like it."""


def from_run(folder: Path) -> dict[str, Any]:
    """Durations by the seconds that the evaluations of a run took."""
    file = read_database(folder / RUN_FILE)
    rows = file.rows(TAKEN, (COMPILE_S, WHOLE.task.name))
    file.close()
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for task, passed, seconds in rows:
        kind = f"filter {'passed' if passed else 'failed'}"
        found[kind if task == FILTER_NAME else "task"].append(seconds)
    return {"source": f"seconds of {len(rows)} evaluations of a run", **found}


def thinned(values: Sequence[float]) -> list[float]:
    """The values, or quantiles of many, in order."""
    if len(values) > KEPT:
        values = np.quantile(values, (np.arange(KEPT) + 0.5) / KEPT).tolist()
    return sorted(round(value, 4) for value in values)


def record(run: Path | None) -> None:
    """Writes the file of durations."""
    found = from_curves(read(CURVES)) if run is None else from_run(run)
    rows = [f'"source": {json.dumps(found["source"])}']
    rows += [f'"{kind}": {json.dumps(thinned(found[kind]))}' for kind in KINDS]
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    for kind in KINDS:
        mean = sum(found[kind]) / max(1, len(found[kind]))
        print(f"{kind}: {len(found[kind])}, mean {mean:.2f} of the nominal cost")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="?", help="a run folder (the curves)")
    record(parser.parse_args().run)


if __name__ == "__main__":
    main()
