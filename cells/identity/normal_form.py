"""A table of values in normal form: equal values are one, and so are mirror images.

The normal form does not tell a value from its negative where that is a matter of
naming: odd ops have their argument's sign taken out, a product its factors' signs, and
a fresh linear, as likely to be drawn as its negative, has none. A sigmoid is half of
one and half of an odd function, its swing: then a gate z and a gate 1 - z differ by a
sign, too. See `identities` for what each op becomes.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from cells.identity.forms import (
    ABOVE,
    BELOW,
    EXTREMES,
    SWINGS,
    TIMES,
    Form,
    Read,
)
from cells.ops import get_op

LEAST: Final = 2.0**-16
"""A gate's argument with smaller coefficients than this stays whole."""

Terms = Sequence[tuple[int, float]]
Factors = tuple[tuple[int, int], ...]


class Values:
    """A table of values in normal form: equal values have equal indices.

    Attributes:
        max_terms: No sum, product or extreme has more; of 1, all stay as grouped.
        merges: Whether sums of sums, and products of products, are one.
        signed: Whether signs are taken out. If not, all values stay as they are.
        bounded: Whether bounds are looked for.
        forms: The normal form of each value.
        bounds: What is known of each value's sign: `ABOVE`, `BELOW`, both or 0.
        odd_parts: For each sigmoid, or product with one, the swing or gated value that
            it has in common with its mirror image.
        merged: How often each sum, product or extreme was merged into another.
        flips: For each node with weights, the sign of its argument and of its value in
            the cell against those in this table.
        one: The constant.
        x: The input.
        zero: The empty sum.
    """

    def __init__(self, max_terms: int, signed: bool, bounded: bool) -> None:
        self.max_terms = max_terms
        self.merges = max_terms > 1
        self.signed = signed
        self.bounded = bounded
        self.forms: list[Form] = []
        self.bounds: list[int] = []
        self.odd_parts: dict[int, int] = {}
        self.merged: dict[int, int] = {}
        self.flips: dict[int, tuple[int, int]] = {}
        self._index: dict[Form, int] = {}
        self._gates: dict[int, tuple[int, int]] = {}  # sigmoids: swing and its sign
        self._factors: dict[int, Factors] = {}  # of sums
        self._negatives: dict[int, int] = {}
        self.one = self.intern(("op", "one", (), (), -1), ABOVE)
        self.x = self.intern(("input",), 0)
        self.zero = self.intern(("sum", ()), ABOVE | BELOW)

    def intern(self, form: Form, bounds: int) -> int:
        """The index of the value of this form, which is added if it is new."""
        value = self._index.get(form)
        if value is None:
            value = self._index[form] = len(self.forms)
            self.forms.append(form)
            self.bounds.append(bounds)
        return value

    def op(
        self,
        name: str,
        args: Sequence[int],
        bounds: int,
        owner: int = -1,
        attrs: tuple[float, ...] = (),
    ) -> int:
        """The value of an op that no identity changes."""
        ordered = tuple(sorted(args) if get_op(name).commutative else args)
        return self.intern(("op", name, attrs, ordered, owner), bounds)

    def split(self, value: int) -> tuple[int, int]:
        """A sign, and the value that with this sign is this one: one of v and -v.

        The first coefficient of a sum decides; that of the constant is the first.
        """
        form = self.forms[value]
        if form[0] == "sum" and self.signed and form[1] and form[1][0][1] < 0:
            return -1, self.negative(value)
        return 1, value

    def negative(self, value: int) -> int:
        """The value with the other sign."""
        other = self._negatives.get(value)
        if other is None:
            other = self.sum_of({v: -c for v, c in self.terms_of(value)})
            self._negatives[value], self._negatives[other] = other, value
        return other

    def reads(self, value: int) -> list[Read]:
        """What a value is computed from within one step."""
        tag, *rest = self.forms[value]
        if tag == "op":
            name, _, args, _ = rest
            if len(args) < 2 or get_op(name).commutative:
                return [self._read(v, 0) for v in args]
            return [self._read(v, part) for part, v in enumerate(args)]
        if tag == "sum":
            return [self._term(v, c) for v, c in rest[0]]
        if tag == "product":
            return [Read(v, 1, e) for v, e in rest[0]]
        if tag in SWINGS:
            return [Read(v, 1, part) for part, v in enumerate(rest)]
        return [self._read(v, 0) for v in rest[0]] if tag in EXTREMES else []

    def _read(self, value: int, part: int) -> Read:
        if self.forms[value][0] != "sum":
            return Read(value, 1, part)
        sign, base = self.split(value)
        return Read(base, sign, part)

    def _term(self, value: int, coefficient: float) -> Read:
        # Coefficients are multiples of half of the least, and odd numbers are free.
        part = int(abs(coefficient) / LEAST * 4)
        if self.signed:
            return Read(value, 1 if coefficient > 0 else -1, part)
        return Read(value, 1, part + (coefficient < 0))

    def note_merged(self, value: int) -> None:
        """Counts a sum, product or extreme that became part of another."""
        self.merged[value] = self.merged.get(value, 0) + 1

    # Sums

    def terms_of(self, value: int) -> tuple[tuple[int, float], ...]:
        """The terms of a sum; of any other value, the value once."""
        form = self.forms[value]
        terms: tuple[tuple[int, float], ...] = form[1] if form[0] == "sum" else ()
        return terms if form[0] == "sum" else ((value, 1.0),)

    def opened(self, value: int) -> tuple[tuple[int, float], ...]:
        """The terms that a gate is applied to: none with too small coefficients."""
        terms = self.terms_of(value)
        small = any(abs(coefficient) < LEAST for _, coefficient in terms)
        return ((value, 1.0),) if small else terms

    def sum_of(self, terms: Mapping[int, float]) -> int:
        """The sum of these terms, none of them zero times a value."""
        if len(terms) == 1:
            ((value, coefficient),) = terms.items()
            if coefficient == 1:
                return value
        form = ("sum", tuple(sorted(terms.items())))
        total = self._index.get(form)
        if total is None:
            # The positive one comes first: all values read earlier ones.
            if self.signed and form[1] and form[1][0][1] < 0:
                self.sum_of({value: -c for value, c in terms.items()})
            total = self.intern(form, self._sum_bounds(terms) if self.bounded else 0)
            self._note_gate(total, form[1])
        return total

    def _note_gate(self, value: int, terms: Terms) -> None:
        """Half of one and half of a swing is a sigmoid, however it was added up."""
        if len(terms) == 2 and terms[0] == (self.one, 0.5):
            swing, coefficient = terms[1]
            if self.forms[swing][0] == "swing" and abs(coefficient) == 0.5:
                self._gates[value] = (swing, 1 if coefficient > 0 else -1)
                self.odd_parts[value] = swing

    def _sum_bounds(self, terms: Mapping[int, float]) -> int:
        """The bounds of a sum; a swing is between -1 and 1, whatever its argument."""
        # A sum of what is never negative is never negative.
        bounds, gates = ABOVE | BELOW, []
        for value, coefficient in terms.items():
            if self.forms[value][0] in SWINGS:
                gates.append(value)
            bounds &= TIMES[ABOVE if coefficient > 0 else BELOW, self.bounds[value]]
        if bounds or not gates:
            return bounds

        # The least that c * t * p can be is -|c * p|. The outermost gates come first:
        # what they let through may have gates of its own.
        for sign, bound in ((1, ABOVE), (-1, BELOW)):
            rest = {v: sign * c for v, c in terms.items()}
            for gate in sorted(gates, reverse=True):
                self._replace_by_least(gate, rest)
            if all(self._never_negative(v, c) for v, c in rest.items()):
                return bound
        return 0

    def _replace_by_least(self, gate: int, terms: dict[int, float]) -> None:
        gated = self.one if self.forms[gate][0] == "swing" else self.forms[gate][2]
        bounds = self.bounds[gated]
        if bounds and not self._never_negative(gate, terms[gate]):
            most = abs(terms.pop(gate)) * (1 if bounds & ABOVE else -1)
            for value, coefficient in self.terms_of(gated):
                terms[value] = terms.get(value, 0.0) - most * coefficient

    def _never_negative(self, value: int, coefficient: float) -> bool:
        bound = ABOVE if coefficient > 0 else BELOW
        return not coefficient or bool(self.bounds[value] & bound)

    # Products

    def gate(self, swing: int, sign: int) -> int:
        """The sigmoid of which a swing (-1: its negative) is the odd part."""
        return self.sum_of({self.one: 0.5, swing: sign / 2})

    def is_gated(self, value: int) -> bool:
        """Whether a sum is a sigmoid, or a product with one."""
        return value in self.odd_parts or self.factors_of_sum(value) != _once(value)

    def factors_of(self, value: int) -> tuple[int, Factors]:
        """A sign, and the factors by which a value enters a product."""
        sign, base = self.split(value)
        if base == self.one:
            return sign, ()
        if not self.merges:
            return sign, _once(base)

        # u v * w = u v w; t p * w = t p w; and (p / 2 + t p / 2) * w = z p w.
        form, factors = self.forms[base], _once(base)
        if form[0] == "product":
            factors = form[1]
        elif form[0] == "gated":
            factors = ((form[1], 1), *self.factors_of(form[2])[1])
        elif form[0] == "sum":
            factors = self.factors_of_sum(base)
        if factors != _once(base):
            self.note_merged(base)
        return sign, factors

    def factors_of_sum(self, value: int) -> Factors:
        """A sum is one factor, or it is p / 2 + t * p / 2: a sigmoid and p."""
        known = self._factors.get(value)
        if known is not None:
            return known
        factors, terms = _once(value), self.forms[value][1]
        for odd, coefficient in terms:
            form = self.forms[odd]
            if form[0] not in SWINGS or abs(coefficient) != 0.5:
                continue
            swing = odd if form[0] == "swing" else form[1]
            gated = self.one if form[0] == "swing" else form[2]
            if {v: c for v, c in terms if v != odd} == dict(self._halves(gated)):
                gate = self.gate(swing, 1 if coefficient > 0 else -1)
                if gate != value:
                    factors = ((gate, 1), *self.factors_of(gated)[1])
                break
        self._factors[value] = factors
        return factors

    def product_of(self, factors: dict[int, int]) -> int:
        """The product of powers of positive values; with one sigmoid it is a sum."""
        gates = [v for v in factors if v in self._gates]
        if len(gates) != 1 or factors[gates[0]] != 1 or len(factors) == 1:
            return self._plain_product(factors)

        # z * p = p / 2 + t * p / 2, and (1 - z) * p = p / 2 - t * p / 2.
        swing, sign = self._gates[gates[0]]
        others = {v: e for v, e in factors.items() if v != gates[0]}
        gated = self._plain_product(others)
        others[swing] = others.get(swing, 0) + 1
        odd = self._plain_product(others)
        product = self.sum_of({**dict(self._halves(gated)), odd: sign / 2})
        self.odd_parts[product] = odd
        self._factors[product] = tuple(factors.items())
        return product

    def _plain_product(self, factors: Mapping[int, int]) -> int:
        if not factors:
            return self.one
        if list(factors.values()) == [1]:
            return next(iter(factors))

        # u^2 v is never negative if v is not.
        bounds = ABOVE if self.bounded else 0
        if bounds:
            for value, exponent in factors.items():
                if exponent % 2:
                    bounds = TIMES[bounds, self.bounds[value]]
        swings = [v for v in factors if self.forms[v][0] == "swing"]
        if len(swings) == 1 and factors[swings[0]] == 1:
            others = {v: e for v, e in factors.items() if v != swings[0]}
            form: Form = ("gated", swings[0], self._plain_product(others))
        else:
            form = ("product", tuple(sorted(factors.items())))
        return self.intern(form, bounds)

    def _halves(self, value: int) -> list[tuple[int, float]]:
        return [(v, c / 2) for v, c in self.opened(value)]


def _once(value: int) -> Factors:
    return ((value, 1),)
