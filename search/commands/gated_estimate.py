"""What a search by ratios would cost: probes are given the filter, and a few tasks.

Two of them are given a setting of each task on a share of the budget. Shares of cells
that pass filter and gates are as in the paper and in our own runs.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from cells import Cell
from search.commands.probes import (
    BYTES_A_CANDIDATE,
    BYTES_A_TRAINING,
    PROBES,
    SHARE,
    TRAINED,
    Lines,
    carry_out,
    mean,
    probes,
)
from search.output.words import counted, duration
from search.procedure.config import Config
from search.procedure.settings import draw
from workers import Evaluation, Job, Pool, make_job

PASSING: Final = 0.2
"""Share of candidates that is taken to pass the filter: 0.1 in the paper, where cells
have a single setting too; 0.1 to 0.3 in our own runs."""

GATED: Final = 0.5
"""Share of cells on a task that is taken to be given the next one."""


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


def lines(config: Config, candidates: int, pool: Pool) -> Lines:
    """What the search would cost, in lines for people; trains the probes."""
    return render(estimate(config, pool), config, candidates, pool.capacity)


def estimate(config: Config, pool: Pool) -> Estimate:
    """Times probes on a pool and projects them."""
    cells, rules, tasks = probes(config), config.rules, range(len(config.tasks))

    # Filters of all probes, tasks of a few: jobs are evaluated in any order.
    filters = [] if config.filter is None else [_filter_job(config, c) for c in cells]
    trained = [[_task_job(config, c, task) for c in cells[:TRAINED]] for task in tasks]
    answers = carry_out(pool, [*filters, *(job for row in trained for job in row)])
    filter_s = mean([_total(answers[job.id]) for job in filters])
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


def render(found: Estimate, config: Config, candidates: int, workers: int) -> Lines:
    """The estimate as lines for people."""
    hours = (found.opening_s + candidates * found.candidate_s) / workers / 3600
    row = BYTES_A_CANDIDATE + BYTES_A_TRAINING * found.trainings
    settings = config.rules.settings
    filters, given = [], "a candidate"
    if config.filter is not None:
        filters = [("filter", f"{found.filter_s:.1f} core-seconds a candidate")]
        given = f"for each of the {PASSING:.0%} that are taken to pass the filter"
    return [
        ("opening", f"{duration(found.opening_s / workers)}: seeds and references"),
        *filters,
        (
            "tasks",
            f"{found.tasks_s:.0f} core-seconds {given}, "
            f"{counted(settings, 'setting')} a task",
        ),
        ("again", f"{found.again_s:.0f} core-seconds a re-examination"),
        ("speed", f"{3600 * workers / found.candidate_s:,.0f} candidates an hour"),
        (
            "whole",
            f"{candidates:,} candidates in {hours:,.1f} hours with "
            f"{counted(workers, 'worker')}, {candidates * row / 1e6:,.1f} MB of disk "
            "without learning curves",
        ),
    ]


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
    compiling = mean([one.compile_s for one in answers])
    training = SHARE * mean([one.train_s for one in answers])
    return training + compiling / config.rules.settings_per_job


def _total(evaluation: Evaluation) -> float:
    return evaluation.compile_s + evaluation.train_s
