"""Mutation: valid, seeded, and each transformation does what the paper says."""

import collections
import hashlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells import (
    OP_SETS,
    OPS,
    TRANSFORMATIONS,
    ZOO,
    Cell,
    CellError,
    Node,
    canonical,
    check,
    mutate,
    parse,
    recurrent_linears,
)
from cells.graph import LINEAR_DIAGONALS, ordered
from tests.support.strategies import SEEDS, Builder, cells
from tests.support.transform import transform

SETS = sorted(OP_SETS)
SEED = st.integers(0, 2**32 - 1)
PAPER_ACTIVATIONS = [
    ("tanh", ()),
    ("sigmoid", ()),
    ("relu", ()),
    *(("linear", (a, 0.0)) for a in LINEAR_DIAGONALS),
]
PAPER_ELEMENTWISE = ["add", "subtract", "multiply"]
SMALL = parse("def cell(x, h):\n    a = tanh(x)\n    return sigmoid(a) * (a - h)\n")
OUTCOMES = [*((SMALL, i) for i in range(4)), (canonical(SEEDS[0]), 8)]


def parents(ops: str) -> st.SearchStrategy[Cell]:
    cell = cells(ops, max_nodes=16).filter(lambda c: any(n.args for n in c.nodes))
    return st.one_of(st.sampled_from(SEEDS), cell)


@given(st.sampled_from(SETS).flatmap(lambda s: st.tuples(st.just(s), parents(s))), SEED)
def test_mutants_are_valid_new_and_in_order(drawn, seed):
    ops, parent = drawn
    before = Cell(*parent)
    mutant = mutate(parent, np.random.default_rng(seed), ops=ops, max_nodes=25)
    check(mutant.cell)
    assert parent == before
    assert mutant.cell != ordered(parent)
    assert ordered(mutant.cell) == mutant.cell
    assert mutant.cell.num_states == parent.num_states
    assert len(mutant.cell.nodes) <= 25
    assert mutant.rules
    assert set(mutant.rules) <= set(TRANSFORMATIONS)
    assert 0 <= mutant.magnitude <= 1
    assert set(mutant.redraws) <= {"cycle", "unchanged", "too_large"}
    allowed = set(OP_SETS[ops]) | {node.op for node in parent.nodes}
    assert {node.op for node in mutant.cell.nodes} <= allowed


@given(parents("extended"), SEED)
def test_one_seed_one_mutant(parent, seed):
    one, two = (mutate(parent, np.random.default_rng(seed)) for _ in range(2))
    assert one == two


def test_the_papers_mutants_are_what_they_always_were() -> None:
    """A search made with rounds is repeated by its seed: no draw may be added."""
    mutants = [mutate(SEEDS[s % 2], np.random.default_rng(s)) for s in range(40)]
    text = repr([(m.cell, m.rules, m.magnitude, m.redraws) for m in mutants])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "7bfb6cf651d6e03a"


def test_seeds_give_different_mutants():
    mutants = {mutate(SEEDS[1], np.random.default_rng(s)).cell for s in range(50)}
    assert len(mutants) > 40


def ancestors(cell: Cell, value: int) -> set[int]:
    """All values that a value is computed from, near and far."""
    if value < cell.num_inputs:
        return set()
    args = set(cell.nodes[value - cell.num_inputs].args)
    return args.union(*(ancestors(cell, arg) for arg in args))


def rewritten(
    cell: Cell, changed: dict[int, Node], moved: dict[int, int] | None = None
) -> Cell | None:
    """Replaces and appends nodes, and redirects values; None if there is a cycle.

    A plain depth-first walk: the module under test has its own.
    """
    moved, nodes = moved or {}, dict(enumerate(cell.nodes)) | changed
    place, found = {v: v for v in range(cell.num_inputs)}, list[Node]()
    under_way: set[int] = set()

    def visit(value: int) -> int:
        value = moved.get(value, value)
        if value not in place:
            if value in under_way:
                raise RecursionError
            under_way.add(value)
            node = nodes[value - cell.num_inputs]
            args = tuple(visit(arg) for arg in node.args)
            found.append(node._replace(args=args))
            place[value] = cell.num_states + len(found)
        return place[value]

    try:
        outputs = tuple(visit(output) for output in cell.outputs)
    except RecursionError:
        return None
    return Cell(cell.num_states, tuple(found), outputs)


