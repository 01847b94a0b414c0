"""Where cells come from: the zoo, a file of cell text, a run, standard input."""

import difflib
import sys
from pathlib import Path

from cells import ZOO, Cell, CellError, parse_named
from search.errors import UserError

MAX_BYTES = 1 << 20
"""A larger file is no cell."""


def read_cell(source: str) -> tuple[str, Cell]:
    """A cell and its name.

    Args:
        source: A name of the zoo, the path of a file of cell text, `RUN:RANK` for a
            cell of a run's table, or `-` for standard input. A file of that very name
            comes before a run.

    Raises:
        UserError: There is no such cell, file, run or rank, or the text is no cell.
    """
    if source in ZOO:
        return source, ZOO[source]
    if ":" in source and not Path(source).is_file():
        return read_ranked(*source.rpartition(":")[::2])
    try:
        return parse_named(_read_text(source))
    except CellError as error:
        where = "standard input" if source == "-" else source
        raise UserError(f"{where}: {error}") from None


def read_ranked(run: str, rank: str) -> tuple[str, Cell]:
    """A cell of a run's table, and its name; the run may be under way.

    Args:
        run: The run's folder.
        rank: Its place in the table, from 1.

    Raises:
        UserError: There is no such run or rank.
    """
    from search.loop.runs import open_run, replay
    from search.output.leaderboard import Leaderboard  # these read cells of their own

    asked = f"{run}:{rank}"
    if not Path(run).is_dir():
        raise UserError(
            f"{asked!r} is neither a cell of the zoo nor a file, and {run!r} is no "
            "folder of a run"
        )
    if not (rank.isascii() and rank.isdecimal() and 0 < len(rank) < 10 and int(rank)):
        raise UserError(f"{asked}: a rank is a whole number from 1, got {rank!r}")
    with open_run(Path(run), reading=True) as opened:
        rows = Leaderboard(replay(opened).procedure).rows()
    if not rows:
        raise UserError(f"{asked}: the table of {run} is empty as yet")
    if int(rank) > len(rows):
        ranks = "rank 1 alone" if len(rows) == 1 else f"ranks 1 to {len(rows)}"
        raise UserError(
            f"{asked}: the table of {run} has {ranks}; see `cellsearch top {run}`"
        )
    member = rows[int(rank) - 1].member
    return member.name, member.cell()


def _read_text(source: str) -> str:
    if source == "-":
        return sys.stdin.read(MAX_BYTES)
    path = Path(source)
    if not path.is_file():
        near = difflib.get_close_matches(source, ZOO, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"zoo: {', '.join(ZOO)}"
        kind = "a folder" if path.is_dir() else "neither a cell of the zoo nor a file"
        raise UserError(f"{source!r} is {kind}; {hint}")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{source}: over {MAX_BYTES} bytes, too large for a cell")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{source}: cannot be read as text: {error}") from None
