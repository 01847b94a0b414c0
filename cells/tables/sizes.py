"""The sizes that programs of any cell are compiled for."""

from typing import Final

from cells.tables.table import Extent, Size

Levels = tuple[tuple[int, int], ...]


def _size(num_states: int, seen: int, before: Levels, step: Levels) -> Size:
    """A size of some states, and some values that the recurrence sees of x."""
    return Size(
        num_states,
        Extent(1, before, seen),
        Extent(num_states + seen, step, num_states),
    )


SIZES: Final = (
    _size(
        1,
        3,
        ((1, 3), (1, 1)),
        ((1, 3), (2, 2), (2, 1), (1, 1), (1, 1), (1, 0)),
    ),
    _size(
        2,
        6,
        ((1, 4), (1, 1), (1, 1)),
        ((2, 4), (4, 3), (2, 1), (2, 1), (1, 0)),
    ),
    _size(
        2,
        6,
        ((2, 5), (3, 2), (1, 2), (1, 1), (1, 0)),
        ((3, 5), (5, 4), (3, 2), (2, 2), (2, 1), (2, 1), (2, 1), (1, 0)),
    ),
)
"""The smallest first; chosen so that together they hold what preset `quick` draws."""

WIDTH_STEP: Final = 16
"""Widths are rounded up to a multiple of this."""
