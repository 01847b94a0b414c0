"""Cells as a person hands them over and looks at them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cells import Cell, draw_svg
from search.errors import UserError
from search.loop.sources import read_cell
from search.output.cell import cell_facts, render_cell
from search.output.leaderboard import WIDTH
from search.output.markdown import safe_name


@dataclass(frozen=True)
class Picture:
    """A cell that notebooks draw and terminals print.

    Attributes:
        name: What it is called.
        cell: The cell.
    """

    name: str
    cell: Cell

    def _repr_svg_(self) -> str:
        return draw_svg(self.cell, self.name)

    def __str__(self) -> str:
        """What `cellsearch show` prints."""
        return render_cell(cell_facts(safe_name(self.name), self.cell, WIDTH))


Cells = Sequence[str | Cell | Picture] | Mapping[str, Cell]
"""Zoo names, files of cell text, `RUN:RANK`, cells and pictures; or cells by name."""


def show(cell: str | Cell | Picture, name: str = "cell") -> Picture:
    """A cell to look at.

    Args:
        cell: A zoo name, a file of cell text, or a cell.
        name: What a cell without a name is called.

    Raises:
        UserError: There is no such cell.
    """
    if isinstance(cell, Picture):
        return cell
    if isinstance(cell, Cell):
        return Picture(name, cell)
    return Picture(*read_cell(cell))


def named(cells: Cells, option: str = "cells") -> Iterator[tuple[str, Cell]]:
    """Name and cell of each; no name twice.

    Args:
        cells: See `Cells`; one without a name is called `cell_1`, by its place.
        option: What they are an argument for.

    Raises:
        UserError: There is no such cell, or one is named twice.
    """
    pairs = (
        cells.items()
        if isinstance(cells, Mapping)
        else [(f"cell_{number}", cell) for number, cell in enumerate(cells, 1)]
    )
    names: set[str] = set()
    for name, cell in pairs:
        picture = show(cell, name)
        if picture.name in names:
            raise UserError(f"`{option}` has {picture.name!r} twice")
        names.add(picture.name)
        yield picture.name, picture.cell
