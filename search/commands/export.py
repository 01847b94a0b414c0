"""`cellsearch export`: cells as stand-alone code that proves itself, with cards."""

import argparse
from pathlib import Path
from typing import Final

from search.commands.common_runs import add_block
from search.commands.own_code import add_own_code
from search.errors import UserError
from search.loop.runs import open_run
from search.loop.sources import read_cell
from search.output.export import (
    DEFAULT_K,
    Export,
    export_cell,
    export_run,
    read_scores,
)
from search.output.markdown import safe_name
from workers import PLAIN

FOLDER: Final = "exports"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add(
        "source",
        metavar="RUN|CELL",
        help="a run's folder, RUN:RANK, a zoo name, a file of cell text, or -",
    )
    add("-k", type=int, metavar="N", help=f"how many cells of a run ({DEFAULT_K})")
    add("--out", type=Path, metavar="DIR", help=f"where to ({FOLDER}/NAME)")
    add("--force", action="store_true", help="replace DIR if it is an earlier export")
    add(
        "--scores",
        type=Path,
        metavar="FILE",
        help="scores with fresh seeds for the cards: cellsearch evaluate --json > FILE",
    )
    add_block(parser, default=None)
    add_own_code(parser)


def run(options: argparse.Namespace) -> int:
    """Writes the folders; returns the exit status."""
    source = Path(options.source)
    out = options.out or Path(FOLDER) / (safe_name(source.name) or "cell")
    exports = _export(options, source, out)
    for export in exports:
        card = export.card
        fitness = f"fitness {card['fitness']:.4f}, " if "fitness" in card else ""
        print(f"{out / export.folder}: {fitness}{card['nearest']['words']}")
    print(f"Prove it: python {out / exports[0].folder / 'check.py'}")
    return 0


def _export(options: argparse.Namespace, source: Path, out: Path) -> list[Export]:
    if source.is_dir():
        scores = None if options.scores is None else read_scores(options.scores)
        if options.block is not None:
            raise UserError(
                f"`block` is for a cell, and {source} is a run: its cells are written "
                "in the block that it trained them in"
            )
        return export_run(source, out, options.k, scores=scores, force=options.force)
    for flag, value in (("-k", options.k), ("--scores", options.scores)):
        if value is not None:
            raise UserError(f"{flag} is for a run, and {options.source} is a cell")
    name, cell = read_cell(options.source)
    block = _trained_in(options.source) if options.block is None else options.block
    return export_cell(name, cell, out, block=block, force=options.force)


def _trained_in(source: str) -> str:
    """The block that a cell was trained in; `plain` if it is of no run."""
    if ":" not in source or Path(source).is_file():
        return PLAIN.block
    with open_run(Path(source.rpartition(":")[0]), reading=True) as run:
        return run.config.training.block
