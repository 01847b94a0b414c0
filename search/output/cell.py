"""What there is to say of a cell by itself: equations, sizes, identity, neighbours."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from cells import (
    PUBLISHED,
    ZOO,
    Cell,
    Dead,
    Nearest,
    StateClass,
    canonical,
    dead,
    digest,
    equations,
    flops,
    flow,
    growth,
    latex,
    matrices,
    nearest,
    num_params,
    signal,
    state_bytes,
    state_class,
    to_text,
)
from search.output.words import plain, render_rows


@dataclass(frozen=True)
class CellFacts:
    """A cell in words and numbers.

    Attributes:
        name: What it is called.
        text: Its text, as `parse` reads it.
        equations: A line each.
        latex: The same for LaTeX.
        states: How many states it carries.
        state_class: How new states depend on old ones.
        nodes: As it was given.
        linears: Matrices among them.
        canonical_nodes: Nodes of its canonical form.
        width: H, at which the sizes below are counted.
        parameters: Weights.
        state_bytes: Carried from step to step, for one sequence.
        flops: Of a step forward.
        training_flops: Of a step in training.
        signal: What share of an input an untrained cell still shows 5 steps later;
            None: it grows beyond all bounds.
        growth: The largest output of an untrained cell; None: beyond all bounds.
        digest: Its identity.
        flow: Which values feed which, a line each.
        equals: Cells of the zoo that are the same.
        nearest: The nearest published cell.
        dead: Why it cannot learn; None: it can.
    """

    name: str
    text: str
    equations: tuple[str, ...]
    latex: str
    states: int
    state_class: StateClass
    nodes: int
    linears: int
    canonical_nodes: int
    width: int
    parameters: int
    state_bytes: int
    flops: int
    training_flops: int
    signal: float | None
    growth: float | None
    digest: str
    flow: tuple[str, ...]
    equals: tuple[str, ...]
    nearest: Nearest
    dead: Dead | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values, in this order."""
        return {
            **vars(self),
            "equations": list(self.equations),
            "flow": list(self.flow),
            "equals": list(self.equals),
            "nearest": self.nearest._asdict(),
            "dead": None if self.dead is None else self.dead._asdict(),
        }


_digest = cache(digest)
"""Of published cells, which are asked for again with every cell."""


def cell_facts(name: str, cell: Cell, width: int) -> CellFacts:
    """What there is to say of a cell.

    Args:
        name: What it is called.
        cell: The cell.
        width: H, at which its sizes are counted.
    """
    own = digest(cell)
    return CellFacts(
        name=name,
        text=to_text(cell, name),
        equations=tuple(equations(cell)),
        latex=latex(cell),
        states=cell.num_states,
        state_class=state_class(cell),
        nodes=len(cell.nodes),
        linears=matrices(cell),
        canonical_nodes=len(canonical(cell).nodes),
        width=width,
        parameters=num_params(cell, width),
        state_bytes=state_bytes(cell, width),
        flops=flops(cell, width),
        training_flops=flops(cell, width, training=True),
        signal=_finite(signal(cell, 1.0)),
        growth=_finite(growth(cell)),
        digest=own,
        flow=tuple(flow(cell)),
        equals=tuple(zoo for zoo, other in ZOO.items() if _digest(other) == own),
        nearest=nearest(cell),
        dead=dead(cell),
    )


def render_cell(facts: CellFacts, *, as_latex: bool = False) -> str:
    """The facts as lines for a person.

    Args:
        facts: Of the cell.
        as_latex: Whether equations are LaTeX.
    """
    folded = facts.nodes - facts.canonical_nodes
    rows = [
        (
            "states",
            f"{facts.states}, {facts.state_bytes:,} bytes at width {facts.width}",
        ),
        ("class", facts.state_class.words),
        ("nodes", f"{facts.nodes}{f' ({folded} fold away)' if folded > 0 else ''}"),
        ("linears", str(facts.linears)),
        ("parameters", f"{facts.parameters:,} at width {facts.width}"),
        (
            "FLOPs",
            f"{facts.flops:,} a step forward, {facts.training_flops:,} in training, at "
            f"width {facts.width}",
        ),
        ("untrained", _untrained(facts)),
        ("digest", facts.digest),
        ("equals", ", ".join(map(_cite, facts.equals)) or "no published cell"),
    ]
    # A cell that equals a published one is nearest to itself: nothing to say.
    if not facts.equals:
        rows.append(("nearest", facts.nearest.words))
    if facts.dead:
        ignored = f"output ignores the {facts.dead.missing} ({facts.dead.test})"
        rows.append(("dead", ignored))
    return "\n".join(
        [
            plain(facts.text).rstrip(),
            "",
            *([facts.latex] if as_latex else facts.equations),
            "",
            *facts.flow,
            "",
            render_rows(rows),
        ]
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _untrained(facts: CellFacts) -> str:
    """See `cells.signal` and `cells.growth`, by which searches may refuse mutants."""
    left, most = (
        "no bounded share"
        if facts.signal is None
        else f"a share of {facts.signal:.2g}",
        "beyond all bounds" if facts.growth is None else f"up to {facts.growth:.2g}",
    )
    return f"{left} of an input is left 5 steps later; output {most} in 32 steps"


def _cite(name: str) -> str:
    entry = PUBLISHED[name]
    return f"{name} ({entry.title}, {entry.year})"