def expected(cell: Cell, name: str, index: int) -> Iterator[Cell | None]:
    """All outcomes of a transformation, by the words of the paper (3.2)."""
    node, value = cell.nodes[index], cell.num_inputs + index
    fresh = len(cell.nodes)
    kind = OPS[node.op].kind
    if name == "activation" and kind in ("activation", "linear"):
        for op, attrs in PAPER_ACTIVATIONS:
            yield rewritten(cell, {index: Node(op, node.args, attrs)})
    if name == "elementwise" and kind == "elementwise":
        for op in PAPER_ELEMENTWISE:
            if op != node.op:
                yield rewritten(cell, {index: Node(op, node.args)})
    if name == "insert":
        for place, arg in enumerate(node.args):
            args = list(node.args)
            args[place] = cell.num_inputs + fresh
            for op, attrs in PAPER_ACTIVATIONS:
                new = {index: node._replace(args=tuple(args))}
                yield rewritten(cell, {**new, fresh: Node(op, (arg,), attrs)})
    reads = [arg for other in cell.nodes for arg in other.args] + list(cell.outputs)
    if name == "remove" and len(node.args) == 1 and reads.count(value) == 1:
        yield rewritten(cell, {}, {value: node.args[0]})
    if name == "ancestor":
        for other in ancestors(cell, value):
            yield rewritten(cell, {}, {value: other})
    if name == "combine":
        others = range(cell.num_inputs, cell.num_inputs + fresh)
        seconds = set().union(*(ancestors(cell, other) for other in others))
        for first in ancestors(cell, value):
            for second in seconds:
                for op in PAPER_ELEMENTWISE:
                    yield rewritten(cell, {index: Node(op, (first, second))})


@pytest.mark.parametrize("name", TRANSFORMATIONS)
@pytest.mark.parametrize(("cell", "index"), OUTCOMES)
def test_a_transformation_reaches_all_outcomes_and_no_other(cell, index, name):
    rng = np.random.default_rng(0)
    allowed = set(expected(cell, name, index)) or {None}
    # Several times the draws that covering the rarest outcome takes on average.
    draws = 150 if len(allowed) < 20 else 40 * len(allowed)
    seen = {transform(cell, name, index, rng) for _ in range(draws)}
    assert seen == allowed


def test_the_table_holds_the_six_transformations_of_the_paper():
    applicable = collections.Counter(
        name
        for index in range(len(SEEDS[1].nodes))
        for name in TRANSFORMATIONS
        if any(expected(SEEDS[1], name, index))
    )
    assert sorted(applicable) == sorted(TRANSFORMATIONS)
    assert len(TRANSFORMATIONS) == 6


def test_transforming_leaves_the_cell_as_it_is():
    cell, before = SEEDS[1], Cell(*SEEDS[1])
    rng = np.random.default_rng(0)
    for name in TRANSFORMATIONS:
        for index in range(len(cell.nodes)):
            transform(cell, name, index, rng, ops="extended")
    assert cell == before


@given(cells("extended"))
def test_ordering_keeps_all_but_the_numbers(cell):
    assert ordered(cell) == rewritten(cell, {})


def test_mutants_come_to_use_every_op_of_their_set():
    rng = np.random.default_rng(0)
    for ops in SETS:
        found = {
            node.op
            for _ in range(200)
            for node in mutate(SEEDS[0], rng, ops=ops).cell.nodes
        }
        # Constants are no activation: published cells have them, mutants keep them.
        constants = {name for name in OP_SETS[ops] if OPS[name].kind == "constant"}
        assert found == set(OP_SETS[ops]) - constants


def test_only_the_named_ops_are_drawn():
    rng, own = np.random.default_rng(0), {node.op for node in SEEDS[0].nodes}
    found = {
        node.op
        for _ in range(200)
        for node in mutate(SEEDS[0], rng, ops=["sin", "maximum"]).cell.nodes
    }
    assert found - own == {"sin", "maximum"}


def test_weights_choose_among_the_transformations_that_apply():
    rng = np.random.default_rng(0)
    off = dict.fromkeys(TRANSFORMATIONS, 0.0)
    for name in TRANSFORMATIONS:
        for _ in range(20):
            mutant = mutate(SEEDS[1], rng, weights={**off, name: 1.0})
            assert set(mutant.rules) == {name}
    rules = collections.Counter[str]()
    for _ in range(300):
        weights = {**off, "activation": 3.0, "insert": 1.0}
        rules.update(mutate(tower(), rng, weights=weights).rules)
    # All nodes are activations, so both apply to each: inserted ones are new nodes.
    assert 2.5 < rules["activation"] / rules["insert"] < 3.5


