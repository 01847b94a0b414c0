"""Why Ray would not start here, or be joined there, as far as that is told cheaply.

Ray itself says it after minutes, in forty lines, or not at all.
"""

import os
import re
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Final

from workers.errors import JobError, MachineError

CONNECT_S: Final = 5.0
"""Seconds until a machine counts as not answering."""

STORE_BYTES: Final = 128 << 20
"""Ray's store of objects: jobs and their answers are small, and mostly not in it."""

LEAST_FILES: Final = 256
"""Open files: Ray's own, and a few connections for each worker."""

LEAST_DISK: Final = 50_000_000
LEAST_MEMORY: Final = 500_000_000
"""Bytes: Ray's logs; its processes, and one worker that learns nothing yet."""

SOCKET: Final = "/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
"""The longest path that Ray has below the folder of temporary files."""

LONGEST_SOCKET: Final = 103 if sys.platform == "darwin" else 107
"""Bytes that the system takes as the path of a socket."""

INLINE: Final = "`workers` inline needs no Ray"

SETTINGS: Final = 4
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0" + bytes([SETTINGS, *[0] * 5])
"""What opens a conversation in HTTP/2, and a frame of settings that are none."""

ADDRESS: Final = re.compile(r"(?:ray://)?(\[[^\]/]+\]|[^:/\[\]]+):(\d{1,5})", re.ASCII)


def temporary_folder() -> Path:
    """Where Ray writes below; not always where Python does."""
    chosen = os.environ.get("RAY_TMPDIR")
    if chosen is None and sys.platform == "linux":
        chosen = os.environ.get("TMPDIR")
    if chosen is None:
        chosen = tempfile.gettempdir() if sys.platform == "win32" else "/tmp"
    return Path(chosen)


def check_local() -> None:
    """Refuses to start Ray where it cannot live.

    Raises:
        MachineError: Names what is missing, and what to do.
    """
    folder = temporary_folder()
    _check_sockets(folder)
    _check_disk(folder)
    _check_limits()
    _check_memory()


def check_address(address: str) -> None:
    """Refuses to join a cluster that does not answer.

    Raises:
        JobError: It is no address.
        MachineError: Nobody answers there, or somebody who is not Ray.
    """
    asked, origin = _auto() if address == "auto" else (address, "")
    if not asked or ("://" in asked and not asked.startswith("ray://")):
        return  # Ray looks for a cluster by itself, or is told how by a plug-in
    match = ADDRESS.fullmatch(asked)
    if match is None:
        raise JobError(
            f"`address` must be auto, HOST:PORT or ray://HOST:PORT, got {asked!r}"
            f"{origin}"
        )
    reason = unreachable(match[1].strip("[]"), int(match[2]))
    if reason:
        raise MachineError(
            f"no Ray cluster answers at {asked}{origin}: {reason}; is it running "
            "(ray status), and is the port open?"
        )


def unreachable(host: str, port: int, timeout_s: float = CONNECT_S) -> str:
    """Why no gRPC server, such as Ray's, is reached there; empty: one is."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as peer:
            if os.environ.get("RAY_USE_TLS", "0").lower() not in ("", "0", "false"):
                return ""  # it speaks first to those alone who have its certificate
            peer.sendall(PREFACE)
            answer = peer.recv(9)
    except TimeoutError:
        return f"no answer in {timeout_s:g} s"
    except (OSError, OverflowError) as error:
        return str(getattr(error, "strerror", None) or error)
    if len(answer) < 4 or answer[3] != SETTINGS:
        return "what answers there is not Ray"
    return ""


def _auto() -> tuple[str, str]:
    """The address that Ray takes for `auto`, and who says so; empty: it has to look."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named and named != "auto":
        return named, " (RAY_ADDRESS in the environment)"
    file = temporary_folder() / "ray" / "ray_current_cluster"
    try:
        return file.read_text().strip(), f" (in {file})"
    except (OSError, ValueError):
        return "", ""


def _check_sockets(folder: Path) -> None:
    length = len(os.fsencode(folder.absolute())) + len(SOCKET)
    if sys.platform != "win32" and length > LONGEST_SOCKET:
        most = LONGEST_SOCKET - len(SOCKET)
        raise MachineError(
            f"Ray cannot start below {folder}: paths of sockets would be too long; "
            f"set RAY_TMPDIR to a folder of at most {most} letters, such as /tmp"
        )


def _check_disk(folder: Path) -> None:
    """Writes a little, for a quota or a limit shows in no number."""
    wanted = folder / "ray"
    there = next(one for one in (wanted, *wanted.absolute().parents) if one.exists())
    todo = "free some room, or set RAY_TMPDIR to another folder"
    try:
        with tempfile.TemporaryFile(dir=there, buffering=0) as file:
            for _ in range(4):
                if file.write(bytes(1 << 18)) != 1 << 18:
                    raise OSError(0, "no room is left")
        free = shutil.disk_usage(there).free
    except OSError as error:
        reason = error.strerror or error
        raise MachineError(
            f"Ray cannot start: it cannot write below {folder} ({reason}); {todo}"
        ) from None
    if free < LEAST_DISK:
        raise MachineError(
            f"Ray cannot start: {free / 1e6:.0f} MB are free below {folder}, it needs "
            f"{LEAST_DISK / 1e6:.0f}; {todo}"
        )


def _check_limits() -> None:
    """Limits that a shell, a container or a queue has set."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)  # Ray raises its own to it
    if files != resource.RLIM_INFINITY and files < LEAST_FILES:
        raise MachineError(
            f"Ray cannot start: this process may open {files} files, Ray needs "
            f"{LEAST_FILES}; ulimit -n {LEAST_FILES}, or {INLINE}"
        )
    size, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if size != resource.RLIM_INFINITY and size < 2 * STORE_BYTES:
        raise MachineError(
            f"Ray cannot start: files may have {size / 1e6:.1f} MB here, Ray needs "
            f"{2 * STORE_BYTES / 1e6:.0f}; ulimit -f unlimited, or {INLINE}"
        )


def _check_memory() -> None:
    import psutil

    free = psutil.virtual_memory().available
    if free < LEAST_MEMORY:
        raise MachineError(
            f"Ray cannot start: {free / 1e6:.0f} MB of memory are free, it needs "
            f"{LEAST_MEMORY / 1e6:.0f} with one worker; end other programs"
        )
