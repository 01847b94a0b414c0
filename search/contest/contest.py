"""One cell on one task: a race over settings, then the winner with fresh seeds.

Pure: what is to be trained next follows from the results so far.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from cells import Cell
from search.procedure.racing import Racing, Rung, by_shape, due, ranked, rungs
from tasks import Metric
from workers import Job, Result, Setting, TaskSpec, Training, make_job, nominal_cost

MAX_REPEATS: Final = 999
"""More would reach the seeds of the next search seed."""

PLAIN: Final = Training()
"""Training as in the paper's search."""

Known = Callable[[str], Mapping[int, Result]]
"""`run_id` to what is known of that training, by budget in updates."""


class Run(NamedTuple):
    """One training that is due: a setting, its budget in updates, and which repeat."""

    setting: Setting
    budget: int
    repeat: int


class Due(NamedTuple):
    """What is to be trained next.

    Attributes:
        stage: 0 for the first rung of the race, then 1, ...; the last is the repeats'.
        runs: Independent of each other; none: all is done.
    """

    stage: int
    runs: tuple[Run, ...]


class Outcome(NamedTuple):
    """What a contest has come to so far.

    Attributes:
        winner: The best result of the race; None until the race is over, or if every
            setting failed.
        repeats: The winner's setting with fresh seeds; empty until then.
        runs: How many trainings there were, of settings and of repeats.
        over: Whether nothing is left to be trained.
    """

    winner: Result | None
    repeats: tuple[Result, ...]
    runs: int
    over: bool


