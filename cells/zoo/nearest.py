"""The published cell that is nearest to a cell, and the difference in words."""

import functools
from collections.abc import Sequence
from typing import Final, NamedTuple

from cells.identity.canonical import canonicalize
from cells.ir import Cell
from cells.zoo import PUBLISHED
from cells.zoo.alignment import Map, Parts, align, bound, cost, improve
from cells.zoo.edits import Edit, list_edits
from cells.zoo.roles import glossary_of
from cells.zoo.terms import make_terms

MOST_EDITS: Final = 4
"""Where there is more than this to say, the edits are counted instead."""

MOST_DISTANCE: Final = 12
"""Cells that are farther apart are no variants: the edits are counted, too."""

MAX_PARTS: Final = 80
"""Alignments of larger cells are not improved step by step."""

_FIRST: Final = 3
_REFINED: Final = 5


class Nearest(NamedTuple):
    """The published cell nearest to a cell.

    Attributes:
        name: Its name in the zoo.
        distance: Edits of parts between the two: 0 exactly if their digests are equal.
            See `cells.zoo.alignment.cost`; found by search, so that now and then fewer
            edits would do.
        words: The difference for a person: `gru, but the reset gate r ignores h`.
    """

    name: str
    distance: int
    words: str


def nearest(cell: Cell) -> Nearest:
    """The published cell nearest to a cell; the first of the zoo among equally near.

    Cells are compared in canonical form, as sums of terms and products of factors. An
    edit is a part that is there or not, another op, another attribute or another
    argument. The words put edits of one place together, in the publication's names:
    r for the GRU's reset gate.

    Raises:
        CellError: The cell is not valid, or too symmetric (see `digest`).
    """
    form = canonicalize(cell)
    equal = published_name(form.digest)
    if equal is not None:
        return Nearest(equal, 0, f"equal to {equal}")
    own = Parts(make_terms(form.cell))
    name, distance, mapped = _closest(own)
    edits = list_edits(own.vertices, glossary_of(PUBLISHED[name]), mapped)
    # Another digest is a difference, even where it is only in how sums are grouped.
    return Nearest(name, max(distance, 1), _sentence(name, distance, edits))


def published_name(digest: str) -> str | None:
    """The first published cell of a digest, if there is one."""
    return next((n for n, own in _zoo_digests().items() if own == digest), None)


def borrowed_names(cell: Cell) -> dict[int, str]:
    """Names that a cell's values have in the nearest published cell, by index of node.

    A value has one if it stands for a value that the publication names: a reset gate
    that ignores h is still called r. A cell of more than `MOST_EDITS` edits has none.

    Raises:
        CellError: The cell is not valid, or too symmetric (see `digest`).
    """
    form = canonicalize(cell)
    own = Parts(make_terms(form.cell))
    name, distance, mapped = _closest(own)
    if distance > MOST_EDITS:
        return {}
    short = glossary_of(PUBLISHED[name]).short
    names = {}
    for vertex, other in zip(own.vertices, mapped, strict=True):
        place = vertex.value - form.cell.num_inputs
        node = form.nodes[place] if place >= 0 else None
        if node is not None and other in short:
            names[node] = short[other]
    return names


def _closest(own: Parts) -> tuple[str, int, Map]:
    """The zoo's cell of least distance, the distance, and the alignment."""
    # In order of a lower bound, so that the rest can be left out once it is too far.
    zoo = _zoo_parts()
    rough = list[tuple[int, int, str, Map]]()
    for place, name in enumerate(sorted(zoo, key=lambda n: bound(own, zoo[n]))):
        other = zoo[name]
        if place >= _FIRST and bound(own, other) > min(r[0] for r in rough):
            break
        mapped = align(own, other)
        rough.append((cost(own, other, mapped), list(zoo).index(name), name, mapped))

    # The first guesses may be poor: the best few are improved before they are compared.
    rough.sort()
    best = rough[0]
    for guess in rough[:_REFINED]:
        other = zoo[guess[2]]
        if bound(own, other) <= best[0] and len(own) <= MAX_PARTS:
            distance, mapped = improve(own, other, guess[3])
            best = min(best, (distance, *guess[1:3], mapped))
    return best[2], best[0], best[3]


@functools.cache
def _zoo_digests() -> dict[str, str]:
    return {name: canonicalize(row.cell).digest for name, row in PUBLISHED.items()}


@functools.cache
def _zoo_parts() -> dict[str, Parts]:
    return {name: Parts(glossary_of(row).vertices) for name, row in PUBLISHED.items()}


def _sentence(name: str, distance: int, edits: Sequence[Edit]) -> str:
    """The name of a cell, and what differs."""
    if not edits:
        return f"{name}, with sums grouped otherwise"
    if len(edits) > MOST_EDITS or distance > MOST_DISTANCE:
        first = "; ".join(clause(edit) for edit in edits[:3])
        return f"{distance} edits from {name}: {first}; ..."
    sentence = name
    for kind in ("without", "with", "but"):
        texts = [edit.text for edit in edits if edit.kind == kind]
        if texts:
            comma = ", " if kind == "but" else " "
            sentence += f"{comma}{kind} {', '.join(texts[:-1])}"
            sentence += f" and {texts[-1]}" if texts[:-1] else texts[-1]
    return sentence


def clause(edit: Edit) -> str:
    """An edit by itself: `without h in the candidate`."""
    return edit.text if edit.kind == "but" else f"{edit.kind} {edit.text}"
