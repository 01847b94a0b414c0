"""How a cell is written down: which values get a name, and where parentheses go."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from cells.ir import Cell, Node, node_name
from cells.ops import OPS, Op, get_op

MAX_EXPRESSION: Final = 68
"""Characters of an expression; what grows longer gets a name."""

ATOM: Final = 9
"""The rank of what never needs parentheses: a name, a call."""

RANKS: Final[dict[tuple[str, int], int]] = {
    ("+", 2): 1,
    ("-", 2): 1,
    ("*", 2): 2,
    ("/", 2): 2,
    ("%", 2): 2,
    ("@", 2): 2,
    ("+", 1): 3,
    ("-", 1): 3,
    ("~", 1): 3,
}
"""Operators by symbol and number of arguments; the higher rank binds tighter."""


class Piece(NamedTuple):
    """An expression as written, and how tightly its outermost operator binds."""

    text: str
    rank: int = ATOM

    def bracketed(self, rank: int) -> str:
        """The text, in parentheses if it binds less tightly than `rank`."""
        return self.text if self.rank >= rank else f"({self.text})"


class Layout(NamedTuple):
    """A cell's text in parts.

    Attributes:
        statements: The values that get a name, in order of evaluation, and how each
            is written.
        outputs: How each output is written.
    """

    statements: tuple[tuple[int, str], ...]
    outputs: tuple[str, ...]


def state_names(num_states: int) -> tuple[str, ...]:
    """`h`; `h` and `c`; or `h0`, `h1`, ... for more."""
    if num_states <= 2:
        return ("h", "c")[:num_states]
    return tuple(f"h{i}" for i in range(num_states))


def operator(symbol: str, arity: int) -> Op | None:
    """The op that an operator stands for: the first row of the table that has it."""
    if (symbol, arity) not in RANKS:
        return None
    rows = (op for op in OPS.values() if op.symbol == symbol and op.arity == arity)
    return next(rows, None)


def rank_of(op: Op) -> int:
    """How tightly the op's operator binds; `ATOM` for an op written as a call."""
    is_operator = op.symbol and operator(op.symbol, op.arity) is op
    return RANKS[op.symbol, op.arity] if is_operator else ATOM


def lay_out(cell: Cell) -> Layout:
    """Writes a valid cell as nested expressions where that keeps its order of nodes.

    A text is evaluated from left to right, arguments before the op. A value is written
    in place only if it is used once, right there: all nodes written so far and not yet
    named form a stack, of which an op may take its arguments from the end, in order.
    Everything else is named, which fixes its place.
    """
    return _LayoutPass(cell).layout()


class _LayoutPass:
    """The state of one pass over the nodes."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.uses = Counter(arg for node in cell.nodes for arg in node.args)
        self.uses.update(cell.outputs)
        names = ("x", *state_names(cell.num_states))
        self.pieces = {value: Piece(name) for value, name in enumerate(names)}
        self.pending: list[int] = []
        self.statements: list[tuple[int, str]] = []

    def layout(self) -> Layout:
        """The statements of the cell, each value written where it is first needed."""
        for index, node in enumerate(self.cell.nodes):
            value = self.cell.num_inputs + index
            write = functools.partial(written, node)
            self.pieces[value] = self._taken(node.args, write)
            self.pending.append(value)
            if self.uses[value] > 1:
                self._name_through(value)
        outputs = self.cell.outputs
        self._taken(outputs, lambda args: Piece(", ".join(a.text for a in args)))
        return Layout(
            tuple(self.statements), tuple(self.pieces[o].text for o in outputs)
        )

    def _taken(
        self, args: Sequence[int], write: Callable[[Sequence[Piece]], Piece]
    ) -> Piece:
        """Writes with these arguments; the pending ones among them are used up."""
        # As many arguments as end the stack in order stay where they are; others were
        # computed too early for that, and get a name, with all before them.
        start = len(self.pending)
        for arg in reversed(args):
            start -= start > 0 and self.pending[start - 1] == arg
        for arg in args:
            if arg in self.pending[:start]:
                start -= self._name_through(arg)

        # Too long an expression is cut at its first argument.
        piece = write([self.pieces[arg] for arg in args])
        while len(piece.text) > MAX_EXPRESSION and start < len(self.pending):
            start -= self._name_through(self.pending[start]) - 1
            piece = write([self.pieces[arg] for arg in args])
        del self.pending[start:]
        return piece

    def _name_through(self, value: int) -> int:
        """Names the pending values up to this one; returns how many."""
        count = self.pending.index(value) + 1
        for named in self.pending[:count]:
            self.statements.append((named, self.pieces[named].text))
            self.pieces[named] = Piece(node_name(named - self.cell.num_inputs))
        del self.pending[:count]
        return count


def written(node: Node, args: Sequence[Piece]) -> Piece:
    """One op in the notation of cell texts."""
    op = get_op(node.op)
    rank = rank_of(op)
    if rank == ATOM:
        words = [arg.text for arg in args]
        attributes = zip(op.attributes, node.attrs, strict=True)
        words += [f"{name}={float(value)!r}" for name, value in attributes if value]
        return Piece(f"{op.name}({', '.join(words)})")
    if op.arity == 1:
        return Piece(op.symbol + args[0].bracketed(rank), rank)
    # Operators group to the left, so that an equal one on the right is parenthesised.
    left, right = args[0].bracketed(rank), args[1].bracketed(rank + 1)
    return Piece(f"{left} {op.symbol} {right}", rank)
