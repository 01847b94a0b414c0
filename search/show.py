"""`cellsearch show`: one cell, its equations, size and identity."""

import argparse
import json
from typing import Any

from cells import (
    PUBLISHED,
    ZOO,
    Cell,
    canonical,
    dead,
    digest,
    equations,
    flops,
    latex,
    load_op,
    num_params,
    to_text,
)
from search.errors import UserError
from search.sources import read_cell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("cell", help="a zoo name, a file of cell text, or - for stdin")
    parser.add_argument(
        "--width", type=int, default=128, help="H for parameters and FLOPs (128)"
    )
    parser.add_argument(
        "--op",
        action="append",
        default=[],
        metavar="MODULE:OP",
        help="import an op of your own that the text uses; may be repeated",
    )
    parser.add_argument("--latex", action="store_true", help="equations as LaTeX")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the cell; returns the exit status."""
    if options.width < 1:
        raise UserError(f"--width must be at least 1, got {options.width}")
    for spec in options.op:
        load_op(spec)
    name, cell = read_cell(options.cell)
    facts = describe(name, cell, options.width)
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        print(render(cell, facts, as_latex=options.latex))
    return 0


def describe(name: str, cell: Cell, width: int) -> dict[str, Any]:
    """What there is to say of a cell, as JSON values."""
    own = digest(cell)
    reason = dead(cell)
    return {
        "name": name,
        "text": to_text(cell, name),
        "equations": list(equations(cell)),
        "latex": latex(cell),
        "states": cell.num_states,
        "nodes": len(cell.nodes),
        "linears": sum(node.op == "linear" for node in cell.nodes),
        "canonical_nodes": len(canonical(cell).nodes),
        "width": width,
        "parameters": num_params(cell, width),
        "flops": flops(cell, width),
        "training_flops": flops(cell, width, training=True),
        "digest": own,
        "equals": [zoo for zoo, other in ZOO.items() if digest(other) == own],
        "dead": None if reason is None else reason._asdict(),
    }


def render(cell: Cell, facts: dict[str, Any], as_latex: bool) -> str:
    """The facts as text for a terminal."""
    width = facts["width"]
    lines = [facts["text"].rstrip(), ""]
    lines += [facts["latex"]] if as_latex else facts["equations"]
    folded = facts["nodes"] - facts["canonical_nodes"]
    rows = [
        ("states", str(facts["states"])),
        ("nodes", f"{facts['nodes']}{f' ({folded} fold away)' if folded > 0 else ''}"),
        ("linears", str(facts["linears"])),
        ("parameters", f"{facts['parameters']:,} at width {width}"),
        (
            "FLOPs",
            f"{facts['flops']:,} a step forward, {facts['training_flops']:,} in "
            f"training, at width {width}",
        ),
        ("digest", facts["digest"]),
        ("equals", ", ".join(_cite(n) for n in facts["equals"]) or "no published cell"),
    ]
    if facts["dead"]:
        found = facts["dead"]
        rows.append(
            ("dead", f"output ignores the {found['missing']} ({found['test']})")
        )
    lines += ["", *(f"{label:<11} {value}" for label, value in rows)]
    return "\n".join(lines)


def _cite(name: str) -> str:
    entry = PUBLISHED[name]
    return f"{name} ({entry.title}, {entry.year})"
