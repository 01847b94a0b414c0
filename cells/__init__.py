"""Cells: expression graphs of one recurrent step, their text, identity and mutation.

The names that need JAX (`lower` and its kin) are imported when first used, so that
whatever only reads, compares or mutates cells starts fast.
"""

from typing import TYPE_CHECKING, Any

from cells.check import check
from cells.ir import Cell, Node, from_json, to_json
from cells.ops import OP_SETS, OPS, CellError, Op, load_op, op_names
from cells.simplify import Canonical, canonical, canonicalize, digest
from cells.size import cell_params, flops, num_params, width_for
from cells.text import parse, parse_named, to_text
from cells.zoo import PUBLISHED, ZOO

if TYPE_CHECKING:
    from cells.lowering import Layer, Stack, lower, lower_stack

__all__ = [
    "OPS",
    "OP_SETS",
    "PUBLISHED",
    "ZOO",
    "Canonical",
    "Cell",
    "CellError",
    "Layer",
    "Node",
    "Op",
    "Stack",
    "canonical",
    "canonicalize",
    "cell_params",
    "check",
    "digest",
    "flops",
    "from_json",
    "load_op",
    "lower",
    "lower_stack",
    "num_params",
    "op_names",
    "parse",
    "parse_named",
    "to_json",
    "to_text",
    "width_for",
]


def __getattr__(name: str) -> Any:
    if name in {"Layer", "Stack", "lower", "lower_stack"}:
        from cells import lowering

        return getattr(lowering, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
