"""Lanes of one program, each of which takes the next job when it is free."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from workers.job.evaluation import Result, Status
from workers.job.job import Job
from workers.machine.compiling import compiler_options
from workers.side_by_side.given import AnyModel
from workers.side_by_side.kinds import Kind
from workers.side_by_side.program import AnyProgram
from workers.side_by_side.shelf import Shelf
from workers.training.data import DataCache, windows_bytes
from workers.training.lanes import Lanes
from workers.training.model import Model, make_model
from workers.training.optimizers import RULES
from workers.training.program import Hyper, Totals, TrainState
from workers.training.progress import Position, Progress, end, result_of
from workers.training.scoring import point_of
from workers.training.trainer import LOSS_TOO_HIGH

Array = Any
"""A NumPy or JAX array."""


class _Lane(NamedTuple):
    """A lane in use.

    Attributes:
        job: Whose it is.
        model: Of its cell.
        progress: How far it has come.
        seconds: Its share of the time so far: compiling, and all else.
    """

    job: Job
    model: Model
    progress: Progress
    seconds: tuple[float, float] = (0.0, 0.0)


class Ended(NamedTuple):
    """A job that is over.

    Attributes:
        job: The job.
        result: What its setting came to.
        compile_s: Its share of the seconds of compiling.
        train_s: Its share of all others.
        most: Lanes that its program may have: those of the class, or fewer since memory
            ran out.
    """

    job: Job
    result: Result
    compile_s: float
    train_s: float
    most: int


class LaneTrainer:
    """Trains jobs of one kind in lanes, each of which takes the next when it is free.

    There are as many lanes as have room, by the rule of `workers.training.fitting`.

    Args:
        kind: Of all jobs.
        most: Lanes, at most.
        platform: What it computes on.
        data: Where windows come from.
        allowance: Bytes that its program may need, windows apart; None: any number.
    """

    def __init__(
        self,
        kind: Kind,
        most: int,
        platform: str,
        data: DataCache,
        allowance: int | None = None,
    ) -> None:
        self.kind = kind
        self._most, self._platform, self._data = most, platform, data
        self._allowance = allowance
        self._waiting: deque[Job] = deque()
        self._train = Shelf(kind.epoch[0])
        self._valid = Shelf(kind.epoch[1])
        self._put = jax.jit(_put, donate_argnums=0)
        self._lanes: list[_Lane | None] = []
        self._hyper: list[Hyper] = []
        self._state: Any = None
        self._make(most)

    def __len__(self) -> int:
        """Jobs that it has."""
        return self._busy + len(self._waiting)

    @property
    def count(self) -> int:
        """Lanes."""
        return len(self._lanes)

    @property
    def free(self) -> int:
        """Jobs that it can take."""
        return max(0, self.count - len(self))

    def add(self, jobs: Sequence[Job]) -> None:
        """Takes jobs of its kind; those that are more than `free` wait."""
        self._waiting.extend(jobs)

    def halve(self) -> None:
        """Goes on with half as many lanes, since memory has run out; begins all anew.

        With the lanes goes the class of what follows: it is the one that has so many.
        """
        self._most = self.count // 2
        self._make(self._most)

    def fail(self, cause: str) -> list[Ended]:
        """Ends what is in its only lane: there is no room even for that."""
        (lane,) = self._lanes
        self._make(1)
        job = self._waiting.popleft()
        spent = (0.0, 0.0) if lane is None else lane.seconds
        result = Result(job.settings[0], Status.OOM, ended=cause)
        return [Ended(job, result, *spent, self._most)]

    def step(self) -> list[Ended]:
        """Trains all lanes for an epoch; those that are over are free afterwards.

        Raises:
            TaskError: A task cannot give its data.
        """
        start = time.monotonic()
        self.program.reset_meter()
        self._fill()
        hyper = self._stacked()
        self._state = self.program.train(
            self._state, self._train.windows, 0, self.program.epoch, hyper
        )
        totals = self.program.validate(
            self._state.params, self._valid.windows, self.program.scored, hyper.cell
        )
        columns = (self.program.lanes.scalars(column) for column in totals)
        sums = [Totals(*map(float, row)) for row in zip(*columns, strict=True)]
        return self._look(sums, start)

    @property
    def _busy(self) -> int:
        """Lanes that have a job."""
        return sum(lane is not None for lane in self._lanes)

    def _stacked(self) -> Hyper:
        """What each lane is given; those that nobody has yet repeat the first."""
        missing = self.count - len(self._hyper)
        hyper: Hyper = self.program.lanes.stack(self._hyper + self._hyper[:1] * missing)
        return hyper

    def _make(self, count: int) -> None:
        """Makes the program of so many lanes; what older lanes had waits for them."""
        begun = [lane.job for lane in self._lanes if lane is not None]
        self._waiting.extendleft(reversed(begun))
        inputs, outputs, batch, _, readout, uniform = self.kind.task
        training = self.kind.training
        self.program = AnyProgram(
            model=AnyModel(self.kind.layer, inputs, outputs),  # type: ignore[arg-type]
            readout=readout,
            batch=batch,
            training=training,
            divergence_loss=training.divergence * uniform,
            lanes=Lanes(count, True),
            options=compiler_options(self._platform),
            epoch=self.kind.epoch[0],
            scored=self.kind.epoch[1],
        )
        self._lanes, self._hyper, self._state = [None] * count, [], None

    def _fill(self) -> None:
        """Gives lanes that are free to jobs that wait."""
        empty = [i for i, lane in enumerate(self._lanes) if lane is None]
        fresh = {}
        for index in empty[: len(self._waiting)]:
            fresh[index] = self._begin(index, self._waiting[0])
            self._waiting.popleft()
        if not fresh:
            return
        any_row, count = next(iter(fresh.values())), self.count
        # Lanes that nobody has repeat another one, and nobody looks.
        rows = self.program.lanes.stack([fresh.get(i, any_row) for i in range(count)])
        if self._state is not None and count > 1:
            which = np.isin(np.arange(count), list(fresh))
            self._state = self._put(self._state, rows, which)
        elif self._fits(rows):
            self._state = jax.device_put(rows)
        else:
            self._make(count // 2)
            self._fill()

    def _fits(self, state: TrainState) -> bool:
        """Whether all lanes have room; see `Trainer.fits`."""
        if self._allowance is None or self.count == 1:
            return True
        data = self._train.windows
        needed = self.program.needs_bytes(state, data, self._stacked())
        return needed - windows_bytes(data) <= self._allowance

    def _begin(self, index: int, job: Job) -> TrainState:
        """Gives a lane to a job; the state before its first update."""
        (setting,) = job.settings
        model = make_model(job.cell, job.shape, job.task.task)
        drawn = model.init(job.seed_of(setting, "weights"), setting.scale)
        cell, params = self.program.any_model.fill(model, drawn)
        epochs = range(job.budget // self.program.epoch)
        train = self._train.place(
            job.task, [self._data.get(job.task, "train", e) for e in epochs]
        )
        valid = self._valid.place(job.task, [self._data.get(job.task, "valid")])
        cell = cell._replace(
            train=np.int32(train),
            valid=np.int32(valid),
        )
        hyper = Hyper(
            np.float32(setting.rate),
            np.float32(setting.clip),
            np.zeros(2, np.uint32),
            cell,
            RULES[job.optimizer],
        )
        self._hyper[index : index + 1] = [hyper]
        self._lanes[index] = _Lane(job, model, Progress(setting))
        return self.program.beginning(params)

    def _look(self, sums: Sequence[Totals], start: float) -> list[Ended]:
        """Moves each lane on by an epoch, and frees those that are over."""
        scalars, state = self.program.lanes.scalars, self._state
        alive, done = scalars(state.alive), scalars(state.updates)
        losses, positions = scalars(state.loss_sum), scalars(state.positions)
        compile_s = self.program.compile_s / max(1, self._busy)
        train_s = (time.monotonic() - start) / max(1, self._busy) - compile_s
        ended, bound = [], self.program.divergence_loss
        for index, lane in enumerate(self._lanes):
            if lane is None:
                continue
            task, updates = lane.job.task.task, int(done[index])
            train_loss = float(losses[index]) / max(float(positions[index]), 1.0)
            point = point_of(task, updates, train_loss, sums[index], bound)
            progress = lane.progress._replace(position=Position(updates=updates))
            if alive[index] and point is not None:
                progress = progress._replace(curve=(*progress.curve, point))
            else:
                where = progress.position
                progress = end(progress, Status.DIVERGED, LOSS_TOO_HIGH, where)
            spent = (lane.seconds[0] + compile_s, lane.seconds[1] + train_s)
            self._lanes[index] = lane._replace(progress=progress, seconds=spent)
            if progress.ended or updates >= lane.job.budget:
                self._lanes[index] = None
                result = result_of(progress, lane.model, task.metric)
                ended.append(Ended(lane.job, result, *spent, self._most))
        return ended


def _put(state: TrainState, rows: TrainState, which: Array) -> TrainState:
    """The state with other rows in some lanes; traced."""

    def choose(old: Array, new: Array) -> Array:
        lanes = which.reshape(-1, *(1,) * (old.ndim - 1))
        return jnp.where(lanes, new, old)

    chosen: TrainState = jax.tree.map(choose, state, rows)
    return chosen
