"""One time step of a cell as lines of Python, for any library."""

import re
import textwrap
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from cells.export.names import Names
from cells.ir import Cell, node_name
from cells.notation.layout import ATOM, RANKS, Piece, rank_of
from cells.ops import CellError, get_op

LINE: Final = 88
ONES: Final = "ones_like(x)"
"""A vector of ones."""


class Spelling(NamedTuple):
    """How a library writes an op that is no operator.

    Attributes:
        module: Where the function of the op's name is imported from; empty if it is
            defined in the exported file.
        source: Its definition, if it is not imported.
    """

    module: str
    source: str = ""


def attribute(cell: Cell, index: int) -> str:
    """The name of a module's attribute that holds a node's weights: `linear3`."""
    return f"{cell.nodes[index].op}{index}"


def weighted(cell: Cell) -> dict[str, str]:
    """Name of each node with weights to the attribute that holds them."""
    return {
        node_name(index): attribute(cell, index)
        for index, node in enumerate(cell.nodes)
        if get_op(node.op).weights
    }


def called_ops(cell: Cell) -> list[str]:
    """The functions that a step calls, sorted: neither operators nor linear maps."""
    names = {node.op for node in cell.nodes if node.op != "linear"}
    return sorted(name for name in names if rank_of(get_op(name)) == ATOM)


def step_source(cell: Cell, names: Names, table: Mapping[str, Spelling]) -> str:
    """The body of `step(cell, x, h, ...)`, which returns the new states.

    Raises:
        CellError: The table has no spelling for an op.
    """
    _check_spelled(cell, table)
    # A value stands where it is read, unless it has a name.
    pieces = {value: Piece(word) for value, word in enumerate(("x", *names.states))}
    lines = assigned(cell, range(len(cell.nodes)), names.values, pieces)
    return "\n".join([*lines, *_returned(cell, names, pieces)])


class Parts(NamedTuple):
    """A step in two, so that the first is done for all steps at once.

    Attributes:
        of_input: The body of `of_input(cell, x)`, all that needs no state; empty: that
            is nothing.
        given: What it returns, and the second part takes in place of x.
        step: The body of `step(cell, *given, h, ...)`.
    """

    of_input: str
    given: tuple[str, ...]
    step: str


def split_source(cell: Cell, names: Names, table: Mapping[str, Spelling]) -> Parts:
    """As `step_source`, in two parts.

    Raises:
        CellError: The table has no spelling for an op.
    """
    _check_spelled(cell, table)
    recurrent = set(range(1, cell.num_inputs))
    early: list[int] = []
    late: list[int] = []
    for index, node in enumerate(cell.nodes):
        bound = bool(recurrent.intersection(node.args))
        recurrent |= {cell.num_inputs + index} if bound else set()
        # Ones cost nothing, and are written where they stand.
        later = bound or get_op(node.op).kind == "constant"
        (late if later else early).append(index)
    read = {arg for index in late for arg in cell.nodes[index].args}
    frontier = [
        index for index in early if cell.num_inputs + index in read.union(cell.outputs)
    ]

    own = dict(names.values)
    taken = {*names.values.values(), *names.states}
    for index in frontier:
        own.setdefault(index, unused(f"{attribute(cell, index)}_x", taken))
    pieces = {value: Piece(word) for value, word in enumerate(("x", *names.states))}
    pieces |= {
        cell.num_inputs + index: Piece(ONES)
        for index in late
        if get_op(cell.nodes[index].op).kind == "constant"
    }
    early_lines = assigned(cell, early, own, pieces)
    lines = assigned(cell, late, own, pieces)
    body = "\n".join([*lines, *_returned(cell, names, pieces)])

    given = tuple(own[index] for index in frontier)
    if 0 in read.union(cell.outputs) or ONES in body or not given:
        given = ("x", *given)
    if not frontier:
        return Parts("", given, body)
    packed = ", ".join(given) if len(given) > 1 else f"({given[0]},)"
    return Parts("\n".join([*early_lines, wrapped("return ", packed)]), given, body)


def unused(word: str, taken: Container[str]) -> str:
    """The word, made longer until it is free."""
    while word in taken:
        word += "_"
    return word


def _check_spelled(cell: Cell, table: Mapping[str, Spelling]) -> None:
    """All ops are looked up before anything is written."""
    for index, node in enumerate(cell.nodes):
        plain = get_op(node.op).kind in ("linear", "constant")
        if not plain and rank_of(get_op(node.op)) == ATOM and node.op not in table:
            raise CellError(
                f"node {node_name(index)}: {node.op} cannot be exported; "
                "its row is missing in the table of cells.export"
            )