@dataclass(frozen=True)
class Contest:
    """How a cell is scored on a task.

    The race is run with repeat 0's seed. Its best result is the best of many, and so
    an optimistic one: what the setting is worth is told by repeats 1 and above, which
    have other weights and, in synthetic tasks, other data of the same distribution.

    Attributes:
        cell: The cell.
        task: What it is trained on, without a seed.
        settings: Those that compete.
        budget: Most updates of a setting.
        seed: Seed of everything.
        repeats: How many fresh seeds the winner is given.
        training: How each setting is trained.
        racing: How settings compete; None: all are trained to the end.
        ops: `module:op` of a person's own ops that the cell uses.
    """

    cell: Cell
    task: TaskSpec
    settings: tuple[Setting, ...]
    budget: int
    seed: int = 0
    repeats: int = 5
    training: Training = PLAIN
    racing: Racing | None = None
    ops: tuple[str, ...] = ()

    def due(self, known: Known) -> Due:
        """What is to be trained next, given what is known."""
        race = due(
            self.racing,
            self.settings,
            self.budget,
            self._runs(known),
            self.metric,
        )
        if race:
            budgets = [rung.budget for rung in self._rungs]
            runs = tuple(Run(setting, budget, 0) for setting, budget in race)
            return Due(budgets.index(race[0][1]), runs)
        stage = len(self._rungs)
        winner = self._winner(known)
        if winner is None:
            return Due(stage, ())
        found = [self._repeat(winner.setting, r, known) for r in self._repeats]
        missing = (
            r for r, result in zip(self._repeats, found, strict=True) if not result
        )
        return Due(stage, tuple(Run(winner.setting, self.budget, r) for r in missing))

    def outcome(self, known: Known) -> Outcome:
        """What it has come to, given what is known."""
        stage, left = self.due(known)
        tried = len({setting for setting, _ in self._runs(known)})
        if stage < len(self._rungs):
            return Outcome(None, (), tried, over=False)
        winner = self._winner(known)
        if winner is None:
            return Outcome(None, (), tried, over=True)
        found = [self._repeat(winner.setting, r, known) for r in self._repeats]
        repeats = tuple(result for result in found if result is not None)
        return Outcome(winner, repeats, tried + len(repeats), over=not left)

    def jobs(self, runs: Iterable[Run], size: int) -> Iterator[Job]:
        """Jobs for trainings of one stage, of at most `size` settings each."""
        by_repeat: dict[tuple[int, int], list[Setting]] = {}
        for run in runs:
            by_repeat.setdefault((run.repeat, run.budget), []).append(run.setting)
        for (repeat, budget), settings in by_repeat.items():
            for group in by_shape(settings):
                for first in range(0, len(group), size):
                    part = group[first : first + size]
                    yield self.job(part, budget, repeat)

    def job(self, settings: tuple[Setting, ...], budget: int, repeat: int) -> Job:
        """One job: settings of one shape, with the seed of a repeat.

        Repeats are scored on the test split, too.
        """
        seed = repeat_seed(self.seed, repeat)
        return make_job(
            self.cell,
            TaskSpec(self.task.name, self.task.size, self.task.overrides, seed),
            settings,
            budget,
            seed=seed,
            training=dataclasses.replace(self.training, test=repeat > 0),
            ops=self.ops,
        )

    def run_id(self, run: Run) -> str:
        """What is trained, whatever the budget."""
        key = (run.setting, run.repeat)
        if key not in self._run_ids:
            self._run_ids[key] = self._template(run.repeat).run_id(run.setting)
        return self._run_ids[key]

    def stage_name(self, stage: int) -> str:
        """What a stage is, for people."""
        if stage == len(self._rungs):
            return "fresh seeds"
        if len(self._rungs) == 1:
            return "settings"
        return f"rung {stage + 1} of {len(self._rungs)}"

    def best_so_far(self, known: Known) -> Result | None:
        """The best result of the race, of any budget; None if there is none."""
        results = self._runs(known).values()
        found = [result for result in results if result.best is not None]
        return next(iter(ranked(found, self.metric)), None)

    def remaining(self, known: Known) -> float:
        """Nominal core-seconds that are left, about; settings may end early."""
        stage, runs = self.due(known)
        updates = sum(run.budget for run in runs)
        updates += sum(r.settings * r.budget for r in self._rungs[stage + 1 :])
        if stage < len(self._rungs):
            updates += self.repeats * self.budget
        return updates * self._update_s

    @cached_property
    def metric(self) -> Metric:
        """The task's metric."""
        return self.task.task.metric

    @cached_property
    def _rungs(self) -> tuple[Rung, ...]:
        return rungs(self.racing, len(self.settings), self.budget)

    @property
    def _repeats(self) -> range:
        return range(1, self.repeats + 1)

    @cached_property
    def _run_ids(self) -> dict[tuple[Setting, int], str]:
        return {}

    def _template(self, repeat: int) -> Job:
        """Some job of a repeat: all of them agree in what makes a run's id."""
        if repeat not in self._templates:
            self._templates[repeat] = self.job(self.settings[:1], 1, repeat)
        return self._templates[repeat]

    @cached_property
    def _templates(self) -> dict[int, Job]:
        return {}

    @cached_property
    def _update_s(self) -> float:
        """Nominal seconds of an update: those of two less those of one."""
        jobs = (self.job(self.settings[:1], budget, 0) for budget in (2, 1))
        two, one = map(nominal_cost, jobs)
        return two - one

    def _runs(self, known: Known) -> dict[tuple[Setting, int], Result]:
        """What is known of the race, as `due` takes it."""
        budgets = {rung.budget for rung in self._rungs}
        return {
            (setting, budget): result
            for setting in self.settings
            for budget, result in known(
                self.run_id(Run(setting, self.budget, 0))
            ).items()
            if budget in budgets or (result.over and budget <= self.budget)
        }

    def _winner(self, known: Known) -> Result | None:
        """The best result with the whole budget, if any is one."""
        runs = self._runs(known)
        whole = [
            result
            for (_, budget), result in runs.items()
            if budget == self.budget or result.over
        ]
        best = ranked(whole, self.metric)[:1]
        return best[0] if best and best[0].best is not None else None

    def _repeat(self, setting: Setting, repeat: int, known: Known) -> Result | None:
        found = known(self.run_id(Run(setting, self.budget, repeat)))
        exact = found.get(self.budget)
        over = (r for budget, r in found.items() if budget < self.budget and r.over)
        return exact or next(over, None)


def repeat_seed(seed: int, repeat: int) -> int:
    """The seed of a repeat; no two pairs share one."""
    return seed * (MAX_REPEATS + 1) + repeat
