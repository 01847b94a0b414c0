"""What the modules for Flax and PyTorch share: a template, and what fills it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import NamedTuple

from cells.export import description
from cells.export.all_steps import all_steps_source, is_affine
from cells.export.names import Names
from cells.export.step import (
    Parts,
    Spelling,
    attribute,
    definitions,
    indented,
    signature,
)
from cells.ir import Cell


class Library(NamedTuple):
    """How modules are written for one library.

    Attributes:
        template: File beside this one with the text around what a cell fills in.
        at_once: Another, with the functions that only an affine cell has.
        zeros: The call that makes zeros like x.
        spellings: Op name to how it is written; linear maps and operators need no row.
        always: Module to what every file imports from it.
    """

    template: str
    at_once: str
    zeros: str
    spellings: Mapping[str, Spelling]
    always: Mapping[str, Sequence[str]]


def layer_source(
    library: Library,
    cell: Cell,
    names: Names,
    digest: str,
    parts: Parts,
    fields: Mapping[str, object],
) -> str:
    """The text of a module.

    Args:
        library: The library it is for.
        cell: The cell.
        names: What everything is called.
        digest: The cell's.
        parts: Its step.
        fields: What the library's template has besides the fields of all templates.
    """
    # What is imported depends on what is called.
    all_steps = all_steps_source(cell, names, library.zeros) if is_affine(cell) else ""
    body = parts.of_input + parts.step + all_steps
    imports, functions = definitions(cell, body, library.spellings, library.always)

    # Fields of every template; a library adds its own.
    common = {
        "title": names.title,
        "digest": digest,
        "equations": description.equations_text(cell, names),
        "text": description.cell_text(cell, names),
        "old": description.old_states(names),
        "imports": imports,
        "definitions": functions and f"\n\n{functions}\n",
        "signature": signature(["cell", *parts.given, *names.states]),
        "step": indented(parts.step),
        "states": description.packed(names),
        "table": description.weight_table(cell),
    }
    common["at_once"] = ""
    if all_steps:
        given = {
            "all_steps": indented(all_steps),
            "signature": signature(["cell", "x", *names.states], "all_steps"),
            "states": description.packed(names),
            "first": description.first_states(names),
        }
        common["at_once"] = _template(library.at_once).substitute(given)
    source = _template(library.template).substitute(common, **fields)
    return description.spaced(source)


def _template(file: str) -> Template:
    return Template(Path(__file__).with_name(file).read_text("utf-8"))


def weights_source(cell: Cell, linear: str, scale: str) -> str:
    """The lines of a constructor that make the weights.

    Args:
        cell: The cell.
        linear: The definition of `linear(diagonal, bias)`, for a cell that has any.
        scale: A format string of an attribute's name: the line that makes its vector.
    """
    lines = _weight_lines(cell, linear, scale)
    return indented("\n".join(lines) + "\n", 8)


def _weight_lines(cell: Cell, linear: str, scale: str) -> Iterator[str]:
    if any(node.op == "linear" for node in cell.nodes):
        yield linear
    for index, node in enumerate(cell.nodes):
        if node.op == "linear":
            arguments = description.linear_arguments(cell, index)
            yield f"self.{attribute(cell, index)} = linear({arguments})"
        elif node.op == "scale":
            yield scale.format(attribute(cell, index))
