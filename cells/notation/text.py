"""The notation of cells: a Python function, read with `ast` and never executed."""

import ast
import keyword
import textwrap
from collections.abc import Sequence
from typing import Final

from cells.check import check
from cells.ir import Cell, node_name
from cells.notation.layout import lay_out, state_names
from cells.notation.reader import read
from cells.notation.tokens import MAX_WORD, quoted
from cells.ops import CellError

MAX_LINE: Final = 79


def parse(text: str, *, ops: Sequence[str] | None = None) -> Cell:
    """Reads a cell from its text.

    A text is one function of x and the old states, which returns as many new states;
    its statements give names to values. Values are vectors, and everything is made of
    op calls and the operators `+ - *`; numbers are written only as attributes, as in
    `linear(h, diagonal=0.9, bias=1.0)`. Nodes are numbered in order of evaluation:
    arguments before the op, left to right. The text may come from anyone: nothing in
    it is executed, and its size and nesting are bounded.

    Args:
        text: The source of the function; comments and a docstring are allowed.
        ops: Ops and op sets that may be used, as in `op_names`; all of `OPS` if None.

    Raises:
        CellSyntaxError: The first mistake, with line, column and what to do.
    """
    return read(text, ops)[1]


def parse_named(text: str, *, ops: Sequence[str] | None = None) -> tuple[str, Cell]:
    """As `parse`, with the name of the function before the cell."""
    return read(text, ops)


def to_text(cell: Cell, name: str = "cell") -> str:
    """The text of a cell, so that `parse(to_text(cell)) == cell`.

    The inputs are x and h, or h and c, or h0, h1, ...; node i is called `n{i}` where
    it needs a name.

    Raises:
        CellError: The cell is not valid, or the name cannot be one of a function.
    """
    check(cell)
    if not (name.isidentifier() and name.isascii() and len(name) <= MAX_WORD):
        raise CellError(f"a cell's name is an ASCII identifier, got {quoted(name)}")
    if keyword.iskeyword(name):
        raise CellError(f"a cell cannot be named {name!r}: Python reserves it")
    layout = lay_out(cell)
    inputs = ", ".join(("x", *state_names(cell.num_states)))
    lines = [_wrapped(f"def {name}", f"({inputs})", ":")]
    for value, expression in layout.statements:
        target = node_name(value - cell.num_inputs)
        lines.append(_wrapped(f"    {target} = ", expression))
    lines.append(_wrapped("    return ", ", ".join(layout.outputs)))
    return "\n".join(lines) + "\n"


def variables(text: str) -> dict[int, str]:
    """Index of a node to the variable that a valid text gives its value.

    Nodes are numbered as the text is read, and built-in ops are calls and binary
    operators: a statement's value is the last node that it makes.
    """
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    names, count = dict[int, str](), 0
    for statement in function.body:
        made = sum(isinstance(n, ast.Call | ast.BinOp) for n in ast.walk(statement))
        count += made
        match statement:
            case ast.Assign([ast.Name(name)]) if made:
                names[count - 1] = name
    return names


def _wrapped(head: str, body: str, tail: str = "") -> str:
    """One line, or several inside parentheses where one would be too long."""
    if len(head + body + tail) <= MAX_LINE:
        return head + body + tail
    margin = " " * (len(head) - len(head.lstrip()))
    filled = textwrap.fill(
        body.removeprefix("(").removesuffix(")") if tail else body,
        width=MAX_LINE,
        initial_indent=margin + "    ",
        subsequent_indent=margin + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{head}(\n{filled}\n{margin}){tail}"
