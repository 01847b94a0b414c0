"""The signs by which people know the values of a cell: `σ`, `+`, `W₃`, and gates."""

from typing import Final

from cells.ir import Cell
from cells.ops import get_op

SUBSCRIPTS: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

_LONGEST: Final = 14
_SIGNS: Final = {
    "add": "+",
    "subtract": "−",  # noqa: RUF001
    "multiply": "⊙",
    "sigmoid": "σ",  # noqa: RUF001
    "maximum": "max",
    "minimum": "min",
    "one": "1",
}


def symbol(cell: Cell, value: int) -> str:
    """What stands for the op of a node's value: `σ`, `+`, `W₃`."""
    index = value - cell.num_inputs
    op = get_op(cell.nodes[index].op)
    number = str(index).translate(SUBSCRIPTS)
    if op.kind == "linear":
        return f"W{number}"
    if op.name == "scale":
        return f"s{number} ⊙"
    sign = _SIGNS.get(op.name, op.name)
    return sign if len(sign) <= _LONGEST else sign[: _LONGEST - 1] + "…"


def find_gates(cell: Cell) -> set[int]:
    """Sigmoids that multiply something, themselves or subtracted from one."""

    def op(value: int) -> str:
        return cell.node(value).op if value >= cell.num_inputs else ""

    gates = set[int]()
    for node in cell.nodes:
        for value in node.args if node.op == "multiply" else ():
            if op(value) == "subtract":
                left, right = cell.node(value).args
                value = right if op(left) == "one" else value
            if op(value) == "sigmoid":
                gates.add(value)
    return gates
