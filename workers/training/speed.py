"""What a step of a cell takes on this device, in training and in inference.

Machines are noisy, so cells are measured in turn, round by round, and compared within
a round. Nothing that a search decides depends on it: see `workers.job.cost`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

from cells import Cell, lower
from workers.errors import JobError
from workers.job.load import Load, Speed
from workers.machine.compiling import Options, compile_lowered, compiler_options
from workers.machine.device_memory import out_of_memory
from workers.machine.runtime import prepare, start_backend

INFERENCE_STEPS: Final = 256
"""Steps of a program that measures inference: its start is shared by them."""

SAMPLE_S: Final = 0.01
"""A program is run until this has passed: clocks are coarse."""

MOST_RUNS: Final = 1000
"""Runs of a program in a round at most."""


def measure_speed(
    cells: Mapping[str, Cell], loads: Mapping[str, Load], rounds: int
) -> dict[str, Speed]:
    """Measures cells in turn, on the device that JAX has, with one thread.

    Args:
        cells: By name.
        loads: At which sizes each is measured.
        rounds: How often each cell is measured.

    Raises:
        JobError: The device has not enough memory.
    """
    prepare()
    options = compiler_options(start_backend())
    try:
        programs = [
            make(cell, loads[name], options)
            for name, cell in cells.items()
            for make in (_training, _inference)
        ]
        taken = _in_turn(programs, rounds)
    except jax.errors.JaxRuntimeError as error:
        if not out_of_memory(error):
            raise
        load = max(loads.values(), key=lambda one: one.width)
        raise JobError(
            f"not enough memory for width {load.width}, {load.num_steps} steps and "
            f"batches of {load.batch_size}: measure at smaller sizes"
        ) from None
    pairs = zip(taken[::2], taken[1::2], strict=True)
    return {
        name: Speed(
            training_s=tuple(seconds / loads[name].num_steps for seconds in training),
            inference_s=tuple(seconds / INFERENCE_STEPS for seconds in inference),
        )
        for name, (training, inference) in zip(cells, pairs, strict=True)
    }


def _training(cell: Cell, load: Load, options: Options) -> Callable[[], Any]:
    """Forward and backward over a window: gradients of weights and inputs."""
    layer = lower(cell)

    def loss(params: Any, inputs: jax.Array) -> jax.Array:
        carry = layer.initial_carry(load.batch_size, load.width)
        return jnp.mean(layer.scan(params, carry, inputs)[1] ** 2)

    params = layer.init(jax.random.key(0), load.width)
    inputs = _inputs(load.num_steps, load.batch_size, load.width)
    program = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(params, inputs)
    ready = compile_lowered(program, options)
    return lambda: ready(params, inputs)


def _inference(cell: Cell, load: Load, options: Options) -> Callable[[], Any]:
    """Step after step of one sequence: nothing is done for several steps at once."""
    layer = lower(cell)

    def run(params: Any, carry: Any, inputs: jax.Array) -> Any:
        return jax.lax.scan(lambda h, x: layer.step(params, h, x), carry, inputs)

    params = layer.init(jax.random.key(0), load.width)
    carry = layer.initial_carry(1, load.width)
    inputs = _inputs(INFERENCE_STEPS, 1, load.width)
    ready = compile_lowered(jax.jit(run).lower(params, carry, inputs), options)
    return lambda: ready(params, carry, inputs)


def _inputs(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, np.float32))


def _in_turn(programs: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Seconds of a run of each program, `[programs][rounds]`."""
    repeats = []
    for program in programs:
        _wait(program())  # the first run is not like the others
        seconds = min(_seconds(program, 1) for _ in range(3))
        repeats.append(min(MOST_RUNS, 1 + int(SAMPLE_S / max(seconds, 1e-9))))
    taken: list[list[float]] = [[] for _ in programs]
    for _ in range(rounds):
        for index, program in enumerate(programs):
            taken[index].append(_seconds(program, repeats[index]))
    return taken


def _seconds(program: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        done = program()
    _wait(done)
    return (time.perf_counter() - start) / repeats


def _wait(values: Any) -> None:
    for value in jax.tree.leaves(values):
        value.block_until_ready()
