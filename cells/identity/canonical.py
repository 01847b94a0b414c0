"""Identity of cells: the canonical form, its digest, and how weights map to it."""

import hashlib
import json
from typing import Final, NamedTuple

from cells.check import MAX_NODES, check
from cells.identity.states import NewStates
from cells.identity.writing import Writer
from cells.ir import Cell
from cells.ops import CellError, get_op

MAX_TERMS: Final = 64
"""Sums, products and extremes of more terms are not reordered as a whole."""


class Canonical(NamedTuple):
    """A cell in canonical form, and where its parts come from.

    Attributes:
        cell: The canonical cell.
        nodes: For each of its nodes, the node of the original cell that computes the
            same value; None where there is none, never for a node with weights.
        states: For each of its states, the state of the original cell (the first, if
            several were merged).
    """

    cell: Cell
    nodes: tuple[int | None, ...]
    states: tuple[int, ...]

    @property
    def digest(self) -> str:
        """The digest that the canonical and the original cell share."""
        nodes = [[get_op(n.op).key, n.args, n.attrs] for n in self.cell.nodes]
        content = [self.cell.num_states, nodes, self.cell.outputs]
        text = json.dumps(content, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest(cell: Cell) -> str:
    """32 hexadecimal digits that equivalent cells share: see `canonicalize`.

    Raises:
        CellError: The cell is not valid.
    """
    return canonicalize(cell).digest


def canonical(cell: Cell) -> Cell:
    """The one cell that stands for all equivalent ones: see `canonicalize`.

    Raises:
        CellError: The cell is not valid.
    """
    return canonicalize(cell).cell


def canonicalize(cell: Cell) -> Canonical:
    """The canonical form of a cell.

    Two cells are the same if, with the weights of one mapped to the other, they
    compute the same function of weights and inputs in real arithmetic from states of
    zero, and the weights are drawn from the same distribution. Functions that are
    equal for all weights have equal gradients but on sets of measure zero, so the two
    take the same gradient steps. Cells of one canonical form are the same.

    Found are, through the recurrence and in any combination:

    - nodes and states that the first output never depends on: removed;
    - states that are equal because their updates are, if all are (optimistically, as
      all states start as zeros): merged; states that stay zero: removed;
    - equal subexpressions: shared. Nodes with weights (linear, scale) are never shared
      or folded: each owns its weights;
    - sums and differences that are equal as integer combinations, whatever their
      order and grouping, terms that cancel (`a + (b - a)` is `b`, `a - a` is zero,
      written `x - x`); products that are equal as monomials, factors `one` and zero;
      `maximum` and `minimum` of equal sets;
    - `relu(a)` and `leaky_relu(a)` of a value known never to be negative (by its op, as
      an even power, a sum or product of such, or a state whose update is such):
      `a`; `relu(leaky_relu(a))`: `relu(a)`; ops that are zero at zero, of zero;
    - any numbering of nodes and of the states but the first, any order of the
      arguments of commutative ops: by an exact labelling, not by colour refinement.

    Not found are: distributivity (`z * c + h - z * h` is not `h + z * (c - h)`);
    another grouping of sums or products where it would cost more nodes than it saves
    or has more than 64 terms; odd and even functions (`tanh(a - b)` is
    `-tanh(b - a)`), `sigmoid(-a)` as `1 - sigmoid(a)` and all identities between
    different ops but those named; symmetries of the weights' distribution (a gate z
    and a gate 1 - z whose weights have the other sign); identities of a person's own
    ops but commutativity; delayed equality of states.

    A canonical cell is valid, has no more nodes than the original (but one, if a
    state that stays zero has to be written), lists its nodes in the order of
    evaluation as written (arguments before the op, left to right), and its canonical
    form is itself.

    Raises:
        CellError: The cell is not valid, or too symmetric (see `canonical_order`).
    """
    check(cell)
    # Sums and products as a whole: (a + b) + c is b + (c + a).
    flat = NewStates(cell, MAX_TERMS)
    written = Writer(flat)

    # Parts of long sums may be needed by themselves too, and be shared as written:
    # where a + b is needed, (a + b) + c shares it, and (a + c) + b does not.
    if flat.may_grow():
        binary = NewStates(cell, 1)
        if len(written.nodes) > binary.num_nodes():
            written = Writer(binary)
    if len(written.nodes) > MAX_NODES:
        raise CellError(f"the canonical form of this cell has over {MAX_NODES} nodes")
    states = tuple(state for _, _, state in written.groups)
    return Canonical(written.cell(), tuple(written.origin), states)
