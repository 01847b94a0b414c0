"""The new states of a cell in normal form, with states that are always equal merged."""

import bisect

from cells.identity.normal_form import Values
from cells.ir import Cell


class NewStates:
    """The new states of a cell as values in normal form.

    Attributes:
        values: The table of values.
        groups: For each class of equal states that is needed, first the first state's:
            the value of the old states, of the new ones, and an original state.
        needed: The values that are needed, in order of evaluation.
        origin: For each value, a node of the cell that computes it, if there is one.
    """

    def __init__(self, cell: Cell, max_terms: int) -> None:
        # All states start as zeros, so all are equal and stay zero (class 0) until two
        # of a class have different updates: s = f(s) and t = f(t) are never told apart.
        states, nodes = _live(cell)
        group, nonnegative = dict.fromkeys(states, 0), [True]
        while True:
            values, form_of = _evaluate(cell, nodes, group, nonnegative, max_terms)
            keys, split, sign = {(0, values.zero): 0}, dict(group), [True]
            for state in states:
                update = form_of[cell.outputs[state]]
                key = (group[state], update)
                if key not in keys:
                    keys[key] = len(keys)
                    sign.append(nonnegative[key[0]] and values.nonnegative[update])
                split[state] = keys[key]
            if split == group and sign == nonnegative:
                break
            group, nonnegative = split, sign

        # Several nodes may compute one value: the first of them is where it comes from.
        self.values = values
        self.origin: dict[int, int] = {}
        for index in nodes:
            self.origin.setdefault(form_of[cell.num_inputs + index], index)
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
        pending, self.groups = [form_of[1]], list[tuple[int, int, int]]()
        seen = {form_of[1]}
        while pending:
            value = pending.pop()
            reads = self.values.args(value)
            if value in first:
                update = form_of[cell.outputs[first[value]]]
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
    form_of = [values.zero] * (inputs + len(cell.nodes))
    form_of[0] = values.x
    for state, c in group.items():
        if c:
            form_of[1 + state] = values.state(c, nonnegative[c])
    for index in nodes:
        node = cell.nodes[index]
        args = [form_of[arg] for arg in node.args]
        form_of[inputs + index] = values.apply(index, node, args)
    return values, form_of
