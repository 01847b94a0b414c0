"""`cellsearch show`: one cell, its equations, size, identity and picture."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cells import (
    PUBLISHED,
    ZOO,
    Cell,
    canonical,
    dead,
    digest,
    draw_png,
    draw_svg,
    equations,
    flops,
    flow,
    latex,
    load_op,
    nearest,
    num_params,
    to_text,
)
from search.commands.sources import read_cell
from search.errors import UserError

PICTURES: Final[dict[str, Callable[[Cell, str], bytes]]] = {
    ".svg": lambda cell, name: draw_svg(cell, name).encode(),
    ".png": draw_png,
}
"""Ending of a file's name to what draws it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "cell",
        help="a zoo name, a file of cell text, RUN:RANK of a run's table, or -",
    )
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
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="draw the cell: FILE.svg or FILE.png"
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite the file of --out"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the cell; returns the exit status."""
    if options.width < 1:
        raise UserError(f"--width must be at least 1, got {options.width}")
    if options.out is not None:
        check_picture(options.out, overwrite=options.force)
    for spec in options.op:
        load_op(spec)
    name, cell = read_cell(options.cell)
    facts = describe(name, cell, options.width)
    if options.out is not None:
        write_picture(options.out, name, cell)
        facts["picture"] = str(options.out)
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        print(render(cell, facts, as_latex=options.latex))
    return 0


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Holds that a picture can be written to a file.

    Raises:
        UserError: Its ending is unknown, it exists, or its folder does not.
    """
    if path.suffix.lower() not in PICTURES:
        raise UserError(
            f"--out: pictures end in {' or '.join(PICTURES)}, got {str(path)!r}"
        )
    if path.is_dir() or (path.exists() and not overwrite):
        hint = "is a folder" if path.is_dir() else "exists; --force overwrites it"
        raise UserError(f"--out: {path} {hint}")
    if not path.parent.is_dir():
        raise UserError(f"--out: there is no folder {path.parent}")


def write_picture(path: Path, name: str, cell: Cell) -> None:
    """Draws a cell into a file, by the file's ending.

    Raises:
        UserError: It cannot be written.
    """
    picture = PICTURES[path.suffix.lower()](cell, name)
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise UserError(f"--out: cannot write {path} ({error.strerror})") from None


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
        "flow": list(flow(cell)),
        "equals": [zoo for zoo, other in ZOO.items() if digest(other) == own],
        "nearest": nearest(cell)._asdict(),
        "dead": None if reason is None else reason._asdict(),
    }


def render(cell: Cell, facts: dict[str, Any], as_latex: bool) -> str:
    """The facts as text for a terminal."""
    width = facts["width"]
    lines = [facts["text"].rstrip(), ""]
    lines += [facts["latex"]] if as_latex else facts["equations"]
    lines += ["", *facts["flow"]]
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
    if not facts["equals"]:
        rows.append(("nearest", facts["nearest"]["words"]))
    if facts["dead"]:
        found = facts["dead"]
        rows.append(
            ("dead", f"output ignores the {found['missing']} ({found['test']})")
        )
    if "picture" in facts:
        rows.append(("picture", facts["picture"]))
    lines += ["", *(f"{label:<11} {value}" for label, value in rows)]
    return "\n".join(lines)


def _cite(name: str) -> str:
    entry = PUBLISHED[name]
    return f"{name} ({entry.title}, {entry.year})"
