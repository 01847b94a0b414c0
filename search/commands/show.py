"""`cellsearch show`: one cell, its equations, size, identity and picture."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cells import Cell, draw_png, draw_svg
from search.commands.own_code import add_own_code
from search.errors import UserError, at_least
from search.loop.sources import read_cell
from search.output.cell import cell_facts, render_cell
from search.output.words import render_rows
from search.store.files import write_whole

PICTURES: Final[dict[str, Callable[[Cell, str], bytes]]] = {
    ".svg": lambda cell, name: draw_svg(cell, name).encode(),
    ".png": draw_png,
}
"""Ending of a file's name to what draws it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "cell",
        help="a zoo name, a file of cell text, RUN:RANK of a run's table, or -",
    )
    parser.add_argument(
        "--width", type=int, default=128, help="H for parameters and FLOPs (128)"
    )
    add_own_code(parser)
    parser.add_argument("--latex", action="store_true", help="equations as LaTeX")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="draw the cell: FILE.svg or FILE.png"
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite the file of --out"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the cell; returns the exit status."""
    at_least("`width`", options.width, 1)
    if options.out is not None:
        check_picture(options.out, overwrite=options.force)
    name, cell = read_cell(options.cell)
    facts = cell_facts(name, cell, options.width)
    picture = {}
    if options.out is not None:
        write_picture(options.out, name, cell)
        picture["picture"] = str(options.out)
    if options.json:
        print(json.dumps({**facts.to_dict(), **picture}, indent=2))
        return 0
    print(render_cell(facts, as_latex=options.latex))
    if picture:
        print(render_rows(picture.items()))
    return 0


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Holds that a picture can be written to a file.

    Raises:
        UserError: Its ending is unknown, it exists, or its folder does not.
    """
    if path.suffix.lower() not in PICTURES:
        raise UserError(
            f"--out: pictures end in {' or '.join(PICTURES)}, got {str(path)!r}"
        )
    if path.is_dir() or (path.exists() and not overwrite):
        hint = "is a folder" if path.is_dir() else "exists; --force overwrites it"
        raise UserError(f"--out: {path} {hint}")
    if not path.parent.is_dir():
        raise UserError(f"--out: there is no folder {path.parent}")


def write_picture(path: Path, name: str, cell: Cell) -> None:
    """Draws a cell into a file, by the file's ending.

    Raises:
        UserError: It cannot be written.
    """
    picture = PICTURES[path.suffix.lower()](cell, name)
    try:
        write_whole(path, picture)
    except OSError as error:
        raise UserError(f"--out: cannot write {path} ({error.strerror})") from None
