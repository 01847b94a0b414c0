"""What a search would cost: a few probe candidates, trained and timed.

Nothing is kept. Probes are mutants of the seeds, drawn as the search draws them; each
is given the filter, and two of them a setting of each task on a share of the budget.
What they take is projected on the whole search, with shares of cells that pass filter
and gates as in the paper and in our own runs.
"""

import statistics
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from cells import Cell, canonical, dead, digest, mutate
from search.errors import UserError
from search.loop.pools import Workers
from search.output.words import duration
from search.procedure.config import Config
from search.procedure.settings import draw
from workers import Evaluation, Job, Pool, PoolOptions, make_job

PROBES: Final = 6
DRAWS: Final = 300
"""Mutants that are drawn for them at most."""

TRAINED: Final = 2
SHARE: Final = 10
"""A probe is given one in so many updates of a task's budget."""

PASSING: Final = 0.2
"""Share of candidates that is taken to pass the filter: 0.1 in the paper, where cells
have a single setting too; 0.1 to 0.3 in our own runs."""

GATED: Final = 0.5
"""Share of cells on a task that is taken to be given the next one."""

BYTES_A_TRAINING: Final = 160
BYTES_A_CANDIDATE: Final = 1_200


class Estimate(NamedTuple):
    """What a search costs, about; seconds are core-seconds.

    Attributes:
        opening_s: Of seeds and references.
        filter_s: Of a candidate's filter.
        tasks_s: Of a candidate that passes, on all tasks that it is given.
        again_s: Of a re-examination.
        candidate_s: Of a candidate, with its share of all that.
        trainings: Settings of a candidate, all told.
    """

    opening_s: float
    filter_s: float
    tasks_s: float
    again_s: float
    candidate_s: float
    trainings: float


def dry_run(config: Config, candidates: int, options: PoolOptions) -> int:
    """Trains the probes and prints what the search would cost; the exit status."""
    start = time.monotonic()
    with Workers(options) as workers:
        pool = workers.pool()
        found, number = estimate(config, pool), pool.capacity
    print(f"probes took {duration(time.monotonic() - start)}")
    for line in render(found, config, candidates, number):
        print(line)
    return 0


def estimate(config: Config, pool: Pool) -> Estimate:
    """Times probes on a pool and projects them."""
    cells, rules, tasks = probes(config), config.rules, range(len(config.tasks))

    # Filters of all probes, tasks of a few: jobs are evaluated in any order.
    filters = [] if config.filter is None else [_filter_job(config, c) for c in cells]
    trained = [[_task_job(config, c, task) for c in cells[:TRAINED]] for task in tasks]
    answers = carry_out(pool, [*filters, *(job for row in trained for job in row)])
    filter_s = _mean([_total(answers[job.id]) for job in filters])
    setting_s = [_setting_s(config, [answers[j.id] for j in row]) for row in trained]

    # Shares of cells that pass make the cost of a candidate of those of its parts.
    given = [GATED**task for task in tasks]
    counts = [rules.baseline_settings or len(one.plan.grid) for one in config.tasks]
    named = len(config.seeds) + len(config.references)
    passing = 1.0 if config.filter is None else PASSING
    moves = rules.reexamine / (1 - rules.reexamine)
    tasks_s = rules.settings * sum(map(float.__mul__, given, setting_s))
    again_s = rules.settings * sum(setting_s)
    return Estimate(
        opening_s=named * sum(n * s for n, s in zip(counts, setting_s, strict=True)),
        filter_s=filter_s,
        tasks_s=tasks_s,
        again_s=again_s,
        candidate_s=filter_s + passing * tasks_s + moves * again_s,
        trainings=1 + rules.settings * (passing * sum(given) + moves * len(given)),
    )


def render(found: Estimate, config: Config, candidates: int, workers: int) -> list[str]:
    """The estimate as lines for people."""
    hours = (found.opening_s + candidates * found.candidate_s) / workers / 3600
    row = BYTES_A_CANDIDATE + BYTES_A_TRAINING * found.trainings
    people = f"{workers} worker{'s' if workers > 1 else ''}"
    settings = config.rules.settings
    rows = [
        ("opening", f"{duration(found.opening_s / workers)}: seeds and references"),
        ("filter", f"{found.filter_s:.1f} core-seconds a candidate"),
        (
            "tasks",
            f"{found.tasks_s:.0f} core-seconds for each of the {PASSING:.0%} that are "
            f"taken to pass the filter, {settings} settings a task",
        ),
        ("again", f"{found.again_s:.0f} core-seconds a re-examination"),
        ("speed", f"{3600 * workers / found.candidate_s:,.0f} candidates an hour"),
        (
            "whole",
            f"{candidates:,} candidates in {hours:,.1f} hours with {people}, "
            f"{candidates * row / 1e6:,.1f} MB of disk without learning curves",
        ),
    ]
    return [f"{label:<8} {value}" for label, value in rows]


def probes(config: Config) -> list[Cell]:
    """Living mutants of the seeds, drawn as the search draws them.

    Raises:
        CellError: The rules give none of a seed.
        UserError: All that they give are dead.
    """
    rng = np.random.default_rng([config.seed, PROBES])
    found: dict[str, Cell] = {}
    rules = config.rules
    for _ in range(DRAWS):
        if len(found) == PROBES:
            break
        _, parent = config.seeds[int(rng.integers(len(config.seeds)))]
        mutant = mutate(
            canonical(parent),
            rng,
            ops=rules.ops,
            rounds=rules.rounds,
            edits=rules.edit_bounds,
            max_nodes=rules.max_nodes,
            weights=dict(rules.weights),
        )
        cell = canonical(mutant.cell)
        if dead(cell) is None:
            found[digest(cell)] = cell
    if not found:
        raise UserError(f"{DRAWS} mutants of the seeds are dead, and none is alive")
    return list(found.values())


def carry_out(pool: Pool, jobs: Sequence[Job]) -> dict[str, Evaluation]:
    """The evaluations of jobs, by id."""
    for job in {job.id: job for job in jobs}.values():
        pool.submit(job)
    found = {}
    while (answer := pool.next()) is not None:
        found[answer[0].id] = answer[1]
    return found


def _filter_job(config: Config, cell: Cell) -> Job:
    assert config.filter is not None
    return config.filter.job(cell, seed=config.seed, ops=config.own_ops)


def _task_job(config: Config, cell: Cell, task: int) -> Job:
    stage = config.tasks[task]
    rng = np.random.default_rng([config.seed, task, PROBES])
    return make_job(
        cell,
        stage.task,
        draw(stage.plan.grid, 1, rng),
        max(1, stage.plan.budget // SHARE),
        training=stage.training,
        ops=config.own_ops,
    )


def _setting_s(config: Config, answers: Sequence[Evaluation]) -> float:
    """Core-seconds of a setting with its whole budget, its share of compiling too."""
    compiling = _mean([one.compile_s for one in answers])
    training = SHARE * _mean([one.train_s for one in answers])
    return training + compiling / config.rules.settings_per_job


def _total(evaluation: Evaluation) -> float:
    return evaluation.compile_s + evaluation.train_s


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0
