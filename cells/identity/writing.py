"""Values in normal form written as the nodes of a cell, in canonical order."""

import itertools
from typing import Final

from cells.identity.labelling import canonical_order
from cells.identity.normal_form import Values
from cells.identity.states import NewStates
from cells.ir import Cell, Node
from cells.ops import get_op

_MASK: Final = (1 << 64) - 1


class Writer:
    """The new states of a cell, written as nodes in canonical order.

    Attributes:
        groups: As in `NewStates`, in canonical order.
        nodes: The nodes, in order of evaluation as written.
        origin: For each node, a node of the original cell with the same value, or None.
        rank: The canonical rank of each value.
        place: The canonical cell's value for each that is written already.
    """

    def __init__(self, source: NewStates) -> None:
        self.source = source
        self.values = source.values
        self.rank = _ranks(source)
        head, *tail = source.groups
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

    def cell(self) -> Cell:
        """The canonical cell."""
        outputs = tuple(self.place[update] for _, update, _ in self.groups)
        return Cell(len(self.groups), tuple(self.nodes), outputs)

    def write(self, root: int) -> None:
        """Appends the nodes that compute a value: what they read first, in order."""
        # A stack of values under way: a cell may be a thousand operations deep.
        stack = [] if root in self.place else [(root, self.plan(root), 0, -1)]
        while stack:
            # What an op reads is written just before it, not all before the first op.
            value, plan, step, result = stack.pop()
            name, reads = plan[step]
            missing = next((v for v in reads if v not in self.place), None)
            if missing is not None:
                stack.append((value, plan, step, result))
                stack.append((missing, self.plan(missing), 0, -1))
                continue

            # a + b + c is two nodes, the second of which reads the first one's result.
            args = tuple(self.place[v] for v in reads)
            result = self.node(value, name, (result, *args) if step else args)
            if step + 1 < len(plan):
                stack.append((value, plan, step + 1, result))
                continue

            # The last node is the value; those before it may come from no node.
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
            # 2 a - b = a + a - b; 0 = x - x; -a = (x - x) - a.
            terms = self.ranked(rest[0])
            steps = [("add", v) for v, c in terms for _ in range(c)]
            steps += [("subtract", v) for v, c in terms for _ in range(-c)]
            if not steps:
                return [("subtract", (self.values.x, self.values.x))]
            if steps[0][0] == "subtract":
                steps.insert(0, ("add", self.values.zero))
        elif tag == "product":
            # a^2 b = a * a * b.
            steps = [("multiply", v) for v, e in self.ranked(rest[0]) for _ in range(e)]
        else:
            steps = [(tag, v) for v in sorted(rest[0], key=self.rank.__getitem__)]

        # The first op reads two values, each further one a value and the last result.
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
        place = None if op.weights else self.shared.get(key)
        if place is None:
            place = self.shared[key] = len(self.groups) + 1 + len(self.nodes)
            self.nodes.append(Node(name, args, attrs))
            self.origin.append(None)
        return place


def _ranks(source: NewStates) -> dict[int, int]:
    """The canonical rank of each needed value: by height first, then as written."""
    # The values as a graph: a sum has edges to its terms, labelled by coefficients, an
    # old state one to its update. The ranks are a canonical labelling of it.
    values, needed = source.values, source.needed
    place = {value: i for i, value in enumerate(needed)}
    edges = [_edges(values, value, place) for value in needed]
    updates = {place[old]: place[new] for old, new, _ in source.groups}

    # Vertices are told apart by height and kind, and by what hashing their surroundings
    # adds to that; mostly that is enough, and the exact labelling has nothing to do.
    heights: list[int] = []
    for reads in edges:
        heights.append(1 + max((heights[i] for i, _ in reads), default=-1))
    first = place[source.groups[0][0]]
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

    # Ranks rise with height, so that arguments come before what reads them. Sorting is
    # stable: what looks alike keeps the order of the labelling.
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
    # From below: a value's number mixes those of what it reads; a state's mixes its
    # update's, once, or twice where there are many states that may feed each other.
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

    # From above: and those of what reads it.
    read_by = [0] * len(colours)
    for old, new in updates.items():
        read_by[new] += _mix(made_of[old] + 1)
    for i in reversed(range(len(edges))):
        made_of[i] = total = _mix(made_of[i] + read_by[i])
        for j, label in edges[i]:
            read_by[j] += _mix(total + label)

    # The old colour comes first, so that heights stay in order.
    pairs = list(zip(colours, made_of, strict=True))
    finest = {pair: i for i, pair in enumerate(sorted(set(pairs)))}
    return [finest[pair] for pair in pairs]


def _mix(number: int) -> int:
    """A 64-bit number that spreads a small change over all bits (splitmix64)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
