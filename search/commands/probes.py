"""Probes of a search that has not begun: a few mutants, trained and timed.

By ratios all of them are given the filter, and two of them a setting of each task on a
share of the budget. By common runs two of them are trained on every task, on a share of
the budget, with one setting of each optimizer of the panel: a program serves all tasks,
seeds and optimizers of a cell, so that compiling counts once a cell, and training once
a run.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cells import Cell, canonical, dead, digest, recurrent_linears
from search.commands.taken import NOTHING, Taken
from search.errors import UserError
from search.procedure.config import Config
from search.procedure.objective import Paired
from search.procedure.proposals import mutant_by
from search.procedure.settings import draw
from workers import Evaluation, Job, Pool, Setting, make_job

PROBES: Final = 6
DRAWS: Final = 300
"""Mutants that are drawn for them at most."""

TRAINED: Final = 2
"""Probes that are trained on tasks."""

SHARE: Final = 10
"""A probe is given one in so many updates of a task's budget."""

BYTES_A_TRAINING: Final = 160
BYTES_A_CANDIDATE: Final = 1_200

Lines = list[tuple[str, str]]
"""Labels and what is said of each."""


@dataclass(frozen=True)
class GatedProbes:
    """What probes took of a search by ratios; see `GatedCosts`.

    Attributes:
        config: The search.
        filtered: A candidate's filter.
        settings: A setting with its whole budget, its share of compiling too, by task.
    """

    config: Config
    filtered: Taken
    settings: Sequence[Taken]

    def filter(self) -> Taken:
        """Of a candidate's filter."""
        return self.filtered

    def round(self, task: int, settings: int) -> Taken:
        """Of so many settings of a cell on a task."""
        return settings * self.settings[task]


@dataclass(frozen=True)
class StagedProbes:
    """What probes took of a search by common runs; see `StagedCosts`.

    Attributes:
        compiled: Compiling a cell.
        runs: A run with its whole budget on all tasks, by optimizer.
        points: Of a learning curve.
    """

    compiled: Taken
    runs: Mapping[str, Taken]
    points: float

    def compiling(self, settings: Sequence[Setting]) -> Taken:
        """Of a cell."""
        return self.compiled

    def running(self, settings: Sequence[Setting]) -> Taken:
        """Of runs of a cell with these settings on all tasks."""
        return sum((self.runs[one.optimizer] for one in settings), NOTHING)


def probe_gated(config: Config, pool: Pool) -> GatedProbes:
    """Trains probes of a search by ratios."""
    cells, tasks = probes(config), range(len(config.tasks))

    # Filters of all probes, tasks of a few: jobs are evaluated in any order.
    filters = [] if config.filter is None else [_filter_job(config, c) for c in cells]
    trained = [[_task_job(config, c, task) for c in cells[:TRAINED]] for task in tasks]
    answers = carry_out(pool, [*filters, *(job for row in trained for job in row)])
    filtered = [answers[job.id] for job in filters]
    return GatedProbes(
        config,
        _spent(filtered, filters[0].budget if filters else 0),
        [
            _setting(config, task, [answers[j.id] for j in trained[task]])
            for task in tasks
        ],
    )


def probe_staged(config: Config, objective: Paired, pool: Pool) -> StagedProbes:
    """Trains probes of a search by common runs, and of its finals."""
    alike: dict[str, Setting] = {}
    for setting in (*objective.panel, *objective.finals.panel):
        alike.setdefault(setting.optimizer, setting)
    cells = probes(config)[:TRAINED]
    jobs = {
        name: [list(_jobs(config, cell, setting)) for cell in cells]
        for name, setting in alike.items()
    }
    flat = [job for by_cell in jobs.values() for row in by_cell for job in row]
    answers = carry_out(pool, flat)
    results = [result for one in answers.values() for result in one.results]

    def spent(name: str, part: str) -> list[float]:
        """Of all tasks together, by each of the probes."""
        return [
            sum(getattr(answers[job.id], part) for job in row) for row in jobs[name]
        ]

    # Whoever is first compiles; another worker may have had to do so, too.
    compiling = zip(*(spent(name, "compile_s") for name in jobs), strict=True)
    updates = sum(stage.plan.budget for stage in config.tasks)
    return StagedProbes(
        compiled=Taken(mean([max(by_optimizer) for by_optimizer in compiling])),
        runs={
            name: Taken(
                0.0, SHARE * mean(spent(name, "train_s")), len(config.tasks), updates
            )
            for name in jobs
        },
        points=SHARE * mean([len(result.curve) for result in results]),
    )


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
        mutant = mutant_by(rules, canonical(parent), rng)
        cell = canonical(mutant.cell)
        if dead(cell) is None and recurrent_linears(cell) >= rules.recurrent:
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


def mean(values: Sequence[float]) -> float:
    """Of some, or 0 of none."""
    return statistics.fmean(values) if values else 0.0


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


def _jobs(config: Config, cell: Cell, setting: Setting) -> Iterator[Job]:
    """A run of each task, on a share of its budget."""
    for stage in config.tasks:
        yield make_job(
            cell,
            stage.task,
            (setting,),
            max(1, stage.plan.budget // SHARE),
            seed=config.seed,
            training=stage.training,
            ops=config.own_ops,
        )


def _setting(config: Config, task: int, answers: Sequence[Evaluation]) -> Taken:
    """A setting with its whole budget, its share of compiling too."""
    budget = config.tasks[task].plan.budget
    one = _spent(answers, budget)
    return Taken(
        one.compile_s / config.rules.settings_per_job, SHARE * one.train_s, 1, budget
    )


def _spent(answers: Sequence[Evaluation], budget: int) -> Taken:
    """The mean of jobs of one setting."""
    return Taken(
        mean([one.compile_s for one in answers]),
        mean([one.train_s for one in answers]),
        bool(answers),
        budget,
    )
