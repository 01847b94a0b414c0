"""One training update through `cells.lower` against Flax, PyTorch and a plain step.

    python -m benchmarks.bench_scan [--widths 48 128] [--layers 1] [--rounds 15]
    python -m benchmarks.bench_scan --steps 35 128 512 1024 --widths 128

An update is: loss of a next-token model (batch 20, 35 steps, 28 symbols), gradients,
clipping by global norm, SGD. Everything runs on one core, in turn, in one process.
With `--steps`, affine cells and a diagonal one, in each form of their scan and by plain
steps, are measured against the dense GRU over so many steps, and nothing else is; on an
accelerator, too, where JAX finds one.
Printed are the median milliseconds of an update, the ratio to the reference measured
in the same rounds, and CPU seconds of tracing and compilation.
"""

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

os.environ["NPROC"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from cells import ZOO, Cell, ScanForm, lower, parse
from workers.machine.compiling import (
    COMPILER_OPTIONS,
    compile_lowered,
    compiler_options,
)

B, T, V = 20, 35, 28
RATE, CLIP = 0.5, 5.0

TEN_LINEARS = """
def ten_linears(x, h):
    a = sigmoid(linear(x) + linear(h))
    b = sigmoid(linear(x) + linear(h))
    c = tanh(linear(a * h) + linear(x))
    d = relu(linear(c) + linear(b * h))
    e = tanh(linear(d) + linear(h))
    return a * e + (h - a * h)
"""

THREE_STATES = """
def three_states(x, h, c, m):
    i = sigmoid(linear(x) + linear(h) + linear(m))
    f = sigmoid(linear(x) + linear(h) + linear(m))
    c_new = f * c + i * tanh(linear(x) + linear(h))
    m_new = m + i * (tanh(linear(c_new)) - m)
    return tanh(c_new + m_new) * sigmoid(linear(x) + linear(h)), c_new, m_new
"""


AFTER = """
def after(x, h, c):
    c_new = c + sigmoid(linear(x)) * (linear(x) - c)
    return sigmoid(linear(c_new) + linear(x)) * tanh(linear(c_new)), c_new
"""
"""Affine: the state of minGRU, read through products, which may wait for the end."""

AFTER_DIAGONAL = """
def after_diagonal(x, h, c):
    f = sigmoid(linear(x) + scale(c))
    c_new = f * c + tanh(linear(x) + scale(c))
    return sigmoid(linear(c_new) + linear(x)) * tanh(linear(c_new)), c_new
"""
"""Diagonal, and read in the same way."""

WAYS = (*ScanForm, "step")
OTHERS = ("flax", "step")
"""What is compared with ours."""
"""The forms of a scan, and a plain one over `step`."""


class Update(NamedTuple):
    """A compiled update and its state: `run(state) -> state`, blocking at the end."""

    name: str
    run: Callable[[Any], Any]
    state: Any
    trace_s: float
    compile_s: float


def batch(steps: int = T) -> tuple[jax.Array, jax.Array]:
    """Tokens and targets, both `[steps, B]`."""
    drawn = np.random.default_rng(0).integers(0, V, (steps + 1, B)).astype(np.int32)
    return jnp.asarray(drawn[:-1]), jnp.asarray(drawn[1:])


def loss_of(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Cross-entropy summed over time, divided by the minibatch."""
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1)
    return -jnp.sum(picked) / B


def descend(params: Any, grads: Any) -> Any:
    """Clips by global norm and takes one step of SGD."""
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grads)))
    step = RATE * jnp.minimum(1.0, CLIP / norm)
    return jax.tree.map(lambda p, g: p - step * g, params, grads)


def compiled(
    name: str, apply: Callable[..., Any], params: Any, carry: Any, steps: int = T
) -> Update:
    """Compiles the update of a model `apply(params, carry, tokens)`.

    Ours as workers do, others with those options of theirs that let them be fastest:
    without fusion emitters JAX's own `tanh` is four times as slow.
    """
    backend = jax.default_backend()
    options = COMPILER_OPTIONS[backend] if name in OTHERS else compiler_options(backend)
    tokens, targets = batch(steps)

    def update(state: Any, tokens: jax.Array, targets: jax.Array) -> Any:
        def loss(params: Any, carry: Any) -> Any:
            new, logits = apply(params, carry, tokens)
            return loss_of(logits, targets), new

        params, carry = state
        grads, new = jax.grad(loss, has_aux=True)(params, carry)
        return descend(params, grads), new

    # The state is donated, so it has to be a copy of its own.
    state = jax.tree.map(jnp.array, (params, carry))
    start = time.process_time()
    lowered = jax.jit(update, donate_argnums=0).lower(state, tokens, targets)
    middle = time.process_time()
    program = compile_lowered(lowered, options)
    end = time.process_time()
    return Update(
        name,
        lambda state: program(state, tokens, targets),
        state,
        middle - start,
        end - middle,
    )


def ours(
    cell: Cell, width: int, layers: int, way: str = "ours", steps: int = T
) -> Update:
    """Our update: through `scan_tokens`, or in another of the `WAYS`."""
    layer = lower(cell, ScanForm(way) if way in tuple(ScanForm) else None)

    # The first layer reads tokens, every other one what the layer below emits.
    def run(params: Any, carry: Any, tokens: jax.Array) -> Any:
        table, weights, (kernel, bias) = params
        below, new = table[tokens], []
        for index, (own, before) in enumerate(zip(weights, carry, strict=True)):
            if way == "step":
                step = partial(layer.step, own)
                after, below = jax.lax.scan(step, before, below)
            elif index == 0:
                after, below = layer.scan_tokens(own, before, table, tokens)
            else:
                after, below = layer.scan(own, before, below)
            new.append(after)
        return tuple(new), below @ kernel + bias

    # A table, weights for each layer, and a readout, as the model of a training has.
    keys = jax.random.split(jax.random.key(0), 3)
    table = jax.random.normal(keys[0], (V, width)) * 0.1
    kernel = jax.random.normal(keys[1], (width, V)) * width**-0.5
    weights: list[Any] = [
        layer.init(key, width) for key in jax.random.split(keys[2], layers)
    ]
    if way not in OTHERS:
        weights = [layer.pack(own) for own in weights]
    params = (table, weights, (kernel, jnp.zeros(V)))
    carry = tuple(layer.initial_carry(B, width) for _ in range(layers))
    return compiled(way, run, params, carry, steps)


class StackedFlax(nn.Module):
    """The same model as a Flax user writes it."""

    cell: type[Any]
    width: int
    layers: int

    @nn.compact
    def __call__(self, carry: Any, tokens: jax.Array) -> Any:
        """Returns the final carries and the logits `[T, B, V]`."""
        outputs = nn.Embed(V, self.width)(tokens)
        new = []
        for layer in range(self.layers):
            rnn = nn.RNN(self.cell(self.width), time_major=True, return_carry=True)
            last, outputs = rnn(outputs, initial_carry=carry[layer])
            new.append(last)
        return tuple(new), nn.Dense(V)(outputs)


def flax_update(name: str, width: int, layers: int) -> Update:
    """Flax's update for `lstm` or `gru`."""
    cell = {"lstm": nn.OptimizedLSTMCell, "gru": nn.GRUCell}[name]
    model = StackedFlax(cell, width, layers)

    def zeros() -> Any:
        state = jnp.zeros((B, width))
        return (state, jnp.zeros((B, width))) if name == "lstm" else state

    carry = tuple(zeros() for _ in range(layers))
    params = model.init(jax.random.key(0), carry, batch()[0])
    return compiled("flax", model.apply, params, carry)


def torch_update(name: str, width: int, layers: int) -> Update:
    """PyTorch's update for `lstm` or `gru`."""
    import torch

    # The same model, with PyTorch's own fused layer.
    torch.set_num_threads(1)
    rnn = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name](width, width, layers)
    embedding, readout = torch.nn.Embedding(V, width), torch.nn.Linear(width, V)
    modules = torch.nn.ModuleList([embedding, rnn, readout])
    optimizer = torch.optim.SGD(modules.parameters(), lr=RATE)
    tokens, targets = (torch.tensor(np.asarray(a)).long() for a in batch())

    # Its state is the carry alone: weights are changed where they are.
    def run(carry: Any) -> Any:
        outputs, new = rnn(embedding(tokens), carry)
        logits = readout(outputs).reshape(-1, V)
        loss = torch.nn.functional.cross_entropy(
            logits, targets.reshape(-1), reduction="sum"
        )
        optimizer.zero_grad()
        (loss / B).backward()
        torch.nn.utils.clip_grad_norm_(modules.parameters(), CLIP)
        optimizer.step()
        return tuple(c.detach() for c in new) if name == "lstm" else new.detach()

    return Update("torch", run, None, 0.0, 0.0)


def measure(updates: Sequence[Update], rounds: int) -> list[list[float]]:
    """Milliseconds of an update, `[updates][rounds]`, the updates taking turns."""
    states = [update.run(update.state) for update in updates]
    start = time.perf_counter()
    states[0] = jax.block_until_ready(updates[0].run(states[0]))
    repeats = max(2, int(0.15 / (time.perf_counter() - start)))
    times: list[list[float]] = [[] for _ in updates]
    for _ in range(rounds):
        for index, update in enumerate(updates):
            start = time.perf_counter()
            for _ in range(repeats):
                states[index] = update.run(states[index])
            jax.block_until_ready(states[index])
            times[index].append((time.perf_counter() - start) / repeats * 1e3)
    return times


def report(label: str, updates: Sequence[Update], rounds: int) -> None:
    """Prints one line an update; ratios are medians over rounds to our own."""
    times = measure(updates, rounds)
    for update, series in zip(updates, times, strict=True):
        ratio = statistics.median(a / b for a, b in zip(series, times[0], strict=True))
        print(
            f"{label:<22}{update.name:<20}"
            f"{statistics.median(series):>9.2f} ms {min(series):>8.2f} min"
            f"{ratio:>8.2f}x{update.trace_s:>8.2f}{update.compile_s:>8.2f}",
            flush=True,
        )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[48, 128, 172, 512])
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-searched", action="store_true")
    parser.add_argument("--steps", type=int, nargs="+", default=[])
    options = parser.parse_args()

    # Ours comes first: the others' ratios are to it.
    print(
        f"jax {jax.__version__}; {jax.default_backend()}; one core; batch {B}, "
        f"{options.steps or T} steps, {V} symbols; float32"
    )
    print(f"{'':42}{'median':>12} {'':>12}{'ratio':>9}{'trace':>8}{'compile':>8}")
    if options.steps:
        measure_over_time(options.steps, options.widths, options.rounds)
        return
    for layers in options.layers:
        for width in options.widths:
            for name in options.cells:
                updates = [
                    ours(ZOO[name], width, layers),
                    flax_update(name, width, layers),
                ]
                if importlib.util.find_spec("torch") is not None:
                    updates.append(torch_update(name, width, layers))
                report(f"{name} {width} x{layers}", updates, options.rounds)
    if options.no_searched:
        return
    measure_searched(options.widths, options.rounds)


