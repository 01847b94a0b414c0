"""How far the training of a setting has come, and what it came to."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tasks import Metric
from workers.job.evaluation import BUDGET, Result, Status
from workers.job.schedule import State
from workers.job.setting import Point, Setting
from workers.training.model import Model


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


def is_open(lanes: Iterable[Progress]) -> bool:
    """Whether some setting goes on."""
    return any(not lane.ended for lane in lanes)


def end(lane: Progress, status: Status, cause: str, position: Position) -> Progress:
    """The lane, over for any budget; it is unchanged if it was over already."""
    if lane.ended:
        return lane
    return lane._replace(status=status, ended=cause, position=position, state=None)


def result_of(lane: Progress, model: Model, metric: Metric) -> Result:
    """What a setting's training has come to.

    Args:
        lane: The setting.
        model: What was trained.
        metric: The task's.
    """
    return Result(
        setting=lane.setting,
        status=lane.status,
        best=max((p.metric for p in lane.curve), key=metric.oriented, default=None),
        updates=lane.position.updates,
        ended=lane.ended or BUDGET,
        curve=lane.curve,
        width=model.width,
        num_params=model.num_params,
        test=lane.test,
    )