def tower() -> Cell:
    builder, value = Builder(1), 0
    for _ in range(10):
        value = builder("tanh", value)
    return builder.cell(value)


def test_magnitude_and_rounds_are_drawn_as_in_the_paper():
    rng = np.random.default_rng(0)
    mutants = [mutate(SEEDS[1], rng, max_nodes=1000) for _ in range(600)]
    magnitudes = np.array([mutant.magnitude for mutant in mutants])
    # Uniform, but for redraws at both ends.
    histogram, _ = np.histogram(magnitudes, bins=4, range=(0, 1))
    assert histogram.min() > 100
    once, thrice = (
        sum(len(mutate(SEEDS[1], rng, rounds=(n, n)).rules) for _ in range(200))
        for n in (1, 3)
    )
    assert 1.5 < thrice / once < 4
    strong = [len(m.rules) for m in mutants if m.magnitude > 0.5]
    weak = [len(m.rules) for m in mutants if m.magnitude < 0.2]
    assert np.mean(strong) > 3 * np.mean(weak)


def test_redraws_are_counted_by_reason():
    rng = np.random.default_rng(0)
    small = [mutate(SEEDS[1], rng, max_nodes=21).redraws for _ in range(300)]
    reasons = collections.Counter(reason for redraws in small for reason in redraws)
    assert set(reasons) == {"cycle", "unchanged", "too_large"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"insret": 1.0}}, "did you mean 'insert'"),
        ({"weights": {"insert": -1.0}}, "at least 0"),
        ({"weights": {"insert": float("nan")}}, "at least 0"),
        ({"weights": dict.fromkeys(TRANSFORMATIONS, 0.0)}, "weight 0"),
        ({"ops": "papre"}, "did you mean 'paper'"),
        ({"rounds": (0, 3)}, "rounds"),
        ({"rounds": (3, 1)}, "rounds"),
        ({"max_nodes": 0}, "max_nodes"),
        ({"max_redraws": -1}, "max_redraws"),
        (
            {"ops": "one", "weights": {"ancestor": 0.0, "remove": 0.0}},
            "no valid mutant",
        ),
    ],
)
def test_mistakes_are_one_clear_line(options, message):
    with pytest.raises(CellError, match=message) as error:
        mutate(SEEDS[0], np.random.default_rng(0), **options)
    assert "\n" not in str(error.value)


def test_a_cell_without_nodes_cannot_be_mutated():
    with pytest.raises(CellError, match="0 nodes"):
        mutate(Cell(1, (), (0,)), np.random.default_rng(0))


def test_edits_change_little_and_rounds_much() -> None:
    rng = np.random.default_rng(0)
    sizes = {"rounds": [], "edits": []}
    for _ in range(200):
        for name, edits in (("rounds", None), ("edits", (1, 3))):
            mutant = mutate(ZOO["gru"], rng, edits=edits)
            sizes[name].append(len(mutant.cell.nodes))
            if edits:
                assert 1 <= len(mutant.rules) <= 3
                assert mutant.magnitude == 0
    assert np.mean(sizes["edits"]) > np.mean(sizes["rounds"]) + 2


def test_edits_follow_the_weights() -> None:
    rng = np.random.default_rng(1)
    only = {name: 0.0 for name in TRANSFORMATIONS if name != "insert"}
    for _ in range(30):
        mutant = mutate(ZOO["lstm"], rng, edits=(2, 2), weights=only)
        assert set(mutant.rules) == {"insert"}
        assert len(mutant.cell.nodes) == len(ZOO["lstm"].nodes) + 2


@pytest.mark.parametrize("edits", [(0, 1), (3, 2)])
def test_edits_are_at_least_one_and_in_order(edits: tuple[int, int]) -> None:
    with pytest.raises(CellError, match="edits are at least 1 and in order"):
        mutate(ZOO["gru"], np.random.default_rng(0), edits=edits)


@pytest.mark.parametrize(
    ("name", "count"), [("gru", 3), ("lstm", 4), ("tanh", 1), ("minimal", 0)]
)
def test_recurrent_matrices_are_counted(name: str, count: int) -> None:
    text = "def minimal(x, h):\n    return sigmoid(linear(x)) * h + linear(x)\n"
    cell = parse(text) if name == "minimal" else ZOO[name]
    assert recurrent_linears(cell) == count
