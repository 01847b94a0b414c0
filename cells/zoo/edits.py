"""The difference between a cell and a published one, in words."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from cells.zoo.roles import Glossary, expression
from cells.zoo.terms import PRODUCT, STATES, SUM, Child, Vertex

_PLURAL: Final = {SUM: "a sum", PRODUCT: "a product"}


class Edit(NamedTuple):
    """One difference.

    Attributes:
        kind: The word it begins with.
        text: What follows that word.
    """

    kind: Literal["without", "with", "but"]
    text: str


def list_edits(
    vertices: Sequence[Vertex], glossary: Glossary, mapped: Sequence[int]
) -> list[Edit]:
    """The edits that make the cell of the published one, in the latter's names.

    Args:
        vertices: The parts of the cell.
        glossary: The published cell.
        mapped: For each part of the cell the published part that it stands for, or -1.
    """
    return list(dict.fromkeys(_Comparison(vertices, glossary, mapped).edits()))


class _Comparison:
    """Two cells while they are compared; a part is `own` (p) or of the `old` cell (q).

    Attributes:
        own: The parts of the cell.
        old: The parts of the published one.
        glossary: What to call those.
        mapped: Own part to old, -1 where there is none.
        back: Old part to own, for all that have one.
        known: The publication's names of own parts.
    """

    def __init__(
        self, vertices: Sequence[Vertex], glossary: Glossary, mapped: Sequence[int]
    ) -> None:
        self.own, self.old = tuple(vertices), glossary.vertices
        self.glossary, self.mapped = glossary, mapped
        self.back = {q: p for p, q in enumerate(mapped) if q >= 0}
        short = glossary.short
        self.known = {p: short[q] for q, p in self.back.items() if q in short}

    def edits(self) -> Iterator[Edit]:
        """All of them, place by place in the published cell."""
        for q, vertex in enumerate(self.old):
            if q in self.back:
                yield from self.label(self.back[q], q)
                yield from self.reads(self.back[q], q)
            elif vertex.op == "state":
                yield Edit("without", f"the state {self.glossary.short[q]}")
        for p, vertex in enumerate(self.own):
            if vertex.op == "state" and self.mapped[p] < 0:
                yield Edit("with", "a further state")

    def label(self, p: int, q: int) -> Iterator[Edit]:
        """Another op, or other attributes, of one part."""
        own, old, where = self.own[p], self.old[q], self.glossary.place(q)
        if own.op != old.op:
            if q in self.glossary.roles:
                yield Edit("but", f"the {old.op} of {where} became {own.op}")
                return
            if old.family == "many":
                became = _PLURAL.get(own.op, f"a {own.op}")
            else:
                # Written out: by its own name it would have become itself.
                others = {key: text for key, text in self.known.items() if key != p}
                became = expression(self.own, p, others)
            at = "" if where == self.text(q) else f" in {where}"
            yield Edit("but", f"{self.text(q)} became {became}{at}")
        elif own.attrs != old.attrs:
            words = ("diagonal", "bias") if own.op == "linear" else ("attribute",) * 9
            pairs = zip(words, own.attrs, old.attrs, strict=False)
            changed = [f"{word} {a:g}" for word, a, b in pairs if a != b]
            yield Edit("but", f"{self.text(q)} has {' and '.join(changed)} in {where}")

    def reads(self, p: int, q: int) -> Iterator[Edit]:
        """What one part reads that it did not, and no longer reads."""
        # What both read is no difference; what is left is explained step by step.
        gained, lost = list(self.own[p].children), list(self.old[q].children)
        for slot, child in list(gained):
            if (slot, self.mapped[child]) in lost:
                gained.remove((slot, child))
                lost.remove((slot, self.mapped[child]))

        # The same child of the other sign: a + b became a - b.
        where = self.glossary.place(q)
        for slot, child in list(gained):
            turned = (-slot, self.mapped[child])
            if turned in lost:
                gained.remove((slot, child))
                lost.remove(turned)
                verb = "added" if slot > 0 else "subtracted"
                yield Edit("but", f"{self.text(turned[1])} is {verb} in {where}")

        # f(a) for a, then a for f(a); both take what they explain off the lists.
        yield from self.wrapped(gained, lost, where)
        yield from self.unwrapped(gained, lost, where)

        # Of the rest, each new one stands for an old one, as far as there are as many.
        for (_, new), (_, gone) in zip(gained, lost, strict=False):
            yield Edit("but", f"{self.text(gone)} became {self.new(new)} in {where}")
        rest = min(len(gained), len(lost))
        for _, gone in lost[rest:]:
            yield self.gone(p, q, gone)
        for slot, new in gained[rest:]:
            yield self.more(q, slot, new)

    def wrapped(
        self, gained: list[Child], lost: list[Child], where: str
    ) -> Iterator[Edit]:
        """New parts between values and their reader."""
        for slot, part in list(gained):
            if self.mapped[part] >= 0:
                continue
            # Old children that are inside the new one have only been wrapped.
            inside = self.inside(self.own, part, set(self.back.values()))
            kept = [child for child in lost if self.back.get(child[1], -1) in inside]
            if not kept:
                continue

            # All of them if the new part reads nothing else, otherwise the first.
            gained.remove((slot, part))
            children = [self.mapped[child] for _, child in self.own[part].children]
            kept = kept if set(children) <= {q for _, q in kept} else kept[:1]
            for child in kept:
                lost.remove(child)
            yield self.wrap(part, [q for _, q in kept], where)

    def wrap(self, new: int, kept: list[int], where: str) -> Edit:
        """What a new part makes of the old ones that it reads."""
        vertex = self.own[new]
        others = [c for _, c in vertex.children if self.mapped[c] not in kept]
        at = "" if where == self.text(kept[0]) else f" in {where}"
        inner = " + ".join(map(self.text, kept))

        # f(a + b); a * b for a + b; a * c or a + c for a; else it is written out.
        if vertex.family == "one" and not others:
            return Edit("with", f"{vertex.op} applied to {inner}{at}")
        if vertex.op == PRODUCT and not others and len(kept) > 1:
            return Edit("but", f"{inner} became a product{at}")
        if len(others) == 1 and len(vertex.children) == 2 and _is_plain(vertex):
            verb = "multiplied by" if vertex.op == PRODUCT else "plus"
            return Edit("with", f"{inner} {verb} {self.new(others[0])}{at}")
        return Edit("but", f"{inner} became {self.new(new)}{at}")

    def unwrapped(
        self, gained: list[Child], lost: list[Child], where: str
    ) -> Iterator[Edit]:
        """Parts that stood between values and their reader, gone."""
        for slot, part in list(lost):
            if part in self.back:
                continue
            # Its children, or a sum of just them, may now be read in its place; or
            # at least something that was inside it.
            children = [child for _, child in self.old[part].children]
            same = [g for g in gained if self.stands_for(g[1], children)]
            inside = self.inside(self.old, part, set(self.back))
            bared = same or [g for g in gained if self.mapped[g[1]] in inside]
            if not bared:
                continue

            # All of them if they are all that it read, otherwise the first.
            parts = [self.mapped[child] for _, child in bared]
            bared = bared if same or set(children) <= set(parts) else bared[:1]
            lost.remove((slot, part))
            for child in bared:
                gained.remove(child)
            kept = children if same else [self.mapped[child] for _, child in bared]
            yield self.unwrap(part, kept, where)

    def stands_for(self, p: int, children: list[int]) -> bool:
        """Whether a new part is the sum of these old ones, which was not shared."""
        sums = self.own[p].op == SUM and self.mapped[p] < 0
        below = [self.mapped[child] for _, child in self.own[p].children]
        return sums and sorted(below) == sorted(children)

    def unwrap(self, gone: int, kept: list[int], where: str) -> Edit:
        """What has become of an old part of which only what it read is left."""
        vertex, at = self.old[gone], f" in {where}"
        others = [c for _, c in vertex.children if c not in kept]
        inner = " + ".join(map(self.text, kept))

        # a for f(a); a + b for a * b; a for a + c; else both are written out.
        if vertex.family == "one" and not others:
            if gone in self.glossary.roles:
                return Edit("without", f"the {vertex.op} of {self.text(gone)}")
            return Edit("without", f"the {vertex.op} of {inner}{at}")
        if vertex.op in (SUM, PRODUCT) and not others:
            word = "sum" if vertex.op == PRODUCT else "product"
            return Edit("but", f"{self.text(gone)} became a {word}{at}")
        if vertex.op in (SUM, PRODUCT) and len(others) < len(vertex.children):
            at = "" if all(c in self.glossary.roles for c in others) else at
            return Edit("without", " and ".join(map(self.text, others)) + at)
        return Edit("but", f"{self.text(gone)} became {inner}{at}")

    def gone(self, p: int, q: int, gone: int) -> Edit:
        """A term or factor that is no longer there."""
        # A gate that loses linear(h) ignores h, unless it reads it in another way.
        where, vertex = self.glossary.place(q), self.old[gone]
        leaf = vertex
        while leaf.op == "linear" and len(leaf.children) == 1:
            leaf = self.old[leaf.children[0][1]]
        if leaf.op in ("x", *STATES) and leaf.value in self.back:
            still = self.inside(self.own, p, set())
            if self.back[leaf.value] not in still and self.old[q].op not in STATES:
                return Edit("but", f"{where} ignores {self.glossary.short[leaf.value]}")
        if gone in self.glossary.roles:
            return Edit("without", self.text(gone))
        return Edit("without", f"{self.text(gone)} in {where}")

    def more(self, q: int, slot: int, new: int) -> Edit:
        """A term or factor that was not there."""
        where = self.glossary.place(q)
        if self.old[q].op == PRODUCT:
            return Edit("with", f"{self.text(q)} multiplied by {self.new(new)}")
        if slot < 0:
            return Edit("with", f"{self.new(new)} subtracted from {where}")
        return Edit("with", f"{self.new(new)} added to {where}")

    def text(self, q: int) -> str:
        """What an old part does, or how it is written in the publication's names."""
        glossary = self.glossary
        return glossary.roles.get(q) or expression(self.old, q, glossary.short)

    def new(self, p: int) -> str:
        """A part of the cell, in the publication's names as far as they go."""
        return expression(self.own, p, self.known)

    def inside(self, vertices: Sequence[Vertex], part: int, ends: set[int]) -> set[int]:
        """What a part is computed from, as far as parts that have a counterpart."""
        met, pending = set[int](), [child for _, child in vertices[part].children]
        while pending:
            child = pending.pop()
            if child in met:
                continue
            met.add(child)
            if child not in ends and vertices[child].op not in (*STATES, "x"):
                pending += [below for _, below in vertices[child].children]
        return met


def _is_plain(vertex: Vertex) -> bool:
    """A product, or a sum without a difference."""
    return vertex.op == PRODUCT or (
        vertex.op == SUM and all(slot > 0 for slot, _ in vertex.children)
    )
