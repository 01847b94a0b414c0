"""The new states of a cell in normal form, with states that are always equal merged."""

import bisect
import itertools
from typing import NamedTuple

from cells.identity.forms import ABOVE, BELOW, Read, mirrored
from cells.identity.identities import USES_BOUNDS, value_of
from cells.identity.normal_form import Values
from cells.ir import Cell
from cells.ops import OPS


class Group(NamedTuple):
    """A class of states that are always equal, or each other's negatives.

    Attributes:
        old: The value of the first of them before the step.
        new: Its value after the step, or the negative of that.
        sign: 1, or -1 if it is the negative.
        state: The first of them in the cell.
    """

    old: int
    new: int
    sign: int
    state: int


class NewStates:
    """The new states of a cell as values in normal form.

    Attributes:
        values: The table of values.
        groups: The classes of states that are needed, the first state's first.
        reads: For each value that is needed, up to its sign, what it is computed from.
        needed: These values, in order of evaluation.
        origin: For each value, a node of the cell that computes it up to its sign (or,
            if it is a gate, up to its orientation), if there is one.
        live: How many nodes of the cell the first output depends on.
    """

    def __init__(self, cell: Cell, max_terms: int, signed: bool) -> None:
        states, nodes = _live(cell)
        bounded = any(cell.nodes[index].op in USES_BOUNDS for index in nodes)

        # All states start as zeros, so all are equal and stay zero (class 0) until two
        # of a class have different updates: s = f(s) and t = f(t) are never told apart.
        group, bounds = dict.fromkeys(states, (0, 1)), [ABOVE | BELOW]
        if not bounded and _differ_at_once(cell, states, nodes):
            group = {state: (number, 1) for number, state in enumerate(states, 1)}
            bounds += [0] * len(states)
        while True:
            values = Values(max_terms, signed, bounded)
            form_of = _evaluate(cell, nodes, values, group, bounds)
            split, limits = _split(cell, values, form_of, group, bounds)
            if split == group and limits == bounds:
                break
            group, bounds = split, limits

        # Several nodes may compute one value: the first of them is where it comes from.
        self.values = values
        self.live = len(nodes)
        self.origin: dict[int, int] = {}
        for index in nodes:
            _, value = values.split(form_of[cell.num_inputs + index])
            self.origin.setdefault(value, index)
            if value in values.odd_parts:
                self.origin.setdefault(values.odd_parts[value], index)
        self._collect(cell, form_of, states)

    def _collect(self, cell: Cell, form_of: list[int], states: list[int]) -> None:
        """Finds the classes and values that the first output needs, through time."""
        # The first state of a class stands for all; those that stay zero are no class,
        # but what the layer emits has to be a state.
        first: dict[int, int] = {}
        for state in states:
            if state == 0 or form_of[1 + state] != self.values.zero:
                first.setdefault(form_of[1 + state], state)

        # An old state needs its update; any other value needs what it is made of.
        values, pending = self.values, [form_of[1]]
        self.groups: list[Group] = []
        self.reads: dict[int, list[Read]] = {}
        while pending:
            value = pending.pop()
            if value in self.reads:
                continue
            self.reads[value] = values.reads(value)
            pending += [read.value for read in self.reads[value]]
            if value in first:
                sign, new = values.split(form_of[cell.outputs[first[value]]])
                self.groups.append(Group(value, new, sign, first[value]))
                pending.append(new)

        # A swing may be written as 2 * z - 1.
        if any(values.forms[value][0] == "swing" for value in self.reads):
            self.reads.setdefault(values.one, [])
        self.needed = sorted(self.reads)

    def shares(self) -> bool:
        """Whether a value is needed that has also been merged into another, or two."""
        merged = self.values.merged.items()
        return any(times > 1 or value in self.reads for value, times in merged)

    def num_nodes(self) -> int:
        """The number of nodes, if nothing but sums has more than two parts."""
        values, count, negated = self.values, 0, False
        for value in self.needed:
            form = values.forms[value]
            if form[0] != "sum" or value == values.zero:
                count += form[0] not in ("input", "state")
                continue
            count += int(sum(abs(c) for _, c in form[1])) - 1
            if all(c < 0 for _, c in form[1]):
                count, negated = count + 1, True
        return count + (negated and values.zero not in self.needed)


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


def _split(
    cell: Cell,
    values: Values,
    form_of: list[int],
    group: dict[int, tuple[int, int]],
    bounds: list[int],
) -> tuple[dict[int, tuple[int, int]], list[int]]:
    """Classes of states that are equal after one step more, and their bounds.

    For each state its class, and the sign with which it is what the class is.
    """
    split, limits = dict(group), [ABOVE | BELOW]
    keys = {(0, values.zero): (0, 1)}
    for state, (number, sign) in group.items():
        update = form_of[cell.outputs[state]]
        new = update if sign > 0 else values.negative(update)
        # Zeros have either sign: what follows them decides it.
        if number == 0:
            sign, new = values.split(new)
        # The first of a class gives it its sign.
        if (number, new) not in keys:
            keys[number, new] = (len(limits), sign)
            known = bounds[number] if sign > 0 else mirrored(bounds[number])
            limits.append(known & values.bounds[update] if values.bounded else 0)
        target, first = keys[number, new]
        split[state] = (target, sign * first)
    return split, limits


def _differ_at_once(cell: Cell, states: list[int], nodes: list[int]) -> bool:
    """Whether no state is zero after one step, and no two are equal up to sign.

    That is sure if each depends on x or some node's weights that the other does not
    reach. Most cells are told so at a fraction of what evaluating them costs.
    """
    inputs = cell.num_inputs
    # What a value depends on at most, and for sure, as bits: that of x and of nodes.
    most = [1] + [0] * (cell.num_states + len(cell.nodes))
    sure = list(most)
    for index in nodes:
        name, args, _ = cell.nodes[index]
        own = 2 << index if OPS[name].weights else 0
        value = inputs + index
        if name == "linear":
            sure[value] = own
        elif name in ("add", "subtract", "multiply"):
            a, b = args
            if name != "multiply" or (sure[a] and sure[b]):
                sure[value] = sure[a] & ~most[b] | sure[b] & ~most[a]
        elif len(args) == 1 and sure[args[0]]:
            sure[value] = sure[args[0]] | own
        for arg in args:
            own |= most[arg]
        most[value] = own
    updates = [cell.outputs[state] for state in states]
    return all(sure[update] for update in updates) and all(
        sure[one] & ~most[other] | sure[other] & ~most[one]
        for one, other in itertools.combinations(updates, 2)
    )


def _evaluate(
    cell: Cell,
    nodes: list[int],
    values: Values,
    group: dict[int, tuple[int, int]],
    bounds: list[int],
) -> list[int]:
    """The normal forms of all live values, if states of one class are equal."""
    inputs = cell.num_inputs
    form_of = [values.zero] * (inputs + len(cell.nodes))
    form_of[0] = values.x
    for state, (number, sign) in group.items():
        if number:
            old = values.intern(("state", number), bounds[number])
            form_of[1 + state] = old if sign > 0 else values.negative(old)
    for index in nodes:
        node = cell.nodes[index]
        args = [form_of[arg] for arg in node.args]
        form_of[inputs + index] = value_of(values, index, node, args)
    return form_of
