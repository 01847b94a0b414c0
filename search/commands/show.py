"""`cellsearch show`: one cell, its equations, size, identity, picture and cost."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cells import Cell, draw_png, draw_svg
from search.commands.own_code import add_own_code
from search.errors import UserError, at_least
from search.loop.sources import read_cell
from search.output.cell import cell_facts, render_cell
from search.output.words import render_rows
from search.store.files import write_whole

if TYPE_CHECKING:
    from search.output.cost import Cost

PICTURES: Final[dict[str, Callable[[Cell, str], bytes]]] = {
    ".svg": lambda cell, name: draw_svg(cell, name).encode(),
    ".png": draw_png,
}
"""Ending of a file's name to what draws it."""

LOAD: Final[Mapping[str, int]] = {"steps": 64, "batch": 32, "rounds": 11}
"""Options that say at which sizes a cell is measured, and what they are without."""


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
    parser.add_argument(
        "--cost", action="store_true", help="measure a step on this device, beside GRU"
    )
    for name, short, what in (
        ("steps", "T", "steps of a window in training"),
        ("batch", "B", "sequences in training"),
        ("rounds", "R", "how often each cell is measured"),
    ):
        parser.add_argument(
            f"--{name}",
            type=int,
            metavar=short,
            help=f"{what}, for --cost ({LOAD[name]})",
        )
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
    sizes = read_sizes(options)
    name, cell = read_cell(options.cell)
    facts = cell_facts(name, cell, options.width)
    picture = {}
    if options.out is not None:
        write_picture(options.out, name, cell)
        picture["picture"] = str(options.out)
    cost = measure(name, cell, options.width, sizes) if options.cost else None
    if options.json:
        measured = {} if cost is None else {"cost": cost.to_dict()}
        print(json.dumps({**facts.to_dict(), **picture, **measured}, indent=2))
        return 0
    print(render_cell(facts, as_latex=options.latex))
    if picture:
        print(render_rows(picture.items()))
    if cost is not None:
        from search.output.cost import render_cost

        print(f"\n{render_cost(cost)}")
    return 0


def read_sizes(options: argparse.Namespace) -> dict[str, int]:
    """The sizes at which a cell is measured.

    Raises:
        UserError: One is below 1, or is given though nothing is measured.
    """
    given = {name: getattr(options, name) for name in LOAD}
    for name, value in given.items():
        at_least(f"`{name}`", value, 1)
        if value is not None and not options.cost:
            raise UserError(f"`{name}` is a size for `cost`, which was not given")
    return {name: given[name] or default for name, default in LOAD.items()}


def measure(name: str, cell: Cell, width: int, sizes: Mapping[str, int]) -> "Cost":
    """What the cell costs on this device."""
    from search.output.cost import measure_cost
    from workers import Load

    load = Load(width, sizes["steps"], sizes["batch"])
    return measure_cost(name, cell, load, sizes["rounds"])


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
