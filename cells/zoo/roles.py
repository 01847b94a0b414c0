"""What the parts of a cell are called: gates, candidates, variables."""

import ast
import functools
from typing import Final, NamedTuple

from cells.identity.canonical import Canonical, canonicalize
from cells.notation.text import parse, variables
from cells.zoo.published import Published
from cells.zoo.terms import PRODUCT, STATES, SUM, Vertex, make_terms

_DEPTH: Final = 3


class Glossary(NamedTuple):
    """The parts of a cell, mostly a published one, and what to call them.

    Attributes:
        vertices: The parts, of its canonical form.
        short: The publication's names, by part: `r`, `candidate`.
        roles: What some parts do, by part: `the reset gate r`.
        readers: The parts that read each part.
    """

    vertices: tuple[Vertex, ...]
    short: dict[int, str]
    roles: dict[int, str]
    readers: tuple[tuple[int, ...], ...]

    def place(self, part: int) -> str:
        """Where a part is: itself, or the nearest reader that has a role or a name."""
        met = set[int]()
        while part not in met:
            met.add(part)
            vertex = self.vertices[part]
            if part in self.roles:
                return self.roles[part]
            if vertex.op in STATES:
                return f"the new {self.short[part]}"
            if part in self.short:
                return self.short[part]
            part = self.readers[part][0]
        return "the cell"


def glossary_of(published: Published) -> Glossary:
    """The parts of a published cell, named as in its text."""
    return glossary_of_text(published.text)


@functools.cache
def glossary_of_text(text: str) -> Glossary:
    """The parts of a cell, named as in its text."""
    form = canonicalize(parse(text))
    vertices = make_terms(form.cell)
    return make_glossary(vertices, short_names(text, form, vertices))


def make_glossary(vertices: tuple[Vertex, ...], short: dict[int, str]) -> Glossary:
    """Parts with names, and the roles that follow; `short` may get a candidate."""
    readers: list[list[int]] = [[] for _ in vertices]
    for part, vertex in enumerate(vertices):
        for _, child in vertex.children:
            readers[child].append(part)
    glossary = Glossary(vertices, short, {}, tuple(map(tuple, readers)))

    # Roles are found by names and places, so the names come first.
    for part in range(len(vertices)):
        if role := _role(glossary, part):
            glossary.roles[part] = role

    # Where there is but one candidate, it is called so, whatever its variable is.
    candidates = [p for p, role in glossary.roles.items() if role == "the candidate"]
    for part in candidates if len(candidates) == 1 else ():
        glossary.short[part] = "candidate"
    return glossary


def short_names(
    text: str, form: Canonical, vertices: tuple[Vertex, ...]
) -> dict[int, str]:
    """A text's own names of the parts of its canonical form."""
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    inputs = [argument.arg for argument in function.args.args]
    written = variables(text)
    short = {}
    for part, vertex in enumerate(vertices):
        if vertex.op == "x":
            short[part] = inputs[0]
        elif vertex.op in STATES:
            short[part] = inputs[1 + form.states[part - 1]]
        else:
            node = form.nodes[vertex.value - form.cell.num_inputs]
            if node is not None and node in written:
                short[part] = written[node]
    return short


def _role(glossary: Glossary, part: int) -> str:
    """What a part does, by where it stands; empty if that is nothing usual."""
    vertex = glossary.vertices[part]
    if vertex.family != "one" or vertex.op == "linear":
        return ""
    name = glossary.short.get(part, "")

    # A gate multiplies; one that does two different things is a gate, no more.
    if vertex.op == "sigmoid":
        kinds = [_gate(glossary, part, r) for r in glossary.readers[part]]
        kinds = [kind for kind in kinds if kind]
        if kinds:
            kind = kinds[0] if len(set(kinds)) == 1 else "gate"
            named = f"the {kind} {name}".strip()
            return f"the {kind}" if name in kind.split() else named

    # A candidate is an activation of linears that the publication calls nothing else.
    ops = {glossary.vertices[child].op for _, child in vertex.children}
    if name in ("", "candidate") and "linear" in ops and vertex.op != "sigmoid":
        return "the candidate"
    return ""


def _gate(glossary: Glossary, part: int, reader: int) -> str:
    """What a sigmoid does to what it multiplies, if the reader is a product."""
    vertices = glossary.vertices
    product = vertices[reader]
    if product.op != PRODUCT:
        return ""
    above = [vertices[r] for r in glossary.readers[reader]]
    others = [vertices[c] for _, c in product.children if c != part]
    summed = any(vertex.op in (*STATES, SUM) for vertex in above)

    # An old state, times the gate: reset if a linear reads it, kept if a sum does.
    held = any(_is_old_state(vertices, other) for other in others)
    if held and any(vertex.op == "linear" for vertex in above):
        return "reset gate"
    if held:
        return "forget gate" if summed else "gate"

    # z * (h - candidate): a sum that holds an old state.
    inner = [c for other in others if other.op == SUM for _, c in other.children]
    if any(vertices[child].op in STATES for child in inner):
        return "update gate"

    # o * tanh(c) is all that is emitted; i * candidate is added to something.
    if any(vertex.op == "first" and len(vertex.children) == 1 for vertex in above):
        return "output gate"
    plain = all(other.family == "one" for other in others)
    return "input gate" if summed and plain else "gate"


def _is_old_state(vertices: tuple[Vertex, ...], vertex: Vertex) -> bool:
    """Whether a part is an old state, or an activation of one."""
    while (
        vertex.family == "one" and vertex.op != "linear" and len(vertex.children) == 1
    ):
        vertex = vertices[vertex.children[0][1]]
    return vertex.op in STATES


def expression(
    vertices: tuple[Vertex, ...], part: int, names: dict[int, str], depth: int = _DEPTH
) -> str:
    """A part in the notation of cell texts, with what has a name called by it."""
    # A name ends the recursion, and so does a certain depth: cells go round.
    if part in names:
        return names[part]
    vertex = vertices[part]
    if vertex.op == "state":
        return "a further state"
    if depth == 0:
        return "..."

    # Only a sum that is written out, in a product, needs parentheses.
    if vertex.op == PRODUCT:
        return " * ".join(
            f"({text})" if vertices[child].op == SUM and child not in names else text
            for _, child in vertex.children
            for text in (expression(vertices, child, names, depth - 1),)
        )
    if vertex.op == SUM:
        return joined(vertices, vertex.children, names, depth)
    if vertex.family == "one":
        return f"{vertex.op}({joined(vertices, vertex.children, names, depth)})"
    children = [child for _, child in vertex.children]
    args = [expression(vertices, child, names, depth - 1) for child in children]
    return f"{vertex.op}({', '.join(args)})"


def joined(
    vertices: tuple[Vertex, ...],
    terms: tuple[tuple[int, int], ...],
    names: dict[int, str],
    depth: int = _DEPTH,
) -> str:
    """A sum of terms in the notation of cell texts: what is added comes first."""
    text = ""
    for slot, child in sorted(terms, key=lambda term: -term[0]):
        inner = expression(vertices, child, names, depth - 1)
        sign = " - " if slot < 0 else " + " if text else ""
        text += sign + inner
    return text.strip()
