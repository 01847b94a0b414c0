"""Hypothesis strategies: valid cells of any op set, and mutants."""

from collections.abc import Sequence

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from cells import OPS, Cell, Node, op_names

ATTRIBUTES = (0.0, 1.0, -1.0, 0.9, 1.1, 0.5)
_BACK = st.integers(0, 2**16)


@st.composite
def cells(
    draw: st.DrawFn,
    ops: str | Sequence[str] = "extended",
    max_states: int = 4,
    max_nodes: int = 30,
) -> Cell:
    """Valid cells; every node is reachable, in any order of evaluation.

    Args:
        draw: Given by Hypothesis.
        ops: The ops to draw from: a set, names, or both.
        max_states: Largest number of states; the smallest is 1.
        max_nodes: Largest number of nodes; there may be none.
    """
    rows = [OPS[name] for name in op_names(ops)]
    num_states = draw(st.integers(1, max_states))
    attribute = st.sampled_from(ATTRIBUTES)
    row = st.tuples(st.sampled_from(rows), _BACK, _BACK, attribute, attribute)
    first, nodes = num_states + 1, []
    count = draw(st.integers(0, max_nodes))
    for op, *rest in draw(st.lists(row, min_size=count, max_size=count)):
        size = first + len(nodes)
        # Counted backwards, so that examples shrink towards chains.
        args = tuple(size - 1 - back % size for back in rest[: op.arity])
        nodes.append(Node(op.name, args, tuple(rest[2 : 2 + len(op.attributes)])))
    joins = [op.name for op in rows if op.kind == "elementwise"]
    sinks = _sinks(first, nodes)
    while joins and len(sinks) > num_states and len(nodes) < max_nodes:
        nodes.append(Node(draw(st.sampled_from(joins)), (sinks.pop(), sinks.pop())))
        sinks.insert(0, first + len(nodes) - 1)
    size = first + len(nodes)
    outputs = [size - 1 - draw(_BACK) % size for _ in range(num_states)]
    outputs[: len(sinks)] = sinks[-num_states:]
    return _pruned(num_states, nodes, draw(st.permutations(outputs)))


@st.composite
def mutants(
    draw: st.DrawFn,
    ops: str | Sequence[str] = "extended",
    max_states: int = 3,
    max_nodes: int = 20,
) -> Cell:
    """Cells as a search meets them: mutants of LSTM, GRU and other valid cells."""
    from cells import mutate

    sizes = {"max_states": max_states, "max_nodes": max_nodes}
    parent = draw(st.one_of(st.sampled_from(SEEDS), cells(ops, **sizes)))
    # Nothing applies to a cell of no nodes, or of constants alone.
    assume(any(node.args for node in parent.nodes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return mutate(parent, rng, ops=ops).cell


def _sinks(first: int, nodes: list[Node]) -> list[int]:
    read = {arg for node in nodes for arg in node.args}
    return [first + i for i in range(len(nodes)) if first + i not in read]


def _pruned(num_states: int, nodes: list[Node], outputs: Sequence[int]) -> Cell:
    """The cell without the nodes that no output depends on."""
    first, used = num_states + 1, set(outputs)
    for index in reversed(range(len(nodes))):
        if first + index in used:
            used.update(nodes[index].args)
    kept = [i for i in range(len(nodes)) if first + i in used]
    place = {value: value for value in range(first)}
    place |= {first + old: first + new for new, old in enumerate(kept)}
    return Cell(
        num_states,
        tuple(
            nodes[i]._replace(args=tuple(place[arg] for arg in nodes[i].args))
            for i in kept
        ),
        tuple(place[output] for output in outputs),
    )


class Builder:
    """Writes a cell node by node, in tests that must not depend on the text form."""

    def __init__(self, num_states: int) -> None:
        self.num_states = num_states
        self.nodes: list[Node] = []

    def __call__(self, op: str, *args: int, attrs: tuple[float, ...] = ()) -> int:
        """Adds a node and returns its value's index; attributes default to zeros."""
        attrs = attrs or (0.0,) * len(OPS[op].attributes)
        self.nodes.append(Node(op, args, attrs))
        return self.num_states + len(self.nodes)

    def cell(self, *outputs: int) -> Cell:
        """The cell with these outputs."""
        return Cell(self.num_states, tuple(self.nodes), outputs)


def gru() -> Cell:
    """The GRU of the paper: x is value 0, h is value 1."""
    b = Builder(1)
    z = b("sigmoid", b("add", b("linear", 0), b("linear", 1)))
    r = b("sigmoid", b("add", b("linear", 0), b("linear", 1)))
    inner = b("add", b("linear", 0), b("linear", b("multiply", r, 1)))
    return b.cell(b("add", 1, b("multiply", z, b("subtract", b("tanh", inner), 1))))


def lstm() -> Cell:
    """The LSTM: x is value 0, h is value 1, c is value 2."""
    b = Builder(2)
    i, f, o = (b("sigmoid", b("add", b("linear", 0), b("linear", 1))) for _ in range(3))
    candidate = b("tanh", b("add", b("linear", 0), b("linear", 1)))
    c = b("add", b("multiply", f, 2), b("multiply", i, candidate))
    return b.cell(b("multiply", o, b("tanh", c)), c)


SEEDS = (gru(), lstm())
