"""Which values of a cell feed which: a line for each."""

from cells.check import check
from cells.ir import Cell, node_name
from cells.notation.layout import lay_out, state_names
from cells.notation.symbols import find_gates, symbol


def flow(cell: Cell) -> tuple[str, ...]:
    """A line for each gate, each value named in `equations`, and each new state.

    A line says what the value is, which of x, the old states and the other lines it is
    computed from, and which it feeds: `n3  σ gate  ← x h  → n12`. The new states are
    h', c', as in a picture.

    Raises:
        CellError: The cell is not valid.
    """
    check(cell)
    # The values that are shown, by name; one that is a new state has that name.
    first, gates = cell.num_inputs, find_gates(cell)
    states = state_names(cell.num_states)
    shown = gates | {value for value, _ in lay_out(cell).statements}
    names = dict(enumerate(("x", *states)))
    names |= {value: node_name(value - first) for value in shown}
    for state, output in reversed(list(zip(states, cell.outputs, strict=True))):
        if output >= first:
            names[output] = f"{state}'"

    # A row each: what it is, what it reads, and who reads it.
    reads = {value: _read(cell, value, names) for value in names if value >= first}
    rows = []
    for value in sorted(reads):
        feeds = [names[other] for other in sorted(reads) if value in reads[other]]
        what = symbol(cell, value) + (" gate" if value in gates else "")
        sources = " ".join(names[source] for source in reads[value]) or "nothing"
        rows.append((names[value], what, f"← {sources}", " ".join(feeds)))
    for state, output in zip(states, cell.outputs, strict=True):
        if names[output] != f"{state}'":
            rows.append((f"{state}'", "", f"← {names[output]}", ""))

    # Aligned but for the last column, which may be missing.
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:3]]
    lines = []
    for row in rows:
        padded = (text.ljust(width) for text, width in zip(row, widths, strict=False))
        lines.append("  ".join((*padded, f"→ {row[3]}" if row[3] else "")).rstrip())
    return tuple(lines)


def _read(cell: Cell, value: int, names: dict[int, str]) -> list[int]:
    """The named values that a value is computed from, without others in between."""
    named, met = set[int](), set[int]()
    pending = list(cell.node(value).args)
    while pending:
        arg = pending.pop()
        if arg in names:
            named.add(arg)
        elif arg not in met:
            met.add(arg)
            pending += cell.node(arg).args
    return sorted(named)
