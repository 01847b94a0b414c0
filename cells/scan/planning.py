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
    Instruction,
    Member,
    Multiply,
    Plan,
    Product,
    Sum,
    Term,
    reads,
    writes,
)


def make_plan(cell: Cell) -> Plan:
    """Plans the scan of a valid cell."""
    recurrent = _recurrent(cell)
    bundles = _bundles(cell, recurrent)
    products, sums = _choose(cell, bundles)
    steps = _schedule(cell, recurrent, products, sums, bundles)
    read = {value for step in steps for value in reads(step, products)}
    frontier = sorted(v for v in read.union(cell.outputs) if v not in recurrent)
    saved, recomputed = _residuals(cell, recurrent, products, steps)
    before = [v for v in cell_values(cell) if v not in recurrent]
    return Plan(
        cell, tuple(before), tuple(frontier), products, steps, saved, recomputed
    )


def cell_values(cell: Cell) -> range:
    """The values that are nodes."""
    return range(cell.num_inputs, cell.num_inputs + len(cell.nodes))


def op_of(cell: Cell, value: int) -> Op:
    """The op that computes a value."""
    return get_op(cell.nodes[value - cell.num_inputs].op)


def args_of(cell: Cell, value: int) -> tuple[int, ...]:
    """The arguments of the node that computes a value."""
    return cell.nodes[value - cell.num_inputs].args


def _recurrent(cell: Cell) -> set[int]:
    """The values that depend on an old state within one step."""
    found = set(range(1, cell.num_inputs))
    for value in cell_values(cell):
        if found.intersection(args_of(cell, value)):
            found.add(value)
    return found


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
    uses = Counter(arg for node in cell.nodes for arg in node.args)
    uses.update(cell.outputs)

    def is_sum(value: int) -> bool:
        return value in recurrent.intersection(cell_values(cell)) and (
            op_of(cell, value).symbol in ("+", "-")
        )

    def is_linear(value: int) -> bool:
        return value in recurrent.intersection(cell_values(cell)) and (
            op_of(cell, value).kind == "linear"
        )

    found: list[_Bundle] = []
    absorbed: set[int] = set()
    for value in reversed(cell_values(cell)):
        if value in absorbed:
            continue
        if is_linear(value):
            found.append(_Bundle(value, (value,)))
        if not is_sum(value):
            continue
        terms, inner = _flatten(cell, value, lambda v: is_sum(v) and uses[v] == 1)
        linears = [v for s, v in terms if s > 0 and is_linear(v) and uses[v] == 1]
        if linears:
            absorbed.update(linears, inner)
            linears.sort(key=lambda v: args_of(cell, v))
            addends = tuple(t for t in terms if t[1] not in recurrent)
            rest = [t for t in terms if t[1] in recurrent and t[1] not in linears]
            found.append(
                _Bundle(value, tuple(linears), addends, tuple(rest), tuple(inner))
            )
    return found[::-1]


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
        inner.append(value)
        left, right = args_of(cell, value)
        second = -sign if op_of(cell, value).symbol == "-" else sign
        pending += [(second, right), (sign, left)]
    return terms, inner


def _choose(
    cell: Cell, bundles: list[_Bundle]
) -> tuple[tuple[Product, ...], list[Sum]]:
    """Products over whole bundles or over single linears: whichever are fewer."""
    whole = _group(cell, [_whole(bundle) for bundle in bundles])
    single = _group(cell, [m for bundle in bundles for m in _single(bundle)])
    sums = []
    for bundle in bundles:
        parts = bundle.linears
        if len(whole) < len(single):
            parts = parts[:1]
        if len(parts) > 1 or bundle.rest:
            terms = (*((1, value) for value in parts), *bundle.rest)
            sums.append(Sum(terms, bundle.root))
    return (whole if len(whole) < len(single) else single), sums


def _whole(bundle: _Bundle) -> Member:
    value = bundle.linears[0] if bundle.rest else bundle.root
    return Member(value, bundle.linears, bundle.addends)


def _single(bundle: _Bundle) -> list[Member]:
    if len(bundle.linears) == 1:
        return [_whole(bundle)]
    first, *others = bundle.linears
    members = [Member(value, (value,)) for value in others]
    return [Member(first, (first,), bundle.addends), *members]


