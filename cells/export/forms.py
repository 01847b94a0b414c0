"""All files of an exported cell, by name."""

from pathlib import Path

from cells.check import check
from cells.export.flax_source import flax_source
from cells.export.golden import golden_text
from cells.export.names import Names, name_values
from cells.export.torch_source import torch_source
from cells.identity.canonical import digest
from cells.ir import Cell, node_name
from cells.ops import CellError, get_op


def forms(cell: Cell, name: str, text: str | None = None) -> dict[str, str]:
    """The cell as files: readable source for Flax and PyTorch, and what proves it.

    The same cell and name give the same text. Files are UTF-8. Values have the names
    of `text`; of a published cell's text, if the cell is one; and `n{i}` elsewhere.

    Args:
        cell: The cell.
        name: What it is called; any string, also one that a stranger chose.
        text: The cell as a person wrote it.

    Returns:
        File name to content: `cell.txt`, `flax_cell.py`, `torch_cell.py`,
        `equations.tex`, `golden.json` and `check.py`.

    Raises:
        CellError: The cell is not valid, has an op of a person's own, leaves the range
            of numbers within one step, or is not what `text` says.
    """
    check(cell)
    # A person's own op is Python of their own: no other library can know it.
    for index, node in enumerate(cell.nodes):
        if origin := get_op(node.op).origin:
            raise CellError(
                f"node {node_name(index)}: {node.op} is an op of your own ({origin}); "
                "only built-in ops can be exported"
            )

    # All files speak of the same values by the same names.
    names = name_values(cell, name, text)
    identity = digest(cell)
    return {
        "cell.txt": names.text(cell),
        "flax_cell.py": flax_source(cell, names, identity),
        "torch_cell.py": torch_source(cell, names, identity),
        "equations.tex": _equations(cell, names, identity),
        "golden.json": golden_text(cell, names, identity),
        "check.py": Path(__file__).with_name("standalone_check.py").read_text("utf-8"),
    }


def _equations(cell: Cell, names: Names, identity: str) -> str:
    """The equations in LaTeX, for a document that loads amsmath."""
    head = f"% {names.title}, digest {identity}; needs the package amsmath.\n"
    return head + "\\[\n" + names.latex(cell) + "\n\\]\n"
