"""What cells as tables hold, how much of their room is used, and what they cost.

    python -m benchmarks.bench_tables [--lineages 160] [--generations 6]
        [--lanes 1 16] [--no-programs]

Lineages of mutants by the rules of preset `quick`, without selection, from its seeds:
for each generation the share that each size of tables holds, and of the cells of a size
the share of its linear maps, rows and terms that they use in a step, the median. Then,
for a cell of each size, the training of one task of the preset by the program of any
cell and by the cell's own, on one core with one thread: CPU seconds to trace, lower and
compile, HLO instructions, an update of all lanes, and operations and bytes as XLA
counts them, which takes the body of a loop once.
"""

import argparse
import os
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

os.environ["NPROC"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

import jax
import numpy as np

from benchmarks.drift import ways
from cells import (
    ZOO,
    AnyLayer,
    Cell,
    any_layer,
    canonical,
    dead,
    growth,
    recurrent_linears,
)
from cells.tables.sizes import SIZES
from cells.tables.table import Extent, Section, num_terms
from cells.tables.tabulate import tabulate
from search.procedure.presets import preset_document
from workers import TaskSpec, Training
from workers.job.cost import model_width
from workers.job.setting import Shape
from workers.machine.compiling import compile_lowered, compiler_options
from workers.side_by_side.given import AnyModel
from workers.side_by_side.program import AnyProgram
from workers.training.data import DataCache
from workers.training.lanes import Lanes
from workers.training.model import make_model
from workers.training.optimizers import RULES
from workers.training.program import Hyper, Program, TrainState

QUICK: Final = preset_document("quick")
SPEC: Final = TaskSpec(QUICK["tasks"][0])
SHAPE: Final = Shape(1, QUICK["objective"]["panel"][0]["parameters"], 0.0)
UPDATES: Final = 4
INSTRUCTION: Final = re.compile(r"^\s+(ROOT )?%?[\w.-]+ = ", re.MULTILINE)


class Spent(NamedTuple):
    """What a program took and takes.

    Attributes:
        traced_s: CPU seconds of tracing and lowering.
        compiled_s: CPU seconds of XLA.
        instructions: HLO instructions of the compiled module.
        update_ms: CPU milliseconds of an update of all lanes, the least of some.
        flops: Of an update, as XLA counts.
        bytes: Read and written, likewise.
    """

    traced_s: float
    compiled_s: float
    instructions: int
    update_ms: float
    flops: float
    bytes: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Draws, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lineages", type=int, default=160)
    parser.add_argument("--generations", type=int, default=6)
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--no-programs", action="store_true", help="tables alone")
    options = parser.parse_args(arguments)
    drawn = [*generations(options.lineages, options.generations)]
    held = [[layer_of(cell) for cell in cells] for cells in drawn]
    print_held(held)
    cells = [cell for generation in drawn for cell in generation]
    layers = [layer for generation in held for layer in generation]
    for index, size in enumerate(SIZES):
        mine = [
            cell
            for cell, layer in zip(cells, layers, strict=True)
            if layer is not None and layer.size == size
        ]
        print_used(index, mine)
    if not options.no_programs:
        print_programs(options.lanes)


def generations(lineages: int, count: int) -> Iterator[list[Cell]]:
    """Mutants of the seeds of the preset, mutants of these, and so on."""
    rng, way = np.random.default_rng(0), ways()[-1]
    seeds = [canonical(ZOO[name]) for name in QUICK["seeds"]]
    cells = [seeds[index % len(seeds)] for index in range(lineages)]
    for _ in range(count):
        cells = [mutant(cell, lambda c: way.draw(c, rng, "paper")) for cell in cells]
        yield cells


def mutant(parent: Cell, draw: Callable[[Cell], Cell]) -> Cell:
    """One that the rules of the preset take."""
    while True:
        cell = draw(parent)
        if cell != parent and taken(cell):
            return cell


def taken(cell: Cell) -> bool:
    """Whether the rules of the preset take a cell, and it can be mutated further."""
    rules = QUICK["rules"]
    return (
        any(node.args for node in cell.nodes)
        and dead(cell) is None
        and recurrent_linears(cell) >= rules["recurrent"]
        and width_of(cell) <= rules["widest"] * width_of(ZOO[QUICK["baseline"]])
        and growth(cell) <= rules["largest"]
    )


def width_of(cell: Cell) -> int:
    """Its width at the preset's number of weights."""
    return model_width(cell, SHAPE, SPEC.task)


def layer_of(cell: Cell) -> AnyLayer | None:
    """The layer of any cell that holds it."""
    return any_layer(cell, width_of(cell))


def print_held(held: Sequence[Sequence[AnyLayer | None]]) -> None:
    """Prints shares of the cells by generation and size."""
    heads = "".join(f"{f'size {index}':>9}" for index in range(len(SIZES)))
    print(f"{len(held[0])} lineages, percent held by")
    print(f"{'generation':12}{heads}{'none':>9}")
    together = [layer for layers in held for layer in layers]
    for number, layers in enumerate([*held, together]):
        count = Counter(None if one is None else one.size for one in layers)
        shares = [100 * count[size] / len(layers) for size in (*SIZES, None)]
        name = f"{number + 1}" if number < len(held) else "all"
        print(f"{name:12}" + "".join(f"{share:>9.1f}" for share in shares))


def print_used(index: int, cells: Sequence[Cell]) -> None:
    """Prints how much of the room of a size's step its cells use."""
    if not cells:
        return
    room = SIZES[index].step
    used = [_used(tabulate(cell).step, room) for cell in cells]
    shares = [100 * statistics.median(column) for column in zip(*used, strict=True)]
    print(
        f"size {index}: {len(cells)} cells use {shares[0]:.0f} % of its "
        f"{room.num_maps} linear maps, {shares[1]:.0f} % of {room.num_rows} rows, "
        f"{shares[2]:.0f} % of {_terms(room)} terms; with a coefficient for each value "
        f"there would be {_dense(room)}"
    )


def _used(section: Section, room: Extent) -> tuple[float, float, float]:
    rows = [row for level in section.levels for row in level.rows]
    args = [arg for level in section.levels for arg in level.args]
    sums = [*(one for row in rows for one in (row.first, row.second)), *args]
    terms = sum(map(num_terms, (*sums, *section.outputs)))
    return len(args) / room.num_maps, len(rows) / room.num_rows, terms / _terms(room)


def _terms(room: Extent) -> int:
    """Values that a step reads, whether a cell needs them or not."""
    terms = room.terms
    rows, maps = 2 * room.num_rows * terms.factors, room.num_maps * terms.args
    return rows + maps + room.num_outputs * terms.outputs


def _dense(room: Extent) -> int:
    """Values that a step would read if every sum read all before it."""
    known, total = room.num_inputs, 0
    for rows, maps in room.levels:
        total += 2 * rows * known + maps * (known + rows)
        known += rows + maps
    return total + room.num_outputs * known


def print_programs(lanes: Sequence[int]) -> None:
    """Prints what a program of any cell costs beside one of the cell."""
    data = DataCache(1 << 28).get(SPEC, "train", 0).windows
    print(
        f"\n{'':40}{'traced':>8}{'compiled':>10}{'instr.':>8}{'ms/update':>11}"
        f"{'Mflop':>9}{'MB':>8}"
    )
    for index, size in enumerate(SIZES):
        name, cell = next(
            (name, ZOO[name])
            for name in (*QUICK["seeds"], *ZOO)
            if (layer := layer_of(ZOO[name])) is not None and layer.size == size
        )
        for count in lanes:
            for who, make in (("any cell", any_program), ("compiled", own_program)):
                jax.clear_caches()
                spent = measure(*make(cell, count), data)
                print(
                    f"{f'size {index}, {name} x{count}, {who}':40}"
                    f"{spent.traced_s:>8.2f}{spent.compiled_s:>10.2f}"
                    f"{spent.instructions:>8}{spent.update_ms:>11.2f}"
                    f"{spent.flops / 1e6:>9.1f}{spent.bytes / 1e6:>8.1f}",
                    flush=True,
                )


def any_program(cell: Cell, lanes: int) -> tuple[Program, TrainState, Hyper]:
    """The program of any cell, with a cell in all lanes."""
    model, task = make_model(cell, SHAPE, SPEC.task), SPEC.task
    layer = any_layer(cell, model.width)
    assert layer is not None, "cells are chosen so that they fit"
    program = AnyProgram(
        model=AnyModel(layer, task.num_inputs, task.num_outputs),  # type: ignore[arg-type]
        **common(lanes),
        epoch=UPDATES,
    )
    given, params = program.any_model.fill(model, model.init(0, 1.4))
    state = program.lanes.stack([program.beginning(params)])
    return program, state, hyper(program, given)


def own_program(cell: Cell, lanes: int) -> tuple[Program, TrainState, Hyper]:
    """The program of a cell, as an accelerator would have it."""
    program = Program(model=make_model(cell, SHAPE, SPEC.task), **common(lanes))
    return program, program.initial([0] * lanes, [1.4] * lanes), hyper(program)


def common(lanes: int) -> dict[str, Any]:
    """What both programs have."""
    return {
        "readout": SPEC.task.readout,
        "batch": SPEC.task.batch_size,
        "training": Training(),
        "divergence_loss": float("inf"),
        "lanes": Lanes(lanes, True),
        "options": compiler_options("cpu"),
    }


def hyper(program: Program, cell: Any = None) -> Hyper:
    """The same in all lanes."""
    rule = RULES["rmsprop"]
    row = Hyper(np.float32(0.005), np.float32(2.5), np.zeros(2, np.uint32), cell, rule)
    stacked: Hyper = program.lanes.stack([row])
    return stacked


def measure(program: Program, state: TrainState, rows: Hyper, data: Any) -> Spent:
    """Compiles the training, and times some updates."""
    start = time.process_time()
    shapes = jax.tree.map(_shape, (data, state, rows))
    lowered = program._lower("train", *shapes)
    traced = time.process_time()
    compiled = compile_lowered(lowered, program.options)
    done = time.process_time()
    counted = compiled.cost_analysis()
    program._kept["train", data.inputs.shape] = compiled
    seconds, kept = [], jax.device_get(state)
    for _ in range(3):
        fresh = jax.block_until_ready(jax.device_put(kept))
        begun = time.process_time()
        jax.block_until_ready(program.train(fresh, data, 0, UPDATES, rows))
        seconds.append((time.process_time() - begun) / UPDATES)
    return Spent(
        traced - start,
        done - traced,
        len(INSTRUCTION.findall(compiled.as_text())),
        min(seconds) * 1e3,
        counted["flops"],
        counted["bytes accessed"],
    )


def _shape(leaf: Any) -> Any:
    return jax.ShapeDtypeStruct(np.shape(leaf), leaf.dtype)


if __name__ == "__main__":
    main()