def _group(cell: Cell, members: list[Member]) -> tuple[Product, ...]:
    """Members that read the same arguments become one product."""
    groups: dict[tuple[int, ...], list[Member]] = {}
    for member in members:
        args = tuple(args_of(cell, value)[0] for value in member.linears)
        groups.setdefault(args, []).append(member)
    consumers = _consumers(cell)
    return tuple(
        Product(args, tuple(sorted(group, key=lambda m: _activation(m, consumers))))
        for args, group in groups.items()
    )


def _consumers(cell: Cell) -> dict[int, str]:
    """The pointwise activation that alone reads a value, where there is one."""
    uses = Counter(arg for node in cell.nodes for arg in node.args)
    uses.update(cell.outputs)
    found = {}
    for value in cell_values(cell):
        op = op_of(cell, value)
        if op.arity == 1 and op.pullback is not None and not op.weights:
            (arg,) = args_of(cell, value)
            if uses[arg] == 1:
                found[arg] = op.name
    return found


def _activation(member: Member, consumers: dict[int, str]) -> str:
    return consumers.get(member.value, "~")


def _schedule(
    cell: Cell,
    recurrent: set[int],
    products: tuple[Product, ...],
    sums: list[Sum],
    bundles: list[_Bundle],
) -> tuple[Instruction, ...]:
    """An order in which everything is known before it is read."""
    batches = _batches(cell, products)
    done = {value for batch in batches for value in batch.values}
    for bundle in bundles:
        done.update((bundle.root, *bundle.linears, *bundle.inner))
    waiting: list[Instruction] = [
        *(Multiply(index) for index in range(len(products))),
        *batches,
        *sums,
        *(
            Apply(op_of(cell, value).name, args_of(cell, value), value)
            for value in cell_values(cell)
            if value in recurrent and value not in done
        ),
    ]
    known = set(range(cell.num_inputs)).union(set(cell_values(cell)) - recurrent)
    ordered: list[Instruction] = []
    while waiting:
        ready = [s for s in waiting if known.issuperset(reads(s, products))]
        for step in ready:
            ordered.append(step)
            known.update(writes(step, products))
        waiting = [step for step in waiting if step not in ready]
    return tuple(ordered)


def _batches(cell: Cell, products: tuple[Product, ...]) -> list[Batch]:
    """Runs of members that the same activation alone reads."""
    consumers = _consumers(cell)
    computed = {
        args_of(cell, value)[0]: value
        for value in cell_values(cell)
        if op_of(cell, value).arity == 1
    }
    found = []
    for index, product in enumerate(products):
        names = [_activation(member, consumers) for member in product.members]
        start = 0
        for name, run in groupby(names):
            size = len(list(run))
            if name in OPS:
                members = product.members[start : start + size]
                values = tuple(computed[member.value] for member in members)
                found.append(Batch(name, index, start, values))
            start += size
    return found


def _residuals(
    cell: Cell,
    recurrent: set[int],
    products: tuple[Product, ...],
    steps: tuple[Instruction, ...],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the backward pass needs: values to keep, and values to compute again.

    Sums and products of values that are known anyway are computed again; what an
    activation or a matrix product computed is kept.
    """
    needed: set[int] = set()
    for step in steps:
        needed.update(_pullback_reads(step, products))
    known = set(range(cell.num_inputs)).union(set(cell_values(cell)) - recurrent)
    saved: list[int] = []
    recomputed: list[int] = []
    for step in steps:
        cheap = isinstance(step, Sum) or (
            isinstance(step, Apply) and get_op(step.op).kind == "elementwise"
        )
        again = cheap and known.issuperset(reads(step, products))
        for value in writes(step, products):
            if value in needed:
                (recomputed if again else saved).append(value)
                known.add(value)
    return tuple(saved), tuple(recomputed)


def _pullback_reads(
    step: Instruction, products: tuple[Product, ...]
) -> tuple[int, ...]:
    """The values that the backward pass of an instruction reads."""
    if isinstance(step, Sum):
        return ()
    if isinstance(step, Multiply):
        return reads(step, products)
    op = get_op(step.op)
    if op.pullback is None:
        return reads(step, products)
    found: tuple[int, ...] = ()
    if "args" in op.reads:
        found += reads(step, products)
    if "output" in op.reads:
        found += writes(step, products)
    return found
