"""What parts of a search cost on a device, by its figures; nothing is trained.

See `GatedCosts` and `StagedCosts`. A program has as many lanes as
the platform's default, whatever a job fills of them.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from search.commands.device_figures import Speeds
from search.commands.taken import NOTHING, Taken
from search.procedure.config import Config
from search.procedure.racing import by_shape
from tasks import Task
from workers import Setting, Shape, program_kind

ROOMS: Final = 3
"""Sizes of cells that have programs of any cell: `cells/tables/sizes.py`."""


@dataclass(frozen=True)
class Programs:
    """Programs of one cell each, on a device.

    Attributes:
        speeds: What was measured.
        lanes: Of every program.
    """

    speeds: Speeds
    lanes: int

    def compile_s(self, shape: Shape) -> float:
        """Seconds of compiling a program; see `weights_of`."""
        alone_s = self.speeds.compile_s(weights_of(shape), self.lanes)
        return shape.num_layers * alone_s

    def train_s(self, shape: Shape, task: Task, updates: int) -> float:
        """Seconds of some updates of a program, of all its lanes."""
        position_s = self.speeds.position_s(weights_of(shape), self.lanes)
        return updates * shape.num_layers * position_s * positions(task)

    def passes(self, settings: int, per_job: int) -> int:
        """How often a program trains its lanes, for settings of one shape in jobs."""
        jobs, left = divmod(settings, per_job)
        return jobs * math.ceil(per_job / self.lanes) + math.ceil(left / self.lanes)


@dataclass(frozen=True)
class GatedDevice:
    """What parts of a search by ratios cost on devices of a kind.

    A program is compiled once for a cell, task and shape, by each device that has one
    of its jobs. Settings of a round are drawn evenly from the grid.

    Attributes:
        config: The search.
        programs: Of a device.
        devices: How many.
    """

    config: Config
    programs: Programs
    devices: int

    def filter(self) -> Taken:
        """Of a candidate's filter, if it uses its whole budget."""
        chosen = self.config.filter
        assert chosen is not None
        shape, programs = chosen.first.shape, self.programs
        train_s = programs.train_s(shape, chosen.task.task, chosen.budget)
        return Taken(programs.compile_s(shape), train_s, 1, chosen.budget)

    def round(self, task: int, settings: int) -> Taken:
        """Of so many settings of a cell on a task."""
        stage, size = self.config.tasks[task], self.config.rules.settings_per_job
        grid, budget, programs = stage.plan.grid, stage.plan.budget, self.programs
        shapes = dict.fromkeys(setting.shape for setting in grid.settings)
        alike = len(grid) // len(shapes)

        # Every shape has as many settings as any other, and so as many of a round.
        def expected(value: Callable[[int], int]) -> float:
            return _expected(value, len(grid), alike, min(settings, len(grid)))

        compiled = expected(lambda n: min(math.ceil(n / size), self.devices))
        passes = expected(lambda n: programs.passes(n, size))
        compile_s = compiled * sum(map(programs.compile_s, shapes))
        train_s = sum(programs.train_s(s, stage.task.task, budget) for s in shapes)
        return Taken(compile_s, passes * train_s, settings, settings * budget)


@dataclass(frozen=True)
class StagedDevice:
    """What parts of a search by common runs cost on a device.

    A program is compiled once a cell for all tasks that are alike in vocabulary and
    window, all seeds and optimizers.

    Attributes:
        config: The search.
        programs: Of a device.
        points: Of a learning curve; not known.
    """

    config: Config
    programs: Programs
    points: float = 0.0

    def compiling(self, settings: Sequence[Setting]) -> Taken:
        """Of a cell, for these settings on all tasks."""
        shapes = {setting.shape._replace(optimizer="") for setting in settings}
        kinds = {
            (program_kind(stage.task.task, stage.training), stage.task.task.num_steps)
            for stage in self.config.tasks
        }
        return Taken(len(kinds) * sum(map(self.programs.compile_s, shapes)))

    def running(self, settings: Sequence[Setting]) -> Taken:
        """Of a cell with these settings on all tasks."""
        found, size = NOTHING, self.config.rules.settings_per_job
        for stage, group in itertools.product(self.config.tasks, by_shape(settings)):
            count, budget = len(group), stage.plan.budget
            passes = self.programs.passes(count, size)
            train_s = self.programs.train_s(group[0].shape, stage.task.task, budget)
            found += Taken(0.0, passes * train_s, count, count * budget)
        return found


@dataclass(frozen=True)
class AnyCellDevice:
    """What parts of a search by common runs cost where cells share programs.

    Attributes:
        config: The search.
        speeds: Of programs of any cell.
        lanes: Of every program.
        filled: How many of them have a training.
        points: Of a learning curve; not known.
    """

    config: Config
    speeds: Speeds
    lanes: int
    filled: float
    points: float = 0.0

    def compiling(self, settings: Sequence[Setting]) -> Taken:
        """Of a cell: it is data."""
        return NOTHING

    def running(self, settings: Sequence[Setting]) -> Taken:
        """Of a cell with these settings on all tasks, its share of the lanes."""
        found = NOTHING
        for stage, setting in itertools.product(self.config.tasks, settings):
            position_s = self.speeds.position_s(setting.parameters, self.lanes)
            lanes_s = position_s * positions(stage.task.task) / self.filled
            budget = stage.plan.budget
            found += Taken(0.0, budget * lanes_s, 1, budget)
        return found

    def opening(self, setting: Setting) -> Taken:
        """Of the programs, compiled once."""
        return Taken(ROOMS * self.speeds.compile_s(setting.parameters, self.lanes))


def weights_of(shape: Shape) -> float:
    """Weights of the model of one layer that stands for each of a model's layers.

    What was measured has one layer. L layers of W weights are taken as L such models of
    W / L weights, one after the other; compiling takes less than that.
    """
    return shape.parameters / shape.num_layers


def positions(task: Task) -> int:
    """T x B: what an update of a training has."""
    return task.num_steps * task.batch_size


def _expected(value: Callable[[int], int], whole: int, alike: int, drawn: int) -> float:
    """The mean of what follows from how many of a kind are drawn, none twice.

    Args:
        value: Of that number.
        whole: How many there are.
        alike: How many of them are of the kind.
        drawn: How many are drawn.
    """
    ways = (
        (n, math.comb(alike, n) * math.comb(whole - alike, drawn - n))
        for n in range(max(0, drawn + alike - whole), min(alike, drawn) + 1)
    )
    return sum(value(n) * count for n, count in ways) / math.comb(whole, drawn)
