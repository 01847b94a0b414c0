"""The zoo: published cells by name."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from cells.ir import Cell
from cells.zoo.published import ROWS, Published


class _Zoo(Mapping[str, Cell]):
    """Name to cell; a cell is parsed when it is first asked for."""

    def __getitem__(self, name: str) -> Cell:
        return PUBLISHED[name].cell

    def __iter__(self) -> Iterator[str]:
        return iter(PUBLISHED)

    def __len__(self) -> int:
        return len(PUBLISHED)


PUBLISHED: Final[Mapping[str, Published]] = MappingProxyType(
    {row.name: row for row in ROWS}
)
"""Name to cell, text and reference; the cells of the 2015 paper come first."""

ZOO: Final[Mapping[str, Cell]] = _Zoo()
"""Name to cell."""
