"""Values in normal form written as the nodes of a cell, in canonical order."""

from collections.abc import Iterable, Sequence

from cells.identity.forms import EXTREMES, SWINGS, is_blind, is_odd
from cells.identity.gates import GATE, gate_of
from cells.identity.ranking import rank_values
from cells.identity.signs import Signs
from cells.identity.states import Group, NewStates
from cells.ir import Cell, Node
from cells.ops import get_op

Part = tuple[int, int]
"""What can be written: a value, and 1 if it has the sign that was chosen, -1 if it has
the other, or `GATE`."""

Step = tuple[str, tuple[Part, ...]]
"""An op, and what it reads besides the result of the step before."""


class Writer:
    """The new states of a cell, written as nodes in canonical order.

    Raises CellError if the cell is too symmetric: see `rank_values`.

    Attributes:
        groups: As in `NewStates`, in canonical order.
        nodes: The nodes, in order of evaluation as written.
        origin: For each node, a node of the original cell as in `NewStates`, or None.
        signs: For each node, the sign of each of its weights (kernel, bias) against
            those of the node that it comes from.
        rank: The canonical rank of each value.
        sign: For each value 1, or -1 where its negative is written.
        place: The canonical cell's value for each part that is written already.
    """

    def __init__(self, source: NewStates) -> None:
        self.source = source
        self.values = source.values
        self.rank = rank_values(source)
        self.chosen = Signs(source, self.rank)
        self.sign = self.chosen.of
        head, *tail = source.groups
        self.groups = [head, *sorted(tail, key=lambda group: self.rank[group.old])]
        self.nodes: list[Node] = []
        self.origin: list[int | None] = []
        self.signs: list[tuple[int, ...]] = []
        self.shared: dict[tuple[str, tuple[float, ...], tuple[int, ...]], int] = {}
        self.place: dict[Part, int] = {(self.values.x, 1): 0}
        self.taken: set[int] = set()
        for state, group in enumerate(self.groups, 1):
            if self.values.forms[group.old][0] == "state":
                self.place[group.old, 1] = state
        for group in self.groups:
            self.write(self.new_state(group))

    def cell(self) -> Cell:
        """The canonical cell."""
        outputs = tuple(self.place[self.new_state(group)] for group in self.groups)
        return Cell(len(self.groups), tuple(self.nodes), outputs)

    def new_state(self, group: Group) -> Part:
        """What a class of states becomes."""
        return self.part(group.new, group.sign * self.sign[group.old])

    def part(self, value: int, sign: int) -> Part:
        """A value with a sign, as what can be written."""
        return value, sign * self.sign[value]

    def write(self, root: Part) -> None:
        """Appends the nodes that compute a value: what they read first, in order."""
        # A stack of parts under way: a cell may be a thousand operations deep.
        place = self.place
        stack = [] if root in place else [(root, self.plan(root), 0, -1)]
        while stack:
            # What an op reads is written just before it, not all before the first op.
            part, plan, step, result = stack.pop()
            name, reads = plan[step]
            for read in reads:
                if read not in place:
                    stack.append((part, plan, step, result))
                    stack.append((read, self.plan(read), 0, -1))
                    break
            else:
                # a + b + c is two nodes, the second of which reads the first's result.
                args = tuple([place[read] for read in reads])
                if step:
                    args = (result, *args)
                result = self.node(part[0], name, args) if name else args[0]
                if step + 1 < len(plan):
                    stack.append((part, plan, step + 1, result))
                    continue
                place[part] = result
                self.trace(part, result)

    def trace(self, part: Part, result: int) -> None:
        """Notes where a node comes from, once for each node of the original cell."""
        index = result - len(self.groups) - 1
        if index < 0 or self.origin[index] is not None:
            return
        origin = self.source.origin.get(part[0])
        if origin is not None and origin not in self.taken:
            self.origin[index] = origin
            self.taken.add(origin)

    def plan(self, part: Part) -> list[Step]:
        """The ops that make a value; an op without a name is what it reads."""
        value, sign = part
        form = self.values.forms[value]
        if form[0] == "sum" or (sign != GATE and form[0] in SWINGS):
            return self.plan_sum(value, sign)
        if sign < 0:
            return [("subtract", ((self.values.zero, 1), (value, 1)))]
        if sign == GATE and form[0] == "swing":
            return [("sigmoid", ((form[1], 1),))]
        if sign == GATE:
            reads = [(form[1], GATE), (form[2], 1)]
            return [("multiply", self.in_order(reads))]
        return self.plan_op(value)

    def plan_op(self, value: int) -> list[Step]:
        """The ops of a value that is not a sum, with the sign that was chosen."""
        form, reads = self.values.forms[value], self.source.reads[value]
        if form[0] == "product":
            factors = [(read.value, 1) for read in reads for _ in range(read.part)]
            return self.chain("multiply", self.in_order(factors))
        # A maximum whose negative was chosen is the minimum of its members' negatives.
        if form[0] in EXTREMES:
            outer = self.sign[value]
            members = [self.part(read.value, outer * read.sign) for read in reads]
            name = form[0] if outer > 0 else "minimum"
            return self.chain(name, self.in_order(members))
        # What is odd, or has a matrix of either sign, reads what is written.
        if is_blind(form) or is_odd(form):
            return [(form[1], ((reads[0].value, 1),))]
        args = tuple([self.part(read.value, read.sign) for read in reads])
        return [(form[1], self.in_order(args) if get_op(form[1]).commutative else args)]

    def plan_sum(self, value: int, sign: int) -> list[Step]:
        """Terms are added first, then subtracted; gates are as they were turned."""
        if value == self.values.zero:
            return [("subtract", ((self.values.x, 1), (self.values.x, 1)))]
        # 2 a - b = a + a - b.
        outer = sign * self.sign[value]
        added, subtracted = list[Part](), list[Part]()
        for term in self.chosen.terms(value):
            written = term.value
            if term.kind == GATE:
                gate = gate_of(self.values, written)
                assert gate is not None
                written = gate.gated
            count = int(term.coefficient) * outer * self.sign[written]
            assert count in (term.coefficient, -term.coefficient), "whole numbers"
            part = (term.value, term.kind)
            if count > 0:
                added += [part] * count
            else:
                subtracted += [part] * -count

        # -a - b = (x - x) - (a + b); a sum of one term is that term.
        if not added:
            return [("subtract", ((self.values.zero, 1), (value, -sign)))]
        first, *others = added
        steps = [("add", part) for part in others]
        steps += [("subtract", part) for part in subtracted]
        if not steps:
            return [("", (first,))]
        (name, second), *rest_of_steps = steps
        return [(name, (first, second)), *((name, (p,)) for name, p in rest_of_steps)]

    def chain(self, name: str, parts: Sequence[Part]) -> list[Step]:
        """An op applied to two parts, and to its result and each other."""
        first, second, *others = parts
        return [(name, (first, second)), *((name, (part,)) for part in others)]

    def in_order(self, parts: Iterable[Part]) -> tuple[Part, ...]:
        """Parts in canonical order."""
        return tuple(sorted(parts, key=lambda part: (self.rank[part[0]], part[1])))

    def node(self, value: int, name: str, args: tuple[int, ...]) -> int:
        """The place of a node, which is appended unless an equal one is there."""
        form, op = self.values.forms[value], get_op(name)
        attrs = form[2] if form[0] == "op" and form[1] == name else ()
        key = (name, attrs, tuple(sorted(args)) if op.commutative else args)
        place = None if op.weights else self.shared.get(key)
        if place is None:
            place = self.shared[key] = len(self.groups) + 1 + len(self.nodes)
            self.nodes.append(Node(name, args, attrs))
            self.origin.append(None)
            self.signs.append(self.signs_of_weights(value) if op.weights else ())
        return place

    def signs_of_weights(self, value: int) -> tuple[int, ...]:
        """By what to multiply the weights of the node that a value comes from.

        The cell has W u + b = o y, with u = i v, where the table has v and y, and what
        is written may be -v and -y: signs i and o, and those chosen for both.
        """
        form, (read,) = self.values.forms[value], self.source.reads[value]
        inner, outer = self.values.flips[form[4]]
        outer *= self.sign[value]
        if form[1] != "linear":
            return (1,) * len(get_op(form[1]).weights)
        if is_blind(form) or is_odd(form):
            inner *= self.sign[read.value]
        return (inner * outer, outer)
