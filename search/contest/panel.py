"""Many cells on the same runs: common settings and seeds, on every task.

What `calibrate` finds the worth of tasks by, finals and ladders compare the best cells
by, and ablations what is left of a cell.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cells import Cell, canonicalize
from search.contest.ledger import Ledger
from search.procedure.config import Config
from search.procedure.objective import log_loss
from search.procedure.racing import by_shape
from workers import (
    COMPILE_S,
    Job,
    Pool,
    Result,
    Setting,
    TaskSpec,
    Training,
    make_job,
    program_kind,
    update_cost,
)

AHEAD: Final = 50
"""Jobs a worker that wait in the pool, so that each finds some of a cell it knows."""

TICK_S: Final = 1.0
"""Seconds after which a spectator is told that time has passed."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PanelTask:
    """A task of a panel.

    Attributes:
        name: What it is called.
        task: What is trained on; its seed is that of the first repeat.
        budget: Updates.
        training: How.
    """

    name: str
    task: TaskSpec
    budget: int
    training: Training


def panel_tasks(config: Config) -> tuple[PanelTask, ...]:
    """The tasks of a search as a panel has them."""
    return tuple(
        PanelTask(stage.name, stage.task, stage.plan.budget, stage.training)
        for stage in config.tasks
    )


@dataclass(frozen=True)
class Panel:
    """All cells on all tasks with all settings and seeds.

    Attributes:
        cells: Name to cell.
        tasks: In order.
        settings: Common to all cells.
        repeats: Numbers of the seeds, added to `seed`; each has data of its own.
        seed: See `repeats`.
        floor: See `objective.log_loss`.
        ops: `module:op` of a person's own ops.
        held: Names of cells whose biases are not learned.
    """

    cells: Mapping[str, Cell]
    tasks: tuple[PanelTask, ...]
    settings: tuple[Setting, ...]
    repeats: tuple[int, ...]
    seed: int = 0
    floor: float = 0.01
    ops: tuple[str, ...] = ()
    held: frozenset[str] = frozenset()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Tasks, cells, settings and seeds: the axes of all scores."""
        return (
            len(self.tasks),
            len(self.cells),
            len(self.settings),
            len(self.repeats),
        )

    def __len__(self) -> int:
        """How many trainings it is."""
        return int(np.prod(self.shape))

    def jobs(self) -> Iterator[tuple[tuple[int, int, int, int], Job]]:
        """Every training as a job, with its place in the scores.

        Cell by cell and setting by setting: a program that is compiled serves all
        tasks and seeds before the next one is needed.
        """
        for cell, (name, (form, digest)) in enumerate(self._forms.items()):
            biases = name not in self.held
            for setting, one in enumerate(self.settings):
                for task, about in enumerate(self.tasks):
                    for number, repeat in enumerate(self.repeats):
                        spec = dataclasses.replace(
                            about.task, seed=about.task.seed + repeat
                        )
                        job = make_job(
                            form,
                            spec,
                            (one,),
                            about.budget,
                            seed=self.seed + repeat,
                            training=dataclasses.replace(about.training, biases=biases),
                            ops=self.ops,
                            known=digest,
                        )
                        yield (task, cell, setting, number), job

    @property
    def nominal_s(self) -> float:
        """Nominal core-seconds; each cell is compiled once for tasks that are alike."""
        programs, training_s = set(), 0.0
        for (form, digest), about, settings in itertools.product(
            self._forms.values(), self.tasks, by_shape(self.settings)
        ):
            shape, task = settings[0].shape, about.task.task
            kind = (program_kind(task, about.training), task.num_steps)
            programs.add((digest, shape._replace(optimizer=""), kind))
            update_s = update_cost(form, shape, task, about.training.block)
            runs = len(settings) * len(self.repeats)
            training_s += runs * about.budget * update_s
        return len(programs) * COMPILE_S + training_s

    def results(self, ledger: Ledger) -> dict[tuple[int, int, int, int], Result]:
        """What is known of it, by place."""
        return {
            place: result
            for place, job in self.jobs()
            if (result := _known(ledger, job)) is not None
        }

    def scores(self, results: Mapping[tuple[int, int, int, int], Result]) -> Array:
        """Log losses [tasks, cells, settings, seeds]; NaN where there is no result."""
        uniform = [about.task.task.uniform_loss for about in self.tasks]
        scores = np.full(self.shape, np.nan)
        for place, result in results.items():
            scores[place] = log_loss(result, uniform[place[0]], self.floor)
        return scores

    def last_losses(self, results: Mapping[tuple[int, int, int, int], Result]) -> Array:
        """Validation losses in nats where training ended; NaN where it failed."""
        losses = np.full(self.shape, np.nan)
        for place, result in results.items():
            if result.curve:
                losses[place] = result.curve[-1].valid_loss
        return losses

    def play(
        self,
        ledger: Ledger,
        pool: Callable[[], Pool],
        told: Callable[[int, int], None],
    ) -> None:
        """Trains what is not known yet; each result is stored as it arrives.

        Args:
            ledger: What is known.
            pool: Gives the pool, if there is anything to be trained.
            told: Is told how many trainings are done, and how many there are.
        """
        waiting = [job for _, job in self.jobs() if _known(ledger, job) is None]
        waiting = list({job.id: job for job in waiting}.values())
        if not waiting:
            return
        made, done = pool(), len(self) - len(waiting)
        queue = iter(waiting)
        told(done, len(self))
        while True:
            # No worker waits for a job, and none is handed more than it can hold.
            while len(made) < made.capacity * (1 + AHEAD):
                job = next(queue, None)
                if job is None:
                    break
                made.submit(job)
            answer = made.next(TICK_S)
            if answer is None:
                if not len(made):
                    return
                continue
            ledger.add(*answer)
            done += 1
            told(done, len(self))

    @cached_property
    def _forms(self) -> dict[str, tuple[Cell, str]]:
        forms = {name: canonicalize(cell) for name, cell in self.cells.items()}
        return {name: (form.cell, form.digest) for name, form in forms.items()}


def _known(ledger: Ledger, job: Job) -> Result | None:
    """The result of a job of one setting, if there is one."""
    results = ledger.trainings(job.run_id(job.settings[0]))
    return results.get(job.budget)
