"""Sums written with gates: of a sigmoid z and 1 - z one is written."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from cells.identity.forms import SWINGS
from cells.identity.normal_form import Values

GATE: Final = 0
"""In place of a sign: of a swing the sigmoid, of a gated value the product with it."""


class Gate(NamedTuple):
    """A swing t times a value p: what a sum has where z * p was added.

    Attributes:
        swing: t, which is 2 * z - 1, or 1 - 2 * z if it is turned.
        gated: p; of a swing alone it is one.
    """

    swing: int
    gated: int


class Term(NamedTuple):
    """A term of a sum as it is written.

    Attributes:
        value: It; or a swing or gated value.
        kind: 1, or `GATE`: the sigmoid of the swing, times p if the value is gated.
        coefficient: How often it is added.
    """

    value: int
    kind: int
    coefficient: float


def gate_of(values: Values, value: int) -> Gate | None:
    """The swing and what it is multiplied by, if the value is a swing or gated."""
    form = values.forms[value]
    if form[0] == "swing":
        return Gate(value, values.one)
    return Gate(form[1], form[2]) if form[0] == "gated" else None


def expand(values: Values, value: int, turns: Mapping[int, int]) -> list[Term]:
    """The terms of a sum with its swings written as gates, in no order.

    Args:
        values: The table.
        value: A sum, or any other value.
        turns: For each swing 1, or -1 if it is turned; of those that it does not tell
            about, the terms stay.
    """
    forms, terms = values.forms, values.terms_of(value)
    if not any(forms[other][0] in SWINGS for other, _ in terms):
        return [Term(v, 1, c) for v, c in terms]
    rest, products = dict(terms), list[Term]()
    while True:
        # The outermost first: what it lets through may have gates of its own.
        last = -1
        for other in rest:
            if other > last and forms[other][0] in SWINGS:
                gate = gate_of(values, other)
                if gate is not None and gate.swing in turns:
                    last, outermost = other, gate
        if last < 0:
            return products + [Term(v, 1, c) for v, c in rest.items() if c]

        # c t p = 2 c z p - c p; and -(2 c z p - c p) if t is turned.
        coefficient = rest.pop(last) * turns[outermost.swing]
        if coefficient:
            products.append(Term(last, GATE, 2 * coefficient))
            for other, part in values.opened(outermost.gated):
                rest[other] = rest.get(other, 0.0) - coefficient * part
