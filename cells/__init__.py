"""Cells: expression graphs of one recurrent step, their text, identity and mutation.

What only reads, compares or mutates cells starts fast: names that need JAX, pictures
and exports are imported when first used.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from cells.ablation import Ablation, Part, ablations
from cells.check import MAX_NODES, check
from cells.crossover import CROSSOVER, crossover
from cells.identity.canonical import Canonical, canonical, canonicalize, digest
from cells.ir import Cell, Node
from cells.json_form import from_json, to_json
from cells.liveness import Dead, dead, response
from cells.mutate import TRANSFORMATIONS, Mutant, mutate
from cells.notation.equations import equations, latex
from cells.notation.flow import flow
from cells.notation.text import parse, parse_named, to_text
from cells.notation.tokens import CellSyntaxError
from cells.ops import OP_SETS, OPS, CellError, Op
from cells.own_ops import load_op, loaded_ops, op_names
from cells.size import (
    flops,
    matrices,
    num_params,
    recurrent_linears,
    state_bytes,
    width_for,
)
from cells.state_class import StateClass, state_class
from cells.untrained.growth import growth
from cells.untrained.signal import signal
from cells.wording import nearest_name, unknown_name
from cells.zoo import PUBLISHED, ZOO
from cells.zoo.difference import Difference, Piece, difference, marked
from cells.zoo.nearest import Nearest, nearest, published_name
from cells.zoo.spelling import Spelling, spell

if TYPE_CHECKING:
    from cells.export import block_forms, forms, name_values
    from cells.picture.drawing import draw_png, draw_svg
    from cells.scan.apart import ScanForm
    from cells.scan.layer import Layer, lower
    from cells.tables.arrays import TableArrays
    from cells.tables.layer import AnyLayer, any_layer

__all__ = [
    "CROSSOVER",
    "MAX_NODES",
    "OPS",
    "OP_SETS",
    "PUBLISHED",
    "TRANSFORMATIONS",
    "ZOO",
    "Ablation",
    "AnyLayer",
    "Canonical",
    "Cell",
    "CellError",
    "CellSyntaxError",
    "Dead",
    "Difference",
    "Layer",
    "Mutant",
    "Nearest",
    "Node",
    "Op",
    "Part",
    "Piece",
    "ScanForm",
    "Spelling",
    "StateClass",
    "TableArrays",
    "ablations",
    "any_layer",
    "block_forms",
    "canonical",
    "canonicalize",
    "check",
    "crossover",
    "dead",
    "difference",
    "digest",
    "draw_png",
    "draw_svg",
    "equations",
    "flops",
    "flow",
    "forms",
    "from_json",
    "growth",
    "latex",
    "load_op",
    "loaded_ops",
    "lower",
    "marked",
    "matrices",
    "mutate",
    "name_values",
    "nearest",
    "nearest_name",
    "num_params",
    "op_names",
    "parse",
    "parse_named",
    "published_name",
    "recurrent_linears",
    "response",
    "signal",
    "spell",
    "state_bytes",
    "state_class",
    "to_json",
    "to_text",
    "unknown_name",
    "width_for",
]


_LATER: Final = {
    **dict.fromkeys(("draw_png", "draw_svg"), "cells.picture.drawing"),
    **dict.fromkeys(("block_forms", "forms", "name_values"), "cells.export"),
    **dict.fromkeys(("Layer", "lower"), "cells.scan.layer"),
    "ScanForm": "cells.scan.apart",
    **dict.fromkeys(("AnyLayer", "any_layer"), "cells.tables.layer"),
    "TableArrays": "cells.tables.arrays",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        value = getattr(importlib.import_module(_LATER[name]), name)
        globals()[name] = value  # found at once from now on
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
