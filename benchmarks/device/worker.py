"""The process that measures: parts in order, rows as lines of JSON on a pipe.

XLA cannot be interrupted while it compiles, and an error of a driver may end a process.
So whoever asks is another process, without JAX, which ends this one when it hangs and
goes on with a new one: see `supervisor`. What was measured has been told by then. One
process for all parts would lose them, one for each would pay the start every time.
"""

import faulthandler
import importlib
import json
import os
import sys
import time
import traceback
from contextlib import closing
from dataclasses import replace
from typing import Any, Final, NamedTuple

from benchmarks.device.missing import stand_in
from benchmarks.device.parts import Part, find_part, limit_s
from benchmarks.device.rows import Row, failure
from benchmarks.device.sizes import SMALL, WHOLE

LATE_S: Final = 60.0
"""Seconds past a part's limit after which the process ends itself, if it still is."""


class Order(NamedTuple):
    """What a worker is to do.

    Attributes:
        parts: Letters.
        small: Whether the CPU is the device, and everything small.
        end: Until when, by `time.monotonic`, which all processes of a machine share.
    """

    parts: str
    small: bool
    end: float


def main() -> None:
    """Reads the order and the number of the pipe from the command line."""
    order, pipe = Order(*json.loads(sys.argv[1])), int(sys.argv[2])
    stand_in()
    with os.fdopen(pipe, "w", buffering=1) as out:

        def tell(event: str, **values: Any) -> None:
            out.write(json.dumps({"event": event, **values}, default=str) + "\n")

        carry_out(order, tell)


def carry_out(order: Order, tell: Any) -> None:
    """Starts JAX, then part after part; tells what happens."""
    faulthandler.enable()
    rest = tuple(map(find_part, order.parts))
    place: Any = None
    reason = None
    try:
        place = make_place(order.small)
    except Exception as error:  # noqa: BLE001 - it is told, part by part
        reason = error
    for index, part in enumerate(rest):
        allowed = limit_s(part, rest[index + 1 :], order.end - time.monotonic())
        end = time.monotonic() + allowed
        tell("begin", part=part.letter, limit_s=allowed)
        faulthandler.dump_traceback_later(max(1.0, allowed) + LATE_S, exit=True)
        try:
            if reason is not None:
                raise reason
            ended = _measure(part, place, end, tell)
        except Exception as error:  # noqa: BLE001 - the other parts are to be measured
            ended = "failed"
            _tell_row(tell, part, failure(part.title, error))
        tell("end", part=part.letter, ended=ended)
    faulthandler.cancel_dump_traceback_later()


def make_place(small: bool) -> Any:
    """Prepares this process as that of a worker, and starts JAX."""
    from workers import prepare

    # Both backends: the CPU is what the accelerator is compared with.
    asked = "cpu" if small else os.environ.get("JAX_PLATFORMS", "")
    if asked and "cpu" not in asked.split(","):
        asked += ",cpu"
    prepare(platforms=asked or None)
    import jax

    from benchmarks.device.place import Place

    # What is compiled again, or timed, is not to come from a folder.
    jax.config.update("jax_enable_compilation_cache", False)
    device = jax.devices()[0]
    if device.platform == "cpu" and not small:
        raise RuntimeError("JAX sees no accelerator here; `--cpu` measures without one")
    return Place(device, jax.devices("cpu")[0], SMALL if small else WHOLE)


def _measure(part: Part, place: Any, end: float, tell: Any) -> str:
    """Carries out a part until it is done or its time is up; how it ended."""
    module = importlib.import_module(f"benchmarks.device.{part.module}")
    rows = module.measure(replace(place, end=end))
    with closing(rows):
        for row in rows:
            _tell_row(tell, part, row)
            if time.monotonic() >= end:
                return "out of time"
    return "done"


def _tell_row(tell: Any, part: Part, row: Row) -> None:
    tell("row", part=part.letter, **row._asdict())


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # whoever asked is gone
        traceback.print_exc()
        sys.exit(1)
