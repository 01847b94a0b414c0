"""One move of a search: a cell is given the filter, tasks and settings, as jobs."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from search.procedure.members import Member
from search.procedure.moves import FILTER, Move, Order
from search.procedure.racing import Racing, by_shape, due
from tasks import Metric
from workers import Result, Setting


@dataclass
class Round:
    """Settings of a cell on one task, trained as one race.

    Attributes:
        task: See `Order`.
        settings: Those of the round.
        budget: Most updates.
        racing: How they compete; None: all are trained to the end.
        metric: The task's.
        repeat: See `Order`.
        results: What is known of a race, by setting and budget.
        waiting: Jobs that are to be issued.
        open: Jobs that were issued and not yet told.
        begun: Whether any has been due.
    """

    task: int
    settings: tuple[Setting, ...]
    budget: int
    racing: Racing | None
    metric: Metric
    repeat: int = 0
    results: dict[tuple[Setting, int], Result] = field(default_factory=dict)
    waiting: int = 0
    open: int = 0
    begun: bool = False

    def due(self) -> tuple[tuple[Setting, int], ...]:
        """Settings and budgets to be trained next; none: the round is over."""
        if self.racing is None:
            first = () if self.begun else self.settings
            self.begun = True
            return tuple((setting, self.budget) for setting in first)
        return due(self.racing, self.settings, self.budget, self.results, self.metric)


@dataclass
class Visit:
    """A move under way.

    Attributes:
        decision: Its number.
        kind: See `Decision`.
        member: The cell.
        size: Most settings of a job.
        task: The task it has come to; see `Order`.
        tried: Whether it has given the cell the filter.
        rung: How often it has given the cell runs on all tasks; see `staged`.
        rounds: Those under way, independent of each other.
    """

    decision: int
    kind: Move
    member: Member
    size: int
    task: int = FILTER
    tried: bool = False
    rung: int = 0
    rounds: list[Round] = field(default_factory=list)
    _queue: deque[tuple[Round, Order]] = field(default_factory=deque)

    @property
    def over(self) -> bool:
        """Whether nothing is left of its rounds."""
        return not self.rounds

    @property
    def ready(self) -> bool:
        """Whether it has jobs that are to be issued."""
        return bool(self._queue)

    @property
    def queued(self) -> Sequence[tuple[Round, Order]]:
        """Jobs that are to be issued, in order, and the round of each."""
        return tuple(self._queue)

    def enqueue(self, one: Round, order: Order) -> None:
        """Adds a job of a round to those that are to be issued."""
        self._queue.append((one, order))
        one.waiting += 1

    def round_of(self, order: Order) -> Round:
        """The round under way that a job is of."""
        key = (order.task, order.repeat)
        return next(one for one in self.rounds if (one.task, one.repeat) == key)

    def begin(self, rounds: Iterable[Round]) -> None:
        """Starts rounds beside those under way; empty ones are over at once."""
        for one in rounds:
            if one.settings:
                self.rounds.append(one)
                self._enqueue(one)

    def next_order(self) -> Order | None:
        """The next job to be issued; None: none is ready."""
        if not self._queue:
            return None
        one, order = self._queue.popleft()
        one.waiting -= 1
        one.open += 1
        return order

    def tell(self, order: Order, results: Sequence[Result]) -> None:
        """Applies the results of a job, and goes on with its round."""
        one = self.round_of(order)
        one.open -= 1
        if one.racing is not None:
            one.results.update({(r.setting, order.budget): r for r in results})
        if one.open or one.waiting:
            return
        self._enqueue(one)
        if not one.waiting:
            self.rounds = [other for other in self.rounds if other is not one]

    def _enqueue(self, one: Round) -> None:
        """Makes jobs of what is due in a round: few settings each, of one shape."""
        budgets: dict[int, list[Setting]] = {}
        for setting, budget in one.due():
            budgets.setdefault(budget, []).append(setting)
        for budget, settings in budgets.items():
            for group in by_shape(settings):
                for first in range(0, len(group), self.size):
                    part = tuple(sorted(group[first : first + self.size], key=_text))
                    order = Order(
                        self.decision,
                        self.member.digest,
                        one.task,
                        part,
                        budget,
                        one.repeat,
                    )
                    self.enqueue(one, order)


def _text(setting: Setting) -> str:
    return setting.text
