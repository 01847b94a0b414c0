"""Mutation: the paper's six transformations of a cell, as rows of one table."""

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from cells.check import MAX_NODES, check
from cells.graph import Choices, Draws, Graph, ordered
from cells.ir import Cell
from cells.ops import OPS, CellError
from cells.own_ops import op_names
from cells.wording import unknown_name


@dataclass(frozen=True)
class Mutant:
    """A mutated cell, and how it came to be.

    Attributes:
        cell: The mutant, valid; its nodes are in order of evaluation as written.
        rules: Names of the transformations applied, in order.
        magnitude: The probability with which each node was transformed, per round; 0
            where single edits were drawn.
        redraws: Why earlier draws were not taken, in order: `cycle` (a value would
            depend on itself), `unchanged` (the parent again) or `too_large`.
    """

    cell: Cell
    rules: tuple[str, ...]
    magnitude: float
    redraws: tuple[str, ...]


def mutate(
    cell: Cell,
    rng: np.random.Generator,
    *,
    ops: str | Sequence[str] = "paper",
    rounds: tuple[int, int] = (1, 3),
    edits: tuple[int, int] | None = None,
    max_nodes: int = 60,
    max_redraws: int = 1000,
    weights: Mapping[str, float] | None = None,
) -> Mutant:
    """Draws a mutant of a cell, as in Jozefowicz et al. (2015), section 3.2.

    A draw takes a magnitude p from U[0, 1] and a number of rounds. In each round each
    node, with probability p, undergoes one of the transformations that apply to it,
    chosen by weight. Nodes that nothing depends on any more are dropped, and so on
    until a draw is a valid cell other than the parent.

    Rounds mostly destroy. With `edits` a draw is a few single transformations instead.

    Args:
        cell: The parent, a valid cell; it stays as it is.
        rng: Source of all randomness; it is advanced.
        ops: The ops that new nodes may have: sets, names, or both. Activations are
            those of one argument; `linear` is drawn with each of `LINEAR_DIAGONALS`.
        rounds: The fewest and the most rounds; each number is equally likely.
        edits: The fewest and the most edits of a draw, instead of rounds.
        max_nodes: Mutants of more nodes are drawn again.
        max_redraws: Draws that are not taken before it is given up.
        weights: Relative frequency of transformations, by name, for those that are to
            differ from `TRANSFORMATIONS`; 0 turns one off.

    Raises:
        CellError: An unknown op or transformation, a bad number, or no valid mutant
            within `max_redraws` redraws.
    """
    # A person's numbers are checked before anything is drawn.
    table = _weighted(weights or {})
    _check_numbers(rounds, edits, max_nodes, max_redraws)

    # Rounds may undo each other, close a cycle or grow too much: then it draws again.
    parent, choices, draws = ordered(cell), Choices.from_ops(op_names(ops)), Draws(rng)
    redraws: list[str] = []
    while len(redraws) <= max_redraws:
        magnitude = draws.random() if edits is None else 0.0
        graph = Graph(parent, choices, draws)
        rules = _transform(graph, magnitude, edits or rounds, table)
        mutant = graph.cell()
        if mutant is None:
            redraws.append("cycle")
        elif mutant == parent:
            redraws.append("unchanged")
        elif len(mutant.nodes) > max_nodes:
            redraws.append("too_large")
        else:
            check(mutant)
            return Mutant(mutant, tuple(rules), magnitude, tuple(redraws))
    raise CellError(
        f"no valid mutant in {max_redraws} redraws of a cell of {len(cell.nodes)} "
        f"nodes (at most {max_nodes} allowed); last: {redraws[-1]}"
    )


def _check_numbers(
    rounds: tuple[int, int],
    edits: tuple[int, int] | None,
    max_nodes: int,
    max_redraws: int,
) -> None:
    """Refuses numbers with which nothing can be drawn."""
    for name, (least, most) in (("rounds", rounds), ("edits", edits or (1, 1))):
        if not 1 <= least <= most:
            raise CellError(f"{name} are at least 1 and in order, got {(least, most)}")
    if not 1 <= max_nodes <= MAX_NODES:
        raise CellError(f"max_nodes is 1 to {MAX_NODES}, got {max_nodes}")
    if max_redraws < 0:
        raise CellError(f"max_redraws is at least 0, got {max_redraws}")


def _transform(
    graph: Graph,
    magnitude: float,
    bounds: tuple[int, int],
    table: Mapping[str, "Transformation"],
) -> list[str]:
    """Some rounds of a magnitude, or single edits where it is 0; what was applied."""
    rules: list[str] = []
    for _ in _count(bounds, graph.draws):
        rules += _round(graph, magnitude, table) if magnitude else _edit(graph, table)
    return rules


def _count(bounds: tuple[int, int], draws: Draws) -> range:
    """As many turns as are drawn; each number is equally likely."""
    return range(bounds[0] + draws.below(bounds[1] - bounds[0] + 1))


