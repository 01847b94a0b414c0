"""The JSON form of a cell."""

import json
from typing import Any

from cells.check import check
from cells.ir import Cell, Node
from cells.ops import CellError, get_op


def to_json(cell: Cell) -> str:
    """The cell as one line of JSON; `from_json` reads it back."""
    nodes = [list(node) if node.attrs else [node.op, node.args] for node in cell.nodes]
    value = {"states": cell.num_states, "nodes": nodes, "outputs": cell.outputs}
    return json.dumps(value, separators=(",", ":"))


def from_json(text: str) -> Cell:
    """Reads a cell from `to_json`'s form.

    Raises:
        CellError: The text is not JSON of that form, or the cell is not valid.
    """
    try:
        cell = _read(json.loads(text))
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, CellError):
            raise
        raise CellError(
            "not a cell in JSON: expected an object with states, nodes and outputs "
            f"({type(error).__name__}: {str(error)[:80]})"
        ) from None
    check(cell)
    return cell


def _read(value: Any) -> Cell:
    nodes = tuple(
        Node(_text(row[0]), _integers(row[1]), tuple(_number(a) for a in row[2]))
        if len(row) > 2
        else Node(_text(row[0]), _integers(row[1]))
        for row in value["nodes"]
    )
    return Cell(_integers([value["states"]])[0], nodes, _integers(value["outputs"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"an op is a name, got {value!r}")
    get_op(value)
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"an attribute is a number, got {value!r}")
    return float(value)


def _integers(values: Any) -> tuple[int, ...]:
    if not all(type(v) is int for v in values):
        raise TypeError(f"indices are whole numbers, got {values!r}")
    return tuple(values)
