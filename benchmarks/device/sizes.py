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
        known: Published cells that have loss curves, the first ones.
        mutants: Mutants that have loss curves.
        scans: Cells whose `scan` is compared with `step`, the first of those.
        scan_width: H of those comparisons.
        bit_cells: Cells whose programs have their bits compared, the first ones.
        bit_lanes: Lanes of these programs.
        parameters: Weights of the models that are timed; the first is that of curves.
        lanes: Settings in one program, of those that are timed.
        timing_s: Seconds that a timed call takes at least.
        option_lanes: Lanes of the programs that compiler options are compared on.
        variants: How many variants of options are compared, the first ones.
        any_parameters: Weights of the models of programs of any cell.
        any_lanes: Lanes of those that are timed, the most important first.
        any_lstm: The same for the LSTM, which is of a larger size.
        any_cells: Cells that are compared with the CPU.
        filter_cells: Mutants that are trained as a search trains them.
        filter_alone: How many of them one by one, too.
        filter_lanes: Lanes of the program that trains all of them.
        filter_epochs: Epochs of each of them.
        filter_task: What of the task is not as in the preset.
        demo: Options of the demo search that are not the preset's.
        demo_candidates: Mutants of it.
    """

    batch: int = 20
    steps: int = 35
    symbols: int = 28
    curve_updates: int = 20
    known: int = 3
    mutants: int = 10
    scans: int = 4
    scan_width: int = 128
    bit_cells: int = 2
    bit_lanes: int = 20
    parameters: tuple[int, ...] = (25_000, 250_000, 1_000_000)
    lanes: tuple[int, ...] = (1, 20, 64, 256, 1024)
    timing_s: float = 0.2
    option_lanes: tuple[int, ...] = (20, 256)
    variants: int = 100
    any_parameters: int = 10_000
    any_lanes: tuple[int, ...] = (256, 1024, 1, 64)
    any_lstm: tuple[int, ...] = (256,)
    any_cells: int = 10
    filter_cells: int = 640
    filter_alone: int = 5
    filter_lanes: int = 256
    filter_epochs: int = 3
    filter_task: tuple[tuple[str, int], ...] = ()
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
    known=1,
    mutants=1,
    scans=1,
    scan_width=4,
    bit_cells=1,
    bit_lanes=3,
    parameters=(600,),
    lanes=(1,),
    timing_s=0.005,
    option_lanes=(2,),
    variants=2,
    any_parameters=600,
    any_lanes=(2,),
    any_lstm=(),
    any_cells=2,
    filter_cells=1,
    filter_alone=1,
    filter_lanes=2,
    filter_epochs=1,
    filter_task=(("train_tokens", 1280), ("valid_tokens", 640)),
    demo=(
        ("seeds", ["gru"]),
        ("tasks", ["adding"]),
        ("objective.panel", [TINY]),
        ("objective.rungs", [1]),
    ),
    demo_candidates=1,
)
"""So small that nothing takes time but compilation."""
