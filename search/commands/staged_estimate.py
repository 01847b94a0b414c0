"""What a search by common runs would cost: probes are given a few runs of the panel.

Two of them are trained on every task, on a share of the budget, with one setting of
each optimizer of the panel. A program serves all tasks, seeds and optimizers of a cell,
so that compiling counts once a cell, and training once a run.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from cells import Cell
from search.commands.probes import (
    BYTES_A_CANDIDATE,
    BYTES_A_TRAINING,
    SHARE,
    TRAINED,
    Lines,
    carry_out,
    mean,
    probes,
)
from search.output.words import counted, duration
from search.procedure.config import Config
from search.procedure.objective import Paired
from workers import Job, Pool, Setting, make_job

PASSING: Final = 0.3
"""Share of candidates that is taken to go on from the first rung to the whole panel, a
guess: nearly all do while the list is short, and few when it has come far."""

BYTES_A_POINT: Final = 75
"""Of a learning curve."""


class Costs(NamedTuple):
    """What probes took, in core-seconds.

    Attributes:
        compile_s: Compiling a cell.
        run_s: Training a run with its whole budget on all tasks, by optimizer.
        points: Of a learning curve.
    """

    compile_s: float
    run_s: Mapping[str, float]
    points: float

    def of(self, settings: Sequence[Setting]) -> float:
        """Runs with these settings on all tasks by one cell, from the start."""
        return self.compile_s + self.running(settings)

    def running(self, settings: Sequence[Setting]) -> float:
        """What it takes beside that."""
        return sum(self.run_s[setting.optimizer] for setting in settings)


class Estimate(NamedTuple):
    """What a search costs, about; seconds are core-seconds.

    Attributes:
        opening_s: Of seeds and references.
        first_s: Of a candidate on the first rung, if it is dropped on no task.
        panel_s: Of the rest of the panel, for one that goes on.
        again_s: Of a re-examination.
        finals_s: Of the best, seeds and references in the end.
        candidate_s: Of a candidate, with its share of all that but opening and finals.
        bytes: Of a candidate, the same.
    """

    opening_s: float
    first_s: float
    panel_s: float
    again_s: float
    finals_s: float
    candidate_s: float
    bytes: float


def lines(config: Config, candidates: int, pool: Pool) -> Lines:
    """What the search would cost, in lines for people; trains the probes."""
    found = estimate(config, pool)
    return list(render(found, config, candidates, pool.capacity))


def estimate(config: Config, pool: Pool) -> Estimate:
    """Times probes on a pool and projects them."""
    objective = _objective(config)
    panel, runs = objective.panel, objective.rungs[-1]
    costs = measure(config, pool)
    whole = panel * objective.seeds
    first = whole[: objective.rungs[0]]
    first_s = costs.of(first)
    # What is known of a cell's programs is gone when it is examined again.
    panel_s, again_s = costs.of(whole) - first_s, costs.of(panel)
    named = len(config.seeds) + len(config.references)
    baseline_s = costs.of(panel * objective.most_seeds) - costs.of(whole)
    moves = config.rules.reexamine / (1 - config.rules.reexamine)
    rest = PASSING * (runs - len(first)) + moves * len(panel)
    trainings = len(config.tasks) * (len(first) + rest)
    row = BYTES_A_TRAINING + BYTES_A_POINT * costs.points
    return Estimate(
        opening_s=named * costs.of(whole) + baseline_s,
        first_s=first_s,
        panel_s=panel_s,
        again_s=again_s,
        finals_s=_finals_s(config, costs),
        candidate_s=first_s + PASSING * panel_s + moves * again_s,
        bytes=BYTES_A_CANDIDATE + trainings * row,
    )


def measure(config: Config, pool: Pool) -> Costs:
    """Trains probes with one setting of each optimizer; finals' may be others."""
    objective = _objective(config)
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
    return Costs(
        compile_s=mean([max(by_optimizer) for by_optimizer in compiling]),
        run_s={name: SHARE * mean(spent(name, "train_s")) for name in jobs},
        points=SHARE * mean([len(result.curve) for result in results]),
    )


def render(
    found: Estimate, config: Config, candidates: int, workers: int
) -> Iterator[tuple[str, str]]:
    """The estimate as lines for people."""
    objective, tasks = _objective(config), counted(len(config.tasks), "task")
    first, last = objective.rungs[0], objective.rungs[-1]
    yield (
        "opening",
        f"{duration(found.opening_s / workers)}: seeds and references, "
        f"{counted(last, 'run')} on each of {tasks}",
    )
    yield (
        "rung 1",
        f"{found.first_s:.1f} core-seconds a candidate, {counted(first, 'run')} on "
        f"each of {tasks}",
    )
    yield (
        "panel",
        f"{found.panel_s:.0f} core-seconds for each of the {PASSING:.0%} that are "
        f"taken to go on to all {counted(last, 'run')} a task",
    )
    yield "again", f"{found.again_s:.0f} core-seconds a re-examination"
    yield "speed", f"{3600 * workers / found.candidate_s:,.0f} candidates an hour"
    chosen = objective.finals
    if chosen.cells:
        yield (
            "finals",
            f"{duration(found.finals_s / workers)}: {counted(chosen.cells, 'cell')} "
            f"beside seeds and references, {counted(chosen.seeds, 'seed')} of "
            f"{counted(len(chosen.panel), 'setting')}",
        )
    whole_s = found.opening_s + candidates * found.candidate_s + found.finals_s
    yield (
        "whole",
        f"{candidates:,} candidates in {whole_s / workers / 3600:,.1f} hours with "
        f"{counted(workers, 'worker')}, {candidates * found.bytes / 1e6:,.1f} MB of "
        "disk with learning curves",
    )


def _objective(config: Config) -> Paired:
    assert config.objective is not None
    return config.objective


def _finals_s(config: Config, costs: Costs) -> float:
    """Of all cells in finals; a task that was not searched takes as long as others."""
    chosen = _objective(config).finals
    if not chosen.cells:
        return 0.0
    cells = chosen.cells + len(config.seeds) + len(config.references)
    runs = chosen.seeds * (1 + len(chosen.tasks) / len(config.tasks))
    one_s = costs.compile_s + runs * costs.running(chosen.panel)
    return cells * one_s


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
