"""The difference between a cell and a published one, in words."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from cells.zoo.roles import Glossary, expression
from cells.zoo.terms import PRODUCT, SUM, Vertex

_PLURAL: Final = {SUM: "a sum", PRODUCT: "a product"}
_STATES: Final = ("first", "state")
_Child = tuple[int, int]


class Edit(NamedTuple):
    """One difference.

    Attributes:
        kind: `without`, `with` or `but`.
        text: What follows that word.
    """

    kind: str
    text: str


def list_edits(
    vertices: Sequence[Vertex], names: Glossary, mapped: Sequence[int]
) -> list[Edit]:
    """The edits that make the cell of the published one, in the latter's names.

    Args:
        vertices: The parts of the cell.
        names: The published cell.
        mapped: For each part of the cell the published part that it stands for, or -1.
    """
    return list(dict.fromkeys(_Edits(vertices, names, mapped).all()))


class _Edits:
    """Two cells while they are compared; a part is `own` or of the `old` cell."""

    def __init__(
        self, vertices: Sequence[Vertex], names: Glossary, mapped: Sequence[int]
    ) -> None:
        self.own, self.old = tuple(vertices), names.vertices
        self.names, self.mapped = names, mapped
        self.back = {q: p for p, q in enumerate(mapped) if q >= 0}
        self.known = {
            p: names.short[q] for q, p in self.back.items() if q in names.short
        }

    def all(self) -> Iterator[Edit]:
        for q, vertex in enumerate(self.old):
            if q in self.back:
                yield from self.label(self.back[q], q)
                yield from self.reads(self.back[q], q)
            elif vertex.op == "state":
                yield Edit("without", f"the state {self.names.short[q]}")
        for p, vertex in enumerate(self.own):
            if vertex.op == "state" and self.mapped[p] < 0:
                yield Edit("with", "a further state")

    def label(self, p: int, q: int) -> Iterator[Edit]:
        """Another op, or other attributes, of one part."""
        own, old, where = self.own[p], self.old[q], self.names.place(q)
        if own.op != old.op:
            if q in self.names.roles:
                yield Edit("but", f"the {old.op} of {where} became {own.op}")
            elif old.family == "many":
                became = _PLURAL.get(own.op, f"a {own.op}")
                yield Edit("but", f"{self.text(q)} became {became} in {where}")
            else:
                plain = {key: text for key, text in self.known.items() if key != p}
                became = expression(self.own, p, plain)
                yield Edit("but", f"{self.text(q)} became {became} in {where}")
        elif own.attrs != old.attrs:
            words = ("diagonal", "bias") if own.op == "linear" else ("attribute",) * 9
            pairs = zip(words, own.attrs, old.attrs, strict=False)
            changed = [f"{word} {a:g}" for word, a, b in pairs if a != b]
            yield Edit("but", f"{self.text(q)} has {' and '.join(changed)} in {where}")

    def reads(self, p: int, q: int) -> Iterator[Edit]:
        """What one part reads that it did not, and no longer reads."""
        gained, lost = list(self.own[p].children), list(self.old[q].children)
        for slot, child in list(gained):
            if (slot, self.mapped[child]) in lost:
                gained.remove((slot, child))
                lost.remove((slot, self.mapped[child]))
        where = self.names.place(q)
        for one in list(gained):
            turned = (-one[0], self.mapped[one[1]])
            if turned in lost:
                gained.remove(one)
                lost.remove(turned)
                verb = "added" if one[0] > 0 else "subtracted"
                yield Edit("but", f"{self.text(turned[1])} is {verb} in {where}")
        yield from self.wrapped(gained, lost, where)
        yield from self.unwrapped(gained, lost, where)
        for (_, new), (_, gone) in zip(list(gained), list(lost), strict=False):
            yield Edit("but", f"{self.text(gone)} became {self.new(new)} in {where}")
        rest = min(len(gained), len(lost))
        for _, gone in lost[rest:]:
            yield self.gone(p, q, gone)
        for slot, new in gained[rest:]:
            yield self.more(q, slot, new)

    def wrapped(
        self, gained: list[_Child], lost: list[_Child], where: str
    ) -> Iterator[Edit]:
        """New parts between values and their reader."""
        for new in list(gained):
            if self.mapped[new[1]] >= 0:
                continue
            inside = self.inside(self.own, new[1], set(self.back.values()))
            kept = [g for g in lost if self.back.get(g[1], -1) in inside]
            if not kept:
                continue
            gained.remove(new)
            vertex = self.own[new[1]]
            children = [self.mapped[child] for _, child in vertex.children]
            kept = kept if set(children) <= {q for _, q in kept} else kept[:1]
            for one in kept:
                lost.remove(one)
            yield self.wrap(new[1], [q for _, q in kept], where)

    def wrap(self, new: int, kept: list[int], where: str) -> Edit:
        vertex = self.own[new]
        others = [c for _, c in vertex.children if self.mapped[c] not in kept]
        at = "" if where == self.role(kept[0]) else f" in {where}"
        inner = " + ".join(map(self.text, kept))
        if vertex.family == "one" and not others:
            return Edit("with", f"{vertex.op} applied to {inner}{at}")
        if vertex.op == PRODUCT and not others and len(kept) > 1:
            return Edit("but", f"{inner} became a product{at}")
        if len(others) == 1 and len(vertex.children) == 2 and _is_plain(vertex):
            verb = "multiplied by" if vertex.op == PRODUCT else "plus"
            return Edit("with", f"{inner} {verb} {self.new(others[0])}{at}")
        return Edit("but", f"{inner} became {self.new(new)}{at}")

    def unwrapped(
        self, gained: list[_Child], lost: list[_Child], where: str
    ) -> Iterator[Edit]:
        """Parts that stood between values and their reader, gone."""
        for gone in list(lost):
            if gone[1] in self.back:
                continue
            vertex = self.old[gone[1]]
            children = [child for _, child in vertex.children]
            same = [g for g in gained if self.stands_for(g[1], children)]
            inside = self.inside(self.old, gone[1], set(self.back))
            found = same or [g for g in gained if self.mapped[g[1]] in inside]
            if not found:
                continue
            parts = [self.mapped[child] for _, child in found]
            found = found if same or set(children) <= set(parts) else found[:1]
            lost.remove(gone)
            for one in found:
                gained.remove(one)
            kept = children if same else [self.mapped[child] for _, child in found]
            yield self.unwrap(gone[1], kept, where)

    def stands_for(self, p: int, children: list[int]) -> bool:
        """Whether a new part is the sum of these old ones, which was not shared."""
        sums = self.own[p].op == SUM and self.mapped[p] < 0
        below = [self.mapped[child] for _, child in self.own[p].children]
        return sums and sorted(below) == sorted(children)

    def unwrap(self, gone: int, kept: list[int], where: str) -> Edit:
        vertex, at = self.old[gone], f" in {where}"
        others = [c for _, c in vertex.children if c not in kept]
        if vertex.family == "one" and not others:
            if gone in self.names.roles:
                return Edit("without", f"the {vertex.op} of {self.role(gone)}")
            inner = " + ".join(map(self.text, kept))
            return Edit("without", f"the {vertex.op} of {inner}{at}")
        if vertex.op in (SUM, PRODUCT) and not others:
            word = "sum" if vertex.op == PRODUCT else "product"
            return Edit("but", f"{self.text(gone)} became a {word}{at}")
        if vertex.op in (SUM, PRODUCT) and len(others) < len(vertex.children):
            at = "" if all(c in self.names.roles for c in others) else at
            return Edit("without", " and ".join(map(self.text, others)) + at)
        inner = " + ".join(map(self.text, kept))
        return Edit("but", f"{self.text(gone)} became {inner}{at}")

    def gone(self, p: int, q: int, gone: int) -> Edit:
        """A term or factor that is no longer there."""
        where, vertex = self.names.place(q), self.old[gone]
        leaf = vertex
        while leaf.op == "linear" and len(leaf.children) == 1:
            leaf = self.old[leaf.children[0][1]]
        if leaf.op in ("x", *_STATES) and leaf.value in self.back:
            still = self.inside(self.own, p, set())
            if self.back[leaf.value] not in still and self.old[q].op not in _STATES:
                return Edit("but", f"{where} ignores {self.names.short[leaf.value]}")
        if gone in self.names.roles:
            return Edit("without", self.role(gone))
        return Edit("without", f"{self.text(gone)} in {where}")

    def more(self, q: int, slot: int, new: int) -> Edit:
        """A term or factor that was not there."""
        where = self.names.place(q)
        if self.old[q].op == PRODUCT:
            return Edit("with", f"{self.text(q)} multiplied by {self.new(new)}")
        if slot < 0:
            return Edit("with", f"{self.new(new)} subtracted from {where}")
        return Edit("with", f"{self.new(new)} added to {where}")

    def role(self, q: int) -> str:
        return self.names.roles.get(q) or self.text(q)

    def text(self, q: int) -> str:
        """An old part in the publication's names."""
        return self.names.roles.get(q) or expression(self.old, q, self.names.short)

    def new(self, p: int) -> str:
        """A part of the cell, in the publication's names as far as they go."""
        return expression(self.own, p, self.known)

    def inside(self, vertices: Sequence[Vertex], part: int, ends: set[int]) -> set[int]:
        """What a part is computed from, as far as parts that have a counterpart."""
        found, pending = set[int](), [child for _, child in vertices[part].children]
        while pending:
            one = pending.pop()
            if one in found:
                continue
            found.add(one)
            if one not in ends and vertices[one].op not in (*_STATES, "x"):
                pending += [child for _, child in vertices[one].children]
        return found


def _is_plain(vertex: Vertex) -> bool:
    """A product, or a sum without a difference."""
    return vertex.op == PRODUCT or (
        vertex.op == SUM and all(slot > 0 for slot, _ in vertex.children)
    )
