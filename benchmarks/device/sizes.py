"""How large everything is: on an accelerator, and with `--cpu`."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Attributes:
        batch: B, rows of a minibatch.
        steps: T, steps of a window.
        symbols: V.
        curve_updates: Updates of a loss curve.
        mutants: Mutants that have loss curves.
        scans: Cells whose `scan` is compared with `step`, the first of those.
        scan_width: H of those comparisons.
        bit_lanes: Lanes of the programs whose bits are compared.
        parameters: Weights of the models that are timed; the first is that of curves.
        lanes: Settings in one program, of those that are timed.
        timing_s: Seconds that a timed call takes at least.
        option_lanes: Lanes of the programs that compiler options are compared on.
        variants: How many variants of options are compared, the first ones.
        filter_cells: Mutants that take the filter.
        filter_updates: Updates of each of them.
        demo: Options of the demo search that are not the preset's.
        demo_candidates: Mutants of it.
    """

    batch: int = 20
    steps: int = 35
    symbols: int = 28
    curve_updates: int = 20
    mutants: int = 10
    scans: int = 4
    scan_width: int = 128
    bit_lanes: int = 20
    parameters: tuple[int, ...] = (25_000, 250_000, 1_000_000)
    lanes: tuple[int, ...] = (1, 20, 64, 256, 1024)
    timing_s: float = 0.2
    option_lanes: tuple[int, ...] = (20, 256)
    variants: int = 100
    filter_cells: int = 40
    filter_updates: int = 300
    demo: tuple[tuple[str, object], ...] = ()
    demo_candidates: int = 6


WHOLE: Final = Sizes()

TINY: Final = {
    "optimizer": "adam",
    "rate": 0.01,
    "scale": 2.0,
    "clip": 2.5,
    "num_layers": 1,
    "parameters": 600,
}

SMALL: Final = Sizes(
    batch=2,
    steps=4,
    symbols=5,
    curve_updates=3,
    mutants=1,
    scans=1,
    scan_width=4,
    bit_lanes=3,
    parameters=(600,),
    lanes=(1, 2),
    timing_s=0.005,
    option_lanes=(2,),
    variants=3,
    filter_cells=1,
    filter_updates=2,
    demo=(
        ("seeds", ["gru"]),
        ("tasks", ["adding"]),
        ("objective.panel", [TINY]),
        ("objective.rungs", [1]),
    ),
    demo_candidates=1,
)
"""So small that nothing takes time but compilation."""
