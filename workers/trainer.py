"""The training of settings side by side, epoch by epoch, until each of them is over."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import jax
import numpy as np

from tasks import Split
from workers.data import DataCache
from workers.job import BUDGET, Job, Point, Result, Setting, Status
from workers.schedule import State, advance, is_better
from workers.train import Hyper, Program, TrainState

BLOCK: Final = 100
"""Updates between two looks at divergence and at the clock; decides no result."""

LOSS_TOO_HIGH: Final = "loss not finite or far above a uniform prediction's"
"""Why training ended when a setting diverged."""


class Position(NamedTuple):
    """How far training has come: whole epochs, windows of the next one, updates."""

    epoch: int = 0
    window: int = 0
    updates: int = 0


class Progress(NamedTuple):
    """What the training of one setting needs to go on with a larger budget.

    Attributes:
        setting: The setting.
        position: Where it stands.
        schedule: Where its schedule stands.
        curve: A point for each whole epoch.
        status: OK until a failure.
        ended: Why it is over whatever the budget; empty while it may go on.
        state: What the program carries; None before the first update.
        weights: Those of the best validation so far, if the test split is wanted.
        test: The test metric, once training is over.
    """

    setting: Setting
    position: Position = Position()
    schedule: State = State()
    curve: tuple[Point, ...] = ()
    status: Status = Status.OK
    ended: str = ""
    state: Any = None
    weights: Any = None
    test: float | None = None


@dataclass(frozen=True)
class Trainer:
    """Trains settings of one job with one program.

    Attributes:
        job: The job.
        program: Its program.
        data: Where windows come from.
        deadline: `time.monotonic()` from which on training ends as `TIMEOUT`.
    """

    job: Job
    program: Program
    data: DataCache
    deadline: float = math.inf

    def train(
        self, group: Sequence[Progress]
    ) -> tuple[tuple[Result, ...], tuple[Progress, ...]]:
        """Trains until budget, schedule or a failure ends each setting.

        Args:
            group: Settings at one position, no more than the program has lanes.

        Returns:
            What each came to, and from where it can go on.
        """
        lanes, position = list(group), group[0].position
        try:
            state = self._gather(lanes)
            while position.updates < self.job.budget and _open(lanes):
                data = self.data.get(self.job.task, "train", position.epoch)
                missing = self.job.budget - position.updates
                stop = min(data.length, position.window + missing)
                state = self._windows(lanes, state, data.windows, position.window, stop)
                position = Position(
                    position.epoch + (stop == data.length),
                    stop % data.length,
                    position.updates + stop - position.window,
                )
                lanes = self._fallen(lanes, state, position)
                if not position.window:
                    lanes = self._epoch_over(lanes, state, position)
            return self._finish(lanes, state, position)
        except TimeoutError:
            lanes = [_end(ln, Status.TIMEOUT, "deadline", position) for ln in lanes]
            return tuple(self.result(lane) for lane in lanes), ()

    def needs_bytes(self) -> int:
        """Bytes that training needs; nothing that large is made to find out.

        Where the weights, their gradient and what the optimizer keeps fit the limit,
        XLA's own account of the compiled program decides; otherwise they do.
        """
        copies = 2 if self.job.training.optimizer == "sgd" else 4
        least = 4 * copies * self.program.model.num_params * self.program.lanes
        limit = self.job.training.memory_limit_bytes
        if limit is not None and least > limit:
            return least
        lanes = [Progress(setting) for setting in self.job.settings]
        first = lanes[: self.program.lanes]
        data = self.data.get(self.job.task, "train", 0).windows
        return self.program.needs_bytes(self._gather(first), data, self._hyper(first))

    def _gather(self, lanes: Sequence[Progress]) -> TrainState:
        """The state of all lanes; lanes without a setting repeat the first one."""
        padded = [*lanes, *[lanes[0]] * (self.program.lanes - len(lanes))]
        if lanes[0].state is None:
            seeds = [self.job.seed_of(lane.setting, "weights") for lane in padded]
            return self.program.initial(seeds, [ln.setting.scale for ln in padded])
        state: TrainState
        if self.program.lanes == 1:
            state = lanes[0].state
            return state
        rows = [lane.state for lane in padded]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
        state = jax.device_put(stacked)
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
            if time.monotonic() >= self.deadline:
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
            )
            for lane in [*lanes, *[lanes[0]] * (self.program.lanes - len(lanes))]
        ]
        if self.program.lanes == 1:
            return rows[0]
        return Hyper(*(np.stack(column) for column in zip(*rows, strict=True)))

    def _fallen(
        self, lanes: list[Progress], state: TrainState, position: Position
    ) -> list[Progress]:
        """Ends the settings that diverged while training."""
        alive = np.atleast_1d(np.asarray(state.alive))
        updates = np.atleast_1d(np.asarray(state.updates))
        return [
            lane
            if alive[index]
            else _end(
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
        if not _open(lanes):
            return lanes
        points = self._points(state, position)
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
            return _end(lane, Status.DIVERGED, LOSS_TOO_HIGH, position)
        training, upwards = self.job.training, self._upwards
        if training.test and is_better(point.metric, lane.schedule.best, upwards):
            weights = jax.tree.map(np.array, self._lane(state.params, index))
            lane = lane._replace(weights=weights)
        schedule = advance(
            training.schedule,
            lane.setting,
            lane.schedule,
            point,
            higher_is_better=upwards,
        )
        lane = lane._replace(curve=(*lane.curve, point), schedule=schedule)
        return _end(lane, Status.OK, schedule.stop, position) if schedule.stop else lane

    def _finish(
        self, lanes: list[Progress], state: TrainState, position: Position
    ) -> tuple[tuple[Result, ...], tuple[Progress, ...]]:
        """Results; a budget that ends within an epoch adds a point to those alone."""
        between = position.window > 0 and _open(lanes)
        points = self._points(state, position) if between else ()
        shown, kept = [], []
        for index, lane in enumerate(lanes):
            if lane.ended:
                kept.append(lane)
                shown.append(lane)
                continue
            lane = lane._replace(position=position, state=self._lane(state, index))
            kept.append(lane)
            shown.append(
                self._with_point(lane, points[index], state, index) if points else lane
            )
        if self.job.training.test:
            shown = self._tested(shown, state)
            for index, lane in enumerate(shown):
                if kept[index].ended:
                    kept[index] = lane._replace(weights=None)
        return tuple(map(self.result, shown)), tuple(kept)

    def _with_point(
        self, lane: Progress, point: Point | None, state: TrainState, index: int
    ) -> Progress:
        """The lane as its result shows it, with a point inside an epoch."""
        if point is None:
            return _end(lane, Status.DIVERGED, LOSS_TOO_HIGH, lane.position)
        if is_better(point.metric, lane.schedule.best, self._upwards):
            lane = lane._replace(weights=self._lane(state.params, index))
        return lane._replace(curve=(*lane.curve, point))

    def _tested(self, lanes: list[Progress], state: TrainState) -> list[Progress]:
        """The lanes with the test metric at the weights of their best validation."""
        current = [self._lane(state.params, i) for i in range(len(lanes))]
        rows = [
            now if lane.weights is None else lane.weights
            for now, lane in zip(current, lanes, strict=True)
        ]
        rows += [rows[0]] * (self.program.lanes - len(rows))
        weights = rows[0]
        if self.program.lanes > 1:
            weights = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
        score = self.job.task.task.score
        sums = zip(*self._score(weights, "test"), strict=True)
        metrics = [score(*(float(part) for part in row)) for row in sums]
        return [
            lane if lane.weights is None else lane._replace(test=metrics[index])
            for index, lane in enumerate(lanes)
        ]

    def result(self, lane: Progress) -> Result:
        """What a setting's training came to."""
        pick = max if self._upwards else min
        return Result(
            setting=lane.setting,
            status=lane.status,
            best=pick((point.metric for point in lane.curve), default=None),
            updates=lane.position.updates,
            ended=lane.ended or BUDGET,
            curve=lane.curve,
            width=self.program.model.width,
            num_params=self.program.model.num_params,
            test=lane.test,
        )

    @property
    def _upwards(self) -> bool:
        return self.job.task.task.metric.higher_is_better

    def _points(self, state: TrainState, position: Position) -> list[Point | None]:
        """A point for each lane; None where a loss is not finite or far too high."""
        task = self.job.task.task
        correct, loss, count = self._score(state.params, "valid")
        sums = np.atleast_1d(np.asarray(state.loss_sum))
        counts = np.atleast_1d(np.asarray(state.positions))
        points: list[Point | None] = []
        for lane in range(self.program.lanes):
            train_loss = float(sums[lane]) / max(float(counts[lane]), 1.0)
            valid_loss = float(loss[lane]) / float(count[lane])
            if train_loss <= self.program.divergence_loss and math.isfinite(valid_loss):
                metric = task.score(
                    float(correct[lane]), float(loss[lane]), float(count[lane])
                )
                points.append(Point(position.updates, train_loss, valid_loss, metric))
            else:
                points.append(None)
        return points

    def _score(self, params: Any, split: Split) -> tuple[Any, Any, Any]:
        """Correct predictions, loss and scored positions of each lane."""
        data = self.data.get(self.job.task, split)
        totals = self.program.validate(params, data.windows, data.length)
        correct, loss, count = (np.atleast_1d(np.asarray(part)) for part in totals)
        return correct, loss, count

    def _lane(self, tree: Any, index: int) -> Any:
        """One lane's part of what the program returned."""
        if self.program.lanes == 1:
            return tree
        return jax.tree.map(lambda leaf: np.asarray(leaf)[index], tree)


def _open(lanes: Sequence[Progress]) -> bool:
    """Whether some setting goes on."""
    return any(not lane.ended for lane in lanes)


def _end(lane: Progress, status: Status, cause: str, position: Position) -> Progress:
    """The lane, over for any budget; it is unchanged if it was over already."""
    if lane.ended:
        return lane
    return lane._replace(status=status, ended=cause, position=position, state=None)


def _key_data(seed: int) -> np.ndarray[Any, Any]:
    """A seed of 63 bits as the two words of a JAX key."""
    return np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32)
