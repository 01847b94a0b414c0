"""The objective `paired`: cells are compared on common runs, in pairs with a baseline.

Every cell is trained with the same settings and seeds (the panel), on the same data.
Its value on a task is the mean, over these runs, of how much lower the logarithm of its
validation loss is than the baseline's in the same run, averaged over the learning
curve. Where good cells differ by less than the luck of settings and seeds, that orders
them with a fraction of the runs that comparing bests takes: what a setting or seed does
to every cell alike has gone from the difference.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from search.errors import UserError, at_least
from tasks import Metric
from workers import Result, Setting, Status

LOG_LOSS: Final = Metric("log loss", "log nats", higher_is_better=False)
"""What is kept of a run; see `log_loss`."""


class Fitness(StrEnum):
    """How values on several tasks make one fitness.

    Attributes:
        LEAST: The least of them: a cell is as good as where it is worst.
        MEAN: Their mean.
    """

    LEAST = "least"
    MEAN = "mean"


class NominalCost(StrEnum):
    """What a search keeps low beside keeping fitness high; see `costs`.

    Attributes:
        NONE: Nothing: the list has the fittest.
        FLOPS: Of a step forward.
        MATRICES: That a step multiplies with something.
        STATE_BYTES: Carried from step to step.
        TRAINING: Core-seconds of a training.
    """

    NONE = "none"
    FLOPS = "flops"
    MATRICES = "matrices"
    STATE_BYTES = "state_bytes"
    TRAINING = "training"


@dataclass(frozen=True, kw_only=True)
class Finals:
    """How the best cells are scored anew when a search ends.

    Attributes:
        cells: How many of the best; 0: there are no finals.
        seeds: Of each setting; none of them took part in the search.
        panel: Settings; none of them took part.
        tasks: Tasks beside those of the search; none of them took part.
    """

    cells: int = 0
    seeds: int = 16
    panel: tuple[Setting, ...] = ()
    tasks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        at_least("finals.cells", self.cells, 0)
        at_least("finals.seeds", self.seeds, 2)


NO_FINALS: Final = Finals()


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The numbers of the objective.

    Attributes:
        panel: The common settings; two of different optimizers at least tell a good
            cell from one that likes a setting.
        rungs: Runs on each task after which a cell may be dropped, in order; the last
            is the whole panel. Runs go through the settings, then through the seeds.
        error: Probability that a cell is dropped at a rung although its value on the
            whole panel would reach the list.
        most_seeds: Of each setting, for a cell that is examined again and again.
        fitness: How values on tasks are combined.
        cost: With a cost, the list is the Pareto front of fitness and that.
        floor: Share of the uniform loss below which a loss counts as that: the
            logarithm of nearly nothing is luck.
        finals: How the best cells are scored in the end.
    """

    panel: tuple[Setting, ...]
    rungs: tuple[int, ...] = (1, 2, 4)
    error: float = 0.05
    most_seeds: int = 16
    fitness: Fitness = Fitness.LEAST
    cost: NominalCost = NominalCost.NONE
    floor: float = 0.01
    finals: Finals = field(default=NO_FINALS)

    def __post_init__(self) -> None:
        if not self.panel:
            raise UserError("panel needs at least one setting")
        if len(set(self.panel)) < len(self.panel):
            raise UserError("panel has a setting twice")
        if not self.rungs or list(self.rungs) != sorted(set(self.rungs)):
            raise UserError(f"rungs must be rising numbers of runs, got {self.rungs}")
        at_least("rungs", self.rungs[0], 1)
        if self.rungs[-1] % len(self.panel):
            raise UserError(
                f"the last of rungs must be a multiple of the {len(self.panel)} "
                f"settings of the panel, got {self.rungs[-1]}"
            )
        if not 0 < self.error < 1:
            raise UserError(f"error must be between 0 and 1, got {self.error}")
        if not 0 < self.floor < 1:
            raise UserError(f"floor must be between 0 and 1, got {self.floor}")
        at_least("most_seeds", self.most_seeds, self.seeds)
        shared = set(self.panel) & set(self.finals.panel)
        if shared:
            raise UserError(
                f"finals.panel has a setting of the panel: {next(iter(shared)).text}"
            )

    @property
    def seeds(self) -> int:
        """Seeds of each setting in the whole panel."""
        return self.rungs[-1] // len(self.panel)

    def run(self, number: int) -> tuple[int, Setting]:
        """The repeat and the setting of a run: settings first, then seeds."""
        repeat, index = divmod(number, len(self.panel))
        return repeat, self.panel[index]

    def parts(self, first: int, last: int) -> dict[int, tuple[Setting, ...]]:
        """The settings of some runs, from one number to before another, by repeat."""
        found: dict[int, tuple[Setting, ...]] = {}
        for number in range(first, last):
            repeat, setting = self.run(number)
            found[repeat] = (*found.get(repeat, ()), setting)
        return found


def log_loss(result: Result, uniform: float, floor: float) -> float:
    """What a run is worth: the mean logarithm of its validation loss over the curve.

    A run that failed counts as one that has learned nothing.

    Args:
        result: With its curve.
        uniform: Loss in nats of a prediction that knows nothing.
        floor: Share of it below which a loss counts as that.
    """
    if result.status is not Status.OK or not result.curve:
        return math.log(uniform)
    least = floor * uniform
    losses = [math.log(max(point.valid_loss, least)) for point in result.curve]
    return sum(losses) / len(losses)
