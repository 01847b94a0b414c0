"""A table as arrays of one size: what each combination reads, and what reads a value.

In a program the values of a section are one array, and so are the cotangents of what
reads values; place 0 of both is zero, and is what is read where nothing is.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from cells.tables.table import (
    ACTIVATIONS,
    ONE,
    Combination,
    Extent,
    Level,
    Section,
    Size,
    Table,
    size,
)

Array = Any
"""A NumPy or JAX array."""


KINDS: Final = tuple(
    [ACTIVATIONS.index(name) for name in names]
    for names in (("tanh", "sigmoid"), ("sigmoid",), ("relu",))
)
"""Codes of rows that are curved, halved and bounded; see `LevelArrays`."""


class Reads(NamedTuple):
    """R sums of S terms each.

    Attributes:
        places: [R, S], where each term is, int32.
        weights: [R, S], its coefficient.
        constants: [R], what is added; None: nothing is.
    """

    places: Array
    weights: Array
    constants: Array | None


class LevelArrays(NamedTuple):
    """A level of E rows and K linear maps.

    Attributes:
        factors: 2 E sums of values: the rows' first factors, then their second ones.
        curved: [E, 1, 1], whether a row ends with tanh or a sigmoid.
        halved: [E, 1, 1], whether it is a sigmoid.
        bounded: [E, 1, 1], whether it ends with relu.
        args: K sums of values, which the linear maps are applied to.
        rows: E sums of cotangents, of what reads the rows.
        maps: K of them, of what reads the linear maps.
    """

    factors: Reads
    curved: Array
    halved: Array
    bounded: Array
    args: Reads
    rows: Reads
    maps: Reads


class SectionArrays(NamedTuple):
    """A section.

    Attributes:
        levels: In order.
        outputs: Sums of values.
        sources: Sums of cotangents, of what reads x or the states.
        seen: The same of the other inputs.
    """

    levels: tuple[LevelArrays, ...]
    outputs: Reads
    sources: Reads
    seen: Reads


class TableArrays(NamedTuple):
    """A table.

    Attributes:
        before: See `Table`.
        step: See `Table`.
    """

    before: SectionArrays
    step: SectionArrays


class Span(NamedTuple):
    """Where a level is.

    Attributes:
        rows: The places of its rows among the values.
        maps: Those of its linear maps.
        args: The places of its maps' arguments among the cotangents.
        factors: Those of its rows' factors, as in `LevelArrays`.
        linears: Its linear maps among those of all levels.
    """

    rows: range
    maps: range
    args: range
    factors: range
    linears: range


def spans(extent: Extent) -> list[Span]:
    """Where each level is."""
    found, linear = [], 0
    value, cotangent = 1 + extent.num_inputs, 1 + extent.num_outputs
    for rows, maps in extent.levels:
        own, later = value + rows, cotangent + maps
        found.append(
            Span(
                rows=range(value, own),
                maps=range(own, own + maps),
                args=range(cotangent, later),
                factors=range(later, later + 2 * rows),
                linears=range(linear, linear + maps),
            )
        )
        value, cotangent, linear = own + maps, later + 2 * rows, linear + maps
    return found


def num_values(extent: Extent) -> int:
    """Places in the array of values."""
    return 1 + extent.num_inputs + extent.num_rows + extent.num_maps


def num_pooled(extent: Extent) -> int:
    """Places in the array of cotangents."""
    return 1 + extent.num_outputs + 2 * extent.num_rows + extent.num_maps


def fits(table: Table, room: Size) -> bool:
    """Whether a table fits a size; it may have fewer states."""
    own = size(table)
    return (
        own.num_states <= room.num_states
        and _fits(own.before, room.before)
        and _fits(own.step, room.step)
    )


def to_arrays(table: Table, room: Size) -> TableArrays:
    """The table's coefficients, float32, with zeros up to the size.

    Raises:
        ValueError: It does not fit.
    """
    if not fits(table, room):
        raise ValueError("the table is larger than the size")
    before = _Filled(table.before, room.before, [1])
    # States that a table lacks come after its own and stay zero.
    inputs = [1 + index for index in range(table.num_states)]
    exports = len(table.before.outputs)
    inputs += [1 + room.num_states + index for index in range(exports)]
    step = _Filled(table.step, room.step, inputs)
    return TableArrays(before.arrays, step.arrays)


def _fits(own: Extent, room: Extent) -> bool:
    return (
        len(own.levels) <= len(room.levels)
        and own.num_outputs <= room.num_outputs
        and all(
            mine <= most
            for level, held in zip(own.levels, room.levels, strict=False)
            for mine, most in zip(level, held, strict=True)
        )
        and all(a <= b for a, b in zip(own.terms, room.terms, strict=True))
        and all(a <= b for a, b in zip(own.readers, room.readers, strict=True))
    )


class _Filled:
    """The arrays of a section; `inputs` are the places of its inputs."""

    def __init__(self, section: Section, extent: Extent, inputs: Sequence[int]) -> None:
        self._place = dict(enumerate(inputs))
        self._readers: dict[int, list[tuple[int, float]]] = defaultdict(list)
        own = [*section.levels, *[Level((), (), ())] * len(extent.levels)]
        levels = [
            self._level(level, span, extent)
            for level, span in zip(own, spans(extent), strict=False)
        ]
        places = range(1, 1 + extent.num_outputs)
        outputs = self._sums(section.outputs, places, extent.terms.outputs)
        few, first = extent.readers.others, 1 + extent.num_sources
        sources = self._pulled(range(1, first), extent.readers.sources)
        seen = self._pulled(range(first, 1 + extent.num_inputs), few)
        # Whatever reads a value comes later: only now are all readers known.
        every = [
            LevelArrays(
                *given, self._pulled(span.rows, few), self._pulled(span.maps, few)
            )
            for given, span in zip(levels, spans(extent), strict=True)
        ]
        self.arrays = SectionArrays(tuple(every), outputs, sources, seen)

    def _level(
        self, level: Level, span: Span, extent: Extent
    ) -> tuple[Reads, Array, Array, Array, Reads]:
        """All but what reads it; its values get their places."""
        nobodys: list[Combination] = [{}] * (len(span.rows) - len(level.rows))
        firsts = [*(row.first for row in level.rows), *nobodys]
        seconds = [row.second for row in level.rows]
        terms = extent.terms
        factors = self._sums([*firsts, *seconds], span.factors, terms.factors)
        codes = np.zeros((len(span.rows), 1, 1), np.int32)
        codes[: len(level.rows), 0, 0] = [row.code for row in level.rows]
        curved, halved, bounded = (np.isin(codes, kinds) for kinds in KINDS)
        # Linear maps of a level may read its rows.
        self._number(span.rows[: len(level.rows)])
        args = self._sums(level.args, span.args, terms.args)
        self._number(span.maps[: len(level.args)])
        return factors, curved, halved, bounded, args

    def _number(self, places: Sequence[int]) -> None:
        for place in places:
            self._place[len(self._place)] = place

    def _sums(
        self, combinations: Sequence[Combination], cotangents: range, terms: int
    ) -> Reads:
        """Combinations of values; notes where the cotangent of each will be."""
        sums = _empty(len(cotangents), terms)
        constants = np.zeros(len(cotangents), np.float32)
        for index, one in enumerate(combinations):
            constants[index] = one.get(ONE, 0.0)
            read = [(self._place[v], c) for v, c in one.items() if v != ONE]
            _write(sums, index, read)
            for place, coefficient in read:
                self._readers[place].append((cotangents[index], coefficient))
        return sums._replace(constants=constants)

    def _pulled(self, values: range, most: int) -> Reads:
        """What reads some values, by the places of its cotangents."""
        sums = _empty(len(values), most)
        for index, value in enumerate(values):
            _write(sums, index, self._readers.get(value, ()))
        return sums


def _empty(count: int, terms: int) -> Reads:
    shape = (count, terms)
    return Reads(np.zeros(shape, np.int32), np.zeros(shape, np.float32), None)


def _write(sums: Reads, index: int, terms: Sequence[tuple[int, float]]) -> None:
    for at, (place, coefficient) in enumerate(terms):
        sums.places[index, at] = place
        sums.weights[index, at] = coefficient
