"""The sizes that programs of any cell are compiled for."""

from typing import Final

from cells.tables.table import Extent, Readers, Size, Terms

Part = tuple[tuple[tuple[int, int], ...], Terms, Readers]
"""Levels of a section, and what its combinations and values are bounded by."""


def _size(num_states: int, seen: int, before: Part, step: Part) -> Size:
    """A size of some states, and some values that the recurrence sees of x."""
    (levels, terms, readers), (later, most, few) = before, step
    return Size(
        num_states,
        Extent(1, 1, levels, seen, terms, readers),
        Extent(num_states + seen, num_states, later, num_states, most, few),
    )


SIZES: Final = (
    _size(
        1,
        3,
        (((1, 3), (1, 1)), Terms(2, 2, 2), Readers(4, 2)),
        (
            ((1, 3), (2, 2), (2, 1), (1, 1), (1, 1), (1, 0)),
            Terms(3, 2, 3),
            Readers(5, 2),
        ),
    ),
    _size(
        2,
        6,
        (((1, 4), (1, 1), (1, 1)), Terms(2, 2, 2), Readers(7, 2)),
        (
            ((2, 4), (4, 3), (2, 1), (2, 1), (1, 0)),
            Terms(3, 2, 4),
            Readers(6, 2),
        ),
    ),
    _size(
        2,
        6,
        (
            ((2, 5), (3, 2), (1, 2), (1, 1), (1, 0)),
            Terms(2, 2, 2),
            Readers(7, 2),
        ),
        (
            ((3, 5), (5, 4), (3, 2), (2, 2), (2, 1), (2, 1), (2, 1), (1, 0)),
            Terms(3, 3, 5),
            Readers(7, 3),
        ),
    ),
)
"""The smallest first; chosen so that together they hold what preset `quick` draws.

`python -m benchmarks.bench_tables` says how much of it each holds.
"""

WIDTH_STEP: Final = 16
"""Widths are rounded up to a multiple of this."""
