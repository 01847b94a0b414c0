"""Cells that others propose to a run: a file each, until the search takes it up.

A running search holds its run, so that nobody else may write there. In a folder beside
it anybody who may write can put a file, which is written whole and of a name of its
own: that needs no lock, and two who propose at once do not meet. What lies there may
be a stranger's: it is data, of a limited size, and no link is followed.
"""

import contextlib
import itertools
import json
import os
import re
import stat
import time
from pathlib import Path
from typing import Final, NamedTuple

from search.errors import UserError
from search.store.files import read_whole, write_whole
from search.store.json_text import JsonError, read_json

INBOX: Final = "proposals"
MOST: Final = 1000
"""Proposals that may wait."""

MAX_BYTES: Final = 1 << 19
"""Of one of them: the longest text of a cell, and its escapes."""

LONGEST_NAME: Final = 40

_SEEN: Final = 10 * MOST
"""Entries of the folder that are looked at, whatever they are."""

_FILE: Final = re.compile(r"[0-9]{20}-([0-9a-f]{32})\.json")
"""When it was proposed, in nanoseconds since 1970, and the digest of the cell."""


class Proposal(NamedTuple):
    """A cell as it was proposed.

    Attributes:
        text: The cell.
        by: Who proposed it.
    """

    text: str
    by: str


def is_name(by: object) -> bool:
    """Whether somebody may be called so."""
    return (
        isinstance(by, str)
        and 1 <= len(by) <= LONGEST_NAME
        and by.isprintable()
        and by == by.strip()
    )


class Inbox:
    """The proposals to a run that nobody has taken up yet.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / INBOX
        self._last = 0

    def waiting(self) -> list[str]:
        """What waits, the oldest first: names for `read`; whatever else lies there is
        nobody's business."""
        try:
            if not stat.S_ISDIR(self._folder.lstat().st_mode):
                return []
            with os.scandir(self._folder) as entries:
                names = [entry.name for entry in itertools.islice(entries, _SEEN)]
        except OSError:  # there is none, or it cannot be looked into
            return []
        return sorted(name for name in names if _FILE.fullmatch(name))[:MOST]

    def digests(self) -> list[str]:
        """Of the cells that wait, as the names have them, the oldest first."""
        return [name[21:-5] for name in self.waiting()]

    def add(self, digest: str, proposal: Proposal) -> None:
        """Puts a proposal behind all others.

        Args:
            digest: Of the canonical cell.
            proposal: The cell and who proposes it.

        Raises:
            UserError: Too many wait, or the folder takes no file.
        """
        if len(self.waiting()) >= MOST:
            raise UserError(f"{self._folder}: {MOST:,} proposals wait already")
        self._last = max(time.time_ns(), self._last + 1)
        path = self._folder / f"{self._last:020}-{digest}.json"
        try:
            self._folder.mkdir(exist_ok=True)
            if self._folder.is_symlink():
                raise UserError(f"{self._folder} is a link: remove it")
            write_whole(path, json.dumps(proposal._asdict()).encode())
        except OSError as error:
            raise UserError(f"cannot write {path} ({error.strerror})") from None

    def read(self, name: str) -> Proposal:
        """A proposal that waits.

        Raises:
            UserError: It is none, which is said in one line.
        """
        path = self._folder / name
        try:
            regular = stat.S_ISREG(path.lstat().st_mode)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from None
        if not regular:
            raise UserError(f"{path}: is no regular file")
        try:
            value = read_json(read_whole(path, MAX_BYTES))
        except JsonError as error:
            raise UserError(f"{path}: {error}") from None
        if not isinstance(value, dict) or set(value) != {"text", "by"}:
            raise UserError(f"{path}: is no table of `text` and `by`")
        if not (isinstance(value["text"], str) and is_name(value["by"])):
            raise UserError(f"{path}: `text` is no text, or `by` no name")
        return Proposal(**value)

    def remove(self, name: str) -> None:
        """Forgets a proposal: it was taken up, or there is no need to.

        One that cannot be removed is known by its digest, and so is not taken again.
        """
        with contextlib.suppress(OSError):
            (self._folder / name).unlink()
