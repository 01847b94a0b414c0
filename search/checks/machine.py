"""Cores, memory, limits and disks, against what a search takes of them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from search.checks import facts
from search.checks.finding import Asked, Finding, error, ok, warning
from workers import RECYCLE_MAPS

COMPILE_MAPS: Final = 10_000
"""Memory maps that a worker may add after it was last looked at."""

ENOUGH_MAPS: Final = 65_530
"""Linux's own limit, with which the tests are run."""

LEAST_BYTES: Final = 500_000_000
GOOD_BYTES: Final = 1_000_000_000
"""Memory of a worker: JAX and one program; and what larger tasks come to."""

FILES_BASE: Final = 512
FILES_WORKER: Final = 32
"""Open files that Ray takes, and what it takes for each worker."""

LEAST_DISK: Final = 100_000_000
GOOD_DISK: Final = 2_000_000_000
FULL: Final = 0.95
"""Share of the disk of temporary files at which Ray stops writing."""

SHARED: Final = Path("/dev/shm")
LEAST_SHARED: Final = 100_000_000
"""Ray's smallest object store is a little less."""


def check_cores(asked: Asked) -> Iterator[Finding]:
    """As many cores as workers, and the time to use them."""
    found = facts.cores()
    text = f"{found.machine} cores"
    if found.allowed < found.machine:
        text += f", {found.allowed} of them allowed to this process"
    workers = _workers(asked)
    if found.quota is not None and found.quota < workers - 0.01:
        yield warning(
            f"{text}, and time for {found.quota:g} by a control group: "
            f"{workers} workers would wait for each other",
            f"--workers {max(1, int(found.quota))}, or raise the container's CPU limit",
        )
    elif asked.address is None and workers > found.allowed:
        yield warning(
            f"{text}: {workers} workers would share them",
            f"--workers {found.allowed}",
        )
    else:
        yield ok(f"{text}, for {workers} worker{'s' if workers > 1 else ''}")


def check_maps(asked: Asked) -> Iterator[Finding]:
    """Memory maps, of which every compiled program takes some."""
    found = facts.max_map_count()
    if found is None:
        yield ok("this system sets no limit on memory maps")
        return
    todo = "sudo sysctl -w vm.max_map_count=262144 (and in /etc/sysctl.conf)"
    text = f"vm.max_map_count is {found:,}; workers give way at {RECYCLE_MAPS:,} maps"
    if found < RECYCLE_MAPS + COMPILE_MAPS:
        yield error(f"{text}, and would die in compilation before that", todo)
    elif found < ENOUGH_MAPS:
        yield warning(f"{text}; the tests are run with {ENOUGH_MAPS:,}", todo)
    else:
        yield ok(text)


def check_files(asked: Asked) -> Iterator[Finding]:
    """Open files, of which Ray takes many."""
    found = facts.open_files()
    if found is None:
        yield ok("this system sets no limit on open files")
        return
    now, most = found
    need = FILES_BASE + FILES_WORKER * (0 if asked.inline else _workers(asked))
    if 0 <= now < need:
        rise = f"ulimit -n {need}"
        raised = most < 0 or most >= need
        yield warning(
            f"a process may have {now:,} files open; Ray and its workers may take "
            f"{need:,}",
            rise if raised else f"{rise}; the hard limit of {most:,} has to be raised",
        )
    else:
        yield ok("unlimited open files" if now < 0 else f"{now:,} open files allowed")


def check_memory(asked: Asked) -> Iterator[Finding]:
    """Memory for each worker, here and now."""
    found, workers = facts.memory(), _workers(asked)
    each = found.left / workers
    text = (
        f"{_size(found.left)} of {_size(found.total)} memory are free, "
        f"{_size(each)} a worker"
    )
    fewer = max(1, int(found.left / GOOD_BYTES))
    todo = f"end other programs, or --workers {fewer}"
    share = found.machine / facts.cores().machine
    if each < LEAST_BYTES:
        yield error(f"{text}: not enough for JAX and a program", todo)
    elif each < GOOD_BYTES:
        yield warning(f"{text}: larger tasks may not fit", todo)
    elif not asked.inline and share * workers > found.total * 1.05:
        gigabytes = found.total / workers / 1e9
        yield warning(
            f"{text}; each may allocate {_size(share)} unless told otherwise, more "
            "than there is",
            f"--memory {gigabytes:.1f}",
        )
    else:
        yield ok(text)


def check_disk(asked: Asked) -> Iterator[Finding]:
    """Room for run folders, and leave to write them."""
    here = Path.cwd()
    if not facts.writable(here):
        yield error(
            f"nothing can be written to {here}",
            "go to a folder of your own, or name one by --out",
        )
    yield from _room(here, "for run folders")


def check_temporary(asked: Asked) -> Iterator[Finding]:
    """Room for Ray's own files."""
    folder = Path(tempfile.gettempdir())
    if not facts.writable(folder):
        yield error(f"nothing can be written to {folder}", "set TMPDIR to a folder")
        return
    found = facts.disk(folder)
    if found is not None and found[1] < (1 - FULL) * found[0]:
        yield warning(
            f"{folder} is more than {FULL:.0%} full ({_size(found[1])} free): Ray "
            "stops writing there",
            "free room there, or set RAY_TMPDIR to another disk",
        )
        return
    yield from _room(folder, "for temporary files")


def check_shared(asked: Asked) -> Iterator[Finding]:
    """Shared memory, where Ray keeps what it sends."""
    found = facts.disk(SHARED)
    if found is None:
        yield ok(f"there is no {SHARED}: Ray uses temporary files instead")
    elif found[1] < LEAST_SHARED:
        yield warning(
            f"{SHARED} has {_size(found[1])} free: Ray uses temporary files instead, "
            "which is slower",
            "in Docker: --shm-size=1g; elsewhere delete what is left in it",
        )
    else:
        yield ok(f"{SHARED} has {_size(found[1])} free for Ray's object store")


def _room(folder: Path, purpose: str) -> Iterator[Finding]:
    found = facts.disk(folder)
    if found is None:
        yield error(f"there is no folder {folder}", "make it, or go to another")
        return
    text, todo = f"{_size(found[1])} free in {folder} {purpose}", "free some room"
    if found[1] < LEAST_DISK:
        yield error(text, todo)
    elif found[1] < GOOD_DISK:
        yield warning(text, todo)
    else:
        yield ok(text)


def _workers(asked: Asked) -> int:
    """Processes that would work on this machine."""
    if asked.inline:
        return 1
    own = facts.cores().allowed
    if asked.address is not None:
        return own
    return asked.workers or own


def _size(number: float) -> str:
    """Bytes for people: `1.5 GB`."""
    return f"{number / 1e9:,.1f} GB"
