"""How cells change over generations without selection, by each rule of mutation.

Mutation that makes cells smaller on average leaves a search with what it destroys, and
one that makes them larger with what costs more. So it is measured where nothing is
selected: each generation is a living mutant, of any merit, of the one before.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cells import Cell, canonical, canonicalize, dead, mutate, recurrent_linears
from search.procedure.presets import preset_document

GENERATIONS: Final = (0, 1, 2, 3, 5, 10, 15, 20)
"""Those that a line is printed of; the last is the number of generations."""

NEAR: Final = 4
"""A mutant within so many nodes of its parent is near."""

LINEARS: Final = 3


@dataclass(frozen=True)
class Way:
    """A rule of mutation.

    Attributes:
        name: What the tables call it.
        edits: As `mutate` takes it.
        weights: As `mutate` takes it.
    """

    name: str
    edits: tuple[int, int] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)

    def draw(self, cell: Cell, rng: np.random.Generator, ops: str) -> Cell:
        """The canonical form of a mutant."""
        mutant = mutate(cell, rng, ops=ops, edits=self.edits, weights=self.weights)
        return canonical(mutant.cell)


def ways() -> tuple[Way, ...]:
    """The paper's rounds, single edits, and those of preset `quick`."""
    rules = preset_document("quick")["rules"]
    weights, edits = rules["weights"], tuple(rules["edits"])
    return (
        Way("rounds, the paper's"),
        Way("edits, equal weights", edits),
        Way("edits, weights of quick", edits, weights),
    )


def print_drift(parents: Sequence[Cell], lineages: int, ops: str) -> None:
    """Prints sizes by generation for each rule, without selection."""
    for way in ways():
        rng = np.random.default_rng(0)
        found = sizes(way, parents, lineages, rng, ops)
        print(
            f"\n{way.name}: {lineages} lineages, mean and standard deviation\n"
            f"{'generation':12}{'nodes':>16}{'linears':>16}{'recurrent':>16}"
            f"{'states':>16}"
        )
        for generation in GENERATIONS:
            columns = zip(*found[generation], strict=True)
            cells = (
                f"{statistics.mean(column):9.2f} ±{statistics.pstdev(column):5.2f}"
                for column in columns
            )
            print(f"{generation:<12}" + "".join(cells))


def sizes(
    way: Way, parents: Sequence[Cell], lineages: int, rng: np.random.Generator, ops: str
) -> list[list[tuple[int, ...]]]:
    """For each generation, nodes, linears, recurrent ones and states of the cells."""
    cells = [parents[i % len(parents)] for i in range(lineages)]
    found = [[_size(cell) for cell in cells]]
    for _ in range(GENERATIONS[-1]):
        cells = [_living(way, cell, rng, ops) for cell in cells]
        found.append([_size(cell) for cell in cells])
    return found


def _size(cell: Cell) -> tuple[int, ...]:
    linears = sum(node.op == "linear" for node in cell.nodes)
    return len(cell.nodes), linears, recurrent_linears(cell), cell.num_states


def _living(way: Way, parent: Cell, rng: np.random.Generator, ops: str) -> Cell:
    """A mutant that is alive, has nodes to mutate, and is another cell."""
    while True:
        cell = way.draw(parent, rng, ops)
        if cell != parent and any(n.args for n in cell.nodes) and dead(cell) is None:
            return cell


def print_mutants(parents: Sequence[Cell], mutants: int, ops: str) -> None:
    """Prints what direct mutants of these cells are like, for each rule."""
    print(
        f"\nof {mutants} direct mutants, percent new and alive; percent of these with\n"
        f"{LINEARS} linears or more, with a recurrent one, within {NEAR} nodes of the "
        f"parent\n{'':28}{'new, alive':>12}{'linears':>10}{'recurrent':>12}{'near':>8}"
    )
    for way in ways():
        rng = np.random.default_rng(1)
        seen = {canonicalize(parent).digest for parent in parents}
        many = recurrent = near = new = 0
        for turn in range(mutants):
            parent = parents[turn % len(parents)]
            cell = way.draw(parent, rng, ops)
            digest = canonicalize(cell).digest
            if digest in seen or dead(cell) is not None:
                continue
            seen.add(digest)
            nodes, linears, recurrent_ones, _ = _size(cell)
            new += 1
            many += linears >= LINEARS
            recurrent += recurrent_ones > 0
            near += abs(nodes - len(parent.nodes)) <= NEAR
        print(
            f"{way.name:28}{100 * new / mutants:12.1f}{100 * many / new:10.1f}"
            f"{100 * recurrent / new:12.1f}{100 * near / new:8.1f}"
        )
