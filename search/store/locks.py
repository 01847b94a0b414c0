"""Who else may use a folder: a lock for one process, and whether machines share it."""

import contextlib
import errno
import os
import socket
import stat
import sys
import time
from pathlib import Path
from typing import IO, Final, Self

from search.errors import UserError

LOCK_FILE: Final = "run.lock"
# fmt: off
NETWORK: Final = (
    "nfs", "cifs", "smb", "fuse.sshfs", "fuse.glusterfs", "lustre", "gpfs", "beegfs",
    "ceph", "fuse.ceph", "9p", "afs", "fuse.s3fs", "fuse.gcsfuse",
)
# fmt: on
"""How the types of file systems begin that other machines may share."""

MOUNTS: Final = Path("/proc/self/mounts")

PATIENCE: Final = 25
PAUSE_S: Final = 0.02
"""How often, and how many seconds apart, a lock is tried again."""

_LONGEST: Final = 400
"""Bytes of a lock's file: the name of a process and its host."""

_FAR: Final = 1 << 20
"""The byte that is locked on Windows, where a locked byte cannot be read."""


class RunLock:
    """Holds a run folder for this process, until it is left or the process ends.

    Entering it raises a `UserError` if another process holds it, or if the folder
    takes no file. The file stays when it is left: without it there would be a race.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        path = self._folder / LOCK_FILE
        try:
            file = _open(path, os.O_CREAT | os.O_APPEND)
        except OSError as error:
            raise UserError(f"cannot write {path} ({error.strerror})") from None

        # Whoever holds it has put its name there; on a full disk it has none.
        try:
            _take_patiently(file)
        except OSError as error:
            holder = _holder(file)
            file.close()
            if not isinstance(error, BlockingIOError | PermissionError):
                raise UserError(f"cannot lock {path} ({error.strerror})") from None
            raise UserError(
                f"{self._folder} is in use by {holder}; wait until it ends or stop it, "
                "or name another folder with `out`"
            ) from None
        self._file = file
        with contextlib.suppress(OSError):
            file.truncate(0)
            os.write(file.fileno(), f"{os.getpid()} {socket.gethostname()}\n".encode())
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def holder(folder: Path) -> str | None:
    """Who holds a run folder, in words; None: nobody, as far as can be told."""
    try:
        file = _open(folder / LOCK_FILE, 0)
    except OSError:
        return None
    with file:
        try:
            _look(file)
        except OSError:
            return _holder(file)
        return None


def read_mounts() -> str:
    """What is mounted where on this machine; empty where Linux does not tell."""
    try:
        return MOUNTS.read_text()
    except OSError:
        return ""


def on_network(folder: Path, mounts: str) -> bool:
    """Whether other machines may share a folder, on which WAL does not work.

    Args:
        folder: An absolute path without links.
        mounts: The text of `/proc/self/mounts`; of the mounts that hold the folder the
            deepest counts, and of these the last.
    """
    depth, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= depth:
            depth, kind = len(point.parts), fields[2]
    return kind.startswith(NETWORK)


def _open(path: Path, flags: int) -> IO[str]:
    """Opens a lock's file: no link, which would have another file emptied.

    Raises:
        OSError: It is none, or cannot be opened.
    """
    flags |= os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link: remove it")
    handle = os.open(path, flags, 0o666)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LONGEST:
            raise OSError(errno.EINVAL, "it is no file of a lock: remove it")
        return os.fdopen(handle, "r+", encoding="utf-8", errors="replace")
    except BaseException:
        os.close(handle)
        raise


def _holder(file: IO[str]) -> str:
    file.seek(0)
    number, _, host = file.read(200).strip().partition(" ")
    return f"process {number} on {host}" if host else "another process"


def _take_patiently(file: IO[str]) -> None:
    """Takes the lock, though somebody may be asking just now who holds it."""
    for _ in range(PATIENCE):
        try:
            return _take(file)
        except OSError:
            time.sleep(PAUSE_S)
    return _take(file)


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str]) -> None:
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    _look = _take

else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _look(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as many as like
