"""Cores, memory, limits and disks, against what a search takes of them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from search.checks import facts
from search.checks.finding import Finding, error, ok, warning
from workers import INLINE, LEAST_MEMORY_BYTES, RECYCLE_MAPS, PoolOptions

ENOUGH_MAPS: Final = 65_530
"""Linux's own limit, with which the tests are run."""

COMPILE_MAPS: Final = 10_000
"""Memory maps that a worker may add after it was last looked at."""

LEAST_BYTES: Final = LEAST_MEMORY_BYTES
GOOD_BYTES: Final = 1_000_000_000
"""Memory of a worker: JAX and one program; and what larger tasks come to."""

LEAST_DISK: Final = 100_000_000
GOOD_DISK: Final = 2_000_000_000


def check_cores(options: PoolOptions) -> Iterator[Finding]:
    """As many cores as workers, and the time to use them."""
    cores, workers = facts.cores(), _workers(options)
    text = f"{cores.machine} cores"
    if cores.allowed < cores.machine:
        text += f", {cores.allowed} of them allowed to this process"
    # A container may show all cores of its machine, and have the time of a few.
    if cores.quota is not None and cores.quota < workers - 0.01:
        yield warning(
            f"{text}, and time for {cores.quota:g} by a control group: "
            f"{workers} workers would wait for each other",
            f"--workers {max(1, int(cores.quota))}, or raise the container's CPU limit",
        )
    elif options.address is None and workers > cores.allowed:
        yield warning(
            f"{text}: {workers} workers would share them", f"--workers {cores.allowed}"
        )
    else:
        yield ok(f"{text}, for {workers} worker{'s' if workers > 1 else ''}")


def check_memory(options: PoolOptions) -> Iterator[Finding]:
    """Memory for each worker, here and now."""
    memory, workers = facts.memory(), _workers(options)
    each = memory.left / workers
    text = (
        f"{_size(memory.left)} of {_size(memory.total)} memory are free, "
        f"{_size(each)} a worker"
    )
    fewer = max(1, int(memory.left / GOOD_BYTES))
    todo = f"end other programs, or --workers {fewer}"
    # A worker's own limit is a core's share of the machine, whatever its container has.
    share = memory.machine / facts.cores().machine
    if each < LEAST_BYTES:
        yield error(f"{text}: not enough for JAX and a program", todo)
    elif each < GOOD_BYTES:
        yield warning(f"{text}: larger tasks may not fit", todo)
    elif options.workers != INLINE and share * workers > memory.total * 1.05:
        yield warning(
            f"{text}; each may allocate {_size(share)} unless told otherwise, more "
            "than there is",
            f"--memory {max(memory.total / workers, LEAST_BYTES) / 1e9:.1f}",
        )
    else:
        yield ok(text)


def check_maps(options: PoolOptions) -> Iterator[Finding]:
    """Memory maps, of which every compiled program takes some."""
    number = facts.max_map_count()
    yield ok("no limit on memory maps") if number is None else judge_maps(number)


def judge_maps(number: int) -> Finding:
    """Whether so many memory maps are enough for a process that compiles."""
    todo = "sudo sysctl -w vm.max_map_count=262144 (and in /etc/sysctl.conf)"
    text = f"vm.max_map_count is {number:,}; workers give way at {RECYCLE_MAPS:,} maps"
    if number < RECYCLE_MAPS + COMPILE_MAPS:
        return error(f"{text}, and would die in compilation before that", todo)
    if number < ENOUGH_MAPS:
        return warning(f"{text}; the tests are run with {ENOUGH_MAPS:,}", todo)
    return ok(text)


def check_disk(options: PoolOptions) -> Iterator[Finding]:
    """Room for run folders and for Ray's own files, and leave to write them."""
    # Runs are written where a person stands, Ray writes where temporary files are.
    places = (
        (Path.cwd(), "run folders", "go to a folder of your own, or name one by --out"),
        (Path(tempfile.gettempdir()), "temporary files", "set TMPDIR to a folder"),
    )
    for folder, purpose, todo in places:
        if not facts.writable(folder):
            yield error(f"nothing can be written to {folder}", todo)
            continue
        free = facts.free_bytes(folder)
        text = f"{_size(free)} free in {folder} for {purpose}"
        if free < LEAST_DISK:
            yield error(text, "free some room")
        elif free < GOOD_DISK:
            yield warning(text, "free some room")
        else:
            yield ok(text)


def _workers(options: PoolOptions) -> int:
    """Processes that would work on this machine."""
    if options.workers == INLINE:
        return 1
    own = facts.cores().allowed
    return own if options.address is not None else options.count or own


def _size(number: float) -> str:
    """Bytes for people: `1.5 GB`."""
    return f"{number / 1e9:,.1f} GB"
