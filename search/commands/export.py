"""`cellsearch export`: cells as stand-alone code that proves itself, with cards."""

import argparse
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cells import Cell, draw_png, draw_svg, forms, load_op
from search.commands.sources import read_cell
from search.errors import UserError
from search.loop.runs import open_run, replay
from search.output.card import (
    Card,
    describe_cell,
    describe_member,
    fresh_scores,
    safe_name,
    to_json,
)
from search.output.card_text import render_card
from search.output.leaderboard import Leaderboard

FOLDER: Final = "exports"
DEFAULT_K: Final = 3
MAX_BYTES: Final = 1 << 26
"""A larger file of scores is none."""


@dataclass(frozen=True)
class Exported:
    """A cell that is to be written.

    Attributes:
        folder: The name of its folder.
        name: What it is called.
        cell: The cell.
        card: See `search.output.card`.
    """

    folder: str
    name: str
    cell: Cell
    card: Card

    def files(self) -> dict[str, bytes]:
        """What its folder holds: the same for the same cell and card."""
        texts = {
            **forms(self.cell, self.name),
            "cell.svg": draw_svg(self.cell, self.name),
            "card.json": to_json(self.card),
            "card.md": render_card(self.card),
        }
        found = {name: text.encode() for name, text in texts.items()}
        return {**found, "cell.png": draw_png(self.cell, self.name)}


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
    add(
        "--op",
        action="append",
        default=[],
        metavar="MODULE:OP",
        help="import an op of your own that the text uses; may be repeated",
    )


def run(options: argparse.Namespace) -> int:
    """Writes the folders; returns the exit status."""
    for spec in options.op:
        load_op(spec)
    source = Path(options.source)
    out = options.out or Path(FOLDER) / (safe_name(source.name) or "cell")
    check_free(out, force=options.force)
    if source.is_dir():
        scores = _read_scores(options.scores)
        wanted = DEFAULT_K if options.k is None else options.k
        exported = best_of(source, wanted, scores, exactly=options.k is not None)
    else:
        for name in ("k", "scores"):
            if getattr(options, name) is not None:
                flag = "-k" if name == "k" else "--scores"
                raise UserError(f"{flag} is for a run, and {options.source} is a cell")
        name, cell = read_cell(options.source)
        exported = [Exported(safe_name(name), name, cell, describe_cell(name, cell))]
    write(out, exported)
    for one in exported:
        said = f"fitness {one.card['fitness']:.4f}, " if "fitness" in one.card else ""
        print(f"{out / one.folder}: {said}{one.card['nearest']['words']}")
    print(f"Prove it: python {out / exported[0].folder / 'check.py'}")
    return 0


def best_of(
    folder: Path,
    count: int,
    scores: Mapping[str, Any] | None = None,
    *,
    exactly: bool = True,
) -> list[Exported]:
    """The best cells of a run.

    Args:
        folder: The run's.
        count: How many.
        scores: See `search.output.card.fresh_scores`.
        exactly: Whether a shorter table is an error.

    Raises:
        UserError: There is no run, or its table is shorter than that.
    """
    if count < 1:
        raise UserError(f"-k must be at least 1, got {count}")
    with open_run(folder, reading=True) as run:
        engine = replay(run)
        rows = Leaderboard(engine.procedure).rows(count)
        if not rows:
            raise UserError(f"{folder} has no table yet: no cell has been evaluated")
        if exactly and len(rows) < count:
            raise UserError(
                f"-k must be at most {len(rows)}, as many as the table of {folder} "
                f"has, got {count}"
            )
        digits = len(str(len(rows)))
        exported = []
        for row in rows:
            name = row.member.name
            fresh = (scores or {}).get(row.member.digest)
            card = describe_member(run, engine, row, fresh)
            place = f"{row.rank:0{digits}}_{safe_name(name)}"
            exported.append(Exported(place, name, row.member.cell(), card))
        return exported


def check_free(out: Path, *, force: bool) -> None:
    """Refuses a place where something is.

    Raises:
        UserError: It is taken; says what can be done.
    """
    if not os.path.lexists(out):
        return
    if out.is_dir() and not out.is_symlink() and not any(out.iterdir()):
        return
    if not force:
        raise UserError(f"{out} exists already: choose another --out, or --force")
    foreign = _foreign(out)
    if foreign is not None:
        raise UserError(f"{out} is no export, {foreign}: choose another --out")


def write(out: Path, exported: Iterable[Exported]) -> None:
    """Writes all folders, or none: what was there is replaced at the very end.

    Raises:
        UserError: It cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as place:
            made = Path(place) / "made"
            for one in exported:
                (made / one.folder).mkdir(parents=True)
                for name, content in one.files().items():
                    (made / one.folder / name).write_bytes(content)
            if out.exists():
                out.rename(Path(place) / "before")
            made.rename(out)
    except OSError as error:
        raise UserError(f"cannot write {out} ({error.strerror})") from None


def _foreign(out: Path) -> str | None:
    """Why a place does not look like an earlier export; None: it does."""
    if out.is_symlink() or not out.is_dir():
        return "but a file or a link"
    for folder in sorted(out.iterdir()):
        if not (folder / "card.json").is_file():
            return f"it holds {folder.name}"
    return None


def _read_scores(path: Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path}: over {MAX_BYTES} bytes, too large for scores")
        return fresh_scores(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
