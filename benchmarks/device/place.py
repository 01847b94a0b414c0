"""Where things are measured, and the programs of a training as they are measured."""

import contextlib
import math
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import jax
import numpy as np

from benchmarks.device.sizes import Sizes
from cells import Cell, width_for
from tasks import Windows
from workers import Training
from workers.machine.compiling import compiler_options
from workers.training.lanes import Lanes
from workers.training.model import Model
from workers.training.program import Hyper, Program, TrainState

WINDOWS: Final = 64
"""Windows of the data, and so the most updates of one call."""

CALLS: Final = 3
"""Timed calls, of which the median counts."""

RATE: Final = 0.1
CLIP: Final = 2.5
SCALE: Final = 1.4


@dataclass(frozen=True)
class Place:
    """Where a part measures, and how long.

    Attributes:
        device: The accelerator, or with `--cpu` the CPU.
        cpu: What it is compared with.
        sizes: How large everything is.
        end: Until when, by `time.monotonic`; looked at between measurements.
    """

    device: Any
    cpu: Any
    sizes: Sizes
    end: float = math.inf

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self.end - time.monotonic()

    def model(self, cell: Cell, parameters: int) -> Model:
        """The model that is trained here: one layer, as wide as the weights allow."""
        symbols = self.sizes.symbols
        width = width_for(
            cell, parameters, num_inputs=symbols, num_outputs=symbols, num_layers=1
        )
        return Model(cell, width, 1, symbols, symbols)

    def program(
        self,
        model: Any,
        *,
        device: Any = None,
        lanes: int = 1,
        vectorized: bool = True,
        products: str = "float32",
        options: Mapping[str, str | bool] | None = None,
    ) -> Program:
        """The program of a training, as workers have it; see `Program`.

        Nothing diverges in it, so that lanes have the same work to do.
        """
        on = (device or self.device).platform
        return Program(
            model=model,
            readout="softmax",
            batch=self.sizes.batch,
            training=Training(products=products),
            divergence_loss=math.inf,
            lanes=Lanes(lanes, vectorized),
            options=compiler_options(on) if options is None else dict(options),
        )

    def data(self, count: int = WINDOWS) -> Windows:
        """Random text with something to learn, on the default device."""
        sizes = self.sizes
        rng = np.random.default_rng(0)
        shape = (count, sizes.steps + 1, sizes.batch)
        # Half of the symbols follow from the one before.
        drawn = rng.integers(0, sizes.symbols, shape).astype(np.int32)
        for step in range(1, sizes.steps + 1):
            follows = rng.random((count, sizes.batch)) < 0.5
            after = (drawn[:, step - 1] + 1) % sizes.symbols
            drawn[:, step] = np.where(follows, after, drawn[:, step])
        reset = np.zeros((count, sizes.batch), np.bool_)
        reset[0] = True
        scored = np.ones((count, sizes.steps, sizes.batch), np.bool_)
        windows = Windows(drawn[:, :-1], drawn[:, 1:], scored, reset)
        return jax.device_put(windows)  # type: ignore[no-any-return]


def hyper(program: Program, rate: float = RATE, cell: Any = None) -> Hyper:
    """The same rate, clip and cell in every lane."""
    row = Hyper(np.float32(rate), np.float32(CLIP), np.zeros(2, np.uint32), cell)
    stacked: Hyper = program.lanes.stack([row])
    return stacked


@contextlib.contextmanager
def on(device: Any) -> Iterator[None]:
    """Has everything made and compiled within be on a device."""
    with jax.default_device(device):
        yield


class Timing(NamedTuple):
    """What an update takes.

    Attributes:
        update_ms: Milliseconds of an update of all lanes, median over calls.
        spread: Slowest call over fastest.
        compile_s: Seconds of tracing and compiling.
        needs_bytes: Of memory, by XLA's account; 0 where unknown.
        loss: After the first two updates, summed; of lane 0.
    """

    update_ms: float
    spread: float
    compile_s: float
    needs_bytes: int
    loss: float


def same_lanes(program: Program, alone: TrainState) -> TrainState:
    """A state whose lanes are equal, made on the device: drawing takes long."""
    count = program.lanes.count
    if count == 1:
        return alone

    # One call, so that it is one small program however many leaves there are.
    def widen(tree: Any) -> Any:
        return jax.tree.map(
            lambda leaf: jax.numpy.broadcast_to(leaf, (count, *leaf.shape)), tree
        )

    state: TrainState = jax.jit(widen)(alone)
    return state


def timed(
    program: Program,
    data: Windows,
    at_least_s: float,
    room: int,
    alone: TrainState | None = None,
    cell: Any = None,
) -> Timing:
    """Compiles, warms up, and times calls of several updates.

    Args:
        program: What is timed.
        data: Its windows.
        at_least_s: Seconds of a timed call, unless all windows take less.
        room: Bytes that there are; 0 where unknown.
        alone: The state of each lane; None: as the program has it.
        cell: That of each lane, where the program can run any.

    Raises:
        MemoryError: It needs more, and is not run.
    """
    rows = hyper(program, 0.01, cell)
    if alone is None:
        one = replace(program, lanes=Lanes(1), _kept={})
        alone = one.initial([0], [SCALE])
    shapes = jax.eval_shape(lambda state: same_lanes(program, state), alone)
    needs = 0
    with contextlib.suppress(AttributeError):  # where XLA keeps no account
        needs = program.needs_bytes(shapes, data, rows)
    if room and needs > room:
        raise MemoryError(f"needs {needs / 2**30:.1f} GiB of {room / 2**30:.1f}")
    state = program.train(same_lanes(program, alone), data, 0, 2, rows)
    loss = float(program.lanes.scalars(state.loss_sum)[0])
    start = time.perf_counter()
    state = program.train(state, data, 0, 2, rows)
    jax.block_until_ready(state)
    one_s = (time.perf_counter() - start) / 2
    # A program of any cell goes on from where its lanes are, the others begin anew.
    left = len(data.reset) if cell is None else (len(data.reset) - 4) // CALLS
    count = max(2, min(left, round(at_least_s / one_s)))
    seconds = []
    for _ in range(CALLS):
        start = time.perf_counter()
        state = program.train(state, data, 0, count, rows)
        jax.block_until_ready(state)
        seconds.append((time.perf_counter() - start) / count)
    spread = max(seconds) / min(seconds)
    ms = statistics.median(seconds) * 1e3
    return Timing(ms, spread, program.compile_s, needs, loss)
