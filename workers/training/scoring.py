"""How good the weights of each lane are, on the validation and the test split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks import Split, Task
from workers.job.setting import Point
from workers.job.spec import TaskSpec
from workers.training.data import DataCache
from workers.training.program import Program, Totals, TrainState
from workers.training.progress import Progress
from workers.training.stack import Params


def point_of(
    task: Task, updates: int, train_loss: float, sums: Totals, bound: float
) -> Point | None:
    """A point of a curve; None where a loss is not finite or far too high.

    Args:
        task: Whose metric it has.
        updates: Done so far.
        train_loss: Mean of the epoch, nats.
        sums: Of the validation split.
        bound: Training loss above which a setting has diverged.
    """
    valid_loss = sums.loss / sums.positions
    # A loss that is not finite has no metric that could be compared.
    if not train_loss <= bound or not math.isfinite(valid_loss):
        return None
    return Point(updates, train_loss, valid_loss, task.score(*sums))


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
        # What training summed up came with the state; validation is a pass of its own.
        scalars = self.program.lanes.scalars
        trained = zip(scalars(state.loss_sum), scalars(state.positions), strict=True)
        task, bound = self.spec.task, self.program.divergence_loss
        return [
            point_of(task, updates, float(total) / max(float(count), 1.0), sums, bound)
            for (total, count), sums in zip(
                trained, self._sums(state.params, "valid"), strict=True
            )
        ]

    def tested(self, lanes: Sequence[Progress], state: TrainState) -> list[Progress]:
        """The lanes with the test metric at the weights of their best validation."""
        # All lanes are scored in one pass; those without a best take what they have,
        # and are not read.
        rows = [
            self.program.lanes.pick(state.params, index)
            if lane.weights is None
            else lane.weights
            for index, lane in enumerate(lanes)
        ]
        every = self._sums(self.program.lanes.stack(rows), "test")
        return [
            lane
            if lane.weights is None
            else lane._replace(test=self.spec.task.score(*sums))
            for lane, sums in zip(lanes, every, strict=False)  # of empty lanes, none
        ]

    def _sums(self, params: Params, split: Split) -> list[Totals]:
        """What each lane's weights come to on a split, in floats."""
        data = self.data.get(self.spec, split)
        totals = self.program.validate(params, data.windows, data.length)
        columns = (self.program.lanes.scalars(column) for column in totals)
        return [Totals(*map(float, row)) for row in zip(*columns, strict=True)]
