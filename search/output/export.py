"""Cells as stand-alone code that proves itself, with cards: a folder a cell."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cells import Cell, block_forms, draw_png, draw_svg, forms, unknown_name
from search.errors import UserError, at_least
from search.loop.runs import open_run, replay
from search.loop.standing import final_order
from search.output.card import (
    describe_cell,
    describe_member,
    fresh_scores,
    render_card,
    to_json,
)
from search.output.leaderboard import Leaderboard
from search.output.markdown import Card, safe_name
from search.store.files import read_whole
from workers import BLOCKS, PLAIN

DEFAULT_K: Final = 3
MAX_BYTES: Final = 1 << 26
"""A larger file of scores is none."""


@dataclass(frozen=True)
class Export:
    """A cell that is written as a folder.

    Attributes:
        folder: The name of its folder.
        name: What it is called.
        cell: The cell.
        block: What stands around it in a layer, a key of `workers.BLOCKS`.
        card: See `search.output.card`.
    """

    folder: str
    name: str
    cell: Cell
    block: str
    card: Card

    def files(self) -> dict[str, bytes]:
        """What its folder holds: the same for the same cell and card."""
        plain = self.block == PLAIN.block
        texts = {
            **forms(self.cell, self.name),
            **({} if plain else block_forms(self.cell, self.name)),
            "cell.svg": draw_svg(self.cell, self.name),
            "card.json": to_json(self.card),
            "card.md": render_card(self.card),
        }
        files = {name: text.encode() for name, text in texts.items()}
        return {**files, "cell.png": draw_png(self.cell, self.name)}


def export_run(
    run: Path,
    out: Path,
    k: int | None = None,
    *,
    scores: Mapping[str, Any] | None = None,
    force: bool = False,
) -> list[Export]:
    """Writes the best cells of a run, in the blocks that it trained them in.

    Args:
        run: Its folder.
        out: Where to: a folder that is not there, or is empty.
        k: How many; None: `DEFAULT_K`, or as many as there are.
        scores: See `search.output.card.fresh_scores`.
        force: Whether an earlier export is replaced.

    Returns:
        What was written, best first.

    Raises:
        UserError: There is no run, its table is shorter than that, or `out` is taken.
    """
    at_least("`k`", k, 1)
    _check_free(out, force=force)
    exports = _best_of(run, k, scores or {})
    _write(out, exports)
    return exports


def export_cell(
    name: str,
    cell: Cell,
    out: Path,
    *,
    block: str = PLAIN.block,
    force: bool = False,
) -> list[Export]:
    """Writes a cell by itself; see `export_run`.

    Raises:
        UserError: There is no such block, or `out` is taken.
    """
    if block not in BLOCKS:
        raise UserError(unknown_name("block", block, BLOCKS))
    _check_free(out, force=force)
    card = describe_cell(name, cell, block)
    exports = [Export(safe_name(name), name, cell, block, card)]
    _write(out, exports)
    return exports


def read_scores(path: Path) -> Mapping[str, Any]:
    """Scores with fresh seeds, of a file that `cellsearch evaluate --json` printed.

    Raises:
        UserError: There is no such file, or it holds something else.
    """
    text = read_whole(path, MAX_BYTES)
    try:
        return fresh_scores(json.loads(text))
    except RecursionError:
        raise UserError(f"{path}: too deep: lists within lists within ...") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def _best_of(folder: Path, k: int | None, scores: Mapping[str, Any]) -> list[Export]:
    with open_run(folder, reading=True) as run:
        engine = replay(run)
        board = Leaderboard(engine.procedure, final_order(run))
        rows = board.rows(DEFAULT_K if k is None else k)
        if not rows:
            raise UserError(f"{folder} has no table yet: no cell has been evaluated")
        if k is not None and len(rows) < k:
            raise UserError(
                f"`k` must be at most {len(rows)}, as many as the table of {folder} "
                f"has, got {k}"
            )
        # Ranks of one length, so that a listing of folders is in their order.
        digits = len(str(len(rows)))
        return [
            Export(
                folder=f"{row.rank:0{digits}}_{safe_name(row.member.name)}",
                name=row.member.name,
                cell=row.member.cell(),
                block=run.config.training.block,
                card=describe_member(run, engine, row, scores.get(row.member.digest)),
            )
            for row in rows
        ]


def _check_free(out: Path, *, force: bool) -> None:
    """Refuses a place where something is.

    Raises:
        UserError: It is taken; says what can be done.
    """
    if not os.path.lexists(out):
        return
    if out.is_dir() and not out.is_symlink() and not any(out.iterdir()):
        return
    if not force:
        raise UserError(f"{out} exists already: choose another `out`, or `force`")
    foreign = _foreign(out)
    if foreign is not None:
        raise UserError(f"{out} is no export, {foreign}: choose another `out`")


def _foreign(out: Path) -> str | None:
    """Why a place does not look like an earlier export; None: it does."""
    if out.is_symlink() or not out.is_dir():
        return "but a file or a link"
    for folder in sorted(out.iterdir()):
        if not (folder / "card.json").is_file():
            return f"it holds {folder.name}"
    return None


def _write(out: Path, exports: Sequence[Export]) -> None:
    """Writes all folders, or none: what was there is replaced at the very end.

    Raises:
        UserError: It cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place, so that the last step is a rename on one disk.
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as place:
            made = Path(place) / "made"
            for export in exports:
                (made / export.folder).mkdir(parents=True)
                for name, content in export.files().items():
                    (made / export.folder / name).write_bytes(content)
            if out.exists():
                out.rename(Path(place) / "before")
            made.rename(out)
    except OSError as error:
        raise UserError(f"cannot write {out} ({error.strerror})") from None
