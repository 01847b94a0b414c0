"""A cell's weights in the order of its table."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cells.ir import node_name
from cells.tables.arrays import spans
from cells.tables.table import Extent, Section, Size, Table

Array = Any
"""A NumPy or JAX array."""

Weights = Mapping[str, Mapping[str, Array]]
"""Of a cell, by node: `{"n3": {"kernel": [H, H], "bias": [H]}}`."""


class Maps(NamedTuple):
    """Weights of the linear maps of a section, in the order of its levels.

    Attributes:
        kernels: [K, H, H]; zero where a map is nobody's.
        biases: [K, H].
    """

    kernels: Array
    biases: Array


class TableWeights(NamedTuple):
    """Weights of both sections."""

    before: Maps
    step: Maps


def to_maps(table: Table, room: Size, weights: Weights, width: int) -> TableWeights:
    """A cell's weights where the program looks for them, in the corner of each array.

    Args:
        table: Of the cell.
        room: Of the program.
        weights: The cell's, of its own width or less than the program's.
        width: H of the program.
    """
    return TableWeights(
        _maps(table.before, room.before, weights, width),
        _maps(table.step, room.step, weights, width),
    )


def from_maps(
    table: Table, room: Size, maps: TableWeights, width: int
) -> dict[str, dict[str, Array]]:
    """The way back from `to_maps`, for weights or gradients, to the cell's width."""
    sections = (
        (table.before, room.before, maps.before),
        (table.step, room.step, maps.step),
    )
    return {
        node_name(node): {
            "kernel": mine.kernels[place, :width, :width],
            "bias": mine.biases[place, :width],
        }
        for section, extent, mine in sections
        for place, node in _placed(section, extent)
    }


def _maps(section: Section, extent: Extent, weights: Weights, width: int) -> Maps:
    kernels = np.zeros((extent.num_maps, width, width), np.float32)
    biases = np.zeros((extent.num_maps, width), np.float32)
    for place, node in _placed(section, extent):
        mine = weights[node_name(node)]
        own = len(mine["bias"])
        kernels[place, :own, :own] = mine["kernel"]
        biases[place, :own] = mine["bias"]
    return Maps(kernels, biases)


def _placed(section: Section, extent: Extent) -> Iterator[tuple[int, int]]:
    """Where each linear map is, and its node."""
    for level, span in zip(section.levels, spans(extent), strict=False):
        for at, node in enumerate(level.linears):
            yield span.linears[at], node
