"""How the cells of a run stand: by its search, the first of them by their finals."""

from collections.abc import Sequence
from typing import Any

from search.loop.runs import OpenRun
from search.procedure.costed import CostedPopulation
from search.procedure.population import Member
from search.procedure.procedure import Procedure


def final_order(run: OpenRun) -> tuple[str, ...]:
    """Digests of the cells of a run's finals, best first; none: it had none."""
    finals = run.store.history.get("finals")
    rows = finals.get("rows") if isinstance(finals, dict) else None
    found = map(_digest, rows) if isinstance(rows, list) else ()
    return tuple(digest for digest in found if digest)


def standing(procedure: Procedure, order: Sequence[str] = ()) -> list[Member]:
    """The table, best first.

    Its first cells, as far as all of them were in finals, stand in the order of the
    finals, which had more runs of each and none that the search chose by. A cell that
    came into the table since, and above them, has not been in any: then all that come
    after it stand as in the search. So do, where there is a cost, all but the front.

    Args:
        procedure: Of the search, which may be in progress.
        order: Of the finals; see `final_order`.
    """
    population = procedure.population
    members = list(population.table)
    places = {digest: place for place, digest in enumerate(order)}
    outside = (index for index, one in enumerate(members) if one.digest not in places)
    end = next(outside, len(members))
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


def _digest(row: Any) -> str:
    digest = row.get("digest") if isinstance(row, dict) else None
    return digest if isinstance(digest, str) else ""
