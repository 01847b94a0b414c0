"""Moves of a search that are under way, as JSON values, and back; see `snapshots`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from search.procedure.config import Config
from search.procedure.moves import FILTER, Move, Order
from search.procedure.objective import LOG_LOSS
from search.procedure.procedure import Procedure
from search.procedure.visits import Round, Visit
from search.store.decode import COUNT, FLAG, INT, Kind
from search.store.rows import read_setting
from search.store.snapshots import need
from workers import Result, Setting

Find = Callable[[Order], Mapping[Setting, Result]]
"""The results of an order that are stored."""


class Words:
    """Settings by number."""

    def __init__(self, texts: Sequence[Any] = ()) -> None:
        self.texts: dict[str, int] = {text: n for n, text in enumerate(texts)}
        self._settings = [read_setting(text) for text in texts]

    def numbers(self, settings: Sequence[Setting]) -> list[int]:
        """The numbers of some."""
        texts = [setting.text for setting in settings]
        return [self.texts.setdefault(text, len(self.texts)) for text in texts]

    def settings(self, numbers: Any) -> tuple[Setting, ...]:
        """The reverse."""
        need(isinstance(numbers, list) and all(map(COUNT.fits, numbers)))
        return tuple(self._settings[number] for number in numbers)


def freeze_visit(visit: Visit, words: Words) -> list[Any]:
    """A move under way, as JSON values; what is in flight is told by the clock."""
    rounds = [
        [
            one.task,
            words.numbers(one.settings),
            one.repeat,
            int(one.begun),
            [[*words.numbers([setting]), budget] for setting, budget in one.results],
        ]
        for one in visit.rounds
    ]
    queue = [freeze_order(visit, order, words) for _, order in visit.queued]
    facts = [visit.decision, visit.kind.value, visit.member.digest]
    return [*facts, visit.task, int(visit.tried), visit.rung, rounds, queue]


def cells_of(rows: Any) -> set[str]:
    """The digests of the cells of moves."""
    return {row[2] for row in rows}


def freeze_order(visit: Visit, order: Order, words: Words) -> list[Any]:
    """An order of a move, as JSON values."""
    place = visit.rounds.index(visit.round_of(order))
    return [place, words.numbers(order.settings), order.budget]


def thaw_visit(row: Any, procedure: Procedure, words: Words, find: Find) -> Visit:
    """A move from its values.

    Raises:
        UnfitError: It is none.
    """
    number, kind, digest, task, tried, rung, rounds, queue = _fields(
        row, COUNT, _TEXT, _TEXT, INT, FLAG, COUNT, _LIST, _LIST
    )
    config, population = procedure.config, procedure.population
    need(FILTER <= task < len(config.tasks))
    need(config.objective is None or rung < len(config.objective.rungs))
    own = kind == Move.REFERENCE
    member = (population.references if own else population.members)[digest]
    size = config.rules.settings_per_job
    visit = Visit(number, Move(kind), member, size, task, bool(tried), rung)
    visit.rounds = [_round(one, visit, config, words, find) for one in rounds]
    for one in queue:
        visit.enqueue(*thaw_order(one, visit, words))
    return visit


def thaw_order(row: Any, visit: Visit, words: Words) -> tuple[Round, Order]:
    """An order of a move, and the round that it is of.

    Raises:
        UnfitError: It is none.
    """
    place, numbers, budget = _fields(row, COUNT, _LIST, COUNT)
    one, settings = visit.rounds[place], words.settings(numbers)
    need(bool(settings))
    about = (visit.decision, visit.member.digest, one.task)
    return one, Order(*about, settings, budget, one.repeat)


def _round(row: Any, visit: Visit, config: Config, words: Words, find: Find) -> Round:
    task, numbers, repeat, begun, known = _fields(row, INT, _LIST, COUNT, FLAG, _LIST)
    need(FILTER <= task < len(config.tasks))
    settings = words.settings(numbers)
    if task == FILTER:
        need(config.filter is not None)
        assert config.filter is not None
        budget, metric = config.filter.budget, config.filter.task.task.metric
        one = Round(task, settings, budget, None, metric, repeat)
    else:
        stage = config.tasks[task]
        paired = config.objective is not None
        racing = None if paired else config.rules.racing
        metric = LOG_LOSS if paired else stage.metric
        one = Round(task, settings, stage.plan.budget, racing, metric, repeat)
    one.begun = bool(begun)

    # A race goes on from the results that it has had.
    budgets: dict[int, list[int]] = {}
    for pair in known:
        number, budget = _fields(pair, COUNT, COUNT)
        budgets.setdefault(budget, []).append(number)
    for budget, raced in budgets.items():
        about = (visit.decision, visit.member.digest, task)
        results = find(Order(*about, words.settings(raced), budget, repeat))
        need(len(results) == len(set(raced)))
        one.results.update({(key, budget): value for key, value in results.items()})
    return one


_LIST: Final = Kind("a list", lambda value: isinstance(value, list))
_TEXT: Final = Kind("a text", lambda value: isinstance(value, str))


def _fields(row: Any, *kinds: Kind) -> list[Any]:
    """The values of a list, each of its kind."""
    need(isinstance(row, list) and len(row) == len(kinds))
    need(all(kind.fits(value) for kind, value in zip(kinds, row, strict=True)))
    return list(row)
