"""Identity of cells: the canonical form, its digest, and how weights map to it."""

import hashlib
import json
import threading
from collections.abc import Hashable
from typing import Final, NamedTuple

from cachetools import LRUCache, cached

from cells.check import MAX_NODES, check
from cells.identity.states import NewStates
from cells.identity.writing import Writer
from cells.ir import Cell
from cells.ops import CellError, get_op

MAX_TERMS: Final = 64
"""Sums, products and extremes of more terms are not reordered as a whole."""

KEPT: Final = 4096
"""Canonical forms that are kept: seeds and the cells of a list are asked for often."""


class Canonical(NamedTuple):
    """A cell in canonical form, and where its parts come from.

    Attributes:
        cell: The canonical cell.
        nodes: For each of its nodes, the node of the original cell that computes the
            same value, its negative, or (a gate z, or a product with one) that of
            1 - z; None where there is none, never for a node with weights.
        signs: For each of its nodes, the sign of each of its weights (`linear`: kernel,
            bias) against the original's.
        states: For each of its states, the state of the original cell (the first, if
            several were merged).
        turned: For each of its states 1, or -1 if it is the negative of the original's.
    """

    cell: Cell
    nodes: tuple[int | None, ...]
    signs: tuple[tuple[int, ...], ...]
    states: tuple[int, ...]
    turned: tuple[int, ...]

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
    zero, and the weights are drawn from the same distribution. A map may rename
    weights, and turn the sign of a kernel whose `diagonal` is 0 and of a bias that
    starts at 0: their distributions are symmetric. Functions that are equal for all
    weights have equal gradients but on sets of measure zero, and the steps of gradient
    descent, Adam and AdamW, clipped by the global norm or not, turn with the weights;
    so the two learn alike. Cells of one canonical form are the same.

    Found are, through the recurrence and in any combination:

    - nodes and states that the first output never depends on: removed;
    - states that are equal, or each other's negatives, because their updates are, if
      all are (optimistically, as all states start as zeros): merged; states that stay
      zero: removed;
    - equal subexpressions: shared. Nodes with weights (linear, scale) are never shared
      or folded: each owns its weights;
    - sums and differences that are equal as integer combinations, whatever their
      order and grouping, terms that cancel (`a + (b - a)` is `b`, `a - a` is zero,
      written `x - x`); products that are equal as monomials, factors `one` and zero;
      `maximum` and `minimum` of equal sets, `-max(-a, -b)` as `min(a, b)`;
    - signs: of a `linear` that starts with diagonal 0 and bias 0, which is as good as
      its negative; of the argument of one with diagonal 0; of a state but the first,
      which may be kept as its negative; through odd ops (`tanh(-a)` is `-tanh(a)`; a
      `linear` with a diagonal whose bias starts at 0 is one of them), sums, products
      and whatever else reads the value;
    - gates: `sigmoid(-a)` as `1 - sigmoid(a)`, `p * (1 - z)` as `p - p * z`, and so
      `h + z * (c - h)` as `c + (1 - z) * (h - c)`, where z is a sigmoid, or a product
      of others with one sigmoid;
    - `relu(a)` and `leaky_relu(a)` of a value known never to be negative (by its op, as
      an even power, a sum or product of such, a gated one, or a state whose update is
      such): `a`; `relu(leaky_relu(a))`: `relu(a)`; ops that are zero at zero, of zero;
    - any numbering of nodes and of the states but the first, any order of the
      arguments of commutative ops: by an exact labelling, not by colour refinement.

    Not found are: distributivity but of a gate over the sum that it is a term of
    (`z * c + h - z * h` is not `h + z * (c - h)`), and a product of several sigmoids
    that one is taken out of (`y - y * z` is not `y * (1 - z)` if y is a sigmoid, too);
    another grouping of sums or products where it would cost more nodes than it saves
    or has more than 64 terms, and signs that could be taken out only at the cost of
    nodes; that a layer may as well emit its negative; that sigmoid(0) is 1 / 2; even
    functions, and all identities between different ops but those named; identities of a
    person's own ops but commutativity and being odd, if they say so; delayed equality
    of states.

    Of a value and its negative, of a gate and 1 - z, that is written which takes less:
    no minus before an argument, no term besides a product with a gate that the other
    does not need; a gate that may be turned either way leaves the earlier value,
    mostly the old state, outside: `h + z * (c - h)`.

    A canonical cell is valid, has no more nodes than the original (but one, if a
    state that stays zero has to be written), lists its nodes in the order of
    evaluation as written (arguments before the op, left to right), and its canonical
    form is itself.

    Raises:
        CellError: The cell is not valid, or too symmetric (see `canonical_order`).
    """
    check(cell)
    return _canonicalize(cell)


def _key(cell: Cell) -> Hashable:
    """All that a canonical form depends on: 0, 0.0 and -0.0 are told apart."""
    names = sorted({node.op for node in cell.nodes})
    return (repr(cell), *map(get_op, names))


@cached(LRUCache(KEPT), key=_key, lock=threading.RLock())
def _canonicalize(cell: Cell) -> Canonical:
    form, settled = _rewritten(cell)

    # Where grouping decides how much can be shared, what is written may be grouped in
    # another way than what was read. So it is read again, until nothing changes.
    forms = [form]
    while not settled:
        again, settled = _rewritten(form.cell)
        form = _chained(form, again)
        before = [earlier.cell for earlier in forms]
        if form.cell in before:
            circle = forms[before.index(form.cell) :]
            form = min(circle, key=lambda one: (len(one.cell.nodes), one.cell))
            break
        forms.append(form)
    if len(form.cell.nodes) > MAX_NODES:
        raise CellError(f"the canonical form of this cell has over {MAX_NODES} nodes")
    return form


def _rewritten(cell: Cell) -> tuple[Canonical, bool]:
    """The cell written once, and whether that is sure to be its canonical form."""
    written, settled = _written(cell)
    form = Canonical(
        written.cell(),
        tuple(written.origin),
        tuple(written.signs),
        tuple(group.state for group in written.groups),
        tuple(written.sign[group.old] for group in written.groups),
    )
    return form, settled


def _written(cell: Cell) -> tuple[Writer, bool]:
    # Sums and products as a whole, (a + b) + c is b + (c + a), and no signs.
    try:
        states = NewStates(cell, MAX_TERMS, signed=True)
        written = Writer(states)
        if not states.shares() and len(written.nodes) <= states.live:
            return written, True

        # Parts of long sums may be needed by themselves too, and be shared as written:
        # where a + b is needed, (a + b) + c shares it, and (a + c) + b does not.
        grouped = Writer(NewStates(cell, 1, signed=True))
    except CellError:  # mirror images make a cell more symmetric than it may be
        return Writer(NewStates(cell, 1, signed=False)), True
    if len(grouped.nodes) < len(written.nodes):
        written = grouped

    # And a sign that is taken out may have to be written elsewhere.
    plain = NewStates(cell, 1, signed=False)
    if len(written.nodes) > plain.num_nodes():
        written = Writer(plain)
    return written, False


def _chained(first: Canonical, second: Canonical) -> Canonical:
    """The canonical form that rewriting a rewritten cell gives."""
    nodes, signs = list[int | None](), list[tuple[int, ...]]()
    for index, own in zip(second.nodes, second.signs, strict=True):
        nodes.append(None if index is None else first.nodes[index])
        before = () if index is None or not own else first.signs[index]
        signs.append(tuple(a * b for a, b in zip(own, before, strict=True)))
    return Canonical(
        second.cell,
        tuple(nodes),
        tuple(signs),
        tuple(first.states[state] for state in second.states),
        tuple(
            turned * first.turned[state]
            for state, turned in zip(second.states, second.turned, strict=True)
        ),
    )
