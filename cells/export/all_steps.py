"""All time steps of an affine cell at once, as lines of Python for any library."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from cells.export.names import Names
from cells.export.step import (
    ONES,
    assigned,
    assignment,
    attribute,
    operation,
    unused,
    wrapped,
)
from cells.ir import Cell, node_name
from cells.notation.layout import Piece
from cells.scan.split import between, make_split
from cells.state_class import StateClass

_TAKEN: Final = ("before", "jnp", "recurrence", "torch")
"""Words that the lines, or the functions that they call, need for themselves."""


class _Term(NamedTuple):
    """An expression with a sign; in place of one, None is zero."""

    piece: Piece
    negative: bool = False

    @property
    def text(self) -> str:
        """The expression as written."""
        return f"-{self.piece.bracketed(2)}" if self.negative else self.piece.text


_Pair = tuple[_Term | None, _Term | None]
"""a and b of a value a * state + b."""


def is_affine(cell: Cell) -> bool:
    """Whether all steps can be computed at once: the cell is affine as written."""
    return make_split(cell).kind is StateClass.AFFINE


def all_steps_source(cell: Cell, names: Names, zeros: str) -> str:
    """The body of `all_steps(cell, x, h, ...)`, which returns all new states.

    It calls `recurrence(a, b, h)` and `before(h, h_new)`.

    Args:
        cell: An affine cell.
        names: What everything is called.
        zeros: The call that makes zeros like x.
    """
    return _AllSteps(cell, names, zeros).source()


class _AllSteps:
    """The state of one pass over the states; see `cells.scan.affine`."""

    def __init__(self, cell: Cell, names: Names, zeros: str) -> None:
        self.cell = cell
        self.states = names.states
        self.zeros = zeros
        # The names of the cell's text, but for words that are needed here.
        self.words = {
            index: f"{word}_" if word in _TAKEN else word
            for index, word in names.values.items()
        }
        self.taken = {*self.words.values(), *_TAKEN, *names.states}
        self.taken |= {f"{state}_new" for state in names.states}
        self.pieces = {0: Piece("x")}
        self.lines: list[str] = []

    def source(self) -> str:
        """The states in their order, and then what is computed from them."""
        carried = make_split(self.cell).carried
        old = [self._over_time(state) for state in carried]
        self._assign(between(self.cell, self.cell.outputs, self.pieces))
        for index, output in enumerate(self.cell.outputs):
            new = f"{self.states[index]}_new"
            if index + 1 not in carried and self.pieces[output].text != new:
                self.lines.append(assignment(new, self.pieces[output].text))

        # Old states stand where something reads them.
        body = "\n".join(self.lines)
        unread = [word for word in old if len(re.findall(rf"\b{word}\b", body)) == 1]
        heads = tuple(f"{word} = " for word in unread)
        lines = [line for line in self.lines if not line.startswith(heads)]
        new_states = ", ".join(f"{state}_new" for state in self.states)
        return "\n".join([*lines, wrapped("return ", new_states)])

    def _over_time(self, state: int) -> str:
        """Writes a new state at all steps, and returns what the old one is called."""
        output = self.cell.outputs[state - 1]
        name = self.states[state - 1]
        new, old = f"{name}_new", self._unused(f"{name}_old")
        a, b = self._update(state, output)
        if a is None:
            text = self._text(b)
        else:
            a, b = self._named(f"{name}_a", a), self._named(f"{name}_b", b)
            text = f"recurrence({self._text(a)}, {self._text(b)}, {name})"
        if text != new:
            self.lines.append(assignment(new, text))
        self.lines.append(f"{old} = before({name}, {new})")
        self.pieces.setdefault(state, Piece(old))
        self.pieces.setdefault(output, Piece(new))
        return old

    def _update(self, state: int, output: int) -> _Pair:
        """a and b of a new state."""
        bound: dict[int, _Pair] = {state: (_Term(Piece(ONES)), None)}
        for value in between(self.cell, [output], self.pieces):
            if not bound.keys() & set(self.cell.node(value).args):
                self._assign([value])
                continue
            a, b = self._pair(value, bound)
            # A value with a name is read more than once, or long.
            if value != output and (word := self._word(value)):
                a, b = self._named(f"{word}_a", a), self._named(f"{word}_b", b)
            bound[value] = a, b
        return bound.get(output) or (None, _Term(self.pieces[output]))

    def _pair(self, value: int, bound: dict[int, _Pair]) -> _Pair:
        """a and b of an op's result, from those of its arguments."""
        node = self.cell.node(value)
        if node.op == "scale":
            vector = f"cell.{attribute(self.cell, value - self.cell.num_inputs)}"
            a, b = bound[node.args[0]]
            return _scaled(a, vector), _scaled(b, vector)
        if node.op == "multiply":
            [state_side] = [arg for arg in node.args if arg in bound]
            [free] = [arg for arg in node.args if arg not in bound]
            a, b = bound[state_side]
            if a is not None and b is not None:
                self._name(free)
            factor = _Term(self.pieces[free])
            return _product(factor, a), _product(factor, b)
        one, two = (
            bound.get(arg) or (None, _Term(self.pieces[arg])) for arg in node.args
        )
        if node.op == "subtract":
            two = _minus(two[0]), _minus(two[1])
        return _sum(one[0], two[0]), _sum(one[1], two[1])

    def _assign(self, values: Iterable[int]) -> None:
        """Writes values that are known once those before them are."""
        indices = [value - self.cell.num_inputs for value in values]
        self.lines += assigned(self.cell, indices, self.words, self.pieces)

    def _word(self, value: int) -> str:
        return self.words.get(value - self.cell.num_inputs, "")

    def _name(self, value: int) -> None:
        """Gives a value a line of its own, unless it is as short as that."""
        text = self.pieces[value].text
        if not text.isidentifier() and text != ONES:
            word = self._unused(node_name(value - self.cell.num_inputs))
            self.lines.append(assignment(word, text))
            self.pieces[value] = Piece(word)

    def _named(self, word: str, term: _Term | None) -> _Term | None:
        """The term by a name, unless it is as short as that."""
        if term is None or term.text.isidentifier() or term.text == ONES:
            return term
        word = self._unused(word)
        self.lines.append(assignment(word, term.text))
        return _Term(Piece(word))

    def _text(self, term: _Term | None) -> str:
        return term.text if term else self.zeros

    def _unused(self, word: str) -> str:
        word = unused(word, self.taken)
        self.taken.add(word)
        return word


def _minus(one: _Term | None) -> _Term | None:
    return one and one._replace(negative=not one.negative)


def _sum(one: _Term | None, two: _Term | None) -> _Term | None:
    if one is None or two is None:
        return one or two
    if one.negative == two.negative:
        return _Term(operation("+", one.piece, two.piece), one.negative)
    if one.negative:
        one, two = two, one
    return _Term(operation("-", one.piece, two.piece))


def _product(factor: _Term, two: _Term | None) -> _Term | None:
    if two is None or factor.piece.text == ONES:
        return two
    if two.piece.text == ONES:
        return _Term(factor.piece, two.negative)
    return _Term(operation("*", factor.piece, two.piece), two.negative)


def _scaled(one: _Term | None, vector: str) -> _Term | None:
    return one and one._replace(piece=Piece(f"scale({one.piece.text}, {vector})"))
