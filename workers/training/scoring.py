"""How good the weights of each lane are, on the validation and the test split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from tasks import Split
from workers.job.setting import Point
from workers.job.spec import TaskSpec
from workers.training.data import DataCache
from workers.training.program import Program, TrainState
from workers.training.progress import Progress


@dataclass(frozen=True)
class Scorer:
    """Scores what a program trains.

    Attributes:
        spec: The task.
        program: The program.
        data: Where windows come from.
    """

    spec: TaskSpec
    program: Program
    data: DataCache

    def points(self, state: TrainState, updates: int) -> list[Point | None]:
        """A point for each lane; None where a loss is not finite or far too high."""
        task = self.spec.task
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
                points.append(Point(updates, train_loss, valid_loss, metric))
            else:
                points.append(None)
        return points

    def tested(self, lanes: Sequence[Progress], state: TrainState) -> list[Progress]:
        """The lanes with the test metric at the weights of their best validation."""
        current = [self.lane(state.params, i) for i in range(len(lanes))]
        rows = [
            now if lane.weights is None else lane.weights
            for now, lane in zip(current, lanes, strict=True)
        ]
        rows += [rows[0]] * (self.program.lanes - len(rows))
        weights = rows[0]
        if self.program.lanes > 1:
            weights = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
        score = self.spec.task.score
        sums = zip(*self._score(weights, "test"), strict=True)
        metrics = [score(*(float(part) for part in row)) for row in sums]
        return [
            lane if lane.weights is None else lane._replace(test=metrics[index])
            for index, lane in enumerate(lanes)
        ]

    def lane(self, tree: Any, index: int) -> Any:
        """One lane's part of what the program returned."""
        if self.program.lanes == 1:
            return tree
        return jax.tree.map(lambda leaf: np.asarray(leaf)[index], tree)

    def _score(self, params: Any, split: Split) -> tuple[Any, Any, Any]:
        """Correct predictions, loss and scored positions of each lane."""
        data = self.data.get(self.spec, split)
        totals = self.program.validate(params, data.windows, data.length)
        correct, loss, count = (np.atleast_1d(np.asarray(part)) for part in totals)
        return correct, loss, count
