"""The search by common runs once more, in the plainest and slowest way.

Of a cell only the log of its runs is kept. Every value, error, bound and bar is found
from all logs anew whenever it is asked for; a value is kept until a log has grown.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from scipy import stats

from cells import Cell, CellError
from search.procedure.config import Config
from tests.support.slow_search import Known, Part, SlowSearch, Track, Wanted
from workers import COMPILE_S, Job, Result, Setting, Status, make_job, update_cost


class SlowPaired(SlowSearch):
    """A whole search by common runs.

    Attributes:
        log: Task, number and log loss of every run of a cell, in order of arrival.
        counted: How many of them its place in the list is by.
    """

    def __init__(
        self, config: Config, answer: Callable[[Job, Setting], Result], candidates: int
    ) -> None:
        assert config.objective is not None
        self.objective = config.objective
        self.panel, self.rungs = config.objective.panel, config.objective.rungs
        self.seeds = self.rungs[-1] // len(self.panel)
        self.log: dict[Known, list[tuple[int, int, float]]] = defaultdict(list)
        self.counted: dict[Known, int] = {}
        self._kept: dict[tuple[Any, ...], Any] = {}
        super().__init__(config, answer, candidates)

    # Jobs

    def job(self, part: Part) -> Job:
        one, seed = self.config.tasks[part.stage], self.config.seed + part.repeat
        task = replace(one.task, seed=seed)
        options = {"seed": seed, "training": one.training}
        return make_job(part.known.cell, task, part.settings, part.budget, **options)

    def cost(self, part: Part) -> float:
        """A cell is compiled on the first task, with the first setting."""
        compiled = part.stage > 0 or self.panel[0] not in part.settings
        shape, stage = part.settings[0].shape, self.config.tasks[part.stage]
        try:
            block = self.config.training.block
            update = update_cost(part.known.cell, shape, stage.task.task, block)
        except CellError:
            update = 0.0
        trained = len(part.settings) * part.budget * update
        return (0.1 if compiled else COMPILE_S) + trained

    def observe(self, part: Part, result: Result) -> None:
        run = part.repeat * len(self.panel) + self.panel.index(result.setting)
        uniform = self.config.tasks[part.stage].task.task.uniform_loss
        loss = math.log(uniform)
        if result.status is Status.OK and result.curve:
            least = self.objective.floor * uniform
            loss = statistics.fmean(
                math.log(max(point.valid_loss, least)) for point in result.curve
            )
        self.log[part.known].append((part.stage, run, loss))

    # What a move gives a cell

    def openings(self, known: Known) -> list[Track]:
        own = known.name == self.config.baseline
        repeats = range(self.objective.most_seeds if own else self.seeds)
        return [self.until_counted(known, repeats)]

    def examination(self, known: Known) -> list[Track]:
        had = self.seeds_had(known)
        return [self.until_counted(known, range(had, had + 1))]

    def until_counted(self, known: Known, repeats: Sequence[int]) -> Track:
        yield [
            self.wanted(task, self.panel, repeat)
            for repeat in repeats
            for task in self.tasks
        ]
        self.counted[known] = len(self.log[known])

    def wanted(self, task: int, settings: Sequence[Setting], repeat: int) -> Wanted:
        budget = self.config.tasks[task].plan.budget
        return Wanted(task, [(setting, budget) for setting in settings], repeat)

    def take(self, move: int, known: Known) -> None:
        self.start(move, known, [self.climb(known)])

    def climb(self, known: Known) -> Track:
        """The first rung task by task, the others on all tasks at once."""
        for task in self.tasks:
            yield list(self.runs(task, 0, self.rungs[0]))
            if self.is_dropped(known, 0, range(task + 1)):
                return
        for rung in range(1, len(self.rungs)):
            first, last = self.rungs[rung - 1 : rung + 1]
            yield [one for task in self.tasks for one in self.runs(task, first, last)]
            if self.is_dropped(known, rung, self.tasks):
                return
        known.complete = True
        self.counted[known] = len(self.log[known])

    def runs(self, task: int, first: int, last: int) -> Iterator[Wanted]:
        size = len(self.panel)
        for repeat in range(self.objective.most_seeds):
            numbers = [n for n in range(first, last) if n // size == repeat]
            if numbers:
                yield self.wanted(task, [self.panel[n % size] for n in numbers], repeat)

    def is_dropped(self, known: Known, rung: int, tasks: Sequence[int]) -> bool:
        """Whether its value on the whole panel is predicted not to reach the list."""
        if rung == len(self.rungs) - 1:
            return False
        bar, error, count = self.bar, self.objective.error, len(self.tasks)
        if self.objective.fitness == "least":
            each = [self.highest(known, rung, [t], error / count) for t in tasks]
            return min(each) < bar
        return (
            len(tasks) == count and self.highest(known, rung, self.tasks, error) < bar
        )

    def highest(
        self, known: Known, rung: int, tasks: Sequence[int], error: float
    ) -> float:
        """The upper prediction bound of the mean over some tasks."""

        def worth(one: Known, runs: int) -> float:
            return statistics.fmean(self.worth(one, task, runs) for task in tasks)

        first, last = self.rungs[rung], self.rungs[-1]
        shifts = [worth(one, last) - worth(one, first) for one in self.finished]
        count = len(shifts)
        if count < 3:
            return math.inf
        spread = statistics.stdev(shifts) * math.sqrt(1 + 1 / count)
        quantile = stats.t.ppf(1 - error, count - 1)
        return float(worth(known, first) + statistics.fmean(shifts) + quantile * spread)

    # Which cells are taken and examined

    def against(self, cell: Cell, old: Known | None) -> str:
        if old is None:
            return self.against_new(cell)
        return "under way" if self.is_under_way(old) else "known already"

    def examinable(self) -> list[Known]:
        free = [
            one
            for one in self.best
            if not self.is_under_way(one)
            and self.seeds_had(one) < self.objective.most_seeds
        ]
        highest = max(map(self.upper, free), default=0.0)
        return [
            one for one in self.known if one in free and self.upper(one) == highest
        ][:1]

    def seeds_had(self, known: Known) -> int:
        counts = [sum(run[0] == task for run in self.log[known]) for task in self.tasks]
        return min(counts) // len(self.panel)

    # Values

    @property
    def baseline(self) -> Known:
        cells = dict((*self.config.seeds, *self.config.references))
        order = list(cells).index(self.config.baseline)
        return self.known[order]

    @property
    def finished(self) -> list[Known]:
        """Cells that have had the whole panel; the baseline has no error."""
        whole = [one for one in self.known if one.complete or one.origin == "reference"]
        return [one for one in whole if one.digest != self.baseline.digest]

    def differences(
        self, known: Known, task: int, runs: int | None = None
    ) -> dict[int, float]:
        """In pairs with the baseline, by number of the run."""
        own, base = (
            {run: loss for stage, run, loss in log if stage == task}
            for log in (self.log[known], self.log[self.baseline])
        )
        return {run: base[run] - own[run] for run in own if runs is None or run < runs}

    def worth(self, known: Known, task: int, runs: int | None = None) -> float:
        """The mean over settings of the mean over their runs."""
        return self._once(self._worth, known, task, runs)

    def by_seed(self, known: Known, task: int, runs: int | None = None) -> list[float]:
        """The mean over settings, of seeds that all settings have had."""
        return self._once(self._by_seed, known, task, runs)

    def _once(self, find: Any, known: Known, *more: Any) -> Any:
        """What is found of a log and the baseline's; both only ever grow at the end."""
        lengths = (len(self.log[known]), len(self.log[self.baseline]))
        key = (find.__name__, known, *more, *lengths)
        if key not in self._kept:
            self._kept[key] = find(known, *more)
        return self._kept[key]

    def _worth(self, known: Known, task: int, runs: int | None) -> float:
        pairs, size = self.differences(known, task, runs), len(self.panel)
        alike = [[pairs[n] for n in pairs if n % size == s] for s in range(size)]
        return statistics.fmean(statistics.fmean(one) for one in alike if one)

    def _by_seed(self, known: Known, task: int, runs: int | None) -> list[float]:
        pairs, size = self.differences(known, task, runs), len(self.panel)
        seeds = range(self.objective.most_seeds)
        alike = [[pairs[n] for n in pairs if n // size == seed] for seed in seeds]
        return [statistics.fmean(one) for one in alike if len(one) == size]

    def error(self, known: Known, task: int) -> float:
        """Of a value, by the variance between seeds of all finished cells."""
        samples = [self.by_seed(one, task, self.rungs[-1]) for one in self.finished]
        samples = [sample for sample in samples if len(sample) > 1]
        if not samples:
            return math.inf
        squares = sum((len(one) - 1) * statistics.variance(one) for one in samples)
        variance = squares / sum(len(one) - 1 for one in samples)
        return math.sqrt(variance / len(self.by_seed(known, task)))

    def combined(self, values: Sequence[float]) -> float:
        least = self.objective.fitness == "least"
        return min(values) if least else statistics.fmean(values)

    def upper(self, known: Known) -> float:
        return self.combined(
            [self.worth(known, t) + self.error(known, t) for t in self.tasks]
        )

    def fitness(self, known: Known) -> float:
        """Of runs that count: those of a move under way do not yet."""
        log = self.log[known]
        self.log[known] = log[: self.counted[known]]
        found = self.combined([self.worth(known, task) for task in self.tasks])
        self.log[known] = log
        return found

    @property
    def bar(self) -> float:
        """What reaches the list; while it is not full, the worst seed's value today."""
        best = self.best
        if len(best) == self.rules.list_size:
            return self.fitness(best[-1])
        return min(
            self.combined([self.worth(one, task) for task in self.tasks])
            for one in self.known
            if one.origin == "seed"
        )

    def state(self) -> list[Any]:
        """The list and its fitnesses, the errors of the first, and the bar."""
        if not self.opened:
            return []
        errors = [self.error(self.best[0], task) for task in self.tasks]
        return [*super().state(), errors, self.bar]

    def score(self, known: Known, task: int) -> dict[str, Any]:
        error = self.error(known, task)
        return {
            "difference": self.worth(known, task),
            "error": error if math.isfinite(error) else None,
            "runs": sum(run[0] == task for run in self.log[known]),
        }
