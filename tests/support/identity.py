"""What tests of the canonical form share: weights of one cell as those of another."""

from cells import OPS, Cell, canonical, canonicalize
from cells.identity.canonical import MAX_TERMS
from cells.identity.states import NewStates
from cells.identity.writing import Writer
from tests.support.interpreter import Params


def mapped(cell: Cell, params: Params) -> Params:
    """The weights of a cell as those of its canonical form."""
    form, found = canonicalize(cell), {}
    for i, (node, signs) in enumerate(zip(form.cell.nodes, form.signs, strict=True)):
        if signs:
            own, names = params[f"n{form.nodes[i]}"], OPS[node.op].weights
            turned = zip(names, signs, strict=True)
            found[f"n{i}"] = {name: sign * own[name] for (name, _), sign in turned}
    return found


def kept_as_grouped(cell: Cell) -> bool:
    """Whether its sums stay as they are grouped: written out they have more nodes."""
    return Writer(NewStates(cell, MAX_TERMS, signed=True)).cell() != canonical(cell)
