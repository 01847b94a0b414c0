"""Where a search stands, taken now and then, and taken up again by readers."""

import dataclasses
import heapq
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from search.loop.columns import COLUMNS, Learned, freeze_cells, read_columns
from search.loop.frozen import (
    Words,
    cells_of,
    freeze_order,
    freeze_visit,
    thaw_order,
    thaw_visit,
)
from search.loop.orders import Orders, Pending
from search.loop.tally import Tally
from search.procedure.clock import Clock, Ticket
from search.procedure.moves import Order
from search.procedure.procedure import Procedure
from search.store.born import Born
from search.store.decode import COUNT, NUMBER
from search.store.snapshots import Snapshot, UnfitError
from search.store.store import Store
from workers import Result, Setting

if TYPE_CHECKING:
    from search.loop.engine import Engine

EVERY: Final = 400
"""Decisions between two snapshots at least: to replay them takes half a second."""

SHARE: Final = 50
"""Of all decisions, one in so many lies between two snapshots at least."""

OF_PROCESS: Final = ("reused", "new_settings", "compile_s", "train_s")
"""Fields of a tally that are of a process."""


def due(decisions: int, last: int) -> bool:
    """Whether it is time for a snapshot.

    Args:
        decisions: So far.
        last: When there was one.
    """
    return decisions - last >= max(EVERY, decisions // SHARE)


def take(engine: "Engine") -> Snapshot:
    """Where a search stands, between two turns of its loop.

    Raises:
        UnfitError, OverflowError: It cannot be kept.
    """
    procedure, clock, words = engine.procedure, engine.clock, Words()
    columns = freeze_cells(procedure.population)
    visits = {visit.decision: visit for visit in procedure.visits}
    moves = [freeze_visit(visit, words) for visit in visits.values()]
    flying = []
    for end, number, start, pending in clock.flying:
        order = pending.order
        own = freeze_order(visits[order.decision], order, words)
        flying.append([end, number, start, order.decision, own])
    tally = vars(engine.tally)
    state = {
        "sizes": [len(columns[name]) for name in COLUMNS],
        "now": clock.now,
        "barren": engine.barren,
        "draining": engine.draining,
        "fruitless": engine.fruitless,
        "opened": procedure.opened,
        "tally": {key: tally[key] for key in tally if key not in OF_PROCESS},
        "visits": moves,
        "flying": flying,
        "pool": procedure.population.learned(),
        "course": procedure.course.learned(),
        "settings": list(words.texts),
    }
    numbers = b"".join(columns[name].tobytes() for name in COLUMNS)
    return Snapshot(procedure.decisions, clock.issued, state, numbers)


@dataclasses.dataclass(frozen=True)
class Stand:
    """Where a search stood, as an engine takes it up.

    Attributes:
        clock: Jobs in flight.
        tally: What had happened.
        barren: See `engine.BARREN`.
        draining: See `Engine`; so is `fruitless`.
        taken: Decisions and jobs of the history that are in it.
    """

    clock: Clock[Pending]
    tally: Tally
    barren: int
    draining: bool
    fruitless: bool
    taken: tuple[int, int]


def restore(procedure: Procedure, store: Store, snapshot: Snapshot) -> Stand:
    """Brings a new procedure to where a search stood.

    Raises:
        ValueError, LookupError, TypeError, UserError: The snapshot is none of it.
    """
    state = snapshot.state
    born = Born(store.history, snapshot.decisions)
    columns = read_columns(state["sizes"], snapshot.numbers)
    learned = Learned(columns, procedure.config, len(born.digests))
    procedure.meet(born, learned.recall, cells_of(state["visits"]))
    ranked = (born.digests[birth] for birth in learned.births)
    procedure.population.rank_as(ranked)
    procedure.population.relearn(_numbers(state["pool"]))
    procedure.course.relearn(_numbers(state["course"]))

    orders, words = Orders(procedure.config), Words(state["settings"])
    curves = procedure.config.objective is not None

    def find(order: Order) -> dict[Setting, Result]:
        names = orders.run_ids(order)
        found = store.results.find(names, order.budget, curves=curves)
        pairs = zip(order.settings, names, strict=True)
        return {setting: found[name] for setting, name in pairs if name in found}

    visits = {}
    for row in state["visits"]:
        visit = thaw_visit(row, procedure, words, find)
        visits[visit.decision] = visit
    clock: Clock[Pending] = Clock(procedure.config.rules.slots)
    for end, number, start, decision, own in state["flying"]:
        numbers = NUMBER.fits(end) and NUMBER.fits(start) and COUNT.fits(number)
        if not numbers or not state["now"] <= end or number >= snapshot.issued:
            raise UnfitError
        one, order = thaw_order(own, visits[decision], words)
        one.open += 1
        clock.flying.append(Ticket(end, number, start, Pending(order, find(order))))
    if len(clock) > clock.slots or not NUMBER.fits(state["now"]):
        raise UnfitError
    heapq.heapify(clock.flying)
    clock.now, clock.issued = state["now"], snapshot.issued

    procedure.take_up(
        snapshot.decisions, list(visits.values()), opened=state["opened"] is True
    )
    return Stand(
        clock,
        _tally(state["tally"]),
        int(state["barren"]),
        draining=state["draining"] is True,
        fruitless=state.get("fruitless") is True,
        taken=(snapshot.decisions, snapshot.issued),
    )


def _numbers(rows: Any) -> list[list[float]]:
    if not all(NUMBER.fits(one) for row in rows for one in row):
        raise UnfitError
    return [list(row) for row in rows]


def _tally(values: Any) -> Tally:
    """A tally from its fields."""
    tally = Tally()
    for field in dataclasses.fields(Tally):
        if field.name in OF_PROCESS:
            continue
        value = values[field.name]
        counts = isinstance(getattr(tally, field.name), Counter)
        if not all(map(COUNT.fits, value.values() if counts else [value])):
            raise UnfitError
        setattr(tally, field.name, Counter(value) if counts else value)
    return tally
