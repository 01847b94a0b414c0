"""Cells between two others."""

from collections import Counter

import numpy as np

from cells import (
    PUBLISHED,
    ZOO,
    Cell,
    canonical,
    check,
    crossover,
    digest,
    parse,
    to_text,
)

GRU = to_text(canonical(ZOO["gru"]))


def edited(*edits: tuple[str, str]) -> Cell:
    text = GRU
    for old, new in edits:
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    return canonical(parse(text))


def test_between_two_cells_that_differ_in_two_places_there_are_four() -> None:
    outer, inner = ("h + n3", "x + n3"), ("tanh", "relu")
    first, second = edited(), edited(outer, inner)
    wanted = {
        digest(edited(*some)) for some in ((), (outer,), (inner,), (outer, inner))
    }
    rng = np.random.default_rng(0)
    drawn = Counter[str]()
    for _ in range(80):
        child = crossover(first, second, rng)
        assert child is not None
        drawn[digest(child)] += 1
    assert set(drawn) == wanted
    assert min(drawn.values()) > 5


def test_between_a_cell_and_itself_is_that_cell() -> None:
    rng = np.random.default_rng(0)
    for row in PUBLISHED.values():
        form = canonical(row.cell)
        child = crossover(form, form, rng)
        assert child is not None
        assert digest(child) == digest(form)


def test_between_published_cells_are_valid_ones_with_parts_of_both() -> None:
    rng = np.random.default_rng(0)
    met = set()
    for name in ("lstm", "mgu", "mut1", "intersection_rnn"):
        parents = [canonical(ZOO[one]) for one in ("gru", name)]
        for _ in range(10):
            child = crossover(*parents, rng)
            if child is None:
                continue
            check(child)
            kinds = {node.op for parent in parents for node in parent.nodes}
            assert {node.op for node in child.nodes} <= kinds
            met.add(digest(child))
    assert len(met) > 15
