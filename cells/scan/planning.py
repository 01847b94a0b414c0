"""Planning a scan: what the graph allows to be hoisted, stacked, kept or recomputed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from cells.ir import Cell
from cells.ops import OPS, Op, get_op
from cells.scan.plan import (
    Apply,
    Batch,
    Column,
    Instruction,
    Multiply,
    Product,
    ScanPlan,
    Sum,
    Term,
    reads,
    writes,
)


def make_plan(cell: Cell) -> ScanPlan:
    """Plans the scan of a valid cell."""
    # Matrix products cost most, so what joins them is decided first.
    recurrent = _recurrent(cell)
    bundles = _bundles(cell, recurrent)
    products, sums = _choose(cell, bundles)
    instructions = _schedule(cell, recurrent, products, sums, bundles)

    # The rest follows from what each instruction reads and its pullback needs.
    read = {value for one in instructions for value in reads(one, products)}
    frontier = sorted(v for v in read.union(cell.outputs) if v not in recurrent)
    saved, recomputed = _residuals(cell, recurrent, products, instructions)
    before = [v for v in _node_values(cell) if v not in recurrent]
    return ScanPlan(
        cell, tuple(before), tuple(frontier), products, instructions, saved, recomputed
    )


def _node_values(cell: Cell) -> range:
    """The values that are nodes."""
    return range(cell.num_inputs, cell.num_inputs + len(cell.nodes))


def _op(cell: Cell, value: int) -> Op:
    return get_op(cell.node(value).op)


def _num_uses(cell: Cell) -> Counter[int]:
    """How often each value is read or is an output."""
    uses = Counter(arg for node in cell.nodes for arg in node.args)
    uses.update(cell.outputs)
    return uses


def _recurrent(cell: Cell) -> set[int]:
    """The values that depend on an old state within one step."""
    recurrent = set(range(1, cell.num_inputs))
    for value in _node_values(cell):
        if recurrent.intersection(cell.node(value).args):
            recurrent.add(value)
    return recurrent


@dataclass(frozen=True)
class _Bundle:
    """A recurrent sum taken apart: `root = linears + addends + rest`.

    `inner` are the sums inside it, which are not computed on their own.
    """

    root: int
    linears: tuple[int, ...]
    addends: tuple[Term, ...] = ()
    rest: tuple[Term, ...] = ()
    inner: tuple[int, ...] = ()


def _bundles(cell: Cell, recurrent: set[int]) -> list[_Bundle]:
    """Every recurrent linear, with the sum around it that nothing else reads."""
    uses = _num_uses(cell)
    nodes = recurrent.intersection(_node_values(cell))

    def is_sum(value: int) -> bool:
        return value in nodes and _op(cell, value).symbol in ("+", "-")

    def is_linear(value: int) -> bool:
        return value in nodes and _op(cell, value).kind == "linear"

    # From the last value to the first, so that the outermost sum takes what is inside.
    bundles: list[_Bundle] = []
    absorbed: set[int] = set()
    for value in reversed(_node_values(cell)):
        if value in absorbed:
            continue
        if is_linear(value):
            bundles.append(_Bundle(value, (value,)))
        if not is_sum(value):
            continue
        # W x + b - W h becomes a product of its own: only what is added is absorbed.
        terms, inner = _flatten(cell, value, lambda v: is_sum(v) and uses[v] == 1)
        linears = [v for s, v in terms if s > 0 and is_linear(v) and uses[v] == 1]
        if linears:
            absorbed.update(linears, inner)
            linears.sort(key=lambda v: cell.node(v).args)
            addends = tuple(t for t in terms if t[1] not in recurrent)
            rest = [t for t in terms if t[1] in recurrent and t[1] not in linears]
            bundles.append(
                _Bundle(value, tuple(linears), addends, tuple(rest), tuple(inner))
            )
    return bundles[::-1]


def _flatten(
    cell: Cell, root: int, joins: Callable[[int], bool]
) -> tuple[list[Term], list[int]]:
    """The signed terms of a sum in order, and the inner sums taken apart."""
    terms: list[Term] = []
    inner: list[int] = []
    pending = [(1, root)]
    while pending:
        sign, value = pending.pop()
        if value != root and not joins(value):
            terms.append((sign, value))
            continue
        # s (a + b) = s a + s b, and s (a - b) = s a - s b; the left one is next.
        inner.append(value)
        left, right = cell.node(value).args
        second = -sign if _op(cell, value).symbol == "-" else sign
        pending += [(second, right), (sign, left)]
    return terms, inner


def _choose(
    cell: Cell, bundles: list[_Bundle]
) -> tuple[tuple[Product, ...], list[Sum]]:
    """Products over whole bundles or over single linears: whichever are fewer."""
    # W a + U b is one column of [a b] [W; U], or a column of a W and one of b U.
    whole = _group(cell, [_whole(bundle) for bundle in bundles])
    single = _group(cell, [column for b in bundles for column in _single(b)])
    merged = len(whole) < len(single)

    # What no product adds is left to a sum.
    sums = []
    for bundle in bundles:
        parts = bundle.linears[:1] if merged else bundle.linears
        if len(parts) > 1 or bundle.rest:
            terms = (*((1, value) for value in parts), *bundle.rest)
            sums.append(Sum(terms, bundle.root))
    return (whole if merged else single), sums


def _whole(bundle: _Bundle) -> Column:
    value = bundle.linears[0] if bundle.rest else bundle.root
    return Column(value, bundle.linears, bundle.addends)


def _single(bundle: _Bundle) -> list[Column]:
    if len(bundle.linears) == 1:
        return [_whole(bundle)]
    first, *others = bundle.linears
    columns = [Column(value, (value,)) for value in others]
    return [Column(first, (first,), bundle.addends), *columns]


def _group(cell: Cell, columns: list[Column]) -> tuple[Product, ...]:
    """Columns that read the same arguments become one product."""
    groups: dict[tuple[int, ...], list[Column]] = {}
    for column in columns:
        args = tuple(cell.node(value).args[0] for value in column.linears)
        groups.setdefault(args, []).append(column)
    # What one activation reads stands together, so that it is one call.
    readers = _lone_activations(cell)
    return tuple(
        Product(args, tuple(sorted(group, key=lambda c: _activation(c, readers))))
        for args, group in groups.items()
    )


def _lone_activations(cell: Cell) -> dict[int, str]:
    """The pointwise activation that alone reads a value, where there is one."""
    uses = _num_uses(cell)
    readers = {}
    for value in _node_values(cell):
        op = _op(cell, value)
        if op.arity == 1 and op.pullback is not None and not op.weights:
            (arg,) = cell.node(value).args
            if uses[arg] == 1:
                readers[arg] = op.name
    return readers


def _activation(column: Column, readers: dict[int, str]) -> str:
    """The name to sort by; what no activation reads comes last."""
    return readers.get(column.value, "~")


def _schedule(
    cell: Cell,
    recurrent: set[int],
    products: tuple[Product, ...],
    sums: list[Sum],
    bundles: list[_Bundle],
) -> tuple[Instruction, ...]:
    """An order in which everything is known before it is read."""
    # Nodes that products, batches and sums compute need no instruction of their own.
    batches = _batches(cell, products)
    done = {value for batch in batches for value in batch.values}
    for bundle in bundles:
        done.update((bundle.root, *bundle.linears, *bundle.inner))
    waiting: list[Instruction] = [
        *(Multiply(index) for index in range(len(products))),
        *batches,
        *sums,
        *(
            Apply(cell.node(value).op, cell.node(value).args, value)
            for value in _node_values(cell)
            if value in recurrent and value not in done
        ),
    ]

    # Round by round: what can be computed now is, in the order above.
    known = _known_at_once(cell, recurrent)
    ordered: list[Instruction] = []
    while waiting:
        ready = [one for one in waiting if known.issuperset(reads(one, products))]
        for instruction in ready:
            ordered.append(instruction)
            known.update(writes(instruction, products))
        waiting = [instruction for instruction in waiting if instruction not in ready]
    return tuple(ordered)


def _known_at_once(cell: Cell, recurrent: set[int]) -> set[int]:
    """The values known before a step: its inputs, and what depends on x only."""
    return set(range(cell.num_inputs)).union(set(_node_values(cell)) - recurrent)


def _batches(cell: Cell, products: tuple[Product, ...]) -> list[Batch]:
    """Runs of columns that the same activation alone reads."""
    # A value has one reader here, so that the reader is found by what it reads.
    readers = _lone_activations(cell)
    computed = {
        cell.node(value).args[0]: value
        for value in _node_values(cell)
        if _op(cell, value).arity == 1
    }

    # Columns are sorted by their readers already: equal ones are neighbours.
    batches = []
    for index, product in enumerate(products):
        names = [_activation(column, readers) for column in product.columns]
        start = 0
        for name, run in groupby(names):
            size = len(list(run))
            if name in OPS:
                columns = product.columns[start : start + size]
                values = tuple(computed[column.value] for column in columns)
                batches.append(Batch(name, index, start, values))
            start += size
    return batches


def _residuals(
    cell: Cell,
    recurrent: set[int],
    products: tuple[Product, ...],
    instructions: tuple[Instruction, ...],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the backward pass needs: values to keep, and values to compute again.

    Sums and products of values that are known anyway are computed again; what an
    activation or a matrix product computed is kept.
    """
    needed: set[int] = set()
    for instruction in instructions:
        needed.update(_pullback_reads(instruction, products))

    # In order, so that what is computed again may be read by what is, too.
    known = _known_at_once(cell, recurrent)
    saved: list[int] = []
    recomputed: list[int] = []
    for instruction in instructions:
        cheap = isinstance(instruction, Sum) or (
            isinstance(instruction, Apply)
            and get_op(instruction.op).kind == "elementwise"
        )
        again = cheap and known.issuperset(reads(instruction, products))
        for value in writes(instruction, products):
            if value in needed:
                (recomputed if again else saved).append(value)
                known.add(value)
    return tuple(saved), tuple(recomputed)


def _pullback_reads(
    instruction: Instruction, products: tuple[Product, ...]
) -> tuple[int, ...]:
    """The values that the backward pass of an instruction reads."""
    if isinstance(instruction, Sum):
        return ()
    if isinstance(instruction, Multiply):
        return reads(instruction, products)
    op = get_op(instruction.op)
    if op.pullback is None:
        return reads(instruction, products)
    values: tuple[int, ...] = ()
    if "args" in op.reads:
        values += reads(instruction, products)
    if "output" in op.reads:
        values += writes(instruction, products)
    return values
