"""Where cells come from: the zoo, a file of cell text, standard input."""

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
        source: A name of the zoo, the path of a file of cell text, or `-` for standard
            input.

    Raises:
        UserError: There is no such cell or file, or its text is no cell.
    """
    if source in ZOO:
        return source, ZOO[source]
    try:
        return parse_named(_read_text(source))
    except CellError as error:
        where = "standard input" if source == "-" else source
        raise UserError(f"{where}: {error}") from None


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
