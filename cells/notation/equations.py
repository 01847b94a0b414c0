"""The equations of a cell, for a terminal and for LaTeX."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from cells.check import check
from cells.ir import Cell, node_name
from cells.notation.layout import ATOM, RANKS, Piece, lay_out, rank_of, state_names
from cells.notation.symbols import SUBSCRIPTS
from cells.ops import Op, get_op

_SUM: Final = RANKS["+", 2]
_PRODUCT: Final = RANKS["*", 2]
_SHORT: Final = {"sigmoid": "σ", "maximum": "max", "minimum": "min"}  # noqa: RUF001


class _Style(NamedTuple):
    """What differs between the two forms.

    Attributes:
        old: A state before the step, by its name.
        new: A state after the step.
        x: The input.
        node: A named value, by the index of its node.
        weight: A weight's letter and the index of its node.
        product: The elementwise product.
        identity: The identity matrix, times a number.
        infix: An op written between its two arguments.
        function: An op written as a function of its arguments.
        start: A value that a weight has before training.
    """

    old: Callable[[str], str]
    new: Callable[[str], str]
    x: str
    node: Callable[[int], str]
    weight: Callable[[str, int], str]
    product: str
    identity: Callable[[str], str]
    infix: Callable[[Op, str, str], str]
    function: Callable[[Op, Sequence[str]], str]
    start: Callable[[str, str], tuple[str, str, str]]


def equations(cell: Cell, also: Collection[int] = ()) -> tuple[str, ...]:
    """The equations as lines of Unicode text.

    W, b and s are the kernel, bias and scale of the node whose number they carry; ⊙ is
    the elementwise product, σ the sigmoid, 1 a vector of ones, I the identity matrix.
    Values are named as in `to_text`, except that a new state has its own name.

    Args:
        cell: The cell.
        also: Values that have an equation of their own besides.

    Raises:
        CellError: The cell is not valid.
    """
    rows = _equations(cell, _UNICODE, also)
    return tuple(f"{left} {relation} {right}" for left, relation, right in rows)


def latex(cell: Cell, also: Collection[int] = ()) -> str:
    """The same equations as a LaTeX `aligned` environment.

    Args:
        cell: The cell.
        also: Values that have an equation of their own besides.

    Raises:
        CellError: The cell is not valid.
    """
    equations = _equations(cell, _LATEX, also)
    rows = [f"{left} &{rel} {right}" for left, rel, right in equations]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _equations(
    cell: Cell, style: _Style, also: Collection[int]
) -> list[tuple[str, str, str]]:
    """Left side, relation and right side of each equation."""
    check(cell)
    states = state_names(cell.num_states)
    inputs = (style.x, *(style.old(state) for state in states))
    pieces = {value: Piece(text) for value, text in enumerate(inputs)}
    # Backwards, so that a value which is two new states gets the first one's name.
    new = dict(zip(reversed(cell.outputs), reversed(states), strict=True))
    named = {value for value, _ in lay_out(cell).statements} | set(also)

    # A line for each value with a name; the others stand where they are read.
    rows = []
    for index, node in enumerate(cell.nodes):
        value = cell.num_inputs + index
        piece = _expression(cell, index, [pieces[arg] for arg in node.args], style)
        if value in named:
            left = style.new(new[value]) if value in new else style.node(index)
            rows.append((left, "=", piece.text))
            piece = Piece(left)
        pieces[value] = piece

    # New states that have no line yet: expressions, or values with another name.
    for state, output in zip(states, cell.outputs, strict=True):
        if output not in named or new[output] != state:
            rows.append((style.new(state), "=", pieces[output].text))

    # W + a I holds in every step, where a bias only starts.
    for index, node in enumerate(cell.nodes):
        if node.op == "linear" and node.attrs[1]:
            rows.append(style.start(style.weight("b", index), _number(node.attrs[1])))
    return rows


def _expression(cell: Cell, index: int, args: list[Piece], style: _Style) -> Piece:
    node = cell.nodes[index]
    op = get_op(node.op)
    rank = rank_of(op)
    if op.kind == "linear":
        return _linear(index, node.attrs[0], args[0], style)
    if op.name == "scale":
        scale = style.weight("s", index)
        return Piece(f"{scale} {style.product} {args[0].bracketed(_PRODUCT)}", _PRODUCT)
    if rank == ATOM:
        return Piece(style.function(op, [arg.text for arg in args]))
    if op.arity == 1:
        return Piece(op.symbol + args[0].bracketed(rank), rank)
    # Only the sum is read as associative: a + (b - c) needs no parentheses.
    right = args[1].bracketed(rank if op.name == "add" else rank + 1)
    return Piece(style.infix(op, args[0].bracketed(rank), right), rank)


def _linear(index: int, diagonal: float, arg: Piece, style: _Style) -> Piece:
    kernel, bias = style.weight("W", index), style.weight("b", index)
    if diagonal:
        sign = "+" if diagonal > 0 else "-"
        kernel = f"({kernel} {sign} {style.identity(_number(abs(diagonal)))})"
    return Piece(f"{kernel} {arg.bracketed(ATOM)} + {bias}", _SUM)


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _unicode_infix(op: Op, left: str, right: str) -> str:
    return f"{left} {'⊙' if op.name == 'multiply' else op.symbol} {right}"


def _latex_infix(op: Op, left: str, right: str) -> str:
    return (op.latex or f"{{}} {op.symbol} {{}}").format(left, right)


def _unicode_function(op: Op, args: Sequence[str]) -> str:
    if op.kind == "constant":
        return "1" if op.name == "one" else op.name
    return f"{_SHORT.get(op.name, op.name)}({', '.join(args)})"


def _latex_function(op: Op, args: Sequence[str]) -> str:
    if op.latex:
        return op.latex.format(*args)
    name = op.name.replace("_", r"\_")
    return rf"\mathrm{{{name}}}({', '.join(args)})"


def _latex_state(name: str, time: str) -> str:
    return f"h^{{({name[1:]})}}_{{{time}}}" if name[1:] else f"{name}_{{{time}}}"


_UNICODE: Final = _Style(
    old=lambda state: f"{state}ₜ₋₁",
    new=lambda state: f"{state}ₜ",
    x="xₜ",
    node=node_name,
    weight=lambda letter, index: letter + str(index).translate(SUBSCRIPTS),
    product="⊙",
    identity=lambda number: "I" if number == "1" else f"{number} I",
    infix=_unicode_infix,
    function=_unicode_function,
    start=lambda weight, number: (weight, "starts at", number),
)
_LATEX: Final = _Style(
    old=lambda state: _latex_state(state, "t-1"),
    new=lambda state: _latex_state(state, "t"),
    x="x_{t}",
    node=lambda index: f"n_{{{index}}}",
    weight=lambda letter, index: f"{letter}_{{{index}}}",
    product=r"\odot",
    identity=lambda number: "I" if number == "1" else rf"{number}\, I",
    infix=_latex_infix,
    function=_latex_function,
    start=lambda weight, number: (
        weight,
        r"\leftarrow",
        rf"{number} \text{{ at the start}}",
    ),
)
