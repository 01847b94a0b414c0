"""A table as arrays of one size, and a cell's weights in the table's order."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cells.ir import node_name
from cells.tables.table import (
    ONE,
    Combination,
    Extent,
    Section,
    Size,
    Table,
)

Array = Any
"""A NumPy or JAX array."""

Weights = Mapping[str, Mapping[str, Array]]
"""Of a cell, by node: `{"n3": {"kernel": [H, H], "bias": [H]}}`."""


class LevelArrays(NamedTuple):
    """A level for E rows, K linear maps and J values before it.

    Column 0 is the constant, column 1 + j the coefficient of value j.

    Attributes:
        first: [E, 1 + J].
        second: The same.
        codes: [E], of `ACTIVATIONS`, as floats: zero where a row is nobody's.
        args: [K, 1 + J + E].
    """

    first: Array
    second: Array
    codes: Array
    args: Array


class SectionArrays(NamedTuple):
    """A section.

    Attributes:
        levels: In order.
        outputs: [O, 1 + J] for all J values.
    """

    levels: tuple[LevelArrays, ...]
    outputs: Array


class TableArrays(NamedTuple):
    """A table.

    Attributes:
        before: See `Table`.
        step: See `Table`.
    """

    before: SectionArrays
    step: SectionArrays


class Maps(NamedTuple):
    """Weights of the linear maps of a section, level by level.

    Attributes:
        kernels: [K, H, H] each; zero where a map is nobody's.
        biases: [K, H] each.
    """

    kernels: tuple[Array, ...]
    biases: tuple[Array, ...]


class TableWeights(NamedTuple):
    """Weights of both sections."""

    before: Maps
    step: Maps


def fits(table: Table, size: Size) -> bool:
    """Whether a table fits a size; it may have fewer states."""
    return (
        table.num_states <= size.num_states
        and _fits(table.before, size.before)
        and _fits(table.step, size.step)
    )


def to_arrays(table: Table, size: Size) -> TableArrays:
    """The table's coefficients, float32, with zeros up to the size.

    Raises:
        ValueError: It does not fit.
    """
    if not fits(table, size):
        raise ValueError("the table is larger than the size")
    before = _section(table.before, size.before, [0])
    # States that a table lacks come after its own and stay zero.
    inputs = [*range(table.num_states)]
    exports = len(table.before.outputs)
    inputs += [size.num_states + index for index in range(exports)]
    step = _section(table.step, size.step, inputs)
    return TableArrays(before, step)


def to_maps(table: Table, size: Size, weights: Weights, width: int) -> TableWeights:
    """A cell's weights where the program looks for them, in the corner of each array.

    Args:
        table: Of the cell.
        size: Of the program.
        weights: The cell's, of its own width or less than the program's.
        width: H of the program.
    """
    return TableWeights(
        _maps(table.before, size.before, weights, width),
        _maps(table.step, size.step, weights, width),
    )


def from_maps(
    table: Table, maps: TableWeights, width: int
) -> dict[str, dict[str, Array]]:
    """The way back from `to_maps`, for weights or gradients, to the cell's width."""
    found = {}
    for section, mine in ((table.before, maps.before), (table.step, maps.step)):
        for level, kernels, biases in zip(section.levels, *mine, strict=False):
            for place, node in enumerate(level.linears):
                found[node_name(node)] = {
                    "kernel": kernels[place, :width, :width],
                    "bias": biases[place, :width],
                }
    return found


def _fits(section: Section, extent: Extent) -> bool:
    if len(section.levels) > len(extent.levels):
        return False
    held = zip(section.levels, extent.levels, strict=False)
    return len(section.outputs) <= extent.num_outputs and all(
        len(level.rows) <= rows and len(level.args) <= args
        for level, (rows, args) in held
    )


def _section(section: Section, extent: Extent, inputs: Sequence[int]) -> SectionArrays:
    """Coefficients of a section; `inputs` are the places of its inputs."""
    place = dict(enumerate(inputs))
    count, own, levels = extent.num_inputs, len(inputs), []
    for index, (rows, args) in enumerate(extent.levels):
        first, second = np.zeros((2, rows, 1 + count), np.float32)
        codes = np.zeros(rows, np.float32)
        level = section.levels[index] if index < len(section.levels) else None
        waiting = np.zeros((args, 1 + count + rows), np.float32)
        if level is not None:
            for at, row in enumerate(level.rows):
                _write(first[at], row.first, place)
                _write(second[at], row.second, place)
                codes[at] = row.code
            for at in range(len(level.rows)):
                place[own + at] = count + at
            for at, arg in enumerate(level.args):
                _write(waiting[at], arg, place)
                place[own + len(level.rows) + at] = count + rows + at
            own += len(level.rows) + len(level.args)
        levels.append(LevelArrays(first, second, codes, waiting))
        count += rows + args
    outputs = np.zeros((extent.num_outputs, 1 + count), np.float32)
    for at, output in enumerate(section.outputs):
        _write(outputs[at], output, place)
    return SectionArrays(tuple(levels), outputs)


def _write(
    row: NDArray[np.float32], combination: Combination, place: Mapping[int, int]
) -> None:
    for value, coefficient in combination.items():
        row[0 if value == ONE else 1 + place[value]] = coefficient


def _maps(section: Section, extent: Extent, weights: Weights, width: int) -> Maps:
    kernels, biases = [], []
    for index, (_, count) in enumerate(extent.levels):
        kernel = np.zeros((count, width, width), np.float32)
        bias = np.zeros((count, width), np.float32)
        if index < len(section.levels):
            for at, node in enumerate(section.levels[index].linears):
                mine = weights[node_name(node)]
                own = len(mine["bias"])
                kernel[at, :own, :own] = mine["kernel"]
                bias[at, :own] = mine["bias"]
        kernels.append(kernel)
        biases.append(bias)
    return Maps(tuple(kernels), tuple(biases))
