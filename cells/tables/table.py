"""A cell as a table: sums, products and activations by their coefficients.

One compiled program is one cell, which on an accelerator takes longer to compile than a
candidate takes to train. A program that reads the cell from arrays runs any cell, and
many at once. So that it needs few operations, a cell is written as

    value = activation((A v + a) * (B v + b))

over the values v before it: additions and subtractions are coefficients, and what is
left are multiplications, activations and linear maps. They are done level by level:
rows of a level read values of earlier levels only and so are one elementwise operation,
then linear maps of a level, which may read its rows, are one batched product.
"""

from collections.abc import Mapping, Sequence
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


class Extent(NamedTuple):
    """How large a section is: tables of one extent fit one program.

    Attributes:
        num_inputs: See `Section`.
        levels: Rows and linear maps of each level.
        num_outputs: See `Section`.
    """

    num_inputs: int
    levels: tuple[tuple[int, int], ...]
    num_outputs: int


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
    return Size(table.num_states, _extent(table.before), _extent(table.step))


def common(sizes: Sequence[Size]) -> Size:
    """The smallest size that holds all of some; they have equally many states."""
    (num_states,) = {one.num_states for one in sizes}
    before = _common([one.before for one in sizes])
    steps = []
    # Inputs of a step are its states and the outputs of what is before.
    for one in sizes:
        steps.append(one.step._replace(num_inputs=num_states + before.num_outputs))
    return Size(num_states, before, _common(steps))


def _extent(section: Section) -> Extent:
    levels = tuple((len(one.rows), len(one.args)) for one in section.levels)
    return Extent(section.num_inputs, levels, len(section.outputs))


def _common(extents: Sequence[Extent]) -> Extent:
    depth = max(len(one.levels) for one in extents)
    levels = []
    for index in range(depth):
        here = [one.levels[index] for one in extents if index < len(one.levels)]
        levels.append((max(rows for rows, _ in here), max(args for _, args in here)))
    return Extent(
        max(one.num_inputs for one in extents),
        tuple(levels),
        max(one.num_outputs for one in extents),
    )
