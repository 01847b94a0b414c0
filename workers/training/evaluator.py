"""One job in, one evaluation out."""

import gc
import itertools
import json
import math
import platform
import time
from collections.abc import Iterator, Sequence
from typing import Final

import jax
from cachetools import LRUCache

from tasks import Task, TaskError
from workers.errors import JobError, MachineError
from workers.job.evaluation import Evaluation, Result, Status
from workers.job.job import Job
from workers.job.programs import program_kind
from workers.job.setting import Point, Setting
from workers.job.spec import TaskSpec
from workers.machine.clock import TICK_S, RunningClock, ticking
from workers.machine.compiling import compiler_options
from workers.machine.device_memory import allowance, out_of_memory
from workers.machine.runtime import (
    DEFAULT_LANES,
    numerics_class,
    prepare,
    start_backend,
)
from workers.training.blame import blamed, classify, known_good
from workers.training.data import DataCache
from workers.training.fitting import halvings
from workers.training.lanes import Lanes
from workers.training.model import make_model
from workers.training.program import Program
from workers.training.progress import Progress
from workers.training.trainer import Trainer

CLEAR_AFTER: Final = 50
"""Models dropped before JAX's own caches are emptied: each mapped memory."""

MEGABYTE: Final = 1 << 20


def evaluate(job: Job, *, deadline_s: float = math.inf) -> Evaluation:
    """Carries out one job in this process; a pure function of the job.

    Who has several jobs keeps an `Evaluator`, which gives the same evaluations sooner.

    Args:
        job: The job.
        deadline_s: Seconds after which unfinished settings are `TIMEOUT`; those in
            which the machine stood still do not count.

    Raises:
        JobError: This machine cannot do what the job asks for.
        MachineError: The machine or this program failed, and not the cell.
        TaskError: The task cannot give its data.
    """
    return Evaluator().evaluate(job, deadline_s=deadline_s)


