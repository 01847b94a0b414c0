"""How often a race drops the setting that would have won, on recorded curves.

    python -m benchmarks.calibrate_racing record [--cells gru ...] [--workers 2]
    python -m benchmarks.calibrate_racing report

`record` trains each cell to the end with half the settings of the preset `small`, on
arithmetic and on XML, and appends a line a training; what is there is not trained
again, so it may be stopped and started at any time. `report` races subsets of the
settings, as many as the preset gives a cell, drawn at random, and compares who wins
with who would have won without a race. A curve has a point for each epoch; a rung that
ends within one is taken at its start.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from cells import ZOO
from search.procedure.racing import Racing, due
from search.procedure.reader import make_scoring
from search.procedure.settings import draw
from tasks import ACCURACY, Metric
from workers import (
    BUDGET,
    INLINE,
    Job,
    Point,
    Pool,
    PoolOptions,
    Result,
    Setting,
    Status,
    TaskSpec,
    Training,
    make_job,
    make_pool,
)

FILE: Final = Path(__file__).parent / "data" / "race_curves.jsonl"
CELLS: Final = ("gru", "lstm", "mut1", "tanh")
RECORDED: Final = 24
"""Settings of each cell and task, drawn from the preset's grid."""

TASKS: Final = ("arithmetic", "xml")
SMALL: Final = make_scoring({"preset": "small"})
FIELDS: Final = ("scale", "rate", "clip", "num_layers", "parameters")
RACES: Final = 100
"""Subsets drawn for each cell and task."""


class Field(NamedTuple):
    """Settings of a cell on a task, trained to the end.

    Attributes:
        task: Name of the task.
        cell: Name of the cell.
        budget: Updates.
        results: By setting.
    """

    task: str
    cell: str
    budget: int
    results: dict[Setting, Result]


class Race(NamedTuple):
    """What a race came to.

    Attributes:
        best: The best metric at the end; None if all settings failed.
        updates: Updates done, where larger budgets go on from smaller ones.
        from_scratch: Updates done, where each rung starts anew.
    """

    best: float | None
    updates: int
    from_scratch: int


def race(
    settings: Sequence[Setting],
    budget: int,
    results: Mapping[Setting, Result],
    *,
    metric: Metric = ACCURACY,
    racing: Racing | None = Racing(),  # noqa: B008 - frozen
) -> Race:
    """A race as it would have gone, were these its settings' trainings to the end."""
    known: dict[tuple[Setting, int], Result] = {}
    while missing := due(racing, settings, budget, known, metric):
        for setting, updates in missing:
            result = results[setting]
            known[setting, updates] = cut(result, updates, metric)
    last = [
        result.best
        for (_, updates), result in known.items()
        if updates == budget and result.best is not None
    ]
    furthest: dict[Setting, int] = {}
    for (setting, _), result in known.items():
        furthest[setting] = max(result.updates, furthest.get(setting, 0))
    return Race(
        best=max(last, key=metric.oriented, default=None),
        updates=sum(furthest.values()),
        from_scratch=sum(result.updates for result in known.values()),
    )


def cut(result: Result, updates: int, metric: Metric) -> Result:
    """A training as its result would be with a smaller budget."""
    if result.updates <= updates:
        return result
    curve = tuple(point for point in result.curve if point.updates <= updates)
    best = max((p.metric for p in curve), key=metric.oriented, default=None)
    return Result(result.setting, Status.OK, best, updates, BUDGET, curve)


