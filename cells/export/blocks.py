"""The files of a cell in residual blocks, beside those of the cell."""

from pathlib import Path
from string import Template
from typing import Final

from cells.check import check
from cells.export import description
from cells.export.all_steps import is_affine
from cells.export.golden_blocks import golden_blocks_text
from cells.export.names import Names, name_values
from cells.identity.canonical import digest
from cells.ir import Cell

_LOOP: Final = """\
        rnn = nnx.RNN(self.cell, return_carry=True)
        carry, added = rnn(normed, initial_carry=carry, time_major=time_major)"""
_AT_ONCE: Final = """\
        carry, added = self.cell.at_once(normed, carry, time_major=time_major)"""
_PROSE: Final = "\n\n".join(
    [
        description.paragraph(
            "Each layer adds to a stream v of width H, as in Griffin (De et al. 2024, "
            "arXiv:2402.19427), first what the cell makes of it, and then what a gated "
            "feed-forward map does (Shazeer 2020, arXiv:2002.05202):"
        ),
        "    v = v + cell(norm(v))\n    v = v + W3 (silu(W1 norm(v)) * W2 norm(v))",
        description.paragraph(
            "norm(v) is v over the root of the mean of its squares, times a learned "
            "gain; W1 and W2 lead to 4/3 H features, rounded down, and W3 back. The "
            "outputs are norm(v) of the last v. The first v is the input; where its "
            "width is not H, the input times a matrix without bias, the attribute "
            "`project`. Tokens go through an embedding of width H first. Matrices "
            "start uniform in [-s, s], s = init_scale / sqrt(H), gains at one."
        ),
    ]
)


def block_forms(cell: Cell, name: str, text: str | None = None) -> dict[str, str]:
    """A cell in residual blocks as files: source, and what proves it.

    They are to lie beside those of `forms`, of which they import the cell.

    Args:
        cell: The cell; one that `forms` takes.
        name: See `forms`.
        text: See `forms`.

    Returns:
        File name to content: `flax_blocks.py`, `torch_blocks.py`, `golden_blocks.json`
        and `check_blocks.py`, which `check.py` runs.

    Raises:
        CellError: The cell is not valid, or leaves the range of numbers in one step.
    """
    check(cell)
    names = name_values(cell, name, text)
    proof = Path(__file__).with_name("standalone_blocks.py")
    return {
        "flax_blocks.py": _filled("flax_blocks.template", cell, names),
        "torch_blocks.py": _filled("torch_blocks.template", cell, names),
        "golden_blocks.json": golden_blocks_text(cell, names, digest(cell)),
        "check_blocks.py": proof.read_text("utf-8"),
    }


def _filled(template: str, cell: Cell, names: Names) -> str:
    many = len(names.states) > 1
    fields = {
        "title": names.title,
        "prose": _PROSE,
        "block": names.block,
        "blocks": names.blocks,
        "nnx": names.classes["nnx"],
        "layer": names.classes["torch_layer"],
        "run": _AT_ONCE if is_affine(cell) else _LOOP,
        "carry": description.shapes(names, "B, H", "L"),
        "split": "list(zip(*(state.split(1) for state in hx), strict=True))"
        if many
        else "hx.split(1)",
        "joined": "tuple(map(torch.cat, zip(*after, strict=True)))"
        if many
        else "torch.cat(after)",
    }
    text = Path(__file__).with_name(template).read_text("utf-8")
    return Template(text).substitute(fields)
