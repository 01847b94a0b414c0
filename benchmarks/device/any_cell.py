"""Part h: programs of any cell: right, the same bits in other company, and how fast."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import jax
import numpy as np

from benchmarks.device.correctness import curve_of, judged_curve, mutants
from benchmarks.device.place import (
    SCALE,
    WINDOWS,
    Place,
    hyper,
    on,
    timed,
)
from benchmarks.device.rows import Row, attempt
from benchmarks.device.speed import ROOM, Made, memory_bytes
from benchmarks.device.tolerances import DRAWS, ULP, Numbers
from cells import ZOO, AnyLayer, any_layer, growth
from cells.tables.sizes import SIZES
from workers import Training
from workers.machine.compiling import compiler_options
from workers.side_by_side.given import AnyModel
from workers.side_by_side.program import AnyProgram
from workers.training.lanes import Lanes
from workers.training.model import Model

SEED: Final = 1
KNOWN: Final = ("gru", "mut1", "mut2", "ugrnn", "mgu", "ligru")
UPDATES: Final = 8
LARGEST: Final = 1e5
"""Growth of the cells that are compared, as preset `quick` bounds it."""

Held = dict[tuple[AnyLayer, int], AnyProgram]
"""Programs by their room and number of lanes, so that none is compiled twice."""


def measure(place: Place) -> Iterator[Row]:
    """Speed first: whether it is worth anything decides whether the rest matters."""
    sizes = place.sizes
    lanes = [("gru", count) for count in sizes.any_lanes]
    held: Held = {}
    for cell, count in [*lanes, *(("lstm", count) for count in sizes.any_lstm)]:
        model = place.model(ZOO[cell], sizes.any_parameters)
        for who in ("any cell", "compiled"):
            key = f"{who} {cell} x{count}"
            made = Made(cell, sizes.any_parameters, who, count)
            yield attempt(key, partial(_timed, place, key, model, made, held))
    models = fitting(place, sizes.any_cells)
    program = any_program(place, models, len(models), held)
    yield from _right(place, program, models)
    yield attempt("bits of any cell", partial(_bits, place, program, models))


def fitting(place: Place, count: int) -> list[Model]:
    """Published cells and mutants that share the first size, and their widths."""
    found: list[Model] = []
    cells = [ZOO[name] for name in KNOWN] + list(mutants(count).values())
    for cell in cells:
        # Where numbers explode, sums in another order have nothing in common.
        if len(found) < count and growth(cell) < LARGEST:
            model = place.model(cell, place.sizes.any_parameters)
            layer = any_layer(cell, model.width)
            if layer is not None and layer.size == SIZES[0]:
                found.append(model)
    return found


def any_program(
    place: Place, models: Sequence[Model], lanes: int, held: Held
) -> AnyProgram:
    """The program that has room for some models; the one that is held, if there is."""
    layers = [any_layer(model.cell, model.width) for model in models]
    assert all(layers), "cells are chosen so that they fit"
    layer = max((layer for layer in layers if layer), key=lambda one: one.width)
    if (layer, lanes) in held:
        return held[layer, lanes]
    symbols = place.sizes.symbols
    held[layer, lanes] = AnyProgram(
        model=AnyModel(layer, symbols, symbols),  # type: ignore[arg-type]
        readout="softmax",
        batch=place.sizes.batch,
        training=Training(),
        divergence_loss=np.inf,
        lanes=Lanes(lanes, True),
        options=compiler_options(place.device.platform),
        epoch=WINDOWS,
    )
    return held[layer, lanes]


def _timed(place: Place, key: str, model: Model, made: Made, held: Held) -> Row:
    device, lanes = place.device, made.lanes
    room = 0 if device.platform == "cpu" else int(ROOM * memory_bytes(device))
    with on(device):
        if made.who == "any cell":
            program: Any = any_program(place, [model], lanes, held)
            cell, params = program.any_model.fill(model, model.init(SEED, SCALE))
            alone = jax.device_put(program.beginning(params))
        else:
            program, cell, alone = place.program(model, lanes=lanes), None, None
        took = timed(program, place.data(), place.sizes.timing_s, room, alone, cell)
    per_s = lanes / took.update_ms * 1e3
    lane_bytes = took.needs_bytes / lanes
    values = {
        **made._asdict(),
        **took._asdict(),
        "updates_per_s": per_s,
        "lane_bytes": lane_bytes,
        "width": program.model.width,
        "batch": place.sizes.batch,
        "steps": place.sizes.steps,
    }
    text = (
        f"{key:<24}{took.update_ms:>9.2f} ms{per_s:>11,.0f} updates/s"
        f"{took.compile_s:>7.1f} s to compile{lane_bytes / 2**20:>9.1f} MiB a lane"
    )
    return Row(key, text, values)


def _right(place: Place, program: AnyProgram, models: Sequence[Model]) -> Iterator[Row]:
    """Curves of all of them in one program against the CPU's of each."""
    curves: list[Numbers] = []

    def judge(key: str, index: int, model: Model) -> Row:
        if not curves:
            with on(place.device):
                curves.extend(_curves(place, program, models))
        with on(place.cpu):
            plain = place.program(model, device=place.cpu, vectorized=False)
            right = curve_of(place, plain)
            near = [curve_of(place, plain, ULP["float32"], n) for n in range(DRAWS)]
        return judged_curve(key, curves[index], right, near, program.compile_s)

    for index, model in enumerate(models):
        key = f"any cell, lane {index}"
        yield attempt(key, partial(judge, key, index, model))