def measure_searched(widths: Sequence[int], rounds: int) -> None:
    """Compares our scan with a plain one over `step`, on cells a search might find."""
    searched = {
        "mut1": ZOO["mut1"],
        "ten_linears": parse(TEN_LINEARS),
        "three_states": parse(THREE_STATES),
    }
    for name, cell in searched.items():
        for width in widths:
            both = [ours(cell, width, 1), ours(cell, width, 1, "step")]
            report(f"{name} {width} x1", both, rounds)


def measure_over_time(steps: Sequence[int], widths: Sequence[int], rounds: int) -> None:
    """Compares cells that need no product in their loop with the GRU, which does."""
    rows = {
        "min_gru": (ZOO["min_gru"], ("loop", "associative", "step")),
        "after": (parse(AFTER), WAYS),
        "diagonal": (parse(AFTER_DIAGONAL), ("loop", "apart", "step")),
    }
    for count in steps:
        for width in widths:
            updates = [ours(ZOO["gru"], width, 1, steps=count)._replace(name="gru")]
            for name, (cell, ways) in rows.items():
                several = [ours(cell, width, 1, way, count) for way in ways]
                updates += [u._replace(name=f"{name} {u.name}") for u in several]
            report(f"{count} steps, width {width}", updates, rounds)


if __name__ == "__main__":
    main()
