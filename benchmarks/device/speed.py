"""Part d: milliseconds and memory of an update, against Flax, cuDNN and a CPU core."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from benchmarks.device.place import Place, on, timed
from benchmarks.device.rivals import CudnnRival, FlaxRival
from benchmarks.device.rows import Row, attempt
from cells import ZOO
from workers.training.program import Program

CELLS: Final = ("gru", "lstm")
RIVAL_LANES: Final = 2
"""At how many of the numbers of lanes Flax is timed, the first ones."""

ROOM: Final = 0.9
"""Share of the device's memory that a program may need here."""


def measure(place: Place) -> Iterator[Row]:
    """Size by size: ours, Flax's, cuDNN's, and ours on a core of the CPU."""
    for parameters in place.sizes.parameters:
        for name in CELLS:
            for who, lanes, make in _programs(place, name, parameters):
                key = f"{name} {parameters:,} {who} x{lanes}"
                facts = {
                    "cell": name,
                    "parameters": parameters,
                    "who": who,
                    "lanes": lanes,
                }
                yield attempt(key, partial(_timed, place, key, facts, make))


def memory_bytes(device: Any) -> int:
    """Bytes that programs of this process may have; 0 where unknown."""
    stats = device.memory_stats() if hasattr(device, "memory_stats") else None
    return int((stats or {}).get("bytes_limit", 0))


def _programs(
    place: Place, name: str, parameters: int
) -> Iterator[tuple[str, int, Callable[[], Program]]]:
    """Whose, with how many lanes, and how it is made."""
    sizes = place.sizes
    model = place.model(ZOO[name], parameters)
    # The fewest lanes first, and what others have at the same numbers, so that a part
    # that is cut short has something to compare.
    for lanes in sizes.lanes:
        yield "ours", lanes, partial(place.program, model, lanes=lanes)
        if lanes in sizes.lanes[:RIVAL_LANES]:
            yield "flax", lanes, partial(_flax, place, name, model.width, lanes)
    cpu = partial(place.program, model, device=place.cpu, vectorized=False)
    yield "cpu core", 1, cpu
    if name == "lstm":
        yield "cudnn", 1, partial(_cudnn, place, model.width)


def _flax(place: Place, name: str, width: int, lanes: int) -> Program:
    rival = FlaxRival(name, width, place.sizes.symbols)
    return place.program(rival, lanes=lanes)


def _cudnn(place: Place, width: int) -> Program:
    on_gpu = place.device.platform == "gpu"
    return place.program(CudnnRival(width, place.sizes.symbols, on_gpu))


def _timed(
    place: Place, key: str, facts: dict[str, Any], make: Callable[[], Program]
) -> Row:
    device = place.cpu if facts["who"] == "cpu core" else place.device
    room = 0 if device.platform == "cpu" else int(ROOM * memory_bytes(device))
    with on(device):
        program = make()
        took = timed(program, place.data(), place.sizes.timing_s, room)
    lane_bytes = took.needs_bytes / facts["lanes"]
    per_s = facts["lanes"] / took.update_ms * 1e3
    text = (
        f"{key:<32}{took.update_ms:>9.2f} ms{per_s:>11,.0f} updates/s"
        f"{took.compile_s:>7.1f} s to compile{lane_bytes / 2**20:>9.1f} MiB a lane"
        f"   (calls differ {took.spread:.2f}x)"
    )
    values = {
        **facts,
        **took._asdict(),
        "width": program.model.width,
        "updates_per_s": per_s,
        "lane_bytes": lane_bytes,
    }
    return Row(key, text, values)
