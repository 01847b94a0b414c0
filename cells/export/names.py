"""Names in exported files: of the cell, its classes, and its values."""

import json
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cells.ir import Cell, node_name
from cells.notation.equations import equations, latex
from cells.notation.layout import lay_out, state_names
from cells.notation.symbols import find_gates
from cells.notation.text import parse, to_text, variables
from cells.ops import OPS, CellError
from cells.zoo import PUBLISHED
from cells.zoo.nearest import borrowed_names

_PLAIN: Final = re.compile(r"[A-Za-z0-9 _.,()+-]{1,100}")
_VALUE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,29}")
_NODE: Final = re.compile(r"\bn([0-9]+)\b")
_RESERVED: Final = frozenset({"cell", "ones_like", "x", "I"})


@dataclass(frozen=True)
class Names:
    """What a cell and its values are called.

    Attributes:
        title: The cell's name for docstrings and comments: printable ASCII that ends
            neither a string nor a line.
        function: The name as that of a function, for the cell's text.
        stem: The name as the beginning of a class's name.
        states: The old states.
        values: Index of a node to the name of its value, for all that have one.
    """

    title: str
    function: str
    stem: str
    states: tuple[str, ...]
    values: Mapping[int, str]

    @property
    def classes(self) -> dict[str, str]:
        """The classes of the exported modules."""
        return {
            "nnx": f"{self.stem}Cell",
            "linen": f"{self.stem}LinenCell",
            "torch": f"{self.stem}Cell",
            "torch_layer": f"{self.stem}Layer",
        }

    @property
    def block(self) -> str:
        """The class of a residual block around the cell."""
        return f"{self.stem}Block"

    @property
    def blocks(self) -> str:
        """The class of several of them."""
        return f"{self.stem}Blocks"

    def text(self, cell: Cell) -> str:
        """The cell's text with these names."""
        return self._renamed(to_text(cell, self.function))

    def equations(self, cell: Cell) -> tuple[str, ...]:
        """The cell's equations with these names."""
        lines = equations(cell, self._values(cell))
        return tuple(self._renamed(line) for line in lines)

    def latex(self, cell: Cell) -> str:
        """The cell's equations as LaTeX, with these names."""

        def name(match: re.Match[str]) -> str:
            word = self.values[int(match[1])]
            if word == node_name(int(match[1])):
                return match[0]
            if len(word) == 1:
                return word
            escaped = word.replace("_", r"\_")
            return rf"\mathrm{{{escaped}}}"

        return re.sub(r"\bn_\{([0-9]+)\}", name, latex(cell, self._values(cell)))

    def _values(self, cell: Cell) -> set[int]:
        return {index + cell.num_inputs for index in self.values}

    def _renamed(self, text: str) -> str:
        return _NODE.sub(lambda match: self.values.get(int(match[1]), match[0]), text)


def name_values(cell: Cell, name: str, text: str | None = None) -> Names:
    """Chooses the names of a valid cell.

    A value has a name where the cell's text gives it one, a gate where a publication
    does; a new state is called `h_new`, and so on.

    Args:
        cell: The cell.
        name: Any string.
        text: The text whose names are used. None: that of the equal published cell, or
            of the nearest, for the values that it has in common.

    Raises:
        CellError: The text is not that of the cell.
    """
    # The person's text, or the publication's if the cell is one, or what the nearest
    # publication lends.
    if text is not None and parse(text) != cell:
        raise CellError("the text from which names are taken is that of another cell")
    if text is None:
        rows = (row.text for row in PUBLISHED.values() if row.cell == cell)
        text = next(rows, None)
    written = borrowed_names(cell) if text is None else variables(text)

    # A value that is two new states is called by the first.
    states = state_names(cell.num_states)
    new = {f"{state}_new" for state in states}
    taken = {*_RESERVED, *states, *new, *OPS}
    outputs = dict(zip(reversed(cell.outputs), reversed(states), strict=True))

    # Values with a line of their own have a name, and gates that somebody named.
    values = {}
    statements = {value for value, _ in lay_out(cell).statements}
    for value in sorted(statements | find_gates(cell)):
        index = value - cell.num_inputs
        word = written.get(index, "")
        if value in outputs:
            if value in statements:
                values[index] = f"{outputs[value]}_new"
        elif _usable(word, taken):
            values[index] = word
            taken.add(word)
        elif value in statements:
            values[index] = node_name(index)
    return Names(_title(name), _function(name), _stem(name), states, values)


def _usable(word: str, taken: set[str]) -> bool:
    """Whether a value can be called so: as a variable, in every form, and uniquely."""
    if not _VALUE.fullmatch(word) or _NODE.fullmatch(word) or word in taken:
        return False
    return not (keyword.iskeyword(word) or keyword.issoftkeyword(word))


def _title(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name[:100])


def _function(name: str) -> str:
    word = "_".join(re.findall(r"[a-z0-9]+", name[:100].lower()))[:60]
    if word and not word[0].isdigit() and not keyword.iskeyword(word):
        return word
    return f"cell_{word}".rstrip("_")


def _stem(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", name[:100])
    word = "".join(word[0].upper() + word[1:] for word in words)[:60]
    if word.endswith("Cell"):
        word = word.removesuffix("Cell")
    if not word:
        return "Exported"
    return word if word[0].isalpha() else f"Cell{word}"
