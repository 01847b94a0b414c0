"""How the cells of a run stand: by its search, the first of them by their finals."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from search.loop.runs import OpenRun
from search.procedure.costed import CostedPopulation
from search.procedure.members import Member
from search.procedure.procedure import Procedure


class FinalOrder(NamedTuple):
    """What finals say of the order of cells.

    Attributes:
        digests: Of their cells, best first.
        runs: Of each cell on each task.
    """

    digests: Sequence[str] = ()
    runs: int = 0


NO_FINALS: Final = FinalOrder()
"""Of a run that had none."""


def final_order(run: OpenRun) -> FinalOrder:
    """The order of a run's finals."""
    finals = run.store.history.get("finals")
    if not isinstance(finals, dict) or not isinstance(finals.get("rows"), list):
        return NO_FINALS
    digests = tuple(digest for row in finals["rows"] if (digest := _digest(row)))
    seeds, settings = finals.get("seeds"), finals.get("settings")
    if not isinstance(seeds, int) or not isinstance(settings, int):
        return NO_FINALS
    return FinalOrder(digests, seeds * settings)


def standing(procedure: Procedure, order: FinalOrder = NO_FINALS) -> list[Member]:
    """The table, best first.

    Its first cells, as far as all of them were in finals, stand in the order of the
    finals, none of whose runs the search chose by; unless they had fewer of each than
    the search had of any. A cell that came into the table since, and above them, has
    not been in finals: then all that come after it stand as in the search. So do, where
    there is a cost, all but the front.

    Args:
        procedure: Of the search, which may be in progress.
        order: Of the finals; see `final_order`.
    """
    population = procedure.population
    members = list(population.table)
    places = {digest: place for place, digest in enumerate(order.digests)}
    outside = (index for index, one in enumerate(members) if one.digest not in places)
    end = next(outside, len(members))
    if min(map(_runs, members[:end]), default=0) > order.runs:
        return members
    if isinstance(population, CostedPopulation):
        end = min(end, len(population.front))
    first = sorted(members[:end], key=lambda member: places[member.digest])
    return first + members[end:]


def finalists(procedure: Procedure, count: int) -> Sequence[Member]:
    """So many of the best by the search; with a cost, as the list would take them.

    Args:
        procedure: Of the search.
        count: How many; they may be more than have mutants.
    """
    population = procedure.population
    if isinstance(population, CostedPopulation):
        return population.chosen(count)
    return population.table[:count]


def _runs(member: Member) -> int:
    return max(map(len, member.trials), default=0)


def _digest(row: Any) -> str:
    digest = row.get("digest") if isinstance(row, dict) else None
    return digest if isinstance(digest, str) else ""
