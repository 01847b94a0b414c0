"""Part d: milliseconds and memory of an update, against Flax, cuDNN and a CPU core."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from benchmarks.device.place import Place, on, timed
from benchmarks.device.rivals import CudnnRival, FlaxRival
from benchmarks.device.rows import Row, attempt
from cells import ZOO
from workers.training.program import Program

PLAN: Final = (
    ("gru", "ours", 1),
    ("gru", "ours", 0),
    ("gru", "cpu core", 0),
    ("gru", "ours", 3),
    ("lstm", "ours", 0),
    ("lstm", "cudnn", 0),
    ("gru", "flax", 1),
    ("gru", "ours", 4),
    ("gru", "ours", 2),
    ("lstm", "ours", 1),
    ("lstm", "flax", 1),
    ("gru", "flax", 0),
    ("lstm", "flax", 0),
    ("lstm", "cpu core", 0),
    ("lstm", "ours", 3),
    ("lstm", "ours", 4),
    ("lstm", "ours", 2),
)
"""What is timed at every size, the most important first: the time may not do for all.
Cell, whose, and which of the numbers of lanes."""

ROOM: Final = 0.9
"""Share of the device's memory that a program may need here."""


def measure(place: Place) -> Iterator[Row]:
    """Row by row of the plan, size by size."""
    sizes = place.sizes
    for cell, who, index in PLAN:
        if index >= len(sizes.lanes):
            continue
        for parameters in sizes.parameters:
            made = Made(cell, parameters, who, sizes.lanes[index])
            key = f"{cell} {parameters:,} {who} x{made.lanes}"
            yield attempt(key, partial(_timed, place, key, made))


class Made(NamedTuple):
    """What is timed: a cell, weights, whose implementation, and lanes."""

    cell: str
    parameters: int
    who: str
    lanes: int


def memory_bytes(device: Any) -> int:
    """Bytes that programs of this process may have; 0 where unknown."""
    stats = device.memory_stats() if hasattr(device, "memory_stats") else None
    return int((stats or {}).get("bytes_limit", 0))


def _program(place: Place, made: Made) -> Program:
    """The program that is timed."""
    model = place.model(ZOO[made.cell], made.parameters)
    width, symbols = model.width, model.num_inputs
    match made.who:
        case "flax":
            rival = FlaxRival(made.cell, width, symbols)
            return place.program(rival, lanes=made.lanes)
        case "cudnn":
            on_gpu = place.device.platform == "gpu"
            return place.program(CudnnRival(width, symbols, on_gpu))
        case "cpu core":
            return place.program(model, device=place.cpu, vectorized=False)
        case _:
            return place.program(model, lanes=made.lanes)


def _timed(place: Place, key: str, made: Made) -> Row:
    device = place.cpu if made.who == "cpu core" else place.device
    room = 0 if device.platform == "cpu" else int(ROOM * memory_bytes(device))
    with on(device):
        program = _program(place, made)
        took = timed(program, place.data(), place.sizes.timing_s, room)
    lane_bytes = took.needs_bytes / made.lanes
    per_s = made.lanes / took.update_ms * 1e3
    text = (
        f"{key:<32}{took.update_ms:>9.2f} ms{per_s:>11,.0f} updates/s"
        f"{took.compile_s:>7.1f} s to compile{lane_bytes / 2**20:>9.1f} MiB a lane"
        f"   (calls differ {took.spread:.2f}x)"
    )
    values = {
        **made._asdict(),
        **took._asdict(),
        "width": program.model.width,
        "batch": place.sizes.batch,
        "steps": place.sizes.steps,
        "updates_per_s": per_s,
        "lane_bytes": lane_bytes,
    }
    return Row(key, text, values)