def _edit(graph: Graph, table: Mapping[str, "Transformation"]) -> list[str]:
    """Transforms one random node that something depends on; returns what was applied.

    The transformation is chosen by weight first, and then a node that it applies to:
    so weights say how often each occurs, however many nodes it applies to.
    """
    left = dict(table)
    while left:
        name = _drawn(left, graph.draws)
        nodes = sorted(graph.live())
        while nodes:
            index = nodes.pop(graph.draws.below(len(nodes)))
            if left[name].function(graph, index):
                return [name]
        del left[name]
    return []


def _round(
    graph: Graph, magnitude: float, table: Mapping[str, "Transformation"]
) -> list[str]:
    """Transforms each node with a probability; returns what was applied."""
    applied = []
    for index in range(len(graph.ops)):
        if graph.draws.random() >= magnitude or index not in graph.live():
            continue
        left = dict(table)
        while left:
            name = _drawn(left, graph.draws)
            if left.pop(name).function(graph, index):
                applied.append(name)
                break
    return applied


def _drawn(table: Mapping[str, "Transformation"], draws: Draws) -> str:
    """A name, drawn by weight."""
    names, ends = list(table), list(accumulate(row.weight for row in table.values()))
    at = bisect.bisect(ends, draws.random() * ends[-1])
    return names[min(at, len(names) - 1)]


def _activation(graph: Graph, index: int) -> bool:
    """1. An activation becomes a random one."""
    choices = graph.choices.activations
    if OPS[graph.ops[index]].kind not in ("activation", "linear") or not choices:
        return False
    graph.ops[index], graph.attrs[index] = graph.draws.pick(choices)
    return True


def _elementwise(graph: Graph, index: int) -> bool:
    """2. An elementwise operation becomes a different one."""
    op = graph.ops[index]
    choices = [other for other in graph.choices.elementwise if other != op]
    if OPS[op].kind != "elementwise" or not choices:
        return False
    graph.ops[index] = graph.draws.pick(choices)
    return True


def _insert(graph: Graph, index: int) -> bool:
    """3. A random activation is inserted between the node and one it reads."""
    args, choices = graph.args[index], graph.choices.activations
    if not args or not choices:
        return False
    position = graph.draws.below(len(args))
    op, attrs = graph.draws.pick(choices)
    args[position] = graph.add(op, [args[position]], attrs)
    return True


def _remove(graph: Graph, index: int) -> bool:
    """4. The node is removed if it has one input and one output."""
    value, args = graph.first + index, graph.args[index]
    if len(args) != 1 or graph.uses(value) != 1:
        return False
    graph.replace(value, args[0])
    return True


def _ancestor(graph: Graph, index: int) -> bool:
    """5. The node is replaced by a random one of its ancestors."""
    ancestors = graph.ancestors(index)
    if not ancestors:
        return False
    graph.replace(graph.first + index, graph.draws.pick(ancestors))
    return True


def _combine(graph: Graph, index: int) -> bool:
    """6. The node becomes an elementwise op of an ancestor of it and one of another."""
    choices, draws = graph.choices.elementwise, graph.draws
    if not choices or not graph.args[index]:
        return False
    other = draws.pick([i for i in graph.live() if graph.args[i]])
    pair = [graph.ancestors(index), graph.ancestors(other)]
    if not all(pair):
        return False
    args = [draws.pick(ancestors) for ancestors in pair]
    graph.become(index, draws.pick(choices), args)
    return True


class Transformation(NamedTuple):
    """A row of `TRANSFORMATIONS`.

    Attributes:
        function: Changes one node of a graph, given its index, and what reads it;
            returns whether it applies. Where it does not, nothing is changed.
        weight: How often it is chosen, relative to the others that apply.
    """

    function: Callable[[Graph, int], bool]
    weight: float = 1.0


TRANSFORMATIONS: Final[Mapping[str, Transformation]] = {
    "activation": Transformation(_activation),
    "elementwise": Transformation(_elementwise),
    "insert": Transformation(_insert),
    "remove": Transformation(_remove),
    "ancestor": Transformation(_ancestor),
    "combine": Transformation(_combine),
}
"""The transformations by name; the paper chooses each equally often."""


def _weighted(weights: Mapping[str, float]) -> dict[str, Transformation]:
    """The table with a person's weights, without rows that are turned off."""
    for name, weight in weights.items():
        if name not in TRANSFORMATIONS:
            raise CellError(unknown_name("transformation", name, TRANSFORMATIONS))
        if not 0 <= weight < math.inf:
            raise CellError(f"weight of {name!r}: at least 0 and finite, got {weight}")
    table = {
        name: row._replace(weight=weights.get(name, row.weight))
        for name, row in TRANSFORMATIONS.items()
    }
    table = {name: row for name, row in table.items() if row.weight}
    if not table:
        raise CellError("all transformations have weight 0")
    return table
