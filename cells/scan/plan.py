"""The plan of a scan: instructions of one step, as values."""

from dataclasses import dataclass

from cells.ir import Cell

Term = tuple[int, int]
"""A sign, 1 or -1, and a value."""


@dataclass(frozen=True)
class Column:
    """One result of a product: a sum of linears, and of values known before the scan.

    Attributes:
        value: The value it computes.
        linears: The linear nodes' values, one for each argument of the product.
        addends: Signed values that depend on x only, added on the way.
    """

    value: int
    linears: tuple[int, ...]
    addends: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Product:
    """One matrix product a step: `concat(args) @ weights` for all of its columns."""

    args: tuple[int, ...]
    columns: tuple[Column, ...]

    @property
    def has_addends(self) -> bool:
        """Whether some column adds values known before the scan."""
        return any(column.addends for column in self.columns)


@dataclass(frozen=True)
class Multiply:
    """A product, by its index in the plan, placed where its arguments are known."""

    index: int


@dataclass(frozen=True)
class Batch:
    """One pointwise op on neighbouring columns of a product, side by side.

    Attributes:
        op: Name of the op.
        product: Index of the product.
        start: First of the columns it is applied to.
        values: The values it computes, one a column.
    """

    op: str
    product: int
    start: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class Apply:
    """One op on values of one step."""

    op: str
    args: tuple[int, ...]
    value: int


@dataclass(frozen=True)
class Sum:
    """A signed sum of values of one step."""

    terms: tuple[Term, ...]
    value: int


Instruction = Multiply | Batch | Apply | Sum


@dataclass(frozen=True)
class ScanPlan:
    """How a cell is computed over a sequence.

    Attributes:
        cell: The cell.
        before: x-only nodes, in order: computed for all steps at once.
        frontier: x-only values that a step reads other than as addends.
        products: The matrix products of a step.
        instructions: What a step does, in order.
        saved: Values kept for the backward pass.
        recomputed: Values that the backward pass computes again, cheaply.
        emitted: How many states, the first ones, are handed out at each step.
    """

    cell: Cell
    before: tuple[int, ...]
    frontier: tuple[int, ...]
    products: tuple[Product, ...]
    instructions: tuple[Instruction, ...]
    saved: tuple[int, ...]
    recomputed: tuple[int, ...]
    emitted: int = 1


def reads(instruction: Instruction, products: tuple[Product, ...]) -> tuple[int, ...]:
    """The values an instruction reads."""
    match instruction:
        case Multiply(index):
            return products[index].args
        case Batch(_, product, start, values):
            columns = products[product].columns[start : start + len(values)]
            return tuple(column.value for column in columns)
        case Apply(_, args, _):
            return args
        case Sum(terms, _):
            return tuple(value for _, value in terms)


def writes(instruction: Instruction, products: tuple[Product, ...]) -> tuple[int, ...]:
    """The values an instruction computes."""
    match instruction:
        case Multiply(index):
            return tuple(column.value for column in products[index].columns)
        case Batch(_, _, _, values):
            return values
        case Apply(_, _, value) | Sum(_, value):
            return (value,)
