"""Cells and moves of a search as plain values, and back; see `snapshots`.

What is known of all cells is a few columns of numbers, since it is millions of them;
who they are is in the history. Moves under way are few, and JSON values.
"""

import operator
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from search.procedure.config import Config
from search.procedure.moves import FILTER, Move, Order
from search.procedure.objective import LOG_LOSS
from search.procedure.population import Member, Population, Trials
from search.procedure.procedure import Procedure
from search.procedure.visits import Round, Visit
from search.store.decode import COUNT, FLAG, INT, Kind
from search.store.rows import read_setting
from workers import Result, Setting

COLUMNS: Final[Mapping[str, str]] = {
    "attempts": "<u2",  # a row a cell
    "flags": "u1",  # 1: filtered, 2: complete
    "tasks": "u1",  # that it was given
    "counts": "<u2",  # a row a cell and task
    "rounds": "<u2",
    "bests": "<i4",
    "indices": "<u2",  # a row a cell, task and setting
    "values": "<f8",
    "ranked": "<u4",  # a row a complete cell, best first
    "fitness": "<f8",
}
"""Columns of numbers and their types."""

Find = Callable[[Order], Mapping[Setting, Result]]
"""The results of an order that are stored."""


class UnfitError(ValueError):
    """A snapshot is none of this search's."""


# What is known of cells


def freeze_cells(population: Population) -> dict[str, npt.NDArray[Any]]:
    """What is known of all cells, as `COLUMNS`."""
    members = _by_birth(population)
    trials = [one for member in members for one in member.trials]
    indices, values = array("H"), array("d")
    for one in trials:
        indices.extend(one.indices)
        values.extend(one.values)
    found: dict[str, Sequence[Any]] = {
        "attempts": [member.attempts for member in members],
        "flags": [member.filtered + 2 * member.complete for member in members],
        "tasks": [len(member.trials) for member in members],
        "counts": [len(one) for one in trials],
        "rounds": [one.rounds for one in trials],
        "bests": [one.best_index for one in trials],
        "indices": indices,
        "values": values,
        "ranked": [member.birth for member in population.ranked],
        "fitness": [member.fitness for member in population.ranked],
    }
    return {name: np.array(found[name], kind) for name, kind in COLUMNS.items()}


def thaw_cells(procedure: Procedure, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Takes what is known of cells that a procedure has just met.

    Raises:
        UnfitError: These are not its cells, or not its settings.
    """
    population, rows = procedure.population, _trials(procedure.config, columns)
    members = _by_birth(population)
    of_cells = (columns[name].tolist() for name in ("attempts", "flags", "tasks"))
    for member, attempts, flags, tasks in zip(members, *of_cells, strict=True):
        member.attempts = attempts
        member.filtered, member.complete = bool(flags & 1), bool(flags & 2)
        member.trials = [rows(task) for task in range(tasks)]
    ranked = [members[birth] for birth in columns["ranked"].tolist()]
    for member, fitness in zip(ranked, columns["fitness"].tolist(), strict=True):
        member.fitness = fitness
    ranks = [member.rank for member in ranked]
    _need(all(map(operator.lt, ranks, ranks[1:])))
    complete = [member.birth for member in members if member.complete]
    _need(sorted(member.birth for member in ranked) == complete)
    population.rank_as(ranked)


def _by_birth(population: Population) -> list[Member]:
    members = [*population.members.values(), *population.references.values()]
    members.sort(key=lambda member: member.birth)
    _need(all(member.birth == place for place, member in enumerate(members)))
    return members


def _trials(
    config: Config, columns: Mapping[str, npt.NDArray[Any]]
) -> Callable[[int], Trials]:
    """Gives the trials of one cell and task after the other."""
    limits = list(_settings(config))
    indices, values = array("H"), array("d")
    indices.frombytes(columns["indices"].astype("u2").tobytes())
    values.frombytes(columns["values"].astype("f8").tobytes())
    names = ("counts", "bests", "rounds")
    counts, bests, rounds = (iter(columns[name].tolist()) for name in names)
    start = 0

    def following(task: int) -> Trials:
        nonlocal start
        first, start = start, start + next(counts)
        own = indices[first:start]
        _need(start <= len(indices) == len(values))
        _need(task < len(limits) and max(own, default=0) < limits[task])
        return Trials.restored(own, values[first:start], next(bests), next(rounds))

    return following


def _settings(config: Config) -> Iterator[int]:
    """How many trainings of different settings, or runs, a task may have of a cell."""
    for task in range(len(config.tasks)):
        if config.objective is None:
            yield len(config.settings(task))
        else:
            yield len(config.objective.panel) * config.objective.most_seeds


# Moves under way


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
        _need(isinstance(numbers, list) and all(map(COUNT.fits, numbers)))
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
    _need(FILTER <= task < len(config.tasks))
    _need(config.objective is None or rung < len(config.objective.rungs))
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
    _need(bool(settings))
    about = (visit.decision, visit.member.digest, one.task)
    return one, Order(*about, settings, budget, one.repeat)


def _round(row: Any, visit: Visit, config: Config, words: Words, find: Find) -> Round:
    task, numbers, repeat, begun, known = _fields(row, INT, _LIST, COUNT, FLAG, _LIST)
    _need(FILTER <= task < len(config.tasks))
    settings = words.settings(numbers)
    if task == FILTER:
        _need(config.filter is not None)
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
        _need(len(results) == len(set(raced)))
        one.results.update({(key, budget): value for key, value in results.items()})
    return one


_LIST: Final = Kind("a list", lambda value: isinstance(value, list))
_TEXT: Final = Kind("a text", lambda value: isinstance(value, str))


def _fields(row: Any, *kinds: Kind) -> list[Any]:
    """The values of a list, each of its kind."""
    _need(isinstance(row, list) and len(row) == len(kinds))
    _need(all(kind.fits(value) for kind, value in zip(kinds, row, strict=True)))
    return list(row)


def _need(fits: bool) -> None:
    if not fits:
        raise UnfitError