def record(path: Path, cells: Sequence[str], pool: Pool) -> None:
    """Trains what is missing, and appends the curves as they come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {(field.task, field.cell): field.results for field in read(path)}
    names = {}
    for task in TASKS:
        for cell in cells:
            for setting in drawn_settings(task):
                if setting not in fields.get((task, cell), {}):
                    job = make_training(task, cell, setting)
                    names[job.id] = cell
                    pool.submit(job)
    print(f"{len(pool)} trainings to record", flush=True)
    while (answer := pool.next()) is not None:
        job, evaluation = answer
        row = line(job.task.name, names[job.id], evaluation.results[0])
        with path.open("a") as file:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def drawn_settings(task: str) -> tuple[Setting, ...]:
    """The settings that are recorded, the same for all cells."""
    return draw(SMALL.plan(task).grid, RECORDED, np.random.default_rng(RECORDED))


def make_training(task: str, cell: str, setting: Setting) -> Job:
    """A training to the end, as the preset has it."""
    plan = SMALL.plan(task)
    spec = TaskSpec(task, SMALL.size, plan.overrides)
    training = Training(schedule=plan.schedule)
    return make_job(ZOO[cell], spec, (setting,), plan.budget, training=training)


def line(task: str, cell: str, result: Result) -> dict[str, Any]:
    """What is kept of a result."""
    return {
        "task": task,
        "cell": cell,
        "setting": [getattr(result.setting, name) for name in FIELDS],
        "status": str(result.status),
        "budget": SMALL.plan(task).budget,
        "updates": result.updates,
        "epoch": result.curve[0].updates if result.curve else 0,
        "metrics": [round(point.metric, 4) for point in result.curve],
    }


def read(path: Path) -> list[Field]:
    """The recorded curves; a last line that was cut off is dropped."""
    fields: dict[tuple[str, str], Field] = {}
    for text in path.read_text().splitlines() if path.exists() else ():
        try:
            row = json.loads(text)
        except json.JSONDecodeError:
            continue
        task, cell = row["task"], row["cell"]
        empty = Field(task, cell, row["budget"], {})
        result = read_result(row)
        fields.setdefault((task, cell), empty).results[result.setting] = result
    return list(fields.values())


def read_result(row: Mapping[str, Any]) -> Result:
    """The result of a line; only metrics and updates of its points are true."""
    metrics, updates = row["metrics"], row["updates"]
    return Result(
        setting=Setting(**dict(zip(FIELDS, row["setting"], strict=True))),
        status=Status(row["status"]),
        best=max(metrics, default=None),
        updates=updates,
        ended=BUDGET if row["status"] == Status.OK else "failed",
        curve=tuple(
            Point(min(row["epoch"] * number, updates), 0.0, 0.0, metric)
            for number, metric in enumerate(metrics, 1)
        ),
    )


class Losses(NamedTuple):
    """What races of a cell on a task lost, one value a race.

    Attributes:
        metric: The best metric without the race, less the race's.
        best: The best metric without the race.
        saved: Updates of all trainings to the end over those of the race.
        saved_anew: The same where each rung starts anew.
    """

    metric: tuple[float, ...]
    best: tuple[float, ...]
    saved: float
    saved_anew: float


def losses(field: Field, count: int = SMALL.settings, races: int = RACES) -> Losses:
    """Races subsets of `count` settings, always the same ones."""
    rng = np.random.default_rng([len(field.cell), *field.cell.encode()])
    settings = tuple(field.results)
    lost, best, continued, anew, whole = [], [], 0, 0, 0
    for _ in range(races):
        order = rng.permutation(len(settings))[:count]
        drawn = [settings[index] for index in order]
        ended = race(drawn, field.budget, field.results)
        metrics = [field.results[setting].best or 0.0 for setting in drawn]
        best.append(max(metrics))
        lost.append(max(metrics) - (ended.best or 0.0))
        whole += sum(field.results[setting].updates for setting in drawn)
        continued += ended.updates
        anew += ended.from_scratch
    return Losses(tuple(lost), tuple(best), whole / continued, whole / anew)


def report(fields: Sequence[Field]) -> None:
    """Prints what races lose, cell by cell and in all."""
    print(f"races of {SMALL.settings} settings, {RACES} a cell and task")
    print(
        f"{'':22}{'best':>8}{'winner lost':>13}{'mean loss':>11}{'largest':>9}"
        f"{'less work':>11}{'anew':>7}"
    )
    everything: list[float] = []
    for field in fields:
        found = losses(field)
        everything += found.metric
        name = f"{field.task} {field.cell}"
        print(
            f"{name:22}{np.mean(found.best):>8.4f}{share(found.metric):>13.0%}"
            f"{np.mean(found.metric):>11.4f}{max(found.metric):>9.4f}"
            f"{found.saved:>9.1f} x{found.saved_anew:>5.1f} x"
        )
    print(
        f"{'all':22}{'':8}{share(everything):>13.0%}"
        f"{np.mean(everything):>11.4f}{max(everything):>9.4f}"
    )


def share(metric: Sequence[float]) -> float:
    """The share of races that lost the winner."""
    return sum(lost > 0 for lost in metric) / len(metric)


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=("record", "report"))
    parser.add_argument("--cells", nargs="+", choices=tuple(ZOO), default=CELLS)
    parser.add_argument("--workers", type=int, default=0, help="Ray actors; 0: none")
    parser.add_argument("--file", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    if options.action == "report":
        fields = read(options.file)
        if not fields:
            sys.exit(f"{options.file}: no curves; run `record` first")
        report(fields)
        return
    pool = make_pool(PoolOptions(options.workers or INLINE))
    try:
        record(options.file, options.cells, pool)
    finally:
        pool.close()


if __name__ == "__main__":
    main()
