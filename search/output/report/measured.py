"""What the best cells of a report take on this device, as its tables have it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cells import ZOO, Cell, CellError, digest
from search.errors import UserError
from search.output.cost import BESIDE
from search.output.leaderboard import LeaderboardRow
from search.output.measuring import (
    MEASURED,
    NOMINAL,
    MeasuredCell,
    Measurement,
    measure_cells,
    with_published,
)
from search.output.words import brief
from search.procedure.config import Config
from search.procedure.objective import NominalCost
from workers import Load, model_width

ROUNDS: Final = 11
SHOWN: Final = "in this table"
PUBLISHED: Final = "published"

TITLES: Final = (
    "width",
    *NOMINAL.values(),
    *(title for name in MEASURED.values() for title in (f"{name}, µs", "x the GRU's")),
)
"""Of the columns beside the name."""


def measure_rows(rows: Iterable[LeaderboardRow], config: Config) -> Measurement:
    """Measures cells of a table, the GRU and published ones at the search's size.

    That is one layer of the first setting and task, each cell with the width that its
    weights allow.

    Args:
        rows: Of the table.
        config: Of the search.

    Raises:
        UserError: The weights of the search hold no GRU.
        JobError: They do not fit into the device's memory, or it does not start.
    """
    stage, shape = config.tasks[0], config.settings(0)[0].shape
    task = stage.task.task
    listed = list(rows)
    cells = dict(
        zip(_names(listed), (one.member.cell() for one in listed), strict=True)
    )
    loads, chosen = dict[str, Load](), dict[str, Cell]()
    for name, cell in with_published(cells).items():
        try:
            width = model_width(cell, shape, task, stage.training.block)
        except CellError:
            continue  # so small a budget holds no model of it
        loads[name] = Load(width, task.num_steps, task.batch_size)
        chosen[name] = cell
    if BESIDE not in chosen:
        raise UserError(
            f"{shape.parameters:,} weights hold no {BESIDE} to measure others beside"
        )
    return measure_cells(chosen, loads, ROUNDS)


def measured_rows(
    found: Measurement, rows: Iterable[LeaderboardRow]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and columns of the cells of the table, and of the GRU, in this order.

    Args:
        found: What was measured.
        rows: Of the table.
    """
    cells = {cell.name: cell for cell in found.cells}
    for name in dict.fromkeys((*_names(rows), found.beside.name)):
        if name in cells:
            yield name, tuple(_columns(cells[name], found.beside))


def correlation_rows(found: Measurement) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name of a time, and its rank correlation with each cost and with itself."""
    for kind, name in MEASURED.items():
        values = found.correlations(kind).values()
        yield name, tuple("-" if math.isnan(one) else f"{one:.2f}" for one in values)


def drawn_cost(cost: NominalCost | None) -> str:
    """The nominal cost against which times are drawn: a key of `NOMINAL`.

    Args:
        cost: What the search keeps low; None or `NONE`: nothing.
    """
    return cost.value if cost is not None and cost.value in NOMINAL else "matrices"


def _columns(cell: MeasuredCell, beside: MeasuredCell) -> Iterator[str]:
    yield str(cell.load.width)
    for cost in NOMINAL:
        yield f"{getattr(cell.counted, cost):,}"
    for kind in MEASURED:
        ratio = cell.ratio(beside, kind)
        yield brief(cell.median(kind) * 1e6)
        yield f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})"


def _names(rows: Iterable[LeaderboardRow]) -> Iterator[str]:
    """As in the table; a cell of the run that goes by a published name says so."""
    for row in rows:
        name = row.member.name
        published = name in ZOO and digest(ZOO[name]) == row.member.digest
        yield name if published or name not in ZOO else f"{name} of this run"


def measured_columns(
    found: Measurement, rows: Iterable[LeaderboardRow]
) -> Mapping[str, list[object]]:
    """Column arrays of all that was measured, for charts.

    Args:
        found: What was measured.
        rows: Of the table.
    """
    own, cells = set(_names(rows)), found.cells
    return {
        "name": [cell.name for cell in cells],
        "kind": [SHOWN if cell.name in own else PUBLISHED for cell in cells],
        **{key: [getattr(cell.counted, key) for cell in cells] for key in NOMINAL},
        **{
            key: [float(f"{cell.median(key) * 1e6:.4g}") for cell in cells]
            for key in MEASURED
        },
    }
