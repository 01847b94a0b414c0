"""What the parts of a published cell are called: gates, candidates, variables."""

import ast
import functools
from typing import Final, NamedTuple

from cells.identity.canonical import canonicalize
from cells.zoo.published import Published
from cells.zoo.terms import PRODUCT, SUM, Vertex, make_terms

_STATES: Final = ("first", "state")
_DEPTH: Final = 3


class Glossary(NamedTuple):
    """The parts of a published cell and what to call them.

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
            if vertex.op in _STATES:
                return f"the new {self.short[part]}"
            if part in self.short:
                return self.short[part]
            part = self.readers[part][0]
        return "the cell"


@functools.cache
def glossary_of(published: Published) -> Glossary:
    """The parts of a published cell, named as in its text."""
    found = canonicalize(published.cell)
    vertices = make_terms(found.cell)
    function = ast.parse(published.text).body[0]
    assert isinstance(function, ast.FunctionDef)
    inputs = [argument.arg for argument in function.args.args]
    variables = _variables(function)
    short = {}
    for part, vertex in enumerate(vertices):
        if vertex.op == "x":
            short[part] = inputs[0]
        elif vertex.op in _STATES:
            short[part] = inputs[1 + found.states[part - 1]]
        else:
            node = found.nodes[vertex.value - found.cell.num_inputs]
            if node in variables:
                short[part] = variables[node]
    readers: list[list[int]] = [[] for _ in vertices]
    for part, vertex in enumerate(vertices):
        for _, child in vertex.children:
            readers[child].append(part)
    names = Glossary(vertices, short, {}, tuple(map(tuple, readers)))
    for part in range(len(vertices)):
        if role := _role(names, part):
            names.roles[part] = role
    candidates = [p for p, role in names.roles.items() if role == "the candidate"]
    for part in candidates if len(candidates) == 1 else ():
        short[part] = "candidate"
    return names


def _variables(function: ast.FunctionDef) -> dict[int | None, str]:
    """Node to variable: a statement's value is the last node that it makes."""
    found, count = dict[int | None, str](), 0
    for statement in function.body:
        made = sum(isinstance(n, ast.Call | ast.BinOp) for n in ast.walk(statement))
        count += made
        if made and isinstance(statement, ast.Assign):
            target = statement.targets[0]
            assert isinstance(target, ast.Name)
            found[count - 1] = target.id
    return found


def _role(names: Glossary, part: int) -> str:
    """What a part does, by where it stands; empty if that is nothing usual."""
    vertex = names.vertices[part]
    if vertex.family != "one" or vertex.op == "linear":
        return ""
    name = names.short.get(part, "")
    if vertex.op == "sigmoid":
        kinds = [_gate(names, part, r) for r in names.readers[part]]
        kinds = [kind for kind in kinds if kind]
        if kinds:
            kind = kinds[0] if len(set(kinds)) == 1 else "gate"
            return f"the {kind}" if name in kind.split() else f"the {kind} {name}"
    ops = {names.vertices[child].op for _, child in vertex.children}
    if name in ("", "candidate") and "linear" in ops and vertex.op != "sigmoid":
        return "the candidate"
    return ""


def _gate(names: Glossary, part: int, reader: int) -> str:
    """What a sigmoid does to what it multiplies, if the reader is a product."""
    product = names.vertices[reader]
    if product.op != PRODUCT:
        return ""
    above = [names.vertices[r] for r in names.readers[reader]]
    others = [names.vertices[c] for _, c in product.children if c != part]
    held = [_is_old_state(names, other) for other in others]
    summed = any(one.op in (*_STATES, SUM) for one in above)
    if any(held) and any(one.op == "linear" for one in above):
        return "reset gate"
    if any(held):
        return "forget gate" if summed else "gate"
    inner = [
        names.vertices[c].op in _STATES
        for other in others
        if other.op == SUM
        for _, c in other.children
    ]
    if any(inner):
        return "update gate"
    if any(one.op == "first" and len(one.children) == 1 for one in above):
        return "output gate"
    plain = all(other.family == "one" for other in others)
    return "input gate" if summed and plain else "gate"


def _is_old_state(names: Glossary, vertex: Vertex) -> bool:
    """Whether a part is an old state, or an activation of one."""
    while (
        vertex.family == "one" and vertex.op != "linear" and len(vertex.children) == 1
    ):
        vertex = names.vertices[vertex.children[0][1]]
    return vertex.op in _STATES


def expression(
    vertices: tuple[Vertex, ...], part: int, known: dict[int, str], depth: int = _DEPTH
) -> str:
    """A part in the notation of cell texts, with what has a name called by it."""
    if part in known:
        return known[part]
    vertex = vertices[part]
    if vertex.op == "state":
        return "a further state"
    if depth == 0:
        return "..."
    if vertex.op == PRODUCT:
        return " * ".join(
            f"({text})" if vertices[child].op == SUM and child not in known else text
            for _, child in vertex.children
            for text in (expression(vertices, child, known, depth - 1),)
        )
    if vertex.op == SUM:
        return joined(vertices, vertex.children, known, depth)
    if vertex.family == "one":
        return f"{vertex.op}({joined(vertices, vertex.children, known, depth)})"
    children = [child for _, child in vertex.children]
    args = [expression(vertices, child, known, depth - 1) for child in children]
    return f"{vertex.op}({', '.join(args)})"


def joined(
    vertices: tuple[Vertex, ...],
    terms: tuple[tuple[int, int], ...],
    known: dict[int, str],
    depth: int = _DEPTH,
) -> str:
    """A sum of terms in the notation of cell texts."""
    text = ""
    for slot, child in sorted(terms, key=lambda term: -term[0]):
        inner = expression(vertices, child, known, depth - 1)
        sign = " - " if slot < 0 else " + " if text else ""
        text += sign + inner
    return text.strip()
