"""Ablations: a cell without each of its gates, biases, further states and linears."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from cells.graph import ordered
from cells.identity.canonical import canonicalize
from cells.ir import Cell, Node
from cells.liveness import Dead, dead, response
from cells.notation.text import to_text
from cells.zoo import PUBLISHED
from cells.zoo.nearest import published_name
from cells.zoo.roles import Glossary, expression, glossary_of_text, joined
from cells.zoo.terms import PRODUCT, STATES, SUM, Child


class Part(StrEnum):
    """What a cell can be without."""

    GATE = "gate"
    BIASES = "biases"
    STATE = "state"  # but the first
    RECURRENT = "recurrent"  # linear of something that depends on the past
    INPUT = "input"  # linear of something that does not


@dataclass(frozen=True)
class Ablation:
    """A cell without one of its parts.

    Attributes:
        part: What kind of part it is.
        words: `without the forget gate f`.
        cell: What is left, in canonical form.
        digest: Its identity.
        biases: Whether its biases are learned; they start at zero if not.
        dead: Why it can learn nothing, or None if it may.
    """

    part: Part
    words: str
    cell: Cell
    digest: str
    biases: bool = True
    dead: Dead | None = None


def ablations(cell: Cell) -> tuple[Ablation, ...]:
    """The cell without each of its parts, one at a time; never the cell itself.

    - A gate is a sigmoid that multiplies something. Without it the product is what the
      gate let through: it is held at one; `1 - z`, where it multiplies alone, at zero
      of z. A gate that interpolates, `b + z * (a - b)`, has two ends, and so there are
      two cells: always a, and always b.
    - Without its biases they all are held at zero. Each linear owns one, and those of
      a sum act as one, so that they are not taken one by one. If some start elsewhere,
      a second cell learns them from zero.
    - Without a further state, whoever reads what it was reads zero. The first state is
      what the layer emits, and stays.
    - Without a linear, recurrent if what it reads depends on the past, whoever reads it
      reads zero; its bias goes with it.

    Ablations that leave the same cell are one, and one that changes nothing is none.
    Parts have the names of the publication if the cell is published, else of its text.

    Raises:
        CellError: The cell is not valid, or too symmetric (see `digest`).
    """
    form = canonicalize(cell)
    name = published_name(form.digest)
    text = to_text(cell) if name is None else PUBLISHED[name].text
    found: dict[tuple[str, bool], list[Ablation]] = {(form.digest, True): []}
    for draft in _Whole(form.cell, glossary_of_text(text)).drafts():
        made = _made(draft)
        found.setdefault((made.digest, made.biases), []).append(made)
    del found[form.digest, True]
    return tuple(_numbered([_merged(same) for same in found.values()]))


class _Draft(NamedTuple):
    """An ablation before it is put into canonical form."""

    part: Part
    words: str
    cell: Cell
    biases: bool = True


def _made(draft: _Draft) -> Ablation:
    """An ablation in canonical form."""
    form = canonicalize(draft.cell)
    reason = dead(form.cell)
    if reason is None and not draft.biases:
        seen = response(form.cell, biases=False)
        if seen != "past":
            reason = Dead("numerical", "past" if seen == "input" else "input")
    part, words, _, biases = draft
    return Ablation(part, words, form.cell, form.digest, biases, reason)


def _merged(same: Sequence[Ablation]) -> Ablation:
    """The first of ablations that leave one cell, with the words of all."""
    first, *others = dict.fromkeys(one.words for one in same)
    words = [first, *(other.removeprefix("without ") for other in others)]
    return replace(same[0], words=", or ".join(words))


def _numbered(found: Sequence[Ablation]) -> Iterator[Ablation]:
    """The same ablations; those that have the same words are numbered."""
    counts, met = Counter(one.words for one in found), Counter[str]()
    for one in found:
        met[one.words] += 1
        number = f" ({met[one.words]})" if counts[one.words] > 1 else ""
        yield replace(one, words=one.words + number)


_ONE: Final = Node("one", ())
_ZERO: Final = Node("subtract", (0, 0))
_CONSTANTS: Final = (_ONE, _ZERO)

Instead = Callable[[int, int], Node | None]
"""Who reads a value (0: the output), and the value, to a constant read instead."""


def _edited(cell: Cell, instead: Instead) -> Cell:
    """The cell with constants read instead of some values."""
    first, more = cell.num_inputs, len(_CONSTANTS)

    def moved(reader: int, value: int) -> int:
        constant = instead(reader, value)
        if constant is not None:
            return first + _CONSTANTS.index(constant)
        return value + more if value >= first else value

    nodes = tuple(
        node._replace(args=tuple(moved(value, arg) for arg in node.args))
        for value, node in enumerate(cell.nodes, first)
    )
    outputs = tuple(moved(0, output) for output in cell.outputs)
    return ordered(Cell(cell.num_states, (*_CONSTANTS, *nodes), outputs))


class _Blend(NamedTuple):
    """What a gate chooses between: terms that are left where it is one, and zero."""

    one: tuple[Child, ...]
    zero: tuple[Child, ...]


class _Whole(NamedTuple):
    """A cell in canonical form, and what to call its parts."""

    cell: Cell
    glossary: Glossary

    def drafts(self) -> Iterator[_Draft]:
        """All ablations, kind by kind."""
        for part, vertex in enumerate(self.glossary.vertices):
            if vertex.op == "sigmoid":
                yield from self.without_gate(part)
        yield from self.without_biases()
        for state in range(2, self.cell.num_inputs):
            words = f"without the state {self.glossary.short[state]}"
            yield _Draft(Part.STATE, words, self.without_value(state))
        past = self.past()
        for kind in (Part.RECURRENT, Part.INPUT):
            for part, vertex in enumerate(self.glossary.vertices):
                recurrent = vertex.value in past
                if vertex.op == "linear" and recurrent == (kind is Part.RECURRENT):
                    cell = self.without_value(vertex.value)
                    yield _Draft(kind, self.linear_words(part), cell)

    def without_gate(self, part: int) -> Iterator[_Draft]:
        """The cell with a sigmoid held wherever it multiplies: one cell, two, or none.

        All its products are opened at once: it is one gate, whatever it is used for.
        """
        vertices, readers = self.glossary.vertices, set(self.glossary.readers[part])
        products = sorted(r for r in readers if vertices[r].op == PRODUCT)
        blends = {product: self.blend(part, product) for product in products}
        names = self.gate_names(part)
        ends = [b for b in blends.values() if b is not None and b.one and b.zero]
        for end, constant in enumerate(_CONSTANTS if ends else (_ONE,)):
            held: dict[int, Node] = {}
            for product, blend in blends.items():
                own = _ONE if blend is None else constant if blend.one else _ZERO
                held |= dict.fromkeys(self.multiplies(vertices[product].value), own)
            if not held:
                continue
            words = f"without {names}"
            if ends:
                left = joined(vertices, ends[0][end], self.glossary.short)
                words += f", always {left}"
            cell = _edited(self.cell, _where(vertices[part].value, held))
            yield _Draft(Part.GATE, words, cell)

    def gate_names(self, part: int) -> str:
        """`the reset gate r`, or what it is computed from if it has no name."""
        role = self.glossary.roles.get(part, "the gate")
        if part in self.glossary.short:
            return role
        names = self.glossary.short
        return f"{role} {expression(self.glossary.vertices, part, names)}"

    def blend(self, gate: int, product: int) -> _Blend | None:
        """What a gate chooses between in a product; None: it lets through or not.

        `1 - z`, which multiplies b alone, leaves nothing where z is one, and b else.
        """
        # z * (a - b), as terms: what a sum has besides may cancel some of them.
        vertices = self.glossary.vertices
        factors = [child for _, child in vertices[product].children]
        factors.remove(gate)
        if gate in factors or len(factors) > 1:
            return None
        inner = vertices[factors[0]]
        terms = inner.children if inner.op == SUM else ((1, factors[0]),)
        for reader in self.glossary.readers[product]:
            vertex = vertices[reader]
            if vertex.op not in (SUM, *STATES) and vertex.family != "one":
                continue
            beside = set(vertex.children)
            for sign in (1, -1):
                if (sign, product) not in beside:
                    continue
                opened = [(sign * slot, child) for slot, child in terms]
                gone = [(s, c) for s, c in opened if (-s, c) in beside]
                if gone:
                    left = tuple(term for term in opened if term not in gone)
                    return _Blend(left, tuple((-s, c) for s, c in gone))
        return None

    def multiplies(self, value: int) -> Iterator[int]:
        """The nodes that a product is made of, which nothing else reads."""
        yield value
        reads = Counter(arg for node in self.cell.nodes for arg in node.args)
        reads.update(self.cell.outputs)
        for arg in self.cell.node(value).args:
            is_node = arg >= self.cell.num_inputs
            if is_node and self.cell.node(arg).op == "multiply" and reads[arg] == 1:
                yield from self.multiplies(arg)

    def without_biases(self) -> Iterator[_Draft]:
        """With biases that stay at zero; and that start there, if they do not."""
        if not any(node.op == "linear" for node in self.cell.nodes):
            return
        nodes = tuple(
            node._replace(attrs=(node.attrs[0], 0.0)) if node.op == "linear" else node
            for node in self.cell.nodes
        )
        plain = self.cell._replace(nodes=nodes)
        yield _Draft(Part.BIASES, "without its biases", plain, biases=False)
        if plain != self.cell:
            yield _Draft(Part.BIASES, "with its biases started at zero", plain)

    def without_value(self, value: int) -> Cell:
        """The cell with zero wherever a value is read."""
        return _edited(self.cell, lambda _, read: _ZERO if read == value else None)

    def past(self) -> set[int]:
        """The values that depend on an old state."""
        past = set(range(1, self.cell.num_inputs))
        for value, node in enumerate(self.cell.nodes, self.cell.num_inputs):
            if past.intersection(node.args):
                past.add(value)
        return past

    def linear_words(self, part: int) -> str:
        """`without linear(h) in the forget gate f`."""
        glossary = self.glossary
        others = {key: name for key, name in glossary.short.items() if key != part}
        written = expression(glossary.vertices, part, others)
        if part in glossary.short:
            return f"without {glossary.short[part]} = {written}"
        return f"without {written} in {glossary.place(glossary.readers[part][0])}"


def _where(value: int, held: Mapping[int, Node]) -> Instead:
    """A constant instead of a value, by who reads it."""
    return lambda reader, read: held.get(reader) if read == value else None