class Evaluator:
    """Carries out jobs, keeping what later ones can use: programs, data, states.

    What is kept decides no result, only how soon it is there: a job of which the same
    settings were trained on a smaller budget goes on from there, with the same bits.

    Making one prepares the process and starts JAX, and so raises a `RuntimeError` if
    JAX has started already, and with several threads, and a `MachineError` if it does
    not start, or the environment has it compute otherwise.

    Args:
        lanes: Settings in one program, at most; None: the platform's default. How many
            a program has is said by `workers.training.fitting`.
        beside: Cells that this process trains side by side, at most: whoever trains
            some jobs side by side is of another class in all of them.
        programs: Models whose compiled programs are kept.
        state_bytes: Limit on the kept states of training.
        data_bytes: Limit on the kept windows.

    Attributes:
        platform: What it computes on: `cpu`, `gpu` or `tpu`.
        lanes: Settings in one program, at most.
        vectorized: See `Lanes`.
        numerics: The class of its results.
    """

    def __init__(
        self,
        *,
        lanes: int | None = None,
        beside: int = 0,
        programs: int = 16,
        state_bytes: int = 256 * MEGABYTE,
        data_bytes: int = 128 * MEGABYTE,
    ) -> None:
        prepare()
        self.platform = start_backend()
        self.vectorized = self.platform != "cpu"
        self.lanes = lanes or DEFAULT_LANES[self.platform]
        self.numerics = numerics_class(self.lanes, beside)
        self._beside = beside
        self._allowance = allowance()
        self._machine = platform.node()
        self._data = DataCache(data_bytes)
        self._programs: LRUCache[tuple[str, int], Program] = LRUCache(programs)
        # The most lanes of programs for which memory did not suffice.
        self._halved: LRUCache[str, int] = LRUCache(10 * programs)
        self._dropped = 0
        self._progress: LRUCache[tuple[str, int], Progress] = LRUCache(
            state_bytes, _size
        )

    def evaluate(self, job: Job, *, deadline_s: float = math.inf) -> Evaluation:
        """Carries out a job; see the function of the same name."""
        start = time.monotonic()
        self._check(job)
        for program in self._kept_of(job):
            program.reset_meter()
        # What the cell does wrong, or its own size, is its result. What the machine or
        # a person's task lacks would fail the next cell too, and goes to the caller.
        try:
            results = self._train(job, deadline_s)
        except (TaskError, JobError):
            raise
        except Exception as error:  # noqa: BLE001 - a candidate's failure is data
            results = self._failed(job, error, deadline_s)
        self._tidy()
        # Compilation is told apart: it takes as long whatever the budget.
        programs = self._kept_of(job)
        compile_s = sum(program.compile_s for program in programs)
        return Evaluation(
            job_id=job.id,
            results=results,
            compile_s=compile_s,
            train_s=time.monotonic() - start - compile_s,
            numerics=numerics_class(self._most(job), self._beside).key,
            machine=self._machine,
            compiled=sum(program.compiled for program in programs),
        )

    def score_on(self, job: Job, other: TaskSpec) -> dict[Setting, Point | None]:
        """A job's trainings, scored on the validation split of a task not trained on.

        With the same task at another length, say: `stretch` of a task of the pack.
        Nothing is trained on the other task, and what is returned is part of no result.

        Args:
            job: The job; carried out first, if it was not.
            other: A task of the same vocabulary, batch and readout.

        Returns:
            A point for each setting, at its last update; None where training failed,
            was ended by its schedule, or its state is no longer kept.

        Raises:
            JobError: The other task needs another program.
        """
        if _program_key(job, job.task.task) != _program_key(job, other.task):
            raise JobError(
                f"weights of {job.task.name} cannot be scored on {other.name}: "
                "vocabulary, batch and readout must be the same"
            )
        self.evaluate(job)
        trainer = self._trainer(job)
        lanes = trainer.program.lanes.count
        kept = {s: self._progress.get((job.run_id(s), lanes)) for s in job.settings}
        return {s: lane and trainer.score(lane, other) for s, lane in kept.items()}

    def _check(self, job: Job) -> None:
        if job.training.products == "bfloat16" and self.platform == "cpu":
            raise JobError("products = bfloat16 needs an accelerator; use float32")

    def _most(self, job: Job) -> int:
        """Lanes that the job's program may have."""
        most: int = self._halved.get(_program_key(job, job.task.task), self.lanes)
        return most

    def _kept_of(self, job: Job) -> list[Program]:
        """What is kept of the job's programs, of any number of lanes."""
        key = _program_key(job, job.task.task)
        kept = (self._programs.get((key, lanes)) for lanes in halvings(self.lanes))
        return [program for program in kept if program is not None]

    def _trainer(
        self,
        job: Job,
        deadline_s: float = math.inf,
        clock: RunningClock | None = None,
    ) -> Trainer:
        """What trains the job, with as many lanes as its program has room for."""
        clock = clock or RunningClock()
        for lanes in halvings(self._most(job)):
            program = self._program(job, lanes)
            trainer = Trainer(job, program, self._data, deadline_s, clock)
            if lanes == 1 or trainer.fits(self._allowance):
                break
        return trainer

    def _program(self, job: Job, lanes: int) -> Program:
        """The job's program, kept from an earlier job or new."""
        # Rate, scale, clip and optimizer are runtime values.
        task, training = job.task.task, job.training
        key = (_program_key(job, task), lanes)
        if key not in self._programs:
            full = self._programs.currsize == self._programs.maxsize
            self._dropped += full  # the one used least lately gives way
            self._programs[key] = Program(
                model=make_model(job.cell, job.shape, task, training.block),
                readout=task.readout,
                batch=task.batch_size,
                training=training,
                divergence_loss=training.divergence * task.uniform_loss,
                lanes=Lanes(lanes, self.vectorized),
                options=compiler_options(self.platform),
            )
        program: Program = self._programs[key]
        return program

    def _train(self, job: Job, deadline_s: float) -> tuple[Result, ...]:
        """Carries out a job; whatever goes wrong is raised."""
        clock = RunningClock(3 * TICK_S)  # a busy machine may miss a tick
        with ticking(clock):
            while True:
                lanes = self._most(job)
                try:
                    trainer = self._trainer(job, deadline_s, clock)
                    lanes = trainer.program.lanes.count
                    return self._results(job, trainer.program, trainer)
                except Exception as error:
                    if lanes == 1 or not out_of_memory(error):
                        raise
                # Begun anew once the error is gone, and with it all that it held.
                self._halved[_program_key(job, job.task.task)] = lanes // 2

    def _failed(
        self, job: Job, error: Exception, deadline_s: float
    ) -> tuple[Result, ...]:
        """What comes of a job that has raised an error.

        A cell that makes JAX fail would stop its run, and every resume of it. So when
        the cell seems to be no cause, a cell that is known to be fine is asked: if that
        is trained, and the job fails again, the cell is to blame after all.

        Raises:
            MachineError: It is no doing of the job's cell.
        """
        try:
            status, cause = classify(job, error)
        except MachineError:
            if not self._trains_known(job):
                raise
            self._programs.clear()
            self._clear()
            try:
                return self._train(job, deadline_s)
            except (TaskError, JobError):
                raise
            except Exception as again:  # noqa: BLE001 - as above
                status, cause = blamed(job, again)
        return tuple(Result(s, status, ended=cause) for s in job.settings)

    def _trains_known(self, job: Job) -> bool:
        """Whether a cell that is known to be fine can be trained in its place."""
        try:
            self._train(known_good(job), math.inf)
        except Exception:  # noqa: BLE001 - whatever it is, it is the answer
            return False
        return True

    def _results(
        self, job: Job, program: Program, trainer: Trainer
    ) -> tuple[Result, ...]:
        """Trains what no earlier job has brought to its end."""
        # Before anything is trained: what does not fit takes its neighbours along.
        if (limit := job.training.memory_limit_bytes) is not None:
            needed = trainer.needs_bytes()
            if needed > limit:
                cause = f"needs {_megabytes(needed)}, allowed are {_megabytes(limit)}"
                return tuple(
                    Result(setting, Status.OOM, ended=cause) for setting in job.settings
                )
        # What an earlier job has brought to its end, whatever the budget, is done.
        count = program.lanes.count
        lanes = [self._resumed(job, setting, count) for setting in job.settings]
        done = [lane for lane in lanes if lane.ended]
        found = {lane.setting: trainer.result(lane) for lane in done}
        # Training consumes a state: where it was cut short there is none to keep.
        waiting = [lane for lane in lanes if not lane.ended]
        for group in _groups(waiting, count):
            results, kept = trainer.train(group)
            found.update((result.setting, result) for result in results)
            done += kept
        for lane in done:
            self._keep(job, lane, count)
        return tuple(found[setting] for setting in job.settings)

    def _resumed(self, job: Job, setting: Setting, lanes: int) -> Progress:
        """Where an earlier job of as many lanes left this setting, or its beginning."""
        key = (job.run_id(setting), lanes)
        kept = self._progress.get(key)
        if kept is None or kept.position.updates > job.budget:
            return Progress(setting)
        return self._progress.pop(key)

    def _keep(self, job: Job, lane: Progress, lanes: int) -> None:
        """Keeps where a setting stands, unless nothing that large may be kept."""
        key = (job.run_id(lane.setting), lanes)
        kept = self._progress.get(key)
        further = kept is None or kept.position.updates <= lane.position.updates
        if further and _size(lane) <= self._progress.maxsize:
            self._progress[key] = lane

    def _tidy(self) -> None:
        """Gives back the memory of dropped programs, now and then."""
        if self._dropped >= CLEAR_AFTER:
            self._clear()

    def _clear(self) -> None:
        self._dropped = 0
        jax.clear_caches()  # type: ignore[no-untyped-call]
        gc.collect()


def _program_key(job: Job, task: Task) -> str:
    """All that a program depends on."""
    shape = job.shape._replace(optimizer="")
    return json.dumps((job.digest, shape, program_kind(task, job.training)))


def _groups(lanes: Sequence[Progress], size: int) -> Iterator[list[Progress]]:
    """Parts of at most `size` settings that have come equally far."""
    ordered = sorted(lanes, key=lambda lane: lane.position)
    for _, same in itertools.groupby(ordered, key=lambda lane: lane.position):
        rows = list(same)
        for first in range(0, len(rows), size):
            yield rows[first : first + size]


def _size(lane: Progress) -> int:
    """Bytes that it keeps, about."""
    leaves = jax.tree.leaves((lane.state, lane.weights))
    return 1000 + sum(int(leaf.nbytes) for leaf in leaves)


def _megabytes(count: int) -> str:
    return f"{math.ceil(count / MEGABYTE):,} MiB"
