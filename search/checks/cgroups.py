"""Limits of Linux control groups, which containers and schedulers set."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
UNLIMITED_BYTES = 1 << 60  # version 1 says "none" with a number near 2**63


def cpu_quota(root: Path = ROOT) -> float | None:
    """CPUs' worth of time that this process may use; None: no limit is known."""
    found = []
    for folder in _folders("cpu", root):
        new = _words(folder / "cpu.max")
        old = [
            *_words(folder / "cpu.cfs_quota_us"),
            *_words(folder / "cpu.cfs_period_us"),
        ]
        for words in (new, old):
            if len(words) == 2 and words[0] not in ("max", "-1"):
                found.append(int(words[0]) / int(words[1]))
    return min(found, default=None)


def memory_left(root: Path = ROOT) -> tuple[int, int] | None:
    """Bytes that may be used in all, and that are left; None: no limit is known.

    Cached files count as left, since they give way.
    """
    found = []
    for folder in _folders("memory", root):
        for limit, usage in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            words, used = _words(folder / limit), _words(folder / usage)
            if not words or not used or words[0] == "max":
                continue
            if int(words[0]) < UNLIMITED_BYTES:
                left = int(words[0]) - int(used[0]) + _cached(folder)
                found.append((int(words[0]), max(0, left)))
    return min(found, key=lambda pair: pair[1], default=None)


def _folders(controller: str, root: Path) -> Iterator[Path]:
    """The folders of this process's groups, innermost first, in both versions."""
    base = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        places = (base, base / "unified") if not names else (base / controller,)
        inner = Path(path.lstrip("/"))
        for place in places:
            yield place / inner
            yield from (place / parent for parent in inner.parents)


def _cached(folder: Path) -> int:
    rows = (line.split() for line in _lines(folder / "memory.stat"))
    facts = {row[0]: int(row[1]) for row in rows if len(row) == 2}
    return facts.get("total_inactive_file", facts.get("inactive_file", 0))


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # another version of control groups, or another system
        return []
