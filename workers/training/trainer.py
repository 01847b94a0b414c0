"""The training of settings side by side, epoch by epoch, until each of them is over."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import jax
import numpy as np

from tasks import Metric, Windows
from workers.job.evaluation import Result, Status
from workers.job.job import Job
from workers.job.schedule import advance
from workers.job.setting import Point
from workers.job.spec import TaskSpec
from workers.machine.clock import RunningClock
from workers.training.data import DataCache, windows_bytes
from workers.training.optimizers import RULES
from workers.training.program import Hyper, Program, TrainState
from workers.training.progress import Position, Progress, end, is_open, result_of
from workers.training.scoring import Scorer

BLOCK: Final = 100
"""Updates between two looks at divergence and at the clock; decides no result."""

COPIES: Final = 4
"""Numbers a weight has at least while it is trained: its own, its gradient and two that
the optimizer keeps."""

LOSS_TOO_HIGH: Final = "loss not finite or far above a uniform prediction's"
"""Why training ended when a setting diverged."""


@dataclass(frozen=True)
class Trainer:
    """Trains settings of one job with one program.

    Attributes:
        job: The job.
        program: Its program.
        data: Where windows come from.
        deadline_s: Seconds by the clock from which on training ends as `TIMEOUT`.
        clock: Time in which this process runs.
    """

    job: Job
    program: Program
    data: DataCache
    deadline_s: float = math.inf
    clock: RunningClock = field(default_factory=RunningClock)

    def train(
        self, group: Sequence[Progress]
    ) -> tuple[tuple[Result, ...], tuple[Progress, ...]]:
        """Trains until budget, schedule or a failure ends each setting.

        Args:
            group: Settings at one position, no more than the program has lanes.

        Returns:
            What each came to, and from where it can go on.
        """
        # All lanes are at one position: they take the same windows, and a lane that is
        # over goes along until the last is, for a program has no shorter form.
        lanes, position = list(group), group[0].position
        try:
            state = self._gather(lanes)
            while position.updates < self.job.budget and is_open(lanes):
                # To the end of the epoch, or of the budget if that is sooner.
                data = self.data.get(self.job.task, "train", position.epoch)
                missing = self.job.budget - position.updates
                stop = min(data.length, position.window + missing)
                state = self._windows(lanes, state, data.windows, position.window, stop)
                position = Position(
                    position.epoch + (stop == data.length),
                    stop % data.length,
                    position.updates + stop - position.window,
                )
                # Schedules look at whole epochs only, so that a budget decides nothing
                # but where training ends.
                lanes = self._fallen(lanes, state, position)
                if not position.window:
                    lanes = self._epoch_over(lanes, state, position)
            return self._finish(lanes, state, position)
        except TimeoutError:
            lanes = [end(ln, Status.TIMEOUT, "deadline", position) for ln in lanes]
            return tuple(self.result(lane) for lane in lanes), ()

    def score(self, lane: Progress, other: TaskSpec) -> Point | None:
        """The lane's weights on another task's validation split; None once it is over.

        Args:
            lane: A setting as training left it.
            other: A task of the program's vocabulary, batch and readout.
        """
        if lane.state is None:
            return None
        scorer = Scorer(other, self.program, self.data)
        return scorer.points(self._gather([lane]), lane.position.updates)[0]

    def fits(self, allowance: int | None) -> bool:
        """Whether the program has room with all its lanes.

        Args:
            allowance: Bytes that it may need, windows apart; None: any number. The
                job's own limit counts in any case.
        """
        limit = self.job.training.memory_limit_bytes
        if limit is None and allowance is None:
            return True
        needed = self.needs_bytes()
        if limit is not None and needed > limit:
            return False
        return allowance is None or needed - windows_bytes(self._first) <= allowance

    def needs_bytes(self) -> int:
        """Bytes that training needs; nothing that large is made to find out.

        Where the weights, their gradient and what the optimizer keeps fit the limit,
        XLA's own account of the compiled program decides; otherwise they do.
        """
        least = 4 * COPIES * self.program.model.num_params * self.program.lanes.count
        limit = self.job.training.memory_limit_bytes
        if limit is not None and least > limit:
            return least
        setting = self.job.settings[0]
        seed = self.job.seed_of(setting, "weights")
        drawn = self.program.model.init(seed, setting.scale)
        state = self.program.lanes.stack([self.program.beginning(drawn)])
        hyper = self._hyper([Progress(setting)])
        return self.program.needs_bytes(state, self._first, hyper)

    @property
    def _first(self) -> Windows:
        """The windows of the first epoch."""
        return self.data.get(self.job.task, "train", 0).windows

    def _gather(self, lanes: Sequence[Progress]) -> TrainState:
        """The state from which all lanes go on, or begin."""
        if lanes[0].state is None:
            seeds = [self.job.seed_of(lane.setting, "weights") for lane in lanes]
            return self.program.initial(seeds, [ln.setting.scale for ln in lanes])
        stacked = self.program.lanes.stack([lane.state for lane in lanes])
        state: TrainState = jax.device_put(stacked)
        return state

    def _windows(
        self,
        lanes: Sequence[Progress],
        state: TrainState,
        data: Any,
        start: int,
        stop: int,
    ) -> TrainState:
        """Trains on some windows of an epoch, or until all settings have diverged."""
        hyper = self._hyper(lanes)
        for first in range(start, stop, BLOCK):
            if self.clock.read() >= self.deadline_s:
                raise TimeoutError
            last = min(first + BLOCK, stop)
            state = self.program.train(state, data, first, last, hyper)
            if not np.any(np.asarray(state.alive)):  # waits for the device
                break
        return state

    def _hyper(self, lanes: Sequence[Progress]) -> Hyper:
        rows = [
            Hyper(
                np.float32(lane.setting.rate * lane.schedule.factor),
                np.float32(lane.setting.clip),
                _key_data(self.job.seed_of(lane.setting, "dropout")),
                rule=RULES[self.job.optimizer],
            )
            for lane in lanes
        ]
        hyper: Hyper = self.program.lanes.stack(rows)
        return hyper

    def _fallen(
        self, lanes: list[Progress], state: TrainState, position: Position
    ) -> list[Progress]:
        """Ends the settings that diverged while training."""
        alive = self.program.lanes.scalars(state.alive)
        updates = self.program.lanes.scalars(state.updates)
        return [
            lane
            if alive[index]
            else end(
                lane,
                Status.DIVERGED,
                LOSS_TOO_HIGH,
                position._replace(updates=int(updates[index])),
            )
            for index, lane in enumerate(lanes)
        ]

    def _epoch_over(
        self, lanes: list[Progress], state: TrainState, position: Position
    ) -> list[Progress]:
        """Validates, and moves each schedule on."""
        if not is_open(lanes):
            return lanes
        points = self._scorer.points(state, position.updates)
        return [
            self._observe(lane, points[index], position, state, index)
            for index, lane in enumerate(lanes)
        ]

    def _observe(
        self,
        lane: Progress,
        point: Point | None,
        position: Position,
        state: TrainState,
        index: int,
    ) -> Progress:
        if lane.ended:
            return lane
        if point is None:
            return end(lane, Status.DIVERGED, LOSS_TOO_HIGH, position)
        training, metric = self.job.training, self._metric
        if training.test and lane.schedule.improved_by(point.metric, metric):
            best = self.program.lanes.pick(state.params, index)
            # Copied, since training goes on in the memory of what it is given.
            lane = lane._replace(weights=jax.tree.map(np.array, best))
        schedule = advance(
            training.schedule, lane.setting, lane.schedule, point, metric
        )
        lane = lane._replace(curve=(*lane.curve, point), schedule=schedule)
        return end(lane, Status.OK, schedule.stop, position) if schedule.stop else lane

    def _finish(
        self, lanes: list[Progress], state: TrainState, position: Position
    ) -> tuple[tuple[Result, ...], tuple[Progress, ...]]:
        """Results; a budget that ends within an epoch adds a point to those alone."""
        # The point is not kept: whoever goes on validates at the epoch's end.
        between = position.window > 0 and is_open(lanes)
        points = self._scorer.points(state, position.updates) if between else ()
        shown, kept = [], []
        for index, lane in enumerate(lanes):
            if lane.ended:
                kept.append(lane)
                shown.append(lane)
                continue
            lane = lane._replace(
                position=position, state=self.program.lanes.pick(state, index)
            )
            kept.append(lane)
            shown.append(
                self._with_point(lane, points[index], state, index) if points else lane
            )
        # Weights are kept for the test split alone; who is over needs them no more.
        if self.job.training.test:
            shown = self._scorer.tested(shown, state)
            for index, lane in enumerate(shown):
                if kept[index].ended:
                    kept[index] = lane._replace(weights=None)
        return tuple(map(self.result, shown)), tuple(kept)

    def _with_point(
        self, lane: Progress, point: Point | None, state: TrainState, index: int
    ) -> Progress:
        """The lane as its result shows it, with a point inside an epoch."""
        if point is None:
            return end(lane, Status.DIVERGED, LOSS_TOO_HIGH, lane.position)
        if lane.schedule.improved_by(point.metric, self._metric):
            lane = lane._replace(weights=self.program.lanes.pick(state.params, index))
        return lane._replace(curve=(*lane.curve, point))

    def result(self, lane: Progress) -> Result:
        """What a setting's training came to."""
        model = self.program.model
        return result_of(lane, model, self._metric)

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.job.task, self.program, self.data)

    @property
    def _metric(self) -> Metric:
        return self.job.task.task.metric


def _key_data(seed: int) -> np.ndarray[Any, Any]:
    """A seed of 63 bits as the two words of a JAX key."""
    return np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32)
