"""Configurations as files: TOML, read and written."""

import tomllib
from pathlib import Path

from search.errors import UserError
from search.procedure.document import Document
from search.store.files import read_whole, write_whole
from search.store.json_text import DEEPEST, depth_exceeds


def read_document(path: Path) -> Document:
    """The tables of a TOML file.

    Raises:
        UserError: It cannot be read, or is no TOML.
    """
    text = read_whole(path)
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # of TOML, or a number of too many digits
        raise UserError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: too deep: tables within tables within ...") from None
    if depth_exceeds(document, DEEPEST):
        raise UserError(f"{path}: too deep: tables within tables within ...")
    return document


def write_document(path: Path, document: Document) -> None:
    """Writes tables as a TOML file, all of it or nothing."""
    import tomli_w

    write_whole(path, tomli_w.dumps(document, multiline_strings=True).encode())
