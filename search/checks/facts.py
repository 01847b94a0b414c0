"""Facts of this machine, and what a control group leaves of it."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from workers import available_cores

ROOT: Final = Path("/")

LIMITS: Final = {
    "cpu": (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")),
    "memory": (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ),
}
"""Files that hold a limit and what it refers to, in version 2 of groups and in 1."""


class Cores(NamedTuple):
    """CPU cores: of the machine, allowed to this process, and its quota of time."""

    machine: int
    allowed: int
    quota: float | None


class Memory(NamedTuple):
    """Bytes of memory: of the machine, for this process, and of those, free."""

    machine: int
    total: int
    left: int


def cores(root: Path = ROOT) -> Cores:
    """See `Cores`."""
    quotas = [time / period for time, period, _ in _limits("cpu", root)]
    machine = os.cpu_count() or 1
    allowed = len(available_cores()) or machine
    return Cores(machine, allowed, min(quotas, default=None))


def memory(root: Path = ROOT) -> Memory:
    """See `Memory`."""
    import psutil

    seen = psutil.virtual_memory()
    total, left = seen.total, seen.available
    for limit, used, group in _limits("memory", root):
        # Cached files count as used, and give way.
        stat = _text(group / "memory.stat")
        cached = max(map(int, re.findall(r"inactive_file (\d+)", stat)), default=0)
        total, left = min(total, limit), min(left, max(0, limit - used + cached))
    return Memory(seen.total, total, left)


def max_map_count() -> int | None:
    """Memory maps that a process may have; None: the system has no such limit."""
    text = _text(ROOT / "proc/sys/vm/max_map_count").strip()
    return int(text) if text.isdecimal() else None


def free_bytes(folder: Path) -> int:
    """Bytes that are free on a folder's disk."""
    return shutil.disk_usage(folder).free


def writable(folder: Path) -> bool:
    """Whether a file can be made in a folder."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _limits(controller: str, root: Path) -> Iterator[tuple[int, int, Path]]:
    """What limits this process: the two numbers, and the group that sets them."""
    for group in _groups(controller, root):
        for names in LIMITS[controller]:
            words = " ".join(_text(group / name) for name in names).split()
            # "max" and "-1" are no limits, and the file of another version is not there
            if len(words) == 2 and all(map(str.isdecimal, words)):
                yield int(words[0]), int(words[1]), group


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of this process's groups, innermost first, in both versions."""
    base = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        inner = Path(path.lstrip("/"))
        for place in (base / controller,) if controllers else (base, base / "unified"):
            yield from (place / group for group in (inner, *inner.parents))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # another system, or another version of control groups
        return ""
