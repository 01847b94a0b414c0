"""Part c: the same bits twice, compiled anew, with lanes in another order and company.

A run depends on this: an evaluation has to be a pure function of its job. How many
lanes a program has is part of the numerics class: a lane need not be as it is alone.
Workers have one lane on CPUs, some of which round the rest of a vector otherwise than
the vector: there neither order nor company of lanes is required to make no difference.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import jax
import numpy as np

from benchmarks.device.place import SCALE, Place, hyper, on
from benchmarks.device.rows import Row, attempt
from benchmarks.device.tolerances import distance
from cells import ZOO
from workers.training.model import Model
from workers.training.program import Program

CELLS: Final = ("gru", "lstm")
UPDATES: Final = 10

Lane = tuple[Any, ...]
"""What a lane has come to: its weights and the loss, as arrays."""


def measure(place: Place) -> Iterator[Row]:
    """Cell by cell, on the second size of models."""
    for name in CELLS[: place.sizes.bit_cells]:
        yield from _cell(place, name)


def _cell(place: Place, name: str) -> Iterator[Row]:
    parameters = place.sizes.parameters[:2][-1]
    model = place.model(ZOO[name], parameters)
    seeds = list(range(place.sizes.bit_lanes))
    order, alike = seeds[::-1], [0] * len(seeds)
    with on(place.device):
        program = place.program(model, lanes=len(seeds))
    same = partial(_trained, place, program)
    first: list[Lane] = []

    def judge(
        key: str, other: Callable[[], list[Lane]], rows: Sequence[int], required: bool
    ) -> Row:
        if not first:
            first.extend(same(seeds))
        return _compared(key, [first[row] for row in rows], other(), required)

    # Lane n of the other training has the seed of lane `rows[n]` of the first.
    lanes = place.device.platform != "cpu"
    ways: tuple[tuple[str, Callable[[], list[Lane]], Sequence[int], bool], ...] = (
        ("again", lambda: same(seeds), seeds, True),
        ("with lanes in another order", lambda: same(order), order, lanes),
        ("with the first in all lanes", lambda: same(alike), alike, lanes),
        ("compiled again", lambda: _anew(place, model, seeds), seeds, True),
        ("alone", lambda: _anew(place, model, [0]), [0], False),
    )
    for way, other, rows, required in ways:
        key = f"{name} {way}{'' if required else ' (not required)'}"
        yield attempt(key, partial(judge, key, other, rows, required))


def _anew(place: Place, model: Model, seeds: Sequence[int]) -> list[Lane]:
    """The same with a program of its own."""
    return _trained(place, place.program(model, lanes=len(seeds)), seeds)


def _trained(place: Place, program: Program, seeds: Sequence[int]) -> list[Lane]:
    """What each lane comes to."""
    with on(place.device):
        state = program.initial(list(seeds), [SCALE] * len(seeds))
        state = program.train(state, place.data(), 0, UPDATES, hyper(program))
        leaves = jax.device_get(jax.tree.leaves((state.params, state.loss_sum)))
    lanes = range(len(seeds))
    return [tuple(program.lanes.pick(leaves, lane)) for lane in lanes]


def _compared(
    key: str, first: Sequence[Lane], other: Sequence[Lane], required: bool
) -> Row:
    pairs = [
        (one, two)
        for lane, again in zip(first, other, strict=True)
        for one, two in zip(lane, again, strict=True)
    ]
    equal = all(np.array_equal(one, two, equal_nan=True) for one, two in pairs)
    off = max(distance(two, one) for one, two in pairs)
    text = f"{'same bits ' if equal else 'OTHER bits'} {key}"
    if not equal:
        text += f": off by {off:.1e} after {UPDATES} updates"
    return Row(key, text, {"equal": equal, "off": off, "required": required})
