"""Which values of a cell need a loop, and which may be computed after it."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

from cells.ir import Cell
from cells.scan.plan import ScanPlan
from cells.scan.planning import make_plan
from cells.state_class import StateClass, structure


@dataclass(frozen=True)
class Split:
    """A cell taken apart: before the states, the states over time, after them.

    Attributes:
        cell: The cell.
        kind: Its class as it is written.
        before: x-only nodes, in order.
        frontier: x-only values that are read later on, or are new states.
        carried: The states that anything reads; in an affine cell each after those that
            its update reads.
        after: Nodes that only new states which nothing reads are computed from, and
            what these share with the states over time; in order.
    """

    cell: Cell
    kind: StateClass
    before: tuple[int, ...]
    frontier: tuple[int, ...]
    carried: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def frees_products(self) -> bool:
        """Whether products leave the loop that `make_plan` would put into it."""
        # Dense cells keep their loop as it is: stored results are of its bits.
        ops = {self.cell.node(value).op for value in self.after}
        return self.kind is not StateClass.DENSE and "linear" in ops


def make_split(cell: Cell) -> Split:
    """Takes a valid cell apart."""
    kind, carried = structure(cell)
    nodes = range(cell.num_inputs, cell.num_inputs + len(cell.nodes))
    recurrent = set(range(1, cell.num_inputs))
    for value in nodes:
        if recurrent.intersection(cell.node(value).args):
            recurrent.add(value)

    # What is computed from the states over time alone stands after them.
    known = {cell.outputs[state - 1] for state in carried}
    after = between(cell, set(cell.outputs) - known, known)
    later = {arg for v in nodes if v in recurrent for arg in cell.node(v).args}
    return Split(
        cell,
        kind,
        before=tuple(value for value in nodes if value not in recurrent),
        frontier=tuple(sorted(later.union(cell.outputs) - recurrent)),
        carried=carried,
        after=tuple(value for value in after if value in recurrent),
    )


def loop_of(split: Split) -> tuple[ScanPlan, dict[int, int]]:
    """The plan of the carried states alone, and the values of the cell by its values.

    Every state is emitted.
    """
    cell = split.cell
    outputs = [cell.outputs[state - 1] for state in split.carried]
    nodes = between(cell, outputs, ())
    kept = [0, *split.carried, *nodes]
    place = {old: new for new, old in enumerate(kept)}
    alone = Cell(
        len(split.carried),
        tuple(
            cell.node(value)._replace(
                args=tuple(place[arg] for arg in cell.node(value).args)
            )
            for value in nodes
        ),
        tuple(place[output] for output in outputs),
    )
    plan = replace(make_plan(alone), emitted=len(split.carried))
    return plan, dict(enumerate(kept))


def between(cell: Cell, ends: Iterable[int], known: Container[int]) -> list[int]:
    """The nodes that values are computed from, without those behind what is known."""
    found, pending = set[int](), list(ends)
    while pending:
        value = pending.pop()
        if value >= cell.num_inputs and value not in found and value not in known:
            found.add(value)
            pending += cell.node(value).args
    return sorted(found)
