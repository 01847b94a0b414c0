"""Whether nominal costs of cells foretell what this device takes.

    python -m benchmarks.bench_cost [--cells 40] [--widths 128 | --parameters 10000]
        [--steps 64] [--batch 32] [--rounds 11]

The first cells of the zoo, GRU among them, are measured in turn, in training and in
inference (`workers.training.speed`). A line for each: FLOPs of a step, bytes of state,
medians of both times, and their ratios to the GRU's within a round. Below them
Spearman's correlation over the cells of each measured time with each nominal cost, and
with itself: medians of the odd rounds against those of the even ones, which nothing can
exceed by much.

With `--parameters` each cell has the width that so many weights of a layer allow, as in
a search. Cells of one width are measured in turn, and the widths one after another, so
that ratios are not within a round.
"""

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

from scipy.stats import spearmanr

from cells import ZOO, Cell, width_for
from search.output.cost import BESIDE, Counted, count, ratios
from workers import Load, Speed, measure_speed

NOMINAL: Final = ("flops", "parameters", "state_bytes")
"""Costs that are counted; nominal times are FLOPs at a fixed speed."""

MEASURED: Final = ("training_s", "inference_s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=40)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--widths", type=int, nargs="+", default=[128])
    sizes.add_argument("--parameters", type=int, nargs="+", default=[])
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args(arguments)
    if options.cells < 3 or options.rounds < 2:
        parser.error("needs 3 cells and 2 rounds at least")
    cells = chosen(options.cells)
    plans = {
        f"{count:,} weights": {n: width_for(cell, count) for n, cell in cells.items()}
        for count in options.parameters
    } or {f"width {width}": dict.fromkeys(cells, width) for width in options.widths}
    for title, widths in plans.items():
        loads = {
            name: Load(width, options.steps, options.batch, options.rounds)
            for name, width in widths.items()
        }
        counted = {name: count(cell, loads[name]) for name, cell in cells.items()}
        report(title, loads[BESIDE], counted, measured(cells, loads))
    return 0


def measured(cells: Mapping[str, Cell], loads: Mapping[str, Load]) -> dict[str, Speed]:
    """The speed of each cell, those of one width in turn."""
    found: dict[str, Speed] = {}
    for load in dict.fromkeys(loads.values()):
        alike = {name: cell for name, cell in cells.items() if loads[name] == load}
        found |= measure_speed(alike, load)
    return found


def chosen(number: int) -> dict[str, Cell]:
    """The first cells of the zoo, after the one that others are measured beside."""
    others = (name for name in ZOO if name != BESIDE)
    return {name: ZOO[name] for name in (BESIDE, *islice(others, number - 1))}


def report(
    title: str, load: Load, counted: Mapping[str, Counted], speed: Mapping[str, Speed]
) -> None:
    """Prints a line for each cell, the fewest FLOPs first, and the correlations."""
    print(
        f"\n{title}, {load.num_steps} steps, batch {load.batch_size}, "
        f"{load.rounds} rounds; {len(counted)} cells; x: to {BESIDE}\n"
        f"{'cell':20}{'FLOPs':>12}{'state':>9}{'training':>12}{'x':>7}"
        f"{'inference':>12}{'x':>7}"
    )
    for name in sorted(counted, key=lambda name: counted[name].flops):
        one, own, beside = counted[name], speed[name], speed[BESIDE]
        times = "".join(
            f"{statistics.median(getattr(own, kind)) * 1e6:>9.2f} µs"
            f"{ratios(getattr(own, kind), getattr(beside, kind)).median:>7.2f}"
            for kind in MEASURED
        )
        print(f"{name:20}{one.flops:>12,}{one.state_bytes:>7,} B{times}")
    print(f"{'Spearman':20}{''.join(f'{kind:>13}' for kind in (*NOMINAL, 'itself'))}")
    for kind in MEASURED:
        found = correlations(counted, {key: getattr(speed[key], kind) for key in speed})
        print(f"{kind:20}{''.join(f'{value:>13.2f}' for value in found)}", flush=True)


def correlations(
    counted: Mapping[str, Counted], seconds: Mapping[str, Sequence[float]]
) -> list[float]:
    """Of the medians with each nominal cost; and of odd rounds with even ones."""
    medians = [statistics.median(seconds[name]) for name in counted]
    odd = [statistics.median(seconds[name][::2]) for name in counted]
    even = [statistics.median(seconds[name][1::2]) for name in counted]
    nominal = [[getattr(one, kind) for one in counted.values()] for kind in NOMINAL]
    pairs = [*((costs, medians) for costs in nominal), (odd, even)]
    return [_spearman(*pair) for pair in pairs]


def _spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """NaN where one of them is the same for all cells."""
    if len(set(first)) == 1 or len(set(second)) == 1:
        return math.nan
    return float(spearmanr(first, second).statistic)


if __name__ == "__main__":
    raise SystemExit(main())
