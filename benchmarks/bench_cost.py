"""Whether nominal costs of cells foretell what this device takes.

    python -m benchmarks.bench_cost [--cells 40] [--widths 128 | --parameters 10000]
        [--steps 64] [--batch 32] [--rounds 11]

The first cells of the zoo, GRU among them, are measured in turn, in training and in
inference (`search.output.measuring`). A line for each: FLOPs of a step, matrices, bytes
of state, medians of both times, and their ratios to the GRU's within a round. Below
them Spearman's correlation over the cells of each measured time with each nominal cost,
and with itself: medians of the odd rounds against those of the even ones, which nothing
can exceed by much.

With `--parameters` each cell has the width that so many weights of a layer allow, as in
a search.
"""

import argparse
from collections.abc import Sequence

from cells import width_for
from search.output.measuring import (
    MEASURED,
    NOMINAL,
    Measurement,
    measure_cells,
    with_published,
)
from workers import Load


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
    cells = with_published({}, options.cells)
    plans = {
        f"{count:,} weights": {n: width_for(cell, count) for n, cell in cells.items()}
        for count in options.parameters
    } or {f"width {width}": dict.fromkeys(cells, width) for width in options.widths}
    for title, widths in plans.items():
        loads = {
            name: Load(width, options.steps, options.batch)
            for name, width in widths.items()
        }
        report(title, measure_cells(cells, loads, options.rounds))
    return 0


def report(title: str, found: Measurement) -> None:
    """Prints a line for each cell, the fewest FLOPs first, and the correlations."""
    load = found.beside.load
    print(
        f"\n{title}, {load.num_steps} steps, batch {load.batch_size}, "
        f"{found.rounds} rounds; {len(found.cells)} cells; x: to {found.beside.name}\n"
        f"{'cell':20}{'FLOPs':>12}{'matrices':>10}{'state':>9}{'training':>12}{'x':>7}"
        f"{'inference':>12}{'x':>7}"
    )
    for one in sorted(found.cells, key=lambda one: one.counted.flops):
        counted = one.counted
        times = "".join(
            f"{one.median(kind) * 1e6:>9.2f} µs"
            f"{one.ratio(found.beside, kind).median:>7.2f}"
            for kind in MEASURED
        )
        print(
            f"{one.name:20}{counted.flops:>12,}{counted.matrices:>10}"
            f"{counted.state_bytes:>7,} B{times}"
        )
    print(f"{'Spearman':20}{''.join(f'{kind:>13}' for kind in (*NOMINAL, 'itself'))}")
    for kind in MEASURED:
        values = found.correlations(kind).values()
        print(f"{kind:20}{''.join(f'{value:>13.2f}' for value in values)}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
