"""Configurations as files: TOML, read and written."""

import tomllib
from pathlib import Path

from search.errors import UserError
from search.procedure.document import Document


def read_document(path: Path) -> Document:
    """The tables of a TOML file.

    Raises:
        UserError: It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason})") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not TOML: {error}") from None


def write_document(path: Path, document: Document) -> None:
    """Writes tables as a TOML file, all of it or nothing."""
    import tomli_w

    part = path.with_name(f"{path.name}.part")
    text = tomli_w.dumps(document, multiline_strings=True)
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
