"""Files that are written whole and read up to a limit, in folders of anybody's.

A folder may hold links that somebody put there. What is written goes to a fresh file of
a name that nobody can know, which takes the place of a link and of what it points to.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from search.errors import UserError

MAX_DOCUMENT: Final = 1 << 20
"""Bytes of a configuration or a cell's text; a larger file is none."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_LOOK: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file, all of it or nothing; a link of that name is replaced.

    Args:
        path: The file.
        content: Of it.

    Raises:
        OSError: It cannot be written.
    """
    # Modes are as of any new file; those of `tempfile` are for its owner alone.
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
    handle = os.open(part, _NEW | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def read_whole(path: Path, most: int = MAX_DOCUMENT) -> str:
    """The text of a file, but of no device and no endless one.

    Args:
        path: The file.
        most: Bytes that it may have.

    Raises:
        UserError: It cannot be read, is no regular file, is larger or is no text.
    """
    try:
        handle = os.open(path, _LOOK | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise UserError(f"{path}: is no regular file")
            content = file.read(most + 1)
        if len(content) > most:
            raise UserError(f"{path}: over {most} bytes, too large for what it is")
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except IsADirectoryError:
        raise UserError(f"{path}: cannot be read (Is a directory)") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: cannot be read ({reason})") from None
