"""The way of a cell by common runs: few for all, the whole panel for the promising.

A cell is dropped at a rung where its value on the whole panel, predicted from its runs
so far, would with a stated probability not reach the list. How far such predictions are
off is measured in the search itself, on all cells that have had the whole panel.
"""

import math
from collections.abc import Sequence

from search.procedure.config import Config
from search.procedure.members import Member
from search.procedure.moves import UNGATED, Move, Order
from search.procedure.objective import LOG_LOSS, Fitness, Paired, log_loss
from search.procedure.paired import PairedPopulation
from search.procedure.visits import Round, Visit
from workers import Result, Setting


class Prediction:
    """How far the value on the whole panel is from that of the first runs.

    Attributes:
        count: Cells that it is known of.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = 0.0
        self._squares = 0.0

    @property
    def numbers(self) -> list[float]:
        """All that it goes by."""
        return [self.count, self._mean, self._squares]

    @numbers.setter
    def numbers(self, values: Sequence[float]) -> None:
        count, self._mean, self._squares = values
        self.count = int(count)

    def add(self, shift: float) -> None:
        """A cell whose value changed by so much (Welford 1962)."""
        self.count += 1
        delta = shift - self._mean
        self._mean += delta / self.count
        self._squares += delta * (shift - self._mean)

    def highest(self, value: float, error: float) -> float:
        """What the whole panel will say at most, but for a probability of `error`.

        The upper end of a one-sided prediction interval of Student's t.
        """
        if self.count < 3:
            return math.inf
        from scipy.special import stdtrit

        quantile = float(stdtrit(self.count - 1, 1 - error))
        variance = self._squares / (self.count - 1) * (1 + 1 / self.count)
        return value + self._mean + quantile * math.sqrt(variance)


class Staged:
    """Takes cells from rung to rung of the panel; see `Course`.

    Args:
        config: What is searched, and how.
        objective: Its objective.
        population: Cells and what is known of them.
    """

    def __init__(
        self, config: Config, objective: Paired, population: PairedPopulation
    ) -> None:
        self._config = config
        self._objective = objective
        self._population = population
        self._tasks = range(len(config.tasks))
        self._uniform = [stage.task.task.uniform_loss for stage in config.tasks]
        self._predictions = {
            (rung, task): Prediction()
            for rung in objective.rungs[:-1]
            for task in (*self._tasks, _ALL)
        }

    def begin(self, visit: Visit) -> None:
        """Gives a cell its first rounds."""
        objective, member = self._objective, visit.member
        if visit.kind == Move.REEXAMINE:
            repeat = self._population.repeats(member)
            for task in self._tasks:
                visit.begin([self._round(task, objective.panel, repeat)])
        elif visit.kind in (Move.SEED, Move.REFERENCE):
            # The baseline is half of every pair that there may ever be.
            own = member is self._population.find(self._population.baseline)
            repeats = objective.most_seeds if own else objective.seeds
            for repeat in range(repeats):
                rounds = [self._round(t, objective.panel, repeat) for t in self._tasks]
                visit.begin(rounds)
        else:
            visit.task = 0
            visit.begin(self._rungs(0, objective.rungs[0], 0))

    def observe(self, member: Member, order: Order, results: Sequence[Result]) -> None:
        """Takes down what a job came to."""
        panel = self._objective.panel
        for result in results:
            run = order.repeat * len(panel) + panel.index(result.setting)
            uniform = self._uniform[order.task]
            value = log_loss(result, uniform, self._objective.floor)
            self._population.observe(member, order.task, run, value)

    def go_on(self, visit: Visit) -> None:
        """Gives a cell what comes next: a task of the first rung, or the next rung."""
        if not visit.over:
            return
        member = visit.member
        if visit.kind == Move.REEXAMINE:
            self._population.update(member)
        elif visit.kind not in UNGATED:
            self._climb(visit)

    def opened(self) -> None:
        """All seeds and references have had the panel: what is known of errors."""
        for member in (*self._population.seeds, *self._population.references.values()):
            self._learn(member)

    def learned(self) -> list[list[float]]:
        """What each prediction goes by."""
        return [one.numbers for one in self._predictions.values()]

    def relearn(self, numbers: Sequence[Sequence[float]]) -> None:
        """Takes what `learned` said before."""
        for one, known in zip(self._predictions.values(), numbers, strict=True):
            one.numbers = list(known)

    def examinable(self) -> Sequence[Member]:
        """Members of the list of which more seeds decide most, if they may have any."""
        free = [
            member
            for member in self._population.best
            if not member.under_way
            and self._population.repeats(member) < self._objective.most_seeds
        ]
        return self._population.undecided(free) if free else []

    def reason_against(self, known: Member) -> str:
        """Why a known cell that is drawn as a mutant is not taken: runs are common."""
        return "under way" if known.under_way else "known already"

    def _climb(self, visit: Visit) -> None:
        """Decides whether a cell goes on, when nothing of it is under way."""
        objective, member = self._objective, visit.member
        rung = visit.rung
        runs = objective.rungs[rung]
        if runs < objective.rungs[-1] and self._is_clearly_worse(member, visit, runs):
            return

        # The first rung goes task by task: most cells fail on one of the first.
        if rung == 0 and visit.task < len(self._tasks) - 1:
            visit.task += 1
            visit.begin(self._rungs(0, runs, visit.task))
        elif runs < objective.rungs[-1]:
            visit.rung += 1
            for task in self._tasks:
                visit.begin(self._rungs(runs, objective.rungs[visit.rung], task))
        else:
            self._learn(member)
            self._population.join(member)

    def _is_clearly_worse(self, member: Member, visit: Visit, runs: int) -> bool:
        """Whether what the whole panel will say is below what reaches the list.

        By the least over tasks a cell fails where it fails on one, and tasks share the
        probability of error (Bonferroni); by the mean, when all of them have a run.
        """
        population, bar = self._population, self._population.bar_for(member)
        error = self._objective.error
        if self._objective.fitness is Fitness.LEAST:
            done = self._tasks if visit.rung else range(visit.task + 1)
            return any(
                self._predictions[runs, task].highest(
                    population.worth_of_first(member, task, runs),
                    error / len(self._tasks),
                )
                < bar
                for task in done
            )
        if not visit.rung and visit.task < len(self._tasks) - 1:
            return False
        value = self._mean_of_first(member, runs)
        return self._predictions[runs, _ALL].highest(value, error) < bar

    def _learn(self, member: Member) -> None:
        """Takes down what the whole panel said of a cell, against its first runs."""
        population, whole = self._population, self._objective.rungs[-1]
        if member.digest == population.baseline:  # a reference may be found anew
            return
        population.pool(member)
        for (rung, task), prediction in self._predictions.items():
            if task == _ALL:
                last = self._mean_of_first(member, whole)
                prediction.add(last - self._mean_of_first(member, rung))
            else:
                last = population.worth_of_first(member, task, whole)
                first = population.worth_of_first(member, task, rung)
                prediction.add(last - first)

    def _mean_of_first(self, member: Member, runs: int) -> float:
        values = [
            self._population.worth_of_first(member, task, runs) for task in self._tasks
        ]
        return math.fsum(values) / len(values)

    def _rungs(self, first: int, last: int, task: int) -> list[Round]:
        """The rounds of some runs of a task, one for each seed."""
        parts = self._objective.parts(first, last)
        return [self._round(task, part, repeat) for repeat, part in parts.items()]

    def _round(self, task: int, settings: tuple[Setting, ...], repeat: int) -> Round:
        budget = self._config.tasks[task].plan.budget
        return Round(task, settings, budget, None, LOG_LOSS, repeat=repeat)


_ALL = -1
"""In place of the index of a task: the mean over all of them."""
