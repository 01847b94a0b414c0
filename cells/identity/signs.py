"""The signs with which the values of a cell are written, and the turns of its gates.

Arguments should not need a minus, gates should be turned so that least is left of a sum
besides their products, terms should be added. Each such wish is an equation over the
choices that a cell leaves (see `choices`); they are granted one by one, in canonical
order, if those before allow it. So the outcome is the same for all cells that differ by
choices alone.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cells.identity.choices import Choices
from cells.identity.forms import SWINGS, is_blind, is_odd
from cells.identity.gates import GATE, Gate, Term, expand, gate_of
from cells.identity.states import NewStates

MAX_GATES: Final = 5
"""Of more gates that share terms in a sum, each is turned without regard to others."""

Cost = tuple[float, list[tuple[int, float]]]
"""How much of a sum is left, and what: rank and how often."""


class Signs:
    """The signs of the values of a cell, and its sums as they are written.

    Attributes:
        of: For each needed value 1, or -1 where its negative is written. A `maximum`
            whose negative is written is a `minimum` of negatives.
    """

    def __init__(self, source: NewStates, rank: Mapping[int, int]) -> None:
        self._source = source
        self._values = source.values
        self._rank = rank
        self._terms: dict[int, list[Term]] = {}
        if not source.values.signed:
            self.of = dict.fromkeys(source.needed, 1)
            return
        self._choices = Choices(source)
        self._order = sorted(source.needed, key=rank.__getitem__)
        self._keep_arguments()
        self._keep_states()
        self._turn_gates()
        self._add_terms()
        self.of = self._choices.signs()

    def terms(self, value: int) -> list[Term]:
        """The terms of a sum, or of any value, in canonical order."""
        if value not in self._terms:
            self._terms[value] = self._in_order(expand(self._values, value, self.of))
        return self._terms[value]

    def _in_order(self, terms: list[Term]) -> list[Term]:
        rank = self._rank
        return sorted(terms, key=lambda term: (rank[term.value], term.kind))

    def _keep_arguments(self) -> None:
        """Ops that are not odd should read what is written."""
        masks, forms = self._choices.masks, self._values.forms
        for value in self._order:
            form = forms[value]
            extreme = form[0] == "maximum"
            if not extreme and (form[0] != "op" or is_blind(form) or is_odd(form)):
                continue
            own = masks[value] if extreme else 0
            wanted: dict[tuple[int, int, int], set[int]] = {}
            for read in self._source.reads[value]:
                key = (read.part, self._rank[read.value], read.value)
                wanted.setdefault(key, set()).add(read.sign)
            for (_, _, arg), found in sorted(wanted.items()):
                # Both a value and its negative: neither is to be preferred.
                if len(found) == 1:
                    self._choices.want(masks[arg] ^ own, found == {-1})

    def _keep_states(self) -> None:
        """A new state should be what is written."""
        masks = self._choices.masks
        first, *others = self._source.groups
        for group in (first, *sorted(others, key=lambda row: self._rank[row.old])):
            self._choices.want(masks[group.old] ^ masks[group.new], group.sign < 0)

    def _turn_gates(self) -> None:
        """Of z and 1 - z, that should be written which leaves fewer terms."""
        costs: dict[int, list[Callable[[int], Cost]]] = {}
        joined: list[tuple[int, list[int]]] = []
        forms = self._values.forms
        for value in self._order:
            if forms[value][0] != "sum":
                continue
            odds = [v for v, _, _ in self._source.reads[value] if forms[v][0] in SWINGS]
            if not odds:
                continue
            odds.sort(key=self._rank.__getitem__)
            gates = {odd: gate for odd in odds if (gate := gate_of(self._values, odd))}
            if self._apart(gates):
                for odd, gate in gates.items():
                    cost = self._cost_apart(value, odd, gate)
                    costs.setdefault(gate.swing, []).append(cost)
                continue
            found = {gate.swing for gate in gates.values()}
            swings = sorted(found, key=self._rank.__getitem__)
            joined.append((value, swings))
            for swing in swings:
                cost = self._cost_joined(value, swing, swings)
                costs.setdefault(swing, []).append(cost)
        for swing in self._order:
            if swing in costs and not self._choices.sign(swing):
                plain, turned = (
                    self._cost_of_turn(swing, costs[swing], turn) for turn in (1, -1)
                )
                if plain != turned:
                    self._choices.want(self._choices.masks[swing], turned < plain)
        for value, swings in joined:
            self._turn_together(value, swings)

    def _apart(self, gates: Mapping[int, Gate]) -> bool:
        """Whether the gates of a sum let through nothing in common."""
        if len(gates) == 1:
            return True
        through = list(gates)
        for gate in gates.values():
            through += [value for value, _ in self._values.opened(gate.gated)]
        return len(set(through)) == len(through)

    def _cost_apart(self, value: int, odd: int, gate: Gate) -> Callable[[int], Cost]:
        """The cost of a turn for the terms of a sum that one gate alone changes."""
        terms = dict(self._values.terms_of(value))
        through = [
            (self._rank[v], terms.get(v, 0.0), terms[odd] * c)
            for v, c in self._values.opened(gate.gated)
        ]

        def cost(turn: int) -> Cost:
            rest = [(rank, abs(own - turn * part)) for rank, own, part in through]
            return sum(c for _, c in rest), sorted(row for row in rest if row[1])

        return cost

    def _cost_joined(
        self, value: int, swing: int, swings: Sequence[int]
    ) -> Callable[[int], Cost]:
        """The least cost of a turn, over what the other gates of a sum may still be."""
        others = [other for other in swings if other != swing]

        def cost(turn: int) -> Cost:
            ways = self._ways_to_turn(others)
            return min(self._cost(value, {**way, swing: turn}) for way in ways)

        return cost

    def _cost_of_turn(
        self, swing: int, costs: Sequence[Callable[[int], Cost]], turn: int
    ) -> tuple[float, list[Cost]]:
        found = [cost(turn) for cost in costs]
        total = sum(cost for cost, _ in found)
        return total + self._cost_of_argument(swing, turn), found

    def _cost_of_argument(self, swing: int, turn: int) -> int:
        """Two nodes if what a turned swing is a function of has no term to add."""
        value = swing
        while is_odd(self._values.forms[value]):
            value = self._source.reads[value][0].value
        if self._values.forms[value][0] != "sum":
            return 0
        for read in self._source.reads[value]:
            if self._choices.sign(read.value) in (0, turn * read.sign):
                return 0
        return 2

    def _turn_together(self, value: int, swings: Sequence[int]) -> None:
        """What is as good if all are turned at once still says which go together."""
        ways = self._ways_to_turn(swings)
        if len(ways) == 1:
            return
        costs = [self._cost(value, way) for way in ways]
        least, masks = min(costs), self._choices.masks
        best = [way for way, cost in zip(ways, costs, strict=True) if cost == least]
        for one, other in itertools.combinations(swings, 2):
            signs = {turns[one] * turns[other] for turns in best}
            if len(signs) == 1:
                self._choices.want(masks[one] ^ masks[other], -1 in signs)

    def _ways_to_turn(self, swings: Sequence[int]) -> list[dict[int, int]]:
        """All ways to turn what is not decided; of many gates, one that leaves it."""
        signs = {swing: self._choices.sign(swing) for swing in swings}
        if len(swings) > MAX_GATES:
            return [{swing: sign for swing, sign in signs.items() if sign}]
        open_ways = [(sign,) if sign else (1, -1) for sign in signs.values()]
        return [
            dict(zip(signs, way, strict=True)) for way in itertools.product(*open_ways)
        ]

    def _cost(self, value: int, turns: Mapping[int, int]) -> Cost:
        """What a sum has besides the products of gates that are turned so."""
        terms = expand(self._values, value, turns)
        left = [(self._rank[v], abs(c)) for v, kind, c in terms if kind != GATE]
        return sum(abs(term.coefficient) for term in terms), sorted(left)

    def _add_terms(self) -> None:
        """Of each sum a term should be added, and then all, those outside first."""
        turns, wishes = {}, {}
        for value in self._order:
            if self._values.forms[value][0] == "swing":
                sign = self._choices.sign(value)
                if sign:
                    turns[value] = sign
        for value in self._order:
            if self._values.forms[value][0] == "sum":
                terms = self._in_order(expand(self._values, value, turns))
                wishes[value] = [self._wish(value, term) for term in terms]
                # Of a gate that may still be turned the terms are not yet known.
                if not any(gate_of(self._values, v) for v, kind, _ in terms if kind):
                    self._terms[value] = terms
        for value in sorted(wishes, key=lambda value: len(wishes[value])):
            self._add_one(value, wishes[value])
        for value in reversed(list(wishes)):
            for mask, negative in wishes[value]:
                self._choices.want(self._choices.masks[value] ^ mask, negative)

    def _wish(self, value: int, term: Term) -> tuple[int, bool]:
        """The sign of a term as an equation: it is added."""
        written = term.value
        if term.kind == GATE:
            gate = gate_of(self._values, written)
            assert gate is not None
            written = gate.gated
        return self._choices.masks[written], term.coefficient < 0

    def _add_one(self, value: int, wishes: list[tuple[int, bool]]) -> None:
        """Grants a wish that may still be granted, if none has been.

        The last of those that may be turned: what it is added to is often subtracted,
        as in h + z * (candidate - h).
        """
        own = self._choices.masks[value]
        free: list[tuple[int, bool]] = []
        last: list[tuple[int, bool]] = []
        for wish, negative in reversed(wishes):
            mask, sign = self._choices.reduced(own ^ wish)
            if not mask:
                if (sign < 0) == negative:
                    return
                continue
            fixed = not self._choices.reduced(wish)[0]
            (last if fixed else free).append((mask, negative != (sign < 0)))
        free += last
        # Of two opposite wishes one is granted, whatever is chosen.
        if free and not any((mask, not negative) in free for mask, negative in free):
            self._choices.want(*free[0])
