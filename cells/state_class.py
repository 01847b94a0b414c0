"""The class of a cell: how its new states depend on its old ones."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from cells.identity.canonical import canonical
from cells.ir import Cell, Node
from cells.ops import Op, get_op


class StateClass(StrEnum):
    """How new states depend on old ones; each class holds those before it.

    Attributes:
        AFFINE: Every new state is a * state + b, with a and b free of states. Of
            several states each may also have a multiple of those that come before it
            in some order. Such a cell may be trained by parallel scans.
        DIAGONAL: No matrix stands on a path from a state to a new one, so each feature
            remembers for itself.
        DENSE: One does, or another op that mixes features.
    """

    AFFINE = "affine"
    DIAGONAL = "diagonal"
    DENSE = "dense"

    @property
    def words(self) -> str:
        """The class, and what it means."""
        return f"{self.value} ({_MEANING[self]})"


_MEANING: Final[Mapping[StateClass, str]] = {
    StateClass.AFFINE: "a new state is a * state + b, with a and b free of states",
    StateClass.DIAGONAL: "no matrix stands between the state and the next state",
    StateClass.DENSE: "a matrix stands between the state and the next state",
}

_ORDER: Final = tuple(StateClass)

_LINEAR_IN_ALL: Final = frozenset({"add", "subtract", "scale"})
"""Ops that keep what is affine in the states affine, in every argument at once."""

_MIXING: Final = frozenset({"rms_norm"})
"""Ops without a matrix that mix the features of their argument all the same."""


class _Reading(NamedTuple):
    """How a value depends on the old states.

    Attributes:
        states: Those that it depends on; none: it is free.
        kind: How it does.
    """

    states: frozenset[int]
    kind: StateClass


class Structure(NamedTuple):
    """What a walk through a graph says of its states.

    Attributes:
        kind: The class of the graph.
        carried: The states that anything reads; in an affine graph each after those
            that its update reads.
    """

    kind: StateClass
    carried: tuple[int, ...]


_FREE: Final = _Reading(frozenset(), StateClass.AFFINE)


def state_class(cell: Cell) -> StateClass:
    """The class of a cell, by a walk through the graph of its canonical form.

    A state that nothing reads is emitted and not carried on: it does not count. An own
    op without a pullback, of which nobody has said that it acts on each element alone,
    counts as one that mixes features.

    Raises:
        CellError: The cell is not valid.
    """
    return structure(canonical(cell)).kind


def structure(cell: Cell) -> Structure:
    """The same of the graph as it is written, which may be of a later class.

    Terms that cancel, and states that feed nothing, are taken for what they look like.
    """
    values = [_FREE]
    for state in range(1, cell.num_inputs):
        values.append(_Reading(frozenset({state}), StateClass.AFFINE))
    for node in cell.nodes:
        values.append(_read(node, [values[arg] for arg in node.args]))

    # Of states that anything reads: how their updates depend on such states.
    read = {arg for node in cell.nodes for arg in node.args}.union(cell.outputs)
    updates = {
        state: values[output]
        for state, output in enumerate(cell.outputs, 1)
        if state in read
    }
    kind = _worst([update.kind for update in updates.values()])
    order = _triangular(updates)
    if kind is StateClass.AFFINE and order is None:
        kind = StateClass.DIAGONAL
    return Structure(kind, tuple(updates) if order is None else order)


def _read(node: Node, args: Sequence[_Reading]) -> _Reading:
    """How a node's value depends on the states, given that its arguments do."""
    states = frozenset[int]().union(*(arg.states for arg in args))
    if not states:
        return _FREE
    op, bound = get_op(node.op), sum(bool(arg.states) for arg in args)
    if _mixes(op):
        own = StateClass.DENSE
    elif op.name in _LINEAR_IN_ALL or (op.name == "multiply" and bound == 1):
        own = StateClass.AFFINE
    else:
        own = StateClass.DIAGONAL
    return _Reading(states, _worst([own, *(arg.kind for arg in args)]))


def _mixes(op: Op) -> bool:
    """Whether a feature of the op's result may depend on others of its argument."""
    if 2 in [rank for _, rank in op.weights] or op.name in _MIXING:
        return True
    return bool(op.origin) and op.pullback is None


def _worst(kinds: Sequence[StateClass]) -> StateClass:
    return max(kinds, key=_ORDER.index, default=StateClass.AFFINE)


def _triangular(updates: Mapping[int, _Reading]) -> tuple[int, ...] | None:
    """An order of the states in which each reads itself and those before it."""
    left, order = dict(updates), list[int]()
    while left:
        first = [
            s for s, update in left.items() if not update.states & left.keys() - {s}
        ]
        if not first:
            return None
        order += first
        for state in first:
            del left[state]
    return tuple(order)
