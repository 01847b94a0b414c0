"""One cell on one task: a race over settings, then the winner with fresh seeds.

Pure: what is to be trained next follows from the results so far.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

from cells import Cell, canonical, digest
from search.procedure.racing import Racing, Rung, by_shape, due, ranked, rungs
from tasks import Metric
from workers import (
    PLAIN,
    Job,
    Result,
    Setting,
    TaskSpec,
    Training,
    make_job,
    nominal_cost,
    run_id,
    study_id,
)

MAX_REPEATS: Final = 999
"""More would reach the seeds of the next search seed."""

Lookup = Callable[[str], Mapping[int, Result]]
"""`run_id` to the results of that training that there are, by budget in updates."""


class Attempt(NamedTuple):
    """One training that is due: a setting, its budget in updates, and which repeat."""

    setting: Setting
    budget: int
    repeat: int


class Due(NamedTuple):
    """What is to be trained next.

    Attributes:
        stage: 0 for the first rung of the race, then 1, ...; the last is the repeats'.
        attempts: Independent of each other; none: all is done.
    """

    stage: int
    attempts: tuple[Attempt, ...]


class Outcome(NamedTuple):
    """What a contest has come to so far.

    Attributes:
        winner: The best result of the race; None until the race is over, or if every
            setting failed.
        repeats: The winner's setting with fresh seeds; empty until then.
        trainings: How many there were, of settings and of repeats.
        over: Whether nothing is left to be trained.
    """

    winner: Result | None
    repeats: tuple[Result, ...]
    trainings: int
    over: bool


@dataclass(frozen=True)
class Contest:
    """How a cell is scored on a task.

    The race is run with repeat 0's seed. Its best result is the best of many, and so
    an optimistic one: what the setting is worth is told by repeats 1 and above, which
    have other weights and, in synthetic tasks, other data of the same distribution.

    Attributes:
        name: What the cell is called.
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

    name: str
    cell: Cell
    task: TaskSpec
    settings: tuple[Setting, ...]
    budget: int
    seed: int = 0
    repeats: int = 5
    training: Training = PLAIN
    racing: Racing | None = None
    ops: tuple[str, ...] = ()

    def due(self, results: Lookup) -> Due:
        """What is to be trained next, given the results so far."""
        # First the race, rung by rung.
        race = due(
            self.racing,
            self.settings,
            self.budget,
            self._race(results),
            self.metric,
        )
        if race:
            budgets = [rung.budget for rung in self._rungs]
            attempts = tuple(Attempt(setting, budget, 0) for setting, budget in race)
            return Due(budgets.index(race[0][1]), attempts)

        # Then its winner, with every seed that has no result yet.
        stage, winner = len(self._rungs), self._winner(results)
        if winner is None:
            return Due(stage, ())
        missing = (
            repeat
            for repeat in self._repeats
            if self._repeated(winner.setting, repeat, results) is None
        )
        return Due(
            stage,
            tuple(Attempt(winner.setting, self.budget, repeat) for repeat in missing),
        )

    def outcome(self, results: Lookup) -> Outcome:
        """What it has come to, given the results so far."""
        stage, left = self.due(results)
        tried = len({setting for setting, _ in self._race(results)})
        if stage < len(self._rungs):
            return Outcome(None, (), tried, over=False)
        winner = self._winner(results)
        if winner is None:
            return Outcome(None, (), tried, over=True)
        answers = (self._repeated(winner.setting, r, results) for r in self._repeats)
        repeats = tuple(result for result in answers if result is not None)
        return Outcome(winner, repeats, tried + len(repeats), over=not left)

    def jobs(self, attempts: Iterable[Attempt], size: int) -> Iterator[Job]:
        """Jobs for attempts of one stage, of at most `size` settings each."""
        alike: dict[tuple[int, int], list[Setting]] = {}
        for attempt in attempts:
            key = (attempt.repeat, attempt.budget)
            alike.setdefault(key, []).append(attempt.setting)
        for (repeat, budget), settings in alike.items():
            for group in by_shape(settings):
                for first in range(0, len(group), size):
                    part = group[first : first + size]
                    yield self.job(part, budget, repeat)

    def job(self, settings: tuple[Setting, ...], budget: int, repeat: int) -> Job:
        """One job: settings of one shape, with the seed of a repeat.

        Repeats are scored on the test split, too.
        """
        return make_job(
            self._canonical,
            self._task(repeat),
            settings,
            budget,
            seed=repeat_seed(self.seed, repeat),
            training=self._training(repeat),
            ops=self.ops,
            known=self.digest,
        )

    def run_id(self, attempt: Attempt) -> str:
        """What is trained, whatever the budget."""
        repeat = attempt.repeat
        seed = repeat_seed(self.seed, repeat)
        task, training = self._task(repeat), self._training(repeat)
        return run_id(study_id(self.digest, task, seed, training), attempt.setting)

    def stage_name(self, stage: int) -> str:
        """What a stage is, for people."""
        if stage == len(self._rungs):
            return "fresh seeds"
        if len(self._rungs) == 1:
            return "settings"
        return f"rung {stage + 1} of {len(self._rungs)}"

    def best_so_far(self, results: Lookup) -> Result | None:
        """The best result of the race, of any budget; None if there is none."""
        race = self._race(results).values()
        succeeded = [result for result in race if result.best is not None]
        return next(iter(ranked(succeeded, self.metric)), None)

    def remaining(self, results: Lookup) -> float:
        """Nominal core-seconds that are left, about; settings may end early."""
        stage, attempts = self.due(results)
        updates = sum(attempt.budget for attempt in attempts)
        updates += sum(r.settings * r.budget for r in self._rungs[stage + 1 :])
        if stage < len(self._rungs):
            updates += self.repeats * self.budget
        return updates * self._update_s

    @cached_property
    def digest(self) -> str:
        """The digest of the cell."""
        text: str = digest(self.cell)
        return text

    @cached_property
    def metric(self) -> Metric:
        """The task's metric."""
        return self.task.task.metric

    @cached_property
    def _canonical(self) -> Cell:
        cell: Cell = canonical(self.cell)
        return cell

    @cached_property
    def _rungs(self) -> tuple[Rung, ...]:
        return rungs(self.racing, len(self.settings), self.budget)

    @property
    def _repeats(self) -> range:
        return range(1, self.repeats + 1)

    @cached_property
    def _update_s(self) -> float:
        """Nominal seconds of an update: those of two less those of one."""
        jobs = (self.job(self.settings[:1], budget, 0) for budget in (2, 1))
        two, one = map(nominal_cost, jobs)
        return two - one

    def _task(self, repeat: int) -> TaskSpec:
        """The task with the seed of a repeat."""
        overrides = tuple(sorted(self.task.overrides))
        seed = repeat_seed(self.seed, repeat)
        return TaskSpec(self.task.name, self.task.size, overrides, seed)

    def _training(self, repeat: int) -> Training:
        return replace(self.training, test=repeat > 0)

    def _race(self, results: Lookup) -> dict[tuple[Setting, int], Result]:
        """The results of the race, as `due` takes them."""
        budgets = {rung.budget for rung in self._rungs}
        return {
            (setting, budget): result
            for setting in self.settings
            for budget, result in self._of(setting, 0, results).items()
            if budget in budgets or (result.over and budget <= self.budget)
        }

    def _winner(self, results: Lookup) -> Result | None:
        """The best result with the whole budget, if any is one."""
        whole = [
            result
            for (_, budget), result in self._race(results).items()
            if budget == self.budget or result.over
        ]
        best = ranked(whole, self.metric)[:1]
        return best[0] if best and best[0].best is not None else None

    def _repeated(
        self, setting: Setting, repeat: int, results: Lookup
    ) -> Result | None:
        """The result of a repeat: with the whole budget, or over before."""
        by_budget = self._of(setting, repeat, results)
        exact = by_budget.get(self.budget)
        over = (r for spent, r in by_budget.items() if spent < self.budget and r.over)
        return exact or next(over, None)

    def _of(
        self, setting: Setting, repeat: int, results: Lookup
    ) -> Mapping[int, Result]:
        return results(self.run_id(Attempt(setting, self.budget, repeat)))


def repeat_seed(seed: int, repeat: int) -> int:
    """The seed of a repeat; no two pairs share one."""
    return seed * (MAX_REPEATS + 1) + repeat
