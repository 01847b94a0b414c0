"""Cells as tables, against the cells node by node."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import pytest

from cells import OPS, ZOO, Cell, canonicalize, dead, mutate, parse
from cells.ir import node_name
from cells.tables.arrays import TableArrays, fits, to_arrays
from cells.tables.layer import AnyLayer, any_layer
from cells.tables.recurrence import scan_tokens
from cells.tables.sizes import SIZES
from cells.tables.table import (
    ACTIVATIONS,
    ONE,
    Combination,
    Readers,
    Section,
    Table,
    Terms,
    size,
)
from cells.tables.tabulate import tabular, tabulate
from cells.tables.weights import from_maps, to_maps

WIDTH, ROOM, BATCH, STEPS, SYMBOLS = 3, 4, 2, 4, 3
SAYABLE = sorted(name for name, cell in ZOO.items() if tabular(cell))
SEEDS = ("gru", "lstm", "mut1", "mut3", "intersection_rnn", "ugrnn", "lem", "cfn")

Floats = Any
Weights = Mapping[str, Mapping[str, Floats]]


@functools.cache
def drawn_mutants(count: int) -> list[Cell]:
    """Mutants of several edits, each new and alive, that the largest size holds."""
    rng, found = np.random.default_rng(5), dict[str, Cell]()
    while len(found) < count:
        parent = ZOO[SEEDS[len(found) % len(SEEDS)]]
        form = canonicalize(mutate(parent, rng, edits=(1, 6)).cell)
        held = fits(tabulate(form.cell), SIZES[-1])
        if held and dead(form.cell) is None:
            found[form.digest] = form.cell
    return list(found.values())


def drawn_weights(cell: Cell, rng: np.random.Generator) -> Weights:
    """Weights of a cell of `WIDTH`, float64."""
    return {
        node_name(index): {
            "kernel": rng.normal(size=(WIDTH, WIDTH)) * 0.4,
            "bias": rng.normal(size=WIDTH) * 0.3,
        }
        for index, node in enumerate(cell.nodes)
        if node.op == "linear"
    }


def by_nodes(cell: Cell, weights: Weights, table: Floats, tokens: Floats) -> Floats:
    """First states at each step, in float64, node by node: the reference."""
    carry = [np.zeros((BATCH, WIDTH))] * cell.num_states
    outputs = []
    for now in table[tokens]:
        values = [now, *carry]
        for index, node in enumerate(cell.nodes):
            args: list[Any] = [values[arg] for arg in node.args] or [now]
            if node.op == "linear":
                args.insert(0, weights[node_name(index)])
            values.append(OPS[node.op].function(np, *args))
        carry = [values[output] for output in cell.outputs]
        outputs.append(carry[0])
    return np.array(outputs)


def by_rows(section: Section, weights: Weights, inputs: list[Floats]) -> list[Floats]:
    """A section row by row, as its docstring says it."""
    values = list(inputs)

    def total(one: Combination) -> Floats:
        return sum(c * (1.0 if v == ONE else values[v]) for v, c in one.items()) + (
            0.0 * values[0]
        )

    for level in section.levels:
        rows = []
        for row in level.rows:
            value = total(row.first) * total(row.second)
            name = ACTIVATIONS[row.code]
            rows.append(OPS[name].function(np, value) if name else value)
        values += rows
        maps = [weights[node_name(node)] for node in level.linears]
        args = [total(arg) for arg in level.args]
        values += [a @ m["kernel"] + m["bias"] for a, m in zip(args, maps, strict=True)]
    return [total(output) for output in section.outputs]


@pytest.mark.parametrize("name", SAYABLE)
def test_a_table_says_what_the_cell_does(name: str) -> None:
    check_rows(ZOO[name], np.random.default_rng(1))


def test_tables_say_what_mutants_do() -> None:
    rng = np.random.default_rng(2)
    for cell in drawn_mutants(250):
        check_rows(cell, rng)


def check_rows(cell: Cell, rng: np.random.Generator) -> None:
    """Holds a table to its cell, in float64."""
    written = tabulate(cell)
    weights = drawn_weights(cell, rng)
    table = rng.normal(size=(SYMBOLS, WIDTH))
    tokens = rng.integers(0, SYMBOLS, (STEPS, BATCH))
    right = by_nodes(cell, weights, table, tokens)
    seen = by_rows(written.before, weights, [table])
    carry = [np.zeros((BATCH, WIDTH))] * cell.num_states
    for now, wanted in zip(tokens, right, strict=True):
        exports = [one[now] for one in seen]
        carry = by_rows(written.step, weights, [*carry, *exports])
        np.testing.assert_allclose(carry[0], wanted, rtol=1e-9, atol=1e-9)


def test_what_a_table_cannot_say_is_refused() -> None:
    assert not tabular(ZOO["indrnn"])
    with pytest.raises(ValueError, match="a table has no scale"):
        tabulate(ZOO["indrnn"])


def test_products_and_sums_of_constants_need_no_rows() -> None:
    cell = parse("def f(x, h):\n    return linear(x) + linear(h) * (one() + one())")
    written = tabulate(cell)
    assert [len(level.rows) for level in written.step.levels] == [0]
    assert written.step.outputs == ({2: 2.0, 1: 1.0},)


def test_a_larger_table_than_the_size_is_refused() -> None:
    written = tabulate(ZOO["lstm"])
    assert not fits(written, SIZES[0])
    with pytest.raises(ValueError, match="larger"):
        to_arrays(written, SIZES[0])
    assert any_layer(ZOO["mogrifier_lstm"], 30) is None
    assert any_layer(ZOO["indrnn"], 30) is None
    assert any_layer(ZOO["lstm"], 30) == AnyLayer(SIZES[1], 32)


def test_one_program_runs_many_cells_in_value_and_gradient() -> None:
    """Outputs against float64 node by node, gradients against its differences."""
    cells = [ZOO[name] for name in SAYABLE if fits(tabulate(ZOO[name]), SIZES[-1])]
    assert len(cells) > 25
    cells += drawn_mutants(250)
    rng = np.random.default_rng(3)
    lanes = [lane(cell, rng) for cell in cells]
    stacked = jax.tree.map(lambda *rows: np.stack(rows), *lanes)
    value, grads = jax.jit(jax.vmap(weighed))(*stacked)
    value, grads = jax.device_get((value, grads))
    off = []
    for index, (cell, row) in enumerate(zip(cells, lanes, strict=True)):
        written = tabulate(cell)
        _, maps, embedding, tokens, weighing = row
        weights = from_maps(written, SIZES[-1], maps, WIDTH)
        own = jax.tree.map(lambda a, i=index: a[i], grads[0])
        mine = from_maps(written, SIZES[-1], own, WIDTH)
        table, slope = embedding[:, :WIDTH], grads[1][index]
        assert not slope[:, WIDTH:].any()  # what is only room stays zero
        right, wanted = by_difference(
            cell, weights, table, tokens, weighing, (mine, slope[:, :WIDTH]), rng
        )
        np.testing.assert_allclose(value[index], right, rtol=2e-4, atol=2e-4)
        off.append(wanted)
    # A step of the difference may pass a kink of relu.
    assert np.mean(np.array(off) < 2e-3) > 0.99, np.sort(off)[-20:]


def lane(cell: Cell, rng: np.random.Generator) -> tuple[Any, ...]:
    """All that a lane of the largest size is given, with room for another feature."""
    written = tabulate(cell)
    weights = jax.tree.map(np.float32, drawn_weights(cell, rng))
    arrays: TableArrays = to_arrays(written, SIZES[-1])
    maps = to_maps(written, SIZES[-1], weights, ROOM)
    embedding = np.zeros((SYMBOLS, ROOM), np.float32)
    embedding[:, :WIDTH] = rng.normal(size=(SYMBOLS, WIDTH))
    tokens = rng.integers(0, SYMBOLS, (STEPS, BATCH))
    weighing = rng.normal(size=(STEPS, BATCH, WIDTH)).astype(np.float32)
    return arrays, maps, embedding, tokens, weighing


def weighed(
    arrays: TableArrays, maps: Any, embedding: Any, tokens: Any, weighing: Any
) -> Any:
    """The weighed sum of outputs, and its gradient by weights and embedding."""
    mask = np.arange(ROOM) < WIDTH
    carry = [np.zeros((BATCH, ROOM), np.float32)] * SIZES[-1].num_states

    def total(maps: Any, embedding: Any) -> Any:
        _, outputs = scan_tokens(
            SIZES[-1],
            arrays,
            maps,
            mask.astype(np.float32),
            carry,
            embedding,
            tokens,
        )
        return (outputs[..., :WIDTH] * weighing).sum()

    return jax.value_and_grad(total, (0, 1))(maps, embedding)


def by_difference(
    cell: Cell,
    weights: Any,
    table: Floats,
    tokens: Floats,
    weighing: Floats,
    grads: Any,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """The weighed sum, and how far a gradient is from its slope in one direction."""
    point = jax.tree.map(np.float64, (weights, table))
    way = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), point)

    def total(step: float) -> float:
        moved = jax.tree.map(lambda leaf, to: leaf + step * to, point, way)
        return float((by_nodes(cell, *moved, tokens) * weighing).sum())

    slope = (total(1e-5) - total(-1e-5)) / 2e-5
    pairs = zip(jax.tree.leaves(grads), jax.tree.leaves(way), strict=True)
    terms = [float((grad * to).sum()) for grad, to in pairs]
    scale = 1 + sum(map(abs, terms)) + abs(slope)
    return total(0.0), abs(sum(terms) - slope) / scale


def test_sizes_say_how_large_a_table_is() -> None:
    written: Table = tabulate(ZOO["gru"])
    assert size(written).step.levels == ((0, 2), (2, 0), (1, 1), (1, 0), (1, 0))
    assert fits(written, size(written))


def test_longer_sums_and_more_readers_than_there_is_room_for_are_refused() -> None:
    written = tabulate(ZOO["gru"])
    room = size(written)
    assert room.step.terms == Terms(2, 1, 2)
    assert room.step.readers == Readers(4, 2)
    bounds = (("terms", "factors"), ("terms", "outputs"), ("readers", "sources"))
    for kind, name in bounds:
        most = getattr(room.step, kind)
        less = most._replace(**{name: getattr(most, name) - 1})
        assert not fits(written, room._replace(step=room.step._replace(**{kind: less})))


def test_where_nothing_is_read_the_place_that_is_zero_is_read() -> None:
    for name in ("gru", "lstm", "mut1"):
        arrays = to_arrays(tabulate(ZOO[name]), SIZES[-1])
        for section in arrays:
            reads = [section.outputs, section.sources, section.seen]
            for level in section.levels:
                reads += [level.factors, level.args, level.rows, level.maps]
            for one in reads:
                assert np.array_equal(one.places == 0, one.weights == 0)
