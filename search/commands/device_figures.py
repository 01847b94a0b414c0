"""What an update takes on a device, between and beyond what was measured on it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from search.errors import UserError
from search.output.words import counted
from search.store.device_rows import Timed, read_device_rows
from workers import DEFAULT_LANES


@dataclass(frozen=True)
class Speeds:
    """Programs that were timed, by weights and lanes.

    Between two of them numbers go by the logarithms of both. With more weights or lanes
    than were measured an update takes longer in proportion, with fewer it takes as long
    as the fewest; compiling takes as long as at the nearest.

    Attributes:
        rows: One at least; the later one of two alike counts.
    """

    rows: tuple[Timed, ...]

    def position_s(self, weights: float, lanes: int) -> float:
        """Seconds of an update of all lanes, by position."""
        found = [
            (size, _between([(n, row.position_s) for n, row in curve.items()], lanes))
            for size, curve in self._curves.items()
        ]
        return _between(found, weights)

    def compile_s(self, weights: float, lanes: int) -> float:
        """Seconds of compiling a program."""
        found = [
            (size, _within([(n, row.compile_s) for n, row in curve.items()], lanes))
            for size, curve in self._curves.items()
        ]
        return _within(found, weights)

    def beyond(self, weights: Sequence[float], lanes: int) -> Iterator[tuple[str, str]]:
        """Label and line for each of what was not measured, nor lies between."""
        least, most = min(self._curves), max(self._curves)
        if many := [f"{one:,.0f}" for one in sorted(set(weights)) if one > most]:
            yield _in_proportion(f"{', '.join(many)} weights", most)
        if few := [f"{one:,.0f}" for one in sorted(set(weights)) if one < least]:
            yield _as_fewest(f"{', '.join(few)} weights", least)
        for size, curve in self._curves.items():
            what, where = counted(lanes, "lane"), f" of {size:,} weights"
            if lanes > max(curve):
                yield _in_proportion(what + where, max(curve))
            elif lanes < min(curve):
                yield _as_fewest(what + where, min(curve))

    @property
    def said(self) -> str:
        """What was measured, for people."""
        return "; ".join(
            f"{size:,} weights in {', '.join(f'{lanes:,}' for lanes in curve)} lanes"
            for size, curve in self._curves.items()
        )

    @property
    def windows(self) -> str:
        """Positions of an update of a lane that were timed, for people."""
        return ", ".join(f"{one:,}" for one in sorted({r.positions for r in self.rows}))

    @cached_property
    def _curves(self) -> Mapping[int, Mapping[int, Timed]]:
        """By weights, and then by lanes, both rising."""
        found: dict[int, dict[int, Timed]] = {}
        for row in sorted(self.rows, key=lambda one: (one.weights, one.lanes)):
            found.setdefault(row.weights, {})[row.lanes] = row
        return found


class Figures(NamedTuple):
    """What a device was measured to do.

    Attributes:
        device: Its name.
        platform: A key of `DEFAULT_LANES`.
        own: Programs of one cell.
        any_cell: Programs of any cell; None: not measured.
    """

    device: str
    platform: str
    own: Speeds
    any_cell: Speeds | None


def read_figures(paths: Sequence[Path]) -> Figures:
    """The figures of a device in files of `bench_device`, taken together.

    Args:
        paths: One at least.

    Raises:
        UserError: One cannot be read, they are of several devices, or none has what
            every projection needs.
    """
    files = [read_device_rows(path) for path in paths]
    said = ", ".join(map(str, paths))
    devices = dict.fromkeys((one.device, one.platform) for one in files if one.platform)
    if len(devices) > 1:
        names = ", ".join(name for name, _ in devices)
        raise UserError(f"{said}: figures must be of one device, got {names}")
    device, platform = next(iter(devices), ("a device without a name", "gpu"))
    if platform not in DEFAULT_LANES:
        raise UserError(
            f"{said}: platform must be one of {', '.join(DEFAULT_LANES)}, "
            f"got {platform!r}"
        )
    own = tuple(row for one in files for row in one.own)
    any_cell = tuple(row for one in files for row in one.any_cell)
    if not own:
        raise UserError(
            f"{said}: no figures of the GRU; `python -m benchmarks.bench_device "
            "--parts ad --out FILE` measures them"
        )
    beside = Speeds(any_cell) if any_cell else None
    return Figures(device, platform, Speeds(own), beside)


def _within(points: Sequence[tuple[float, float]], at: float) -> float:
    """The value at a place, or at the nearest one; see `Speeds`."""
    return _between(points, min(at, points[-1][0]))


def _between(points: Sequence[tuple[float, float]], at: float) -> float:
    """The value at a place; see `Speeds`.

    Args:
        points: Places, rising, and values; one at least, all above 0.
        at: The place.
    """
    first, last = points[0], points[-1]
    if at <= first[0]:
        return first[1]
    if at >= last[0]:
        return last[1] * at / last[0]
    upper = next(i for i, (place, _) in enumerate(points) if place > at)
    (x, low), (y, high) = points[upper - 1], points[upper]
    share = math.log(at / x) / math.log(y / x)
    return low * math.exp(share * math.log(high / low))


def _in_proportion(what: str, most: int) -> tuple[str, str]:
    return "beyond", f"what was measured: {what}, taken in proportion to {most:,}"


def _as_fewest(what: str, least: int) -> tuple[str, str]:
    return "below", f"what was measured: {what}, taken as {least:,}"
