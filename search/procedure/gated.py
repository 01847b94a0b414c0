"""The paper's way of a cell: the filter, then task after task, each behind a gate.

Jozefowicz et al. 2015, sections 3.1 and 3.3.
"""

from collections.abc import Sequence

from search.procedure.config import Config
from search.procedure.filter import passed
from search.procedure.members import Member, Origin
from search.procedure.moves import FILTER, UNGATED, Move, Order
from search.procedure.population import Population
from search.procedure.rounds import Rounds
from search.procedure.settings import Grids
from search.procedure.visits import Visit
from workers import Result


class Gated:
    """Takes cells as far as their gates open; see `Course`.

    Args:
        config: What is searched, and how.
        population: Cells and what is known of them.
    """

    def __init__(self, config: Config, population: Population) -> None:
        self._config = config
        self._population = population
        self._grids = Grids([stage.plan.grid for stage in config.tasks])
        self._rounds = Rounds(config, population, self._grids)

    def begin(self, visit: Visit) -> None:
        """Gives a cell its first rounds."""
        # Nobody's gate stands before a cell of the list, a seed or a reference.
        if visit.kind == Move.REEXAMINE:
            tasks = range(len(self._config.tasks))
            visit.begin([self._rounds.fresh(visit.member, task) for task in tasks])
        elif visit.kind in UNGATED:
            visit.begin(self._rounds.opening())
        else:
            self.go_on(visit)

    def observe(self, member: Member, order: Order, results: Sequence[Result]) -> None:
        """Takes down what a job came to."""
        if order.task == FILTER:
            member.attempts += 1
            member.filtered = passed(results)
            return
        for result in results:
            index = self._grids.index(order.task, result.setting)
            self._population.observe(member, order.task, index, result.best)
        if member.origin == Origin.SEED:
            self._rounds.forget(order.task)

    def go_on(self, visit: Visit) -> None:
        """Gives a mutant what comes next: the filter, or each task with an open gate.

        A gate is open as soon as one setting is above it: no other can close it again.
        So the next task need not wait until all settings of the last are trained.
        """
        if visit.kind in UNGATED:
            return
        member = visit.member
        if not member.filtered:
            if not visit.tried:
                visit.tried = True
                visit.begin([self._rounds.filter(member)])
            return
        gate, last = self._config.rules.gate, len(self._config.tasks) - 1
        while visit.task == FILTER or self._population.exceeds(
            member, visit.task, gate
        ):
            if visit.task == last:
                if visit.over:
                    self._population.join(member)
                return
            visit.task += 1
            visit.begin([self._rounds.fresh(member, visit.task)])

    def opened(self) -> None:
        """Nothing of seeds is kept that their results do not say."""

    def learned(self) -> list[list[float]]:
        """Nothing: gates are those of the baseline."""
        return []

    def relearn(self, numbers: Sequence[Sequence[float]]) -> None:
        """Nothing."""

    def examinable(self) -> Sequence[Member]:
        """Members of the list of which one may be examined again: any with settings."""
        tasks = range(len(self._config.tasks))
        return [
            member
            for member in self._population.best
            if not member.under_way and any(self._left(member, task) for task in tasks)
        ]

    def reason_against(self, known: Member) -> str:
        """Why a known cell that is drawn as a mutant is not taken; empty if it is."""
        if known.under_way:
            return "under way"
        if known.filtered:
            return "" if self._has_work(known) else "all settings tried"
        allowed = self._config.filter
        if allowed is not None and known.attempts >= allowed.attempts:
            return "all attempts failed"
        return ""

    def _has_work(self, member: Member) -> bool:
        """Whether a member that is drawn again would be given a setting."""
        gate = self._config.rules.gate
        for task in range(len(self._config.tasks)):
            if self._left(member, task):
                return True
            if not self._population.exceeds(member, task, gate):
                return False
        return False

    def _left(self, member: Member, task: int) -> int:
        """How many settings of a task a member has not had."""
        return len(self._grids.settings[task]) - len(member.trials_on(task))
