"""What a new cell costs to compile, and what the compiled program then takes.

    python -m benchmarks.bench_compile [--cells gru ...] [--task selcopy]
        [--parameters N] [--option name=value,name=value ...] [--rounds 3]

On one core with one thread, as a worker has it: the training and the validation of a
task of the preset `quick` are traced, lowered and compiled for each cell with XLA's
options as workers have them, and with each set of others, in turn. CPU seconds of this
process, medians over rounds; instructions are those of the compiled modules, kernels
those that are called (fusions, products, calls), and an update is timed over an epoch.
The curves of losses are held against each other: other options give other bits.
"""

import argparse
import os
import re
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

os.environ["NPROC"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import jax
import numpy as np

from cells import ZOO
from search.procedure.presets import preset_document
from search.procedure.reader import make_config
from workers import Training
from workers.job.setting import Shape
from workers.machine.compiling import Options, compile_lowered, compiler_options
from workers.training.data import DataCache
from workers.training.model import Model, make_model
from workers.training.optimizers import RULES
from workers.training.program import Hyper, Program, TrainState

CELLS: Final = [
    "gru",
    "lstm",
    "ugrnn",
    "mgu",
    "mut1",
    "mut2",
    "mut3",
    "intersection_rnn",
    "nascell",
    "ran",
]
"""Ten of the zoo, small and large."""

KERNELS: Final = re.compile(r" = .*? (fusion|dot|custom-call|call|convolution)\(")
INSTRUCTION: Final = re.compile(r"^\s+(ROOT )?%?[\w.-]+ = ", re.MULTILINE)


class Cost(NamedTuple):
    """Of one cell with one set of options; seconds are CPU seconds.

    Attributes:
        traced_s: Tracing and lowering, training and validation.
        train_s: XLA's compilation of the training.
        validate_s: The same of the validation.
        instructions: HLO instructions of both.
        kernels: Those that are kernels of their own.
        update_ms: Milliseconds of an update.
        loss: Summed, after an epoch.
    """

    traced_s: float
    train_s: float
    validate_s: float
    instructions: int
    kernels: int
    update_ms: float
    loss: float

    @property
    def total_s(self) -> float:
        """All CPU seconds before the first update."""
        return self.traced_s + self.train_s + self.validate_s


class Measured(Program):
    """A program that keeps what its compilations took."""

    def measure(self, data: Any, state: TrainState, hyper: Hyper) -> Cost:
        """Compiles both functions, trains an epoch, and says what it took."""
        spent = {"traced": 0.0, "train": 0.0, "validate": 0.0}
        texts = []
        rests = {"train": (state, hyper), "validate": (state.params, hyper.cell)}
        for name, rest in rests.items():
            start = time.process_time()
            shapes = jax.tree.map(self.shape, (data.windows, *rest))
            lowered = self._lower(name, *shapes)
            traced = time.process_time()
            compiled = compile_lowered(lowered, self.options)
            spent[name] = time.process_time() - traced
            spent["traced"] += traced - start
            texts.append(compiled.as_text())
            self._kept[name, data.windows.inputs.shape] = compiled
        text = "\n".join(texts)
        times, loss = [], 0.0
        for _ in range(3):
            fresh = self.initial([0], [1.4])
            begun = time.perf_counter()
            trained = self.train(fresh, data.windows, 0, data.length, hyper)
            loss = float(np.sum(trained.loss_sum))
            times.append((time.perf_counter() - begun) / data.length)
        return Cost(
            spent["traced"],
            spent["train"],
            spent["validate"],
            len(INSTRUCTION.findall(text)),
            len(KERNELS.findall(text)),
            min(times) * 1e3,
            loss,
        )

    @staticmethod
    def shape(leaf: Any) -> Any:
        """Shape and type of an array."""
        return jax.ShapeDtypeStruct(np.shape(leaf), leaf.dtype)


def measure(model: Model, spec: Any, data: Any, options: Options) -> Cost:
    """One compilation of a model, from the beginning."""
    jax.clear_caches()
    task = spec.task
    program = Measured(
        model,
        task.readout,
        task.batch_size,
        Training(),
        divergence_loss=float("inf"),
        options=dict(options),
    )
    row = Hyper(
        np.float32(0.005),
        np.float32(2.5),
        np.zeros(2, np.uint32),
        rule=RULES["rmsprop"],
    )
    hyper: Hyper = program.lanes.stack([row])
    return program.measure(data, program.initial([0], [1.4]), hyper)


def parse(text: str) -> Options:
    """Options of XLA from the command line."""
    pairs = (pair.split("=", 1) for pair in text.split(",") if pair)
    words: dict[str, str | bool] = {"true": True, "false": False}
    return {name: words.get(value, value) for name, value in pairs}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--cells", nargs="+", choices=list(ZOO), metavar="CELL", default=CELLS)
    add("--task", default="selcopy")
    add("--parameters", type=int, default=10_000)
    add("--option", action="append", default=[], metavar="NAME=VALUE,...")
    add("--rounds", type=int, default=3)
    args = parser.parse_args(arguments)

    variants = {"as it is": compiler_options("cpu")}
    variants |= {text: parse(text) for text in args.option}
    document = {**preset_document("quick"), "tasks": [args.task]}
    [stage] = make_config(document).tasks
    spec, cache = stage.task, DataCache(1 << 28)
    data = cache.get(spec, "train", 0)
    shape = Shape(1, args.parameters, 0.0)

    found: dict[tuple[str, str], list[Cost]] = {}
    for name in args.cells:
        model = make_model(ZOO[name], shape, spec.task)
        for _ in range(args.rounds):
            for variant, options in variants.items():
                cost = measure(model, spec, data, options)
                found.setdefault((name, variant), []).append(cost)
    report(args.cells, list(variants), found)


def report(
    cells: Sequence[str],
    variants: Sequence[str],
    found: Mapping[tuple[str, str], Sequence[Cost]],
) -> None:
    """Prints a line for each cell and variant, and means over cells."""
    for variant in variants:
        print(f"\n{variant or 'no options'}: CPU seconds")
        print(
            f"{'cell':18}{'traced':>8}{'train':>8}{'valid.':>8}{'all':>8}"
            f"{'instr.':>8}{'kernels':>8}{'ms/update':>11}{'loss':>14}"
        )
        rows = []
        for cell in cells:
            rounds = found[cell, variant]
            row = Cost(
                *(statistics.median(values) for values in zip(*rounds, strict=True))
            )
            rows.append(row)
            print(line(cell, row))
        columns = zip(*rows, strict=True)
        print(line("mean", Cost(*(statistics.mean(values) for values in columns))))


def line(name: str, cost: Cost) -> str:
    """A line of the table."""
    return (
        f"{name:18}{cost.traced_s:>8.2f}{cost.train_s:>8.2f}{cost.validate_s:>8.2f}"
        f"{cost.total_s:>8.2f}{cost.instructions:>8.0f}{cost.kernels:>8.0f}"
        f"{cost.update_ms:>11.3f}{cost.loss:>14.4f}"
    )


if __name__ == "__main__":
    main()
