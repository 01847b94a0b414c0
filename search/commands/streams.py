"""Standard output and error that never end a command: nobody has to read or take them.

A run goes on whoever hangs up. What cannot be written is dropped from then on, and the
command line asks in the end whether that happened.
"""

import codecs
import contextlib
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, TextIO

ERRORS: Final = "cellsearch.closest"
"""Name under which Python knows how characters are written that a terminal lacks."""

_ASCII: Final = str.maketrans(
    {"⊙": "*", "σ": "sigmoid", "−": "-", "←": "<-", "→": "->", "±": "+-", "×": "x"}  # noqa: RUF001
)


class Lasting(io.FileIO):
    """A file that is open for writing, and that takes everything once it has failed.

    Args:
        number: Its descriptor, which is left open. After a failure it is that of the
            null device, so that whoever else writes to it does not fail either.

    Attributes:
        failure: The first failure, if there was one.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        """Writes, or drops what cannot be written."""
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError as error:
            self.failure = error
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
        return memoryview(data).nbytes


@contextlib.contextmanager
def lasting_streams() -> Iterator[Callable[[], str]]:
    """Replaces standard output and error by streams that last.

    Yields:
        Says why standard output was not written; empty if all of it was, or if its
        reader has gone, who has what he wanted.
    """
    _fill_descriptors()
    before = sys.stdout, sys.stderr
    file, output = _lasting(sys.stdout, 1)
    _, error = _lasting(sys.stderr, 2)
    sys.stdout, sys.stderr = output, error

    def lost() -> str:
        output.flush()
        failure = file.failure if file else None
        if failure is None or failure.errno == errno.EPIPE:
            return ""
        return failure.strerror or type(failure).__name__

    try:
        yield lost
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _fill_descriptors() -> None:
    """Gives the null device to descriptors that are closed, so that no file gets them.

    That of standard output cannot be written to: what is printed is noticed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR if number == 2 else os.O_RDONLY)


def _lasting(stream: TextIO | None, number: int) -> tuple[Lasting | None, TextIO]:
    """A stream that lasts to the same file; as it is if the system knows none of it."""
    encoding, lines = "utf-8", number == 2
    if stream is not None:  # None: it was closed when Python started
        if not isinstance(stream, io.TextIOWrapper):
            return None, stream
        try:
            number = stream.fileno()
        except (OSError, ValueError):
            return None, stream
        # Unbuffered (`python -u`) is by lines here: below is a buffer.
        encoding = stream.encoding
        lines = stream.line_buffering or stream.write_through
    codecs.register_error(ERRORS, _closest)
    file = Lasting(number)
    return file, io.TextIOWrapper(
        io.BufferedWriter(file),  # type: ignore[type-var]
        encoding=encoding,
        errors=ERRORS,
        line_buffering=lines,
    )


def _closest(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for a character that an encoding lacks: ASCII that is near it.

    Bytes of a file's name that are no text are written as they are.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character, end = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), end
    near = unicodedata.normalize("NFKD", character).translate(_ASCII)
    return near.encode("ascii", "ignore").decode() or "?", end
