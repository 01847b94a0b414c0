"""From a cell to its table."""

from collections.abc import Mapping, Sequence

from cells.ir import Cell
from cells.tables.table import (
    ACTIVATIONS,
    ONE,
    TABULAR,
    Combination,
    Level,
    Row,
    Section,
    Table,
)


def tabular(cell: Cell) -> bool:
    """Whether a table can say the cell: it has no op but those of `TABULAR`."""
    return all(node.op in TABULAR for node in cell.nodes)


def tabulate(cell: Cell) -> Table:
    """The cell as a table.

    Raises:
        ValueError: It has another op; names it.
    """
    for node in cell.nodes:
        if node.op not in TABULAR:
            raise ValueError(f"a table has no {node.op}; it has {sorted(TABULAR)}")
    return _Writer(cell).table()


class _Writer:
    """Writes the table of a cell, node by node.

    A value is a combination of *atoms*: the inputs of its section, rows and linear
    maps. Atoms are numbered as they come, over both sections. Of each is known the
    first level whose rows can read it: 0 of an input. The maps of a level can read its
    rows, and so one level earlier.
    """

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.x_only: list[bool] = [True, *[False] * cell.num_states]
        self.ready: list[int] = [0] * cell.num_inputs
        self.rows: dict[int, Row] = {}
        self.args: dict[int, Combination] = {}
        self.node_of: dict[int, int] = {}
        self.values: list[Combination] = [{v: 1.0} for v in range(cell.num_inputs)]
        self.exports: list[Combination] = []

    def table(self) -> Table:
        """The table; a writer writes one."""
        for index, node in enumerate(self.cell.nodes):
            self.values.append(self._value(index, node.op, node.args))
        outputs = [self.values[v] for v in self.cell.outputs]
        rows, args = self._used(outputs)
        split = [self._split(one) for one in outputs]
        step = self._section(
            [*range(1, self.cell.num_inputs)], rows, args, split, x_only=False
        )
        before = self._section([0], rows, args, self.exports, x_only=True)
        return Table(before, step, self.cell.num_states)

    def _value(self, index: int, op: str, args: Sequence[int]) -> Combination:
        taken = [self.values[arg] for arg in args]
        match op:
            case "one":
                return {ONE: 1.0}
            case "add":
                return _sum(taken[0], taken[1], 1.0)
            case "subtract":
                return _sum(taken[0], taken[1], -1.0)
            case "multiply":
                return self._product(*taken)
            case "linear":
                atom = self._map(taken[0])
                self.args[atom], self.node_of[atom] = taken[0], index
                return {atom: 1.0}
            case _:
                return self._activated(taken[0], ACTIVATIONS.index(op))

    def _product(self, first: Combination, second: Combination) -> Combination:
        for one, other in ((first, second), (second, first)):
            if set(one) <= {ONE}:
                factor = one.get(ONE, 0.0)
                return {atom: factor * c for atom, c in other.items() if factor * c}
        atom = self._atom([first, second])
        self.rows[atom] = Row(first, second, 0)
        return {atom: 1.0}

    def _activated(self, arg: Combination, code: int) -> Combination:
        # What reads a product and nothing else may be the same row; the product's own
        # row goes if nothing else reads it.
        first: Combination = arg
        second: Combination = {ONE: 1.0}
        if list(arg.values()) == [1.0]:
            (inner,) = arg
            row = self.rows.get(inner)
            if row is not None and row.code == 0:
                first, second = row.first, row.second
        atom = self._atom([arg])
        self.rows[atom] = Row(first, second, code)
        return {atom: 1.0}

    def _atom(self, args: Sequence[Combination]) -> int:
        """A new row that reads others."""
        waits = [self.ready[atom] for atom in self._waits(args)]
        self.ready.append(max(waits, default=0) + 1)
        return len(self.ready) - 1

    def _map(self, arg: Combination) -> int:
        """A new linear map of a value."""
        waits = [self.ready[a] - (a in self.rows) for a in self._waits([arg])]
        self.ready.append(max(waits, default=0) + 1)
        return len(self.ready) - 1

    def _waits(self, args: Sequence[Combination]) -> list[int]:
        """What a new atom waits for; notes whether it depends on x only."""
        read = [atom for one in args for atom in one if atom != ONE]
        x_only = all(self.x_only[atom] for atom in read)
        self.x_only.append(x_only)
        # What is known before the recurrence does not count in it.
        return [atom for atom in read if x_only or not self.x_only[atom]]

    def _used(
        self, outputs: Sequence[Combination]
    ) -> tuple[dict[int, Row], dict[int, Combination]]:
        """Rows and linear maps that outputs depend on."""
        needed: set[int] = set()
        waiting = [atom for one in outputs for atom in one]
        while waiting:
            atom = waiting.pop()
            if atom == ONE or atom in needed:
                continue
            needed.add(atom)
            if atom in self.rows:
                row = self.rows[atom]
                waiting.extend((*row.first, *row.second))
            elif atom in self.args:
                waiting.extend(self.args[atom])
        rows = {atom: row for atom, row in self.rows.items() if atom in needed}
        args = {atom: one for atom, one in self.args.items() if atom in needed}
        return rows, args

    def _split(self, one: Combination) -> Combination:
        """Has what depends on x only be one value, which is computed before."""
        mine = {a: c for a, c in one.items() if a != ONE and self.x_only[a]}
        rest = {a: c for a, c in one.items() if a not in mine}
        if not mine:
            return one
        if mine not in self.exports:
            self.exports.append(mine)
        return {**rest, _export(self.exports.index(mine)): 1.0}

    def _section(
        self,
        inputs: Sequence[int],
        rows: Mapping[int, Row],
        args: Mapping[int, Combination],
        outputs: Sequence[Combination],
        *,
        x_only: bool,
    ) -> Section:
        """The levels of one section; its values get their numbers."""
        mine = {
            atom: self._written(rows[atom], x_only)
            for atom in rows
            if self.x_only[atom] == x_only
        }
        waiting = {
            atom: args[atom] if x_only else self._split(args[atom])
            for atom in args
            if self.x_only[atom] == x_only
        }
        place = {atom: index for index, atom in enumerate(inputs)}
        if not x_only:
            for index in range(len(self.exports)):
                place[_export(index)] = len(place)
        count = len(place)
        depth = max((self.ready[atom] for atom in (*mine, *waiting)), default=0)
        plan = [
            (
                [atom for atom in mine if self.ready[atom] == level],
                [atom for atom in waiting if self.ready[atom] == level],
            )
            for level in range(1, depth + 1)
        ]
        for here, linears in plan:
            for atom in (*here, *linears):
                place[atom] = len(place)
        levels = tuple(
            Level(
                rows=tuple(_placed_row(mine[atom], place) for atom in here),
                args=tuple(_placed(waiting[atom], place) for atom in linears),
                linears=tuple(self.node_of[atom] for atom in linears),
            )
            for here, linears in plan
        )
        return Section(count, levels, tuple(_placed(one, place) for one in outputs))

    def _written(self, row: Row, x_only: bool) -> Row:
        """A row as its section reads it."""
        if x_only:
            return row
        return row._replace(
            first=self._split(row.first), second=self._split(row.second)
        )


def _placed_row(row: Row, place: Mapping[int, int]) -> Row:
    return row._replace(
        first=_placed(row.first, place), second=_placed(row.second, place)
    )


def _placed(one: Combination, place: Mapping[int, int]) -> Combination:
    return {atom if atom == ONE else place[atom]: c for atom, c in one.items()}


def _export(index: int) -> int:
    """What an export is called until it has its number: below the constant."""
    return ONE - 1 - index


def _sum(first: Combination, second: Combination, sign: float) -> Combination:
    total = dict(first)
    for atom, c in second.items():
        total[atom] = total.get(atom, 0.0) + sign * c
    return {atom: c for atom, c in total.items() if c}