def assigned(
    cell: Cell,
    indices: Iterable[int],
    values: Mapping[int, str],
    pieces: dict[int, Piece],
) -> list[str]:
    """The lines of nodes that have names; how all are written is added to `pieces`."""
    lines = []
    for index in indices:
        piece = _expression(cell, index, pieces)
        if index in values:
            lines.append(assignment(values[index], piece.text))
            piece = Piece(values[index])
        pieces[cell.num_inputs + index] = piece
    return lines


def _returned(cell: Cell, names: Names, pieces: dict[int, Piece]) -> list[str]:
    """The last lines of a step."""
    # New states all have a name, too; a value that is two of them is assigned twice.
    lines = []
    new = [f"{state}_new" for state in names.states]
    for word, output in zip(new, cell.outputs, strict=True):
        if pieces[output].text != word:
            lines.append(assignment(word, pieces[output].text))
            pieces[output] = Piece(word)
    lines.append(wrapped("return ", ", ".join(new)))
    return lines


def _expression(cell: Cell, index: int, pieces: Mapping[int, Piece]) -> Piece:
    # What is no operator is a call: of a constant, a linear map, or a function.
    node = cell.nodes[index]
    op = get_op(node.op)
    args = [pieces[arg] for arg in node.args]
    if op.kind == "constant":
        return Piece(ONES)
    if op.kind == "linear":
        return Piece(f"cell.{attribute(cell, index)}({args[0].text})")
    if rank_of(op) == ATOM:
        words = [arg.text for arg in args]
        words += [f"cell.{attribute(cell, index)}"] if op.weights else []
        return Piece(f"{op.name}({', '.join(words)})")
    return operation(op.symbol, args[0], args[1])


def operation(symbol: str, one: Piece, two: Piece) -> Piece:
    """Two expressions joined by an operator."""
    # A vector of ones beside another vector is written as a number.
    if two.text == ONES:
        two = Piece("1.0")
    elif one.text == ONES:
        one = Piece("1.0")

    # Operators group to the left, so that an equal one on the right is parenthesised.
    rank = RANKS[symbol, 2]
    left, right = one.bracketed(rank), two.bracketed(rank + 1)
    return Piece(f"{left} {symbol} {right}", rank)


def assignment(target: str, expression: str) -> str:
    """The line `target = expression`, or several if it is long."""
    return wrapped(f"{target} = ", expression)


def wrapped(head: str, body: str, indent: int = 4) -> str:
    """A line of code, or several inside parentheses where one would be too long."""
    if indent + len(head) + len(body) <= LINE:
        return head + body
    filled = textwrap.fill(
        body,
        width=LINE - indent,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    # A line starts with the operator that joins it to the one above.
    joined = re.sub(r" ([-+*])\n( +)", r"\n\2\1 ", filled)
    return f"{head}(\n{joined}\n)"


def definitions(
    cell: Cell,
    body: str,
    table: Mapping[str, Spelling],
    always: Mapping[str, Sequence[str]],
) -> tuple[str, str]:
    """The imports and the definitions of the functions that a step's body calls.

    Args:
        cell: The cell.
        body: The source of its step.
        table: How ops are spelled.
        always: Module to what else is imported from it.
    """
    used = sorted({*called_ops(cell), "ones_like"} - {"one"})
    if ONES not in body:
        used.remove("ones_like")
    wanted = {module: list(words) for module, words in always.items()}
    for name in used:
        if table[name].module:
            wanted.setdefault(table[name].module, []).append(name)
    imports = [_import(module, words) for module, words in sorted(wanted.items())]
    sources = [table[name].source for name in used if table[name].source]
    return "\n".join(imports), "\n\n\n".join(sources)


def _import(module: str, words: Sequence[str]) -> str:
    """Import lines as ruff sorts them: each `as` has its own."""
    renamed = [f"from {module} import {word}" for word in words if " as " in word]
    plain = sorted(word for word in words if " as " not in word)
    lines = [*renamed, f"from {module} import {', '.join(plain)}"]
    return "\n".join(lines)


def indented(text: str, spaces: int = 4) -> str:
    """The text, moved to the right."""
    return textwrap.indent(text, " " * spaces)


def signature(words: Sequence[str], name: str = "step") -> str:
    """The line `def step(cell, x, h):`, wrapped if it is long."""
    head = f"def {name}({', '.join(words)}):"
    if len(head) <= LINE:
        return head
    inner = textwrap.fill(
        ", ".join(words), LINE - 4, initial_indent="    ", subsequent_indent="    "
    )
    return f"def {name}(\n{inner}\n):"
