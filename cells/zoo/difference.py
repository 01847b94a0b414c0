"""The difference between any two cells: in words, and as text."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from cells.identity.canonical import canonicalize
from cells.ir import Cell
from cells.zoo.alignment import Parts, align, improve
from cells.zoo.edits import list_edits
from cells.zoo.nearest import MAX_PARTS, clause
from cells.zoo.roles import make_glossary
from cells.zoo.spelling import Spelling, respell, statement
from cells.zoo.terms import make_terms

_TOKEN: Final = re.compile(r"\s*(?:[\w.]+|\S)")

Kind = Literal["same", "old", "new"]


class Piece(NamedTuple):
    """A piece of a text that is compared with another.

    Attributes:
        kind: Whether it is in both, in the old one only, or in the new one only.
        text: What is there.
    """

    kind: Kind
    text: str


class Difference(NamedTuple):
    """What makes one cell of another.

    Attributes:
        spelling: The new cell in the order and names of the old one.
        words: The edits in words, in the names of the old one.
        lines: The statements that differ.
    """

    spelling: Spelling
    words: tuple[str, ...]
    lines: tuple[tuple[Piece, ...], ...]


def difference(old: Spelling, cell: Cell) -> Difference:
    """How a cell differs from one that is written already.

    The parts of the two are aligned (`cells.zoo.alignment`); what stands for each other
    has one name in both texts. Found by search, so now and then fewer edits would do.

    Raises:
        CellError: The cell is not valid.
    """
    form = canonicalize(cell)
    own, other = Parts(make_terms(form.cell)), Parts(old.parts)
    mapped = align(own, other)
    if len(own) <= MAX_PARTS:
        _, mapped = improve(own, other, mapped)
    edits = list_edits(own.vertices, make_glossary(old.parts, dict(old.names)), mapped)
    new = respell(old, form, tuple(own.vertices), mapped)
    # Another digest is a difference, even where it is only in how sums are grouped.
    words = tuple(map(clause, edits)) or ("sums grouped otherwise",)
    return Difference(new, words, tuple(_changed(old.statements, new.statements)))


def marked(lines: Sequence[Sequence[Piece]]) -> str:
    """Statements on one line: what is gone as `[-old-]`, what has come as `{+new+}`."""
    return "; ".join(
        "".join(_MARKS[piece.kind].format(piece.text) for piece in line)
        for line in lines
    )


_MARKS: Final[Mapping[Kind, str]] = {
    "same": "{}",
    "old": "[-{}-]",
    "new": "{{+{}+}}",
}


def _changed(
    old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]
) -> Iterator[tuple[Piece, ...]]:
    """The statements that are not the same, in order, those that are gone first."""
    before, after = dict(old), dict(new)
    for one in old:
        if one[0] not in after:
            yield (Piece("old", statement(one)),)
    for one in new:
        if one[0] not in before:
            yield (Piece("new", statement(one)),)
        elif one[1] != before[one[0]]:
            texts = statement((one[0], before[one[0]])), statement(one)
            yield tuple(_pieces(*(_TOKEN.findall(text) for text in texts)))


def _pieces(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    """Two texts as one, by words and signs."""
    at = 0
    for region in _regions(old, new):
        gone, come = ("".join(tokens) for tokens in region.of(old, new))
        same = "".join(old[at : region.start])
        # A space before both stands outside of the marks.
        if gone[:1] == come[:1] == " ":
            same, gone, come = same + " ", gone.lstrip(), come.lstrip()
        pieces = Piece("same", same), Piece("old", gone), Piece("new", come)
        yield from (piece for piece in pieces if piece.text)
        at = region.end
    if old[at:]:
        yield Piece("same", "".join(old[at:]))


class _Region(NamedTuple):
    """Tokens `start` to `end` of the old text, which became `first` to `last`."""

    start: int
    end: int
    first: int
    last: int

    def of(self, old: Sequence[str], new: Sequence[str]) -> tuple[Sequence[str], ...]:
        """What is gone, and what has come."""
        return old[self.start : self.end], new[self.first : self.last]

    def lacks(self, old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
        """How many parentheses have no partner, to the left and to the right."""
        (a, b), (c, d) = (_open(tokens) for tokens in self.of(old, new))
        return max(a, c), max(b, d)


def _regions(old: Sequence[str], new: Sequence[str]) -> list[_Region]:
    """Where two texts differ; in each region every parenthesis has its partner."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    pending = [_Region(*op[1:]) for op in matcher.get_opcodes() if op[0] != "equal"]
    regions: list[_Region] = []
    while pending:
        region = pending.pop(0)
        left, right = region.lacks(old, new)
        # What has no partner is widened by a token, or by the region that is next.
        if left:
            if regions and regions[-1].end == region.start:
                region = _joined(regions.pop(), region)
            else:
                region = region._replace(start=region.start - 1, first=region.first - 1)
            pending.insert(0, region)
        elif right:
            if pending and pending[0].start == region.end:
                region = _joined(region, pending.pop(0))
            else:
                region = region._replace(end=region.end + 1, last=region.last + 1)
            pending.insert(0, region)
        else:
            regions.append(region)
    return [_narrowed(region, old, new) for region in regions]


def _joined(one: _Region, other: _Region) -> _Region:
    return _Region(one.start, other.end, one.first, other.last)


def _narrowed(region: _Region, old: Sequence[str], new: Sequence[str]) -> _Region:
    """A region without what both texts begin and end with, as far as that may go."""
    gone, come = region.of(old, new)
    most = min(len(gone), len(come))
    head = next((i for i in range(most) if gone[i] != come[i]), most)
    tail = next((i for i in range(most) if gone[-1 - i] != come[-1 - i]), most)
    cuts = [(i, j) for i in range(head + 1) for j in range(min(tail, most - i) + 1)]
    a, b, c, d = region
    for i, j in sorted(cuts, key=sum, reverse=True):
        narrow = _Region(a + i, b - j, c + i, d - j)
        if narrow.lacks(old, new) == (0, 0):
            return narrow
    return region


def _open(tokens: Sequence[str]) -> tuple[int, int]:
    """How many parentheses lack a partner to the left, and to the right."""
    left = depth = 0
    for token in tokens:
        depth += (token.strip() == "(") - (token.strip() == ")")
        if depth < 0:
            left, depth = left + 1, 0
    return left, depth
