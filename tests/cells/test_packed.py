"""Weights side by side: each once, found by group, by row and by name."""

from itertools import chain

import jax
import numpy as np
import pytest
from hypothesis import given, settings

from cells import OPS, ZOO, Cell, lower
from cells.scan.hoisted import groups_of
from cells.scan.packed import Packed
from tests.support.interpreter import random_params
from tests.support.strategies import cells

H = 3


def packed(cell: Cell) -> tuple[dict[str, dict[str, np.ndarray]], Packed]:
    params = random_params(cell, H, np.random.default_rng(0))
    weighty = {name: own for name, own in params.items() if own}
    return weighty, lower(cell).pack(weighty)


def assert_same(got: object, expected: object) -> None:
    jax.tree.map(np.testing.assert_array_equal, got, expected)


@settings(max_examples=60)
@given(cell=cells(ops="extended"))
def test_every_weight_is_there_once_and_is_found_by_its_name(cell: Cell) -> None:
    grouped = [v for g in groups_of(lower(cell).plan) for v in chain.from_iterable(g)]
    linears = [
        value
        for value, node in enumerate(cell.nodes, cell.num_inputs)
        if node.op == "linear"
    ]
    assert sorted(grouped) == linears

    params, found = packed(cell)
    assert list(found) == list(params)
    assert len(found) == len(params)
    assert_same({name: dict(found[name]) for name in found}, params)
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(t)) for t in (params, found)]
    assert sizes[0] == sizes[1]


def test_a_kernel_is_found_by_its_group_and_biases_by_their_row() -> None:
    params, found = packed(ZOO["lstm"])
    for group, block in zip(found.groups, found.blocks, strict=True):
        assert found.kernel(group) is block.kernel
        for row, bias in zip(zip(*group, strict=True), block.bias, strict=True):
            assert found.bias(row) is bias
    assert found.kernel(found.groups[0][:-1]) is None
    assert found.bias((99,)) is None
    with pytest.raises(KeyError):
        found["n99"]
    assert len(jax.tree.leaves(found)) == 4  # of 16: W x and W h of four gates
    assert len(jax.tree.leaves(params)) == 16


def test_it_is_a_tree_to_jax_with_names_in_its_paths() -> None:
    cell = next(c for c in ZOO.values() if "scale" in {n.op for n in c.nodes})
    params, found = packed(cell)
    again = jax.tree.map(lambda leaf: leaf + 1, found)
    assert isinstance(again, Packed)
    assert_same(again["n0"], jax.tree.map(lambda leaf: leaf + 1, params["n0"]))
    assert jax.tree.structure(again) == jax.tree.structure(found)
    paths = [str(path) for path, _ in jax.tree_util.tree_leaves_with_path(found)]
    for name in ("kernel", "bias", "scale"):
        assert any(name in path for path in paths), name
    weights = {name for node in cell.nodes for name, _ in OPS[node.op].weights}
    assert weights == {"kernel", "bias", "scale"}


def test_lanes_of_weights_are_read_by_name() -> None:
    params, found = packed(ZOO["gru"])
    two = jax.tree.map(lambda leaf: np.stack([leaf, 2 * leaf]), found)
    for name, own in params.items():
        assert_same(two[name], jax.tree.map(lambda a: np.stack([a, 2 * a]), own))
