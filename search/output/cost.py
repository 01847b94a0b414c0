"""What a cell costs at a width: counted, nominal and measured, beside the GRU."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from cells import ZOO, Cell, flops, matrices, num_params, state_bytes
from search.output.words import plain
from workers import Load, Speed, numerics_class, step_cost

BESIDE: Final = "gru"
"""The cell of the zoo that others are measured beside."""


class Spread(NamedTuple):
    """A number that was measured several times: median and quartiles."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Counted:
    """What is known of a cell without running it, of one layer at a width.

    Attributes:
        parameters: Weights.
        matrices: That a step multiplies with something.
        state_bytes: Carried from step to step, for one sequence.
        flops: Of a step forward, for one sequence.
        nominal_training_s: Core-seconds of a step of the batch in training.
        nominal_inference_s: Core-seconds of a step of one sequence.
    """

    parameters: int
    matrices: int
    state_bytes: int
    flops: int
    nominal_training_s: float
    nominal_inference_s: float


@dataclass(frozen=True)
class Cost:
    """What a cell costs on this device, and the GRU in the same minute.

    Attributes:
        name: What it is called.
        load: At which sizes.
        rounds: How often each was measured.
        device: What it was measured on.
        counted: Of the cell and of the GRU.
        speed: The same.
    """

    name: str
    load: Load
    rounds: int
    device: str
    counted: tuple[Counted, Counted]
    speed: tuple[Speed, Speed]

    def to_dict(self) -> dict[str, Any]:
        """JSON values: cell, GRU, and ratios of the cell to the GRU."""
        own, beside = map(asdict, self.counted)
        rows = {}
        for key in own:
            ratio = own[key] / beside[key]
            rows[key] = {"cell": own[key], BESIDE: beside[key], "ratio": ratio}
        for key in ("training_s", "inference_s"):
            mine, theirs = (getattr(one, key) for one in self.speed)
            rows[key] = {
                "cell": spread(mine)._asdict(),
                BESIDE: spread(theirs)._asdict(),
                "ratio": ratios(mine, theirs)._asdict(),
            }
        sizes = {**asdict(self.load), "rounds": self.rounds}
        return {**sizes, "device": self.device, **rows}


def count(cell: Cell, load: Load) -> Counted:
    """What is known of a cell without running it."""
    batch = load.batch_size
    return Counted(
        parameters=num_params(cell, load.width),
        matrices=matrices(cell),
        state_bytes=state_bytes(cell, load.width),
        flops=flops(cell, load.width),
        nominal_training_s=step_cost(cell, load.width, batch_size=batch, training=True),
        nominal_inference_s=step_cost(cell, load.width),
    )


def measure_cost(name: str, cell: Cell, load: Load, rounds: int) -> Cost:
    """Measures a cell and the GRU in turn.

    Raises:
        JobError: They do not fit into the device's memory, or it does not start.
    """
    from workers import measure_speed  # and so JAX

    cells = {"cell": cell, BESIDE: ZOO[BESIDE]}
    speed = measure_speed(cells, dict.fromkeys(cells, load), rounds)
    return Cost(
        name=name,
        load=load,
        rounds=rounds,
        device=device(),
        counted=(count(cell, load), count(ZOO[BESIDE], load)),
        speed=(speed["cell"], speed[BESIDE]),
    )


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratios(own: Sequence[float], other: Sequence[float]) -> Spread:
    """How many times the other's each of them is, round by round."""
    return spread([a / b for a, b in zip(own, other, strict=True)])


def render_cost(cost: Cost) -> str:
    """The table as lines for a person."""
    load = cost.load
    lines: list[tuple[str, ...]] = [("", cost.name, BESIDE, "ratio")]
    for title, text, read in _COUNTED:
        own, beside = map(read, cost.counted)
        lines.append((title, text(own), text(beside), f"{own / beside:.2f}"))
    for title, factor, take in _MEASURED:
        mine, theirs = map(take, cost.speed)
        both = (_quartiles(spread(one), factor) for one in (mine, theirs))
        lines.append((title, *both, _quartiles(ratios(mine, theirs))))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    said = (
        f"one layer of width {load.width}; {load.batch_size} sequences of "
        f"{load.num_steps} steps in training, one in inference; medians (quartiles) of "
        f"{cost.rounds} rounds in turn; {cost.device}"
    )
    return plain("\n".join([*(_line(one, widths) for one in lines), said]))


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    """A title and numbers, each in its column."""
    first, *rest = widths
    numbers = (text.rjust(width) for text, width in zip(texts[1:], rest, strict=True))
    return "  ".join([texts[0].ljust(first), *numbers])


def _quartiles(values: Spread, factor: float = 1.0) -> str:
    median, low, high = (_short(value * factor) for value in values)
    return f"{median} ({low}-{high})"


def _short(value: float) -> str:
    """Three digits or more, without an exponent."""
    magnitude = int(f"{value:e}".partition("e")[2])
    return f"{value:.{max(0, 2 - magnitude)}f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def device() -> str:
    """What JAX computes on, in a few words."""
    own = numerics_class()
    model = own.device.split(" / ")[-1]  # after its maker and its numbers
    return f"{model}, one thread" if own.platform == "cpu" else model


_COUNTED: Final[
    Sequence[tuple[str, Callable[[float], str], Callable[[Counted], float]]]
] = (
    ("parameters", _whole, lambda one: one.parameters),
    ("matrices", _whole, lambda one: one.matrices),
    ("bytes of state", _whole, lambda one: one.state_bytes),
    ("FLOPs a step", _whole, lambda one: one.flops),
    ("training, nominal ms a step", _short, lambda one: one.nominal_training_s * 1e3),
    ("inference, nominal µs a step", _short, lambda one: one.nominal_inference_s * 1e6),
)
"""Title, wording and number of a row that is counted."""

_MEASURED: Final[Sequence[tuple[str, float, Callable[[Speed], Sequence[float]]]]] = (
    ("training, ms a step", 1e3, lambda one: one.training_s),
    ("inference, µs a step", 1e6, lambda one: one.inference_s),
)
"""Title, units a second and seconds of a row that is measured."""
