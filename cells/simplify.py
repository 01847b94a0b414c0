"""Identity of cells: the canonical form, its digest, and how weights map to it."""

import bisect
import hashlib
import itertools
import json
from typing import Final, NamedTuple

from cells.check import check
from cells.ir import Cell, Node
from cells.labelling import canonical_order
from cells.ops import get_op
from cells.values import Values

MAX_TERMS: Final = 64
"""Sums, products and extremes of more terms are not reordered as a whole."""

_MASK: Final = (1 << 64) - 1


class Canonical(NamedTuple):
    """A cell in canonical form, and where its parts come from.

    Attributes:
        cell: The canonical cell.
        nodes: For each of its nodes, the node of the original cell that computes the
            same value; None where there is none, never for a node with weights.
        states: For each of its states, the state of the original cell (the first, if
            several were merged).
    """

    cell: Cell
    nodes: tuple[int | None, ...]
    states: tuple[int, ...]

    @property
    def digest(self) -> str:
        """The digest that the canonical and the original cell share."""
        nodes = [[get_op(n.op).key, n.args, n.attrs] for n in self.cell.nodes]
        content = [self.cell.num_states, nodes, self.cell.outputs]
        text = json.dumps(content, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest(cell: Cell) -> str:
    """32 hexadecimal digits that equivalent cells share: see `canonicalize`.

    Raises:
        CellError: The cell is not valid.
    """
    return canonicalize(cell).digest


def canonical(cell: Cell) -> Cell:
    """The one cell that stands for all equivalent ones: see `canonicalize`.

    Raises:
        CellError: The cell is not valid.
    """
    return canonicalize(cell).cell


def canonicalize(cell: Cell) -> Canonical:
    """The canonical form of a cell.

    Two cells are the same if, with the weights of one mapped to the other, they
    compute the same function of weights and inputs in real arithmetic from states of
    zero, and the weights are drawn from the same distribution. Functions that are
    equal for all weights have equal gradients but on sets of measure zero, so the two
    take the same gradient steps. Cells of one canonical form are the same.

    Found are, through the recurrence and in any combination:

    - nodes and states that the first output never depends on: removed;
    - states that are equal because their updates are, if all are (optimistically, as
      all states start as zeros): merged; states that stay zero: removed;
    - equal subexpressions: shared. Nodes with weights (linear, scale) are never shared
      or folded: each owns its weights;
    - sums and differences that are equal as integer combinations, whatever their
      order and grouping, terms that cancel (`a + (b - a)` is `b`, `a - a` is zero,
      written `x - x`); products that are equal as monomials, factors `one` and zero;
      `maximum` and `minimum` of equal sets;
    - `relu(a)` and `leaky_relu(a)` of a value known never to be negative (by its op, as
      an even power, a sum or product of such, or a state whose update is such):
      `a`; `relu(leaky_relu(a))`: `relu(a)`; ops that are zero at zero, of zero;
    - any numbering of nodes and of the states but the first, any order of the
      arguments of commutative ops: by an exact labelling, not by colour refinement.

    Not found are: distributivity (`z * c + h - z * h` is not `h + z * (c - h)`);
    another grouping of sums or products where it would cost more nodes than it saves
    or has more than 64 terms; odd and even functions (`tanh(a - b)` is
    `-tanh(b - a)`), `sigmoid(-a)` as `1 - sigmoid(a)` and all identities between
    different ops but those named; symmetries of the weights' distribution (a gate z
    and a gate 1 - z whose weights have the other sign); identities of a person's own
    ops but commutativity; delayed equality of states.

    A canonical cell is valid, has no more nodes than the original, lists its nodes in
    the order of evaluation as written (arguments before the op, left to right), and
    its canonical form is itself.

    Raises:
        CellError: The cell is not valid, or too symmetric (`canonical_order`).
    """
    check(cell)
    flat = _Simplified(cell, MAX_TERMS)
    if flat.may_grow():
        # Shared parts of long sums may be needed by themselves as well.
        binary = _Simplified(cell, 1)
        written = _Writer(flat)
        if len(written.nodes) <= binary.num_nodes():
            return written.result()
        return _Writer(binary).result()
    return _Writer(flat).result()


class _Simplified:
    """The new states of a cell as values in normal form.

    Attributes:
        values: The table of values.
        groups: For each class of equal states that is needed, first the first state's:
            the value of the old states, of the new ones, and an original state.
        needed: The values that are needed, in order of evaluation.
        origin: For each value, a node of the cell that computes it, if there is one.
    """

    def __init__(self, cell: Cell, max_terms: int) -> None:
        states, nodes = _live(cell)
        # Class 0 holds the states that stay zero; all are taken to, until they do not.
        group, nonnegative = dict.fromkeys(states, 0), [True]
        while True:
            values, of = _evaluate(cell, nodes, group, nonnegative, max_terms)
            keys, split, sign = {(0, values.zero): 0}, dict(group), [True]
            for state in states:
                update = of[cell.outputs[state]]
                key = (group[state], update)
                if key not in keys:
                    keys[key] = len(keys)
                    sign.append(nonnegative[key[0]] and values.nonnegative[update])
                split[state] = keys[key]
            if split == group and sign == nonnegative:
                break
            group, nonnegative = split, sign
        self.values = values
        self.origin: dict[int, int] = {}
        for index in nodes:
            self.origin.setdefault(of[cell.num_inputs + index], index)
        self._collect(cell, of, states)

    def _collect(self, cell: Cell, of: list[int], states: list[int]) -> None:
        first: dict[int, int] = {}
        for state in states:
            if state == 0 or of[1 + state] != self.values.zero:
                first.setdefault(of[1 + state], state)
        pending, self.groups = [of[1]], list[tuple[int, int, int]]()
        seen = {of[1]}
        while pending:
            value = pending.pop()
            reads = self.values.args(value)
            if value in first:
                update = of[cell.outputs[first[value]]]
                self.groups.append((value, update, first[value]))
                reads = (update,)
            for other in reads:
                if other not in seen:
                    seen.add(other)
                    pending.append(other)
        self.needed = sorted(seen)

    def may_grow(self) -> bool:
        """Whether writing these values could take more nodes than they came from."""
        for value in self.needed:
            tag, *rest = self.values.forms[value]
            if tag == "sum":
                terms = [c for _, c in rest[0]]
                if sum(map(abs, terms)) > 2 or (terms and max(terms) < 0):
                    return True
            elif tag == "product":
                if sum(e for _, e in rest[0]) > 2:
                    return True
            elif tag in ("maximum", "minimum") and len(rest[0]) > 2:
                return True
        return False

    def num_nodes(self) -> int:
        """The number of nodes, if sums and products have no more than two terms."""
        forms = [self.values.forms[value] for value in self.needed]
        count = sum(form[0] not in ("input", "state") for form in forms)
        negated = any(form[0] == "sum" and form[1] for form in forms)
        return count + (negated and self.values.zero not in self.needed)


def _live(cell: Cell) -> tuple[list[int], list[int]]:
    """The states and nodes that the first output depends on, through time too."""
    inputs = cell.num_inputs
    seen, pending = {1, cell.outputs[0]}, [1, cell.outputs[0]]
    while pending:
        value = pending.pop()
        if value >= inputs:
            reads = cell.nodes[value - inputs].args
        else:
            reads = (cell.outputs[value - 1],) if value else ()
        for other in reads:
            if other not in seen:
                seen.add(other)
                pending.append(other)
    values = sorted(seen - {0})
    split = bisect.bisect_left(values, inputs)
    return [v - 1 for v in values[:split]], [v - inputs for v in values[split:]]


def _evaluate(
    cell: Cell,
    nodes: list[int],
    group: dict[int, int],
    nonnegative: list[bool],
    max_terms: int,
) -> tuple[Values, list[int]]:
    """The normal forms of all live values, if states of one class are equal."""
    values = Values(max_terms)
    inputs = cell.num_inputs
    of = [values.zero] * (inputs + len(cell.nodes))
    of[0] = values.x
    for state, c in group.items():
        if c:
            of[1 + state] = values.state(c, nonnegative[c])
    for index in nodes:
        node = cell.nodes[index]
        of[inputs + index] = values.apply(index, node, [of[arg] for arg in node.args])
    return values, of


class _Writer:
    """Writes values in normal form as the nodes of a cell, in canonical order."""

    def __init__(self, simplified: _Simplified) -> None:
        self.source = simplified
        self.values = simplified.values
        self.rank = _ranks(simplified)
        head, *tail = simplified.groups
        self.groups = [head, *sorted(tail, key=lambda group: self.rank[group[0]])]
        self.nodes: list[Node] = []
        self.origin: list[int | None] = []
        self.shared: dict[tuple[str, tuple[float, ...], tuple[int, ...]], int] = {}
        self.place = {self.values.x: 0}
        for state, (value, _, _) in enumerate(self.groups, 1):
            if self.values.forms[value][0] == "state":
                self.place[value] = state
        for _, update, _ in self.groups:
            self.write(update)

    def result(self) -> Canonical:
        """The canonical cell."""
        outputs = tuple(self.place[update] for _, update, _ in self.groups)
        cell = Cell(len(self.groups), tuple(self.nodes), outputs)
        states = tuple(state for _, _, state in self.groups)
        return Canonical(cell, tuple(self.origin), states)

    def write(self, root: int) -> None:
        """Appends the nodes that compute a value: what they read first, in order."""
        stack = [] if root in self.place else [(root, self.plan(root), 0, -1)]
        while stack:
            value, plan, step, result = stack.pop()
            name, reads = plan[step]
            missing = next((v for v in reads if v not in self.place), None)
            if missing is not None:
                stack.append((value, plan, step, result))
                stack.append((missing, self.plan(missing), 0, -1))
                continue
            args = tuple(self.place[v] for v in reads)
            result = self.node(value, name, (result, *args) if step else args)
            if step + 1 < len(plan):
                stack.append((value, plan, step + 1, result))
                continue
            self.place[value] = result
            index = result - len(self.groups) - 1
            if self.origin[index] is None:
                self.origin[index] = self.source.origin.get(value)

    def plan(self, value: int) -> list[tuple[str, tuple[int, ...]]]:
        """The ops that make a value: each reads the last one's result, then these."""
        tag, *rest = self.values.forms[value]
        if tag == "op":
            name, _, args, _ = rest
            if get_op(name).commutative:
                args = tuple(sorted(args, key=self.rank.__getitem__))
            return [(name, args)]
        if tag == "sum":
            steps = [("add", v) for v, c in self.ranked(rest[0]) for _ in range(c)]
            steps += [
                ("subtract", v) for v, c in self.ranked(rest[0]) for _ in range(-c)
            ]
            if not steps:
                return [("subtract", (self.values.x, self.values.x))]
            if steps[0][0] == "subtract":
                steps.insert(0, ("add", self.values.zero))
        elif tag == "product":
            steps = [("multiply", v) for v, e in self.ranked(rest[0]) for _ in range(e)]
        else:
            steps = [(tag, v) for v in sorted(rest[0], key=self.rank.__getitem__)]
        (_, first), (name, second), *others = steps
        return [(name, (first, second)), *((name, (v,)) for name, v in others)]

    def ranked(self, parts: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
        """Terms or factors in canonical order."""
        return sorted(parts, key=lambda part: self.rank[part[0]])

    def node(self, value: int, name: str, args: tuple[int, ...]) -> int:
        """The place of a node, which is appended unless an equal one is there."""
        form = self.values.forms[value]
        op, attrs = get_op(name), form[2] if form[0] == "op" else ()
        key = (name, attrs, tuple(sorted(args)) if op.commutative else args)
        found = None if op.weights else self.shared.get(key)
        if found is None:
            found = self.shared[key] = len(self.groups) + 1 + len(self.nodes)
            self.nodes.append(Node(name, args, attrs))
            self.origin.append(None)
        return found


def _ranks(simplified: _Simplified) -> dict[int, int]:
    """The canonical rank of each needed value: by height first, then as written."""
    values, needed = simplified.values, simplified.needed
    place = {value: i for i, value in enumerate(needed)}
    edges = [_edges(values, value, place) for value in needed]
    updates = {place[old]: place[new] for old, new, _ in simplified.groups}
    heights: list[int] = []
    for reads in edges:
        heights.append(1 + max((heights[i] for i, _ in reads), default=-1))
    first = place[simplified.groups[0][0]]
    kinds = [
        (heights[i], *_kind(values, value, i == first))
        for i, value in enumerate(needed)
    ]
    number = {kind: i for i, kind in enumerate(sorted(set(kinds)))}
    colours = _spread([number[kind] for kind in kinds], edges, updates)
    if len(set(colours)) < len(colours):
        loops = [
            [*e, (updates[i], 0)] if i in updates else e for i, e in enumerate(edges)
        ]
        order = canonical_order(colours, loops)
    else:
        order = sorted(range(len(colours)), key=colours.__getitem__)
    # Sorting is stable: what looks alike keeps the order of the labelling.
    rank = [0] * len(order)
    order.sort(key=heights.__getitem__)
    start = 0
    for _, level in itertools.groupby(order, key=heights.__getitem__):
        alike = {i: (sorted(rank[j] for j, _ in edges[i]), kinds[i]) for i in level}
        for offset, i in enumerate(sorted(alike, key=alike.__getitem__)):
            rank[i] = start + offset
        start += len(alike)
    return {value: rank[i] for i, value in enumerate(needed)}


def _edges(values: Values, value: int, place: dict[int, int]) -> list[tuple[int, int]]:
    """What a value reads: places of values, labelled by their part in it."""
    tag, *rest = values.forms[value]
    if tag == "op":
        name, _, args, _ = rest
        if get_op(name).commutative:
            return [(place[arg], 0) for arg in args]
        return [(place[arg], i) for i, arg in enumerate(args)]
    if tag == "sum":
        return [(place[v], 2 * abs(c) + (c < 0)) for v, c in rest[0]]
    if tag == "product":
        return [(place[v], e) for v, e in rest[0]]
    return [(place[v], 0) for v in values.args(value)]


def _kind(values: Values, value: int, first: bool) -> tuple[float | str, ...]:
    """What tells values apart at first sight, the same in every program."""
    tag, *rest = values.forms[value]
    if tag == "op":
        return (3, tag, get_op(rest[0]).key, *rest[1])
    return (0 if tag == "input" else 1 if first else 2 if tag == "state" else 3, tag)


def _spread(
    colours: list[int], edges: list[list[tuple[int, int]]], updates: dict[int, int]
) -> list[int]:
    """Finer colours: each value's tells what it is made of and what is made of it.

    Numbers stand for what they were mixed from, so two values that could be told
    apart may keep one colour; the labelling, which is exact, comes after.
    """
    made_of = [_mix(colour) for colour in colours]
    for _ in range(2 if len(updates) > 2 else 1):
        made_of = [
            _mix(colour + made_of[updates[i]]) if i in updates else made_of[i]
            for i, colour in enumerate(colours)
        ]
        for i, reads in enumerate(edges):
            if reads:
                total = colours[i]
                for j, label in reads:
                    total += _mix(made_of[j] + label)
                made_of[i] = _mix(total)
    read_by = [0] * len(colours)
    for old, new in updates.items():
        read_by[new] += _mix(made_of[old] + 1)
    for i in reversed(range(len(edges))):
        made_of[i] = total = _mix(made_of[i] + read_by[i])
        for j, label in edges[i]:
            read_by[j] += _mix(total + label)
    pairs = list(zip(colours, made_of, strict=True))
    finest = {pair: i for i, pair in enumerate(sorted(set(pairs)))}
    return [finest[pair] for pair in pairs]


def _mix(number: int) -> int:
    """A 64-bit number that spreads a small change over all bits (splitmix64)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
