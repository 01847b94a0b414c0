"""A cell as a table: sums, products and activations by their coefficients.

One compiled program is one cell, which on an accelerator takes longer to compile than a
candidate takes to train. A program that reads the cell from arrays runs any cell, and
many at once. So that it needs few operations, a cell is written as

    value = activation((A v + a) * (B v + b))

over the values v before it: additions and subtractions are coefficients, and what is
left are multiplications, activations and linear maps. A combination reads few values,
and a value is read by few combinations: how many is part of a size, so that neither a
step nor its gradient touches what it does not need. They are done level by level:
rows of a level read values of earlier levels only and so are one elementwise operation,
then linear maps of a level, which may read its rows, are one batched product.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

ACTIVATIONS: Final = ("", "tanh", "sigmoid", "relu")
"""Those that a row may end with; its number is the row's code."""

TABULAR: Final = frozenset(
    {"linear", "add", "subtract", "multiply", "one", *ACTIVATIONS[1:]}
)
"""Ops that a table can say."""

ONE: Final = -1
"""Stands for the constant 1 where a value is named."""

Combination = Mapping[int, float]
"""A weighted sum of values: value -> coefficient, `ONE` -> the constant."""


class Row(NamedTuple):
    """`activation(first * second)`, where both are combinations.

    Attributes:
        first: A v + a.
        second: B v + b.
        code: Of `ACTIVATIONS`.
    """

    first: Combination
    second: Combination
    code: int


class Level(NamedTuple):
    """Rows that do not wait for each other, and the linear maps that wait for them.

    Attributes:
        rows: Each becomes a value; reads no other one of them.
        args: What the linear maps are applied to; each result is a value.
        linears: Their nodes, by index in the cell.
    """

    rows: tuple[Row, ...]
    args: tuple[Combination, ...]
    linears: tuple[int, ...]


class Section(NamedTuple):
    """Values from values: what depends on x only, or one step of the recurrence.

    Its values are numbered: the inputs, then level by level the rows and the linear
    maps.

    Attributes:
        num_inputs: How many values it is given.
        levels: In order.
        outputs: What it gives.
    """

    num_inputs: int
    levels: tuple[Level, ...]
    outputs: tuple[Combination, ...]


class Table(NamedTuple):
    """A cell.

    Attributes:
        before: From x to what the recurrence reads of it, once for each row of the
            embedding.
        step: From the M states, and what `before` gives, to the new states.
        num_states: M.
    """

    before: Section
    step: Section
    num_states: int


class Terms(NamedTuple):
    """How many values a combination may read.

    Attributes:
        factors: Each of the two of a row.
        args: What a linear map is applied to.
        outputs: What a section gives.
    """

    factors: int
    args: int
    outputs: int


class Readers(NamedTuple):
    """How many combinations may read a value.

    Attributes:
        sources: x, or a state.
        others: Whatever else.
    """

    sources: int
    others: int


class Extent(NamedTuple):
    """How large a section is: tables of one extent fit one program.

    Attributes:
        num_inputs: See `Section`.
        num_sources: The first of them, which much may read: x, or the states.
        levels: Rows and linear maps of each level.
        num_outputs: See `Section`.
        terms: Of each combination.
        readers: Of each value.
    """

    num_inputs: int
    num_sources: int
    levels: tuple[tuple[int, int], ...]
    num_outputs: int
    terms: Terms
    readers: Readers

    @property
    def num_rows(self) -> int:
        """E, of all levels."""
        return sum(rows for rows, _ in self.levels)

    @property
    def num_maps(self) -> int:
        """K, of all levels."""
        return sum(maps for _, maps in self.levels)


class Size(NamedTuple):
    """How large a table is.

    Attributes:
        num_states: M.
        before: Of what depends on x only.
        step: Of the recurrence.
    """

    num_states: int
    before: Extent
    step: Extent


def size(table: Table) -> Size:
    """How large a table is."""
    return Size(
        table.num_states,
        _extent(table.before, 1),
        _extent(table.step, table.num_states),
    )


def num_terms(one: Combination) -> int:
    """How many values a combination reads."""
    return len(one.keys() - {ONE})


def _extent(section: Section, num_sources: int) -> Extent:
    rows = [row for level in section.levels for row in level.rows]
    factors = [one for row in rows for one in (row.first, row.second)]
    args = [arg for level in section.levels for arg in level.args]
    every = (*factors, *args, *section.outputs)
    read = Counter(value for one in every for value in one if value != ONE)
    sources = [read[value] for value in range(num_sources)]
    others = [count for value, count in read.items() if value >= num_sources]
    return Extent(
        section.num_inputs,
        num_sources,
        tuple((len(one.rows), len(one.args)) for one in section.levels),
        len(section.outputs),
        Terms(
            max(map(num_terms, factors), default=0),
            max(map(num_terms, args), default=0),
            max(map(num_terms, section.outputs), default=0),
        ),
        Readers(max(sources), max(others, default=0)),
    )
