"""What follows from the measurements for `workers.machine.runtime`; pure."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from search.store.device_rows import Parts, Values, measured
from workers.machine.device_memory import allowance_of
from workers.machine.runtime import DEFAULT_LANES

UPDATES: Final = 2_000
"""Updates of a candidate for which compiling has to pay."""

FREE: Final = 1.25
"""Up to this many times the milliseconds of one lane, lanes count as free."""

FULL: Final = 0.9
"""Share of the largest throughput at which more lanes are not worth their memory."""

ROOM: Final = 0.9
"""Share of the device's memory that workers may have."""


def advise(parts: Parts) -> list[str]:
    """Lines for people, the most important first."""
    return [
        *_numbers(parts),
        *_lanes(measured(parts, "d")),
        *_options(measured(parts, "e")),
        *_rivals(measured(parts, "d")),
        *_memory(parts),
        *_filter(measured(parts, "f")),
        *_unfinished(parts),
    ]


def wrong(parts: Parts) -> list[str]:
    """Keys of the rows that say that numbers are wrong, or bits do not repeat."""
    return [
        row["key"]
        for part in parts.values()
        for row in part["rows"]
        if row["values"].get("holds") is False
        or (row["values"].get("equal") is False and row["values"].get("required"))
    ]


def _numbers(parts: Parts) -> Iterator[str]:
    held = [row for row in measured(parts, "b") if "holds" in row]
    bits = [row for row in measured(parts, "c") if row.get("required")]
    if held:
        right = sum(row["holds"] for row in held)
        yield f"numbers: {right} of {len(held)} comparisons are within their tolerance"
    if bits:
        same = sum(row["equal"] for row in bits)
        yield f"bits: {same} of {len(bits)} comparisons that must be the same are"
    if bad := wrong(parts):
        yield f"DO NOT USE this device before it is known why: {', '.join(bad)}"


def _lanes(rows: Sequence[Values]) -> Iterator[str]:
    """How many lanes cost nothing, and from where on more bring nothing."""
    own: dict[tuple[str, int], dict[int, float]] = {}
    for row in rows:
        if row["who"] == "ours":
            key = (row["cell"], row["parameters"])
            own.setdefault(key, {})[row["lanes"]] = row["update_ms"]
    found: dict[int, list[tuple[int, int]]] = {}
    for (_, parameters), times in own.items():
        if len(times) > 1 and 1 in times:
            free = max(n for n, ms in times.items() if ms <= FREE * times[1])
            best = max(n / ms for n, ms in times.items())
            full = min(n for n, ms in times.items() if n / ms >= FULL * best)
            found.setdefault(parameters, []).append((free, full))
    now = DEFAULT_LANES["gpu"]
    for parameters, pairs in sorted(found.items()):
        free, full = (min(column) for column in zip(*pairs, strict=True))
        yield (
            f"DEFAULT_LANES at {parameters:,} weights: {free} lanes cost at most "
            f"{FREE:g} times one; from {full} on more bring less than {1 - FULL:.0%}; "
            f"now {now} at most, fewer where memory has room for fewer"
        )
    if not found:
        yield "DEFAULT_LANES: not measured"


def _options(rows: Sequence[Values]) -> Iterator[str]:
    """The variants by what a candidate would take, compiling included."""
    if not rows:
        yield "COMPILER_OPTIONS: not measured"
    for lanes in sorted({row["lanes"] for row in rows}):
        mine = [row for row in rows if row["lanes"] == lanes]

        def cost_s(row: Values) -> float:
            spent: float = row["compile_s"] + UPDATES * row["update_ms"] / 1e3
            return spent

        first = mine[0]
        best = sorted(mine, key=cost_s)[:3]
        said = "; ".join(
            f"{row['variant']} {cost_s(row):.1f} s"
            f"{'' if row['same_loss'] else ' (other bits)'}"
            for row in best
        )
        yield (
            f"COMPILER_OPTIONS with {lanes} lanes, for {UPDATES:,} updates and "
            f"compiling: {said}; now {cost_s(first):.1f} s"
        )


def _rivals(rows: Sequence[Values]) -> Iterator[str]:
    """Ours against each of the others, at the same size and number of lanes."""
    times = {
        (row["who"], row["cell"], row["parameters"], row["lanes"]): row["update_ms"]
        for row in rows
    }
    ratios: dict[str, list[float]] = {}
    for (who, *what), ms in times.items():
        mine = times.get(("ours", *what))
        if who != "ours" and mine:
            ratios.setdefault(who, []).append(ms / mine)
    for who, found in ratios.items():
        yield (
            f"an update of {who} takes {statistics.median(found):.2f} times ours "
            f"({min(found):.2f} to {max(found):.2f}, {len(found)} comparisons)"
        )
    rates: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        best = rates.setdefault((row["cell"], row["parameters"]), {})
        best[row["who"]] = max(best.get(row["who"], 0), row["updates_per_s"])
    for (cell, parameters), best in rates.items():
        if "ours" in best and "cpu core" in best:
            yield (
                f"{cell} of {parameters:,} weights: the device does as much as "
                f"{best['ours'] / best['cpu core']:,.1f} cores of this CPU, at best"
            )


def _memory(parts: Parts) -> Iterator[str]:
    """What a lane needs, so how many a program has room for, and how many workers."""
    limit = max((row.get("memory_bytes", 0) for row in measured(parts, "a")), default=0)
    own = [row for row in measured(parts, "d") if row["who"] == "ours"]
    for parameters in sorted({row["parameters"] for row in own}):
        mine = [row for row in own if row["parameters"] == parameters]
        # With many lanes what a program needs once counts for little.
        lane = max(mine, key=lambda row: row["lanes"])["lane_bytes"]
        text = f"memory at {parameters:,} weights: {lane / 2**20:,.1f} MiB a lane"
        if allowed := allowance_of(limit):
            text += (
                f", so that {allowed / lane:,.0f} lanes are within the "
                f"{allowed / 2**30:g} GiB that a program may need"
            )
        yield text
    if own and limit:
        most = max(row["needs_bytes"] for row in own)
        yield (
            f"memory limits: the largest program measured needs {most / 2**30:.2f} "
            f"GiB; K workers on a device have {ROOM * limit / 2**30:.0f} GiB / K each"
        )


def _filter(rows: Sequence[Values]) -> Iterator[str]:
    for row in {row["form"]: row for row in rows if "form" in row}.values():
        total = row["median_compile_s"] + UPDATES * row["update_ms"] / 1e3
        yield (
            f"a filter {row['form']}: {total:.1f} s a candidate of {UPDATES:,} "
            f"updates, {row['median_compile_s'] / total:.0%} of it compiling"
        )


def _unfinished(parts: Parts) -> Iterator[str]:
    for letter, part in parts.items():
        failed = [row["key"] for row in part["rows"] if row["failed"]]
        if part["ended"] != "done" or failed:
            said = f"; not measured: {', '.join(failed)}" if failed else ""
            yield f"part {letter} ended as: {part['ended']}{said}"
