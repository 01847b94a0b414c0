"""One job in, one evaluation out."""

import gc
import itertools
import json
import math
import platform
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import jax

from tasks import Task, TaskError
from workers.job.evaluation import Evaluation, Result, Status
from workers.job.job import Job
from workers.job.setting import JobError, Point, Setting
from workers.job.spec import TaskSpec
from workers.machine.runtime import (
    COMPILER_OPTIONS,
    DEFAULT_LANES,
    numerics_class,
    prepare,
)
from workers.training.data import DataCache
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
        deadline_s: Seconds after which unfinished settings are `TIMEOUT`.

    Raises:
        JobError: This machine cannot do what the job asks for.
        TaskError: The task cannot give its data.
    """
    return Evaluator().evaluate(job, deadline_s=deadline_s)


class Evaluator:
    """Carries out jobs, keeping what later ones can use: programs, data, states.

    What is kept decides no result, only how soon it is there: a job of which the same
    settings were trained on a smaller budget goes on from there, with the same bits.
    """

    def __init__(
        self,
        *,
        lanes: int | None = None,
        programs: int = 16,
        state_bytes: int = 256 * MEGABYTE,
        data_bytes: int = 128 * MEGABYTE,
    ) -> None:
        """An evaluator that has seen nothing yet; prepares the process, starts JAX.

        Args:
            lanes: Settings in one program; None: what the platform has by default.
            programs: Models whose compiled programs are kept.
            state_bytes: Limit on the kept states of training.
            data_bytes: Limit on the kept windows.

        Raises:
            RuntimeError: JAX has started already, and with several threads.
        """
        prepare()
        self.platform = jax.default_backend()
        self.vectorized = self.platform != "cpu"
        self.lanes = lanes or DEFAULT_LANES[self.platform]
        self.numerics = numerics_class(self.lanes)
        self._machine = platform.node()
        self._data = DataCache(data_bytes)
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._max_programs = programs
        self._dropped = 0
        self._progress: OrderedDict[str, Progress] = OrderedDict()
        self._state_bytes = state_bytes

    def evaluate(self, job: Job, *, deadline_s: float = math.inf) -> Evaluation:
        """Carries out a job; see the function of the same name."""
        start = time.monotonic()
        self._check(job)
        program = None
        try:
            program = self._program(job)
            program.reset_meter()
            results = self._results(job, program, start + deadline_s)
        except (TaskError, JobError):
            raise
        except Exception as error:  # noqa: BLE001 - a candidate's failure is data
            status, cause = classify(error)
            results = tuple(Result(s, status, ended=cause) for s in job.settings)
        compile_s = program.compile_s if program else 0.0
        self._tidy()
        return Evaluation(
            job_id=job.id,
            results=results,
            compile_s=compile_s,
            train_s=time.monotonic() - start - compile_s,
            numerics=self.numerics.key,
            machine=self._machine,
            compiled=program.compiled if program else 0,
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
        trainer = Trainer(job, self._program(job), self._data)
        kept = {s: self._progress.get(job.run_id(s)) for s in job.settings}
        return {s: lane and trainer.score(lane, other) for s, lane in kept.items()}

    def _check(self, job: Job) -> None:
        if job.training.products == "bfloat16" and self.platform == "cpu":
            raise JobError("products = bfloat16 needs an accelerator; use float32")

    def _program(self, job: Job) -> Program:
        """The job's program, kept from an earlier job or new."""
        task = job.task.task
        training = replace(job.training, optimizer=job.optimizer)
        key = _program_key(job, task)
        if key not in self._programs:
            self._programs[key] = Program(
                model=make_model(job.cell, job.shape, task),
                readout=task.readout,
                batch=task.batch_size,
                training=training,
                divergence_loss=training.divergence * task.uniform_loss,
                lanes=self.lanes,
                vectorized=self.vectorized,
                options=dict(COMPILER_OPTIONS[self.platform]),
            )
        self._programs.move_to_end(key)
        return self._programs[key]

    def _results(
        self, job: Job, program: Program, deadline: float
    ) -> tuple[Result, ...]:
        trainer = Trainer(job, program, self._data, deadline)
        if (limit := job.training.memory_limit_bytes) is not None:
            needed = trainer.needs_bytes()
            if needed > limit:
                cause = f"needs {_megabytes(needed)}, allowed are {_megabytes(limit)}"
                return tuple(
                    Result(setting, Status.OOM, ended=cause) for setting in job.settings
                )
        lanes = [self._resumed(job, setting) for setting in job.settings]
        found = {ln.setting: trainer.result(ln) for ln in lanes if ln.ended}
        for group in _groups([ln for ln in lanes if not ln.ended], program.lanes):
            results, kept = trainer.train(group)
            found.update((result.setting, result) for result in results)
            lanes += kept
        for lane in lanes:
            self._keep(job, lane)
        return tuple(found[setting] for setting in job.settings)

    def _resumed(self, job: Job, setting: Setting) -> Progress:
        """Where an earlier job left this setting, or its beginning."""
        run_id = job.run_id(setting)
        kept = self._progress.get(run_id)
        if kept is None or kept.position.updates > job.budget:
            return Progress(setting)
        return self._progress.pop(run_id)

    def _keep(self, job: Job, lane: Progress) -> None:
        run_id = job.run_id(lane.setting)
        kept = self._progress.get(run_id)
        if kept is None or kept.position.updates <= lane.position.updates:
            self._progress[run_id] = lane
            self._progress.move_to_end(run_id)

    def _tidy(self) -> None:
        """Forgets the oldest of what is kept, down to the limits."""
        while len(self._programs) > self._max_programs:
            self._programs.popitem(last=False)
            self._dropped += 1
        if self._dropped >= CLEAR_AFTER:
            self._dropped = 0
            jax.clear_caches()  # type: ignore[no-untyped-call]
            gc.collect()
        sizes = {run_id: _size(lane) for run_id, lane in self._progress.items()}
        total = sum(sizes.values())
        for run_id, size in sizes.items():
            if total <= self._state_bytes:
                break
            del self._progress[run_id]
            total -= size


def _program_key(job: Job, task: Task) -> str:
    """All that a program depends on.

    Of a task that is its vocabulary, batch, readout and uniform loss: tasks that agree
    in them share a program, and what it has compiled where their windows are alike.
    """
    training = job.training
    kind = (task.num_inputs, task.num_outputs, task.readout, task.batch_size)
    how = (job.optimizer, training.products, training.divergence)
    return json.dumps((job.digest, job.shape, kind, task.uniform_loss, how))


def classify(error: BaseException) -> tuple[Status, str]:
    """The status and the cause, in one line, of a training that raised an error."""
    reason = " ".join(str(error).split())[:200]
    cause = f"{type(error).__name__}: {reason}"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return Status.OOM, cause
    return Status.CRASHED, cause


def _groups(lanes: Sequence[Progress], size: int) -> Iterator[list[Progress]]:
    """Parts of at most `size` settings that have come equally far."""
    ordered = sorted(lanes, key=lambda lane: lane.position)
    for _, same in itertools.groupby(ordered, key=lambda lane: lane.position):
        rows = list(same)
        for first in range(0, len(rows), size):
            yield rows[first : first + size]


def _size(lane: Progress) -> int:
    leaves = jax.tree.leaves((lane.state, lane.weights))
    return 1000 + sum(int(leaf.nbytes) for leaf in leaves)


def _megabytes(count: int) -> str:
    return f"{math.ceil(count / MEGABYTE):,} MiB"