def _curves(
    place: Place, program: AnyProgram, models: Sequence[Model]
) -> list[Numbers]:
    """Mean loss of all updates so far after each update, a lane a model."""
    state, rows = _begun(program, models)
    data, losses = place.data(), []
    for _ in range(place.sizes.curve_updates):
        state = program.train(state, data, 0, 1, rows)
        losses.append(np.asarray(state.loss_sum) / np.asarray(state.positions))
    return list(np.array(losses, np.float64).T)


def _begun(program: AnyProgram, models: Sequence[Model]) -> tuple[Any, Any]:
    """States and hyperparameters of lanes, a model each."""
    filled = [program.any_model.fill(m, m.init(SEED, SCALE)) for m in models]
    states = [program.beginning(params) for _, params in filled]
    alone = jax.tree.map(lambda leaf: leaf[0], hyper(program))
    rows = program.lanes.stack([alone._replace(cell=cell) for cell, _ in filled])
    return jax.device_put(program.lanes.stack(states)), rows


def _bits(place: Place, program: AnyProgram, models: Sequence[Model]) -> Row:
    """Whether a lane has the same bits wherever it is, and whoever is beside it."""
    order = list(range(len(models)))
    with on(place.device):
        first = _weights(place, program, models, order)
        turned = _weights(place, program, models, order[::-1])[::-1]
        alike = _weights(place, program, models, [0] * len(models))
    pairs = [*zip(first, turned, strict=True), *((first[0], one) for one in alike)]
    equal = all(
        np.array_equal(a, b, equal_nan=True)
        for one, other in pairs
        for a, b in zip(one, other, strict=True)
    )
    said = "same bits " if equal else "OTHER bits"
    text = f"{said} any cell in another lane or company"
    return Row("bits of any cell", text, {"equal": equal, "required": True})


def _weights(
    place: Place, program: AnyProgram, models: Sequence[Model], order: Sequence[int]
) -> list[list[Any]]:
    """All that each lane has come to after some updates."""
    state, rows = _begun(program, [models[index] for index in order])
    state = program.train(state, place.data(), 0, UPDATES, rows)
    leaves = jax.device_get(jax.tree.leaves((state.params, state.loss_sum)))
    return [[leaf[lane] for leaf in leaves] for lane in range(len(order))]
