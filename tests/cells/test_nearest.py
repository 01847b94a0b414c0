"""The nearest published cell: distances, and the difference in words."""

import time

import numpy as np
import pytest
from hypothesis import given, settings

from cells import (
    PUBLISHED,
    TRANSFORMATIONS,
    ZOO,
    Cell,
    canonical,
    dead,
    digest,
    mutate,
    nearest,
    parse,
)
from cells.zoo.alignment import Parts, align, bound, cost, improve
from cells.zoo.edits import list_edits
from cells.zoo.roles import glossary_of
from cells.zoo.terms import make_terms
from tests.support.strategies import cells, mutants
from tests.support.transform import transform

DIGESTS = {digest(cell) for cell in ZOO.values()}
GRU = """
    r = sigmoid(linear(x) + linear(h))
    z = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + linear(r * h))
    return candidate + z * (h - candidate)
"""
LSTM = """
    i = sigmoid(linear(x) + linear(h))
    f = sigmoid(linear(x) + linear(h))
    o = sigmoid(linear(x) + linear(h))
    c_new = f * c + i * tanh(linear(x) + linear(h))
    return o * tanh(c_new), c_new
"""


def changed(text: str, old: str, new: str) -> Cell:
    """The text's cell with the first `old` made `new`."""
    assert old in text
    inputs = "x, h, c" if text is LSTM else "x, h"
    return parse(f"def mine({inputs}):\n{text.replace(old, new, 1)}")


def graph(cell: Cell) -> Parts:
    return Parts(make_terms(canonical(cell)))


def distance(a: Cell, b: Cell) -> int:
    one, other = graph(a), graph(b)
    return improve(one, other, align(one, other))[0]


@pytest.mark.parametrize("name", ZOO)
def test_each_published_cell_is_nearest_to_itself(name: str) -> None:
    equal = {"t_rnn": "min_gru"}.get(name, name)  # but for its gate's sign
    assert nearest(ZOO[name]) == (equal, 0, f"equal to {equal}")
    assert distance(ZOO[name], ZOO[name]) == 0


@pytest.mark.parametrize(
    ("text", "old", "new", "edits", "words"),
    [
        (GRU, "tanh", "relu", 1, "gru, but the tanh of the candidate became relu"),
        (GRU, "x) + linear(h)", "x)", 2, "gru, but the reset gate r ignores h"),
        (GRU, "sigmoid(linear(x) + ", "sigmoid(", 1,
         "mut2, but the reset gate r ignores x"),
        (GRU, "r * h)", "r * h) + x", 1, "gru with x added to the candidate"),
        (GRU, "tanh(", "(", 1, "gru without the tanh of the candidate"),
        (GRU, "linear(h)", "linear(tanh(h))", 1,
         "gru with tanh applied to h in the reset gate r"),
        (GRU, "tanh(linear(x)", "tanh(relu(linear(x))", 1,
         "gru with relu applied to linear(x) in the candidate"),
        (GRU, "linear(h)", "linear(h, bias=1.0)", 1,
         "gru, but linear(h) has bias 1 in the reset gate r"),
        (GRU, "linear(h)", "linear(h, diagonal=0.9)", 1,
         "gru, but linear(h) has diagonal 0.9 in the reset gate r"),
        (LSTM, "o * tanh", "o * relu", 1,
         "lstm, but tanh(c_new) became relu(c_new) in the new h"),
        (LSTM, "i * tanh", "i + tanh", 1,
         "lstm, but i * candidate became a sum in c_new"),
        (LSTM, "i * tanh", "i * sin", 1,
         "lstm, but the tanh of the candidate became sin"),
        (LSTM, "f * c +", "f * c + x +", 1, "lstm with x added to c_new"),
        (LSTM, "+ i * tanh", "- i * relu", 2,
         "lstm, but the tanh of the candidate became relu and i * candidate is "
         "subtracted in c_new"),
        (LSTM, "f * c", "f * i * c", 1, "lstm with c * f multiplied by i"),
    ],
)  # fmt: skip
def test_an_edit_is_said_in_the_publications_words(
    text: str, old: str, new: str, edits: int, words: str
) -> None:
    found = nearest(changed(text, old, new))
    assert found.words == words
    assert found.distance == edits
    assert found.name == words.replace(",", "").split()[0]


def test_a_gate_that_is_gone_is_named() -> None:
    one, other = graph(ZOO["lstm_f"]), graph(ZOO["lstm"])
    mapped = improve(one, other, align(one, other))[1]
    edits = list_edits(one.vertices, glossary_of(PUBLISHED["lstm"]), mapped)
    assert edits == [("without", "the forget gate f")]


def test_far_cells_are_counted_and_not_all_said() -> None:
    rng = np.random.default_rng(1)
    cell = ZOO["lstm"]
    for _ in range(40):
        mutant = mutate(cell, rng).cell
        if len(mutant.nodes) > 18 and dead(mutant) is None:
            cell = mutant
    found = nearest(cell)
    assert found.words.startswith(f"{found.distance} edits from {found.name}: ")
    assert found.words.endswith("; ...")
    assert found.words.count(";") == 3


@pytest.mark.parametrize("base", ["gru", "lstm"])
@pytest.mark.parametrize("rule", TRANSFORMATIONS)
def test_most_single_mutants_are_nearest_to_their_parent_or_its_variants(
    base: str, rule: str
) -> None:
    hits, all_found = 0, 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        node = int(rng.integers(len(ZOO[base].nodes)))
        mutant = transform(canonical(ZOO[base]), rule, node, rng)
        if mutant is None or digest(mutant) in DIGESTS or dead(mutant):
            continue
        found = nearest(mutant)
        parent = distance(mutant, ZOO[base])
        assert 0 < found.distance <= parent
        all_found += 1
        hits += found.name == base
        if rule in ("activation", "insert"):
            assert found.distance <= 2
    assert hits >= (0.25 if rule in ("ancestor", "combine") else 0.8) * all_found


@given(mutants(max_nodes=30))
@settings(max_examples=25)
def test_any_mutant_has_a_nearest_cell_at_zero_only_if_equal(cell: Cell) -> None:
    found = nearest(cell)
    assert found.name in ZOO
    assert (found.distance == 0) == (digest(cell) in DIGESTS)
    assert found.words
    assert "\n" not in found.words
    assert found == nearest(canonical(cell))


@given(cells(max_nodes=25), cells(max_nodes=25))
@settings(max_examples=25)
def test_cost_bounds_and_an_alignment_read_backwards(a: Cell, b: Cell) -> None:
    one, other = graph(a), graph(b)
    mapped = align(one, other)
    edits, better = improve(one, other, mapped)
    assert bound(one, other) <= edits <= cost(one, other, mapped)
    assert edits == cost(one, other, better)
    back = [better.index(q) if q in better else -1 for q in range(len(other))]
    assert cost(other, one, back) == edits
    used = [q for q in better if q >= 0]
    assert len(set(used)) == len(used)


def test_no_nearest_cell_takes_long() -> None:
    nearest(ZOO["gru"])
    rng = np.random.default_rng(0)
    times = []
    for _ in range(6):
        cell = mutate(ZOO["gru"], rng, max_nodes=24).cell
        start = time.process_time()
        nearest(cell)
        times.append(time.process_time() - start)
    assert sorted(times)[3] < 0.5


def test_repeated_squares_do_not_blow_up() -> None:
    lines = "".join(f"    a{i + 1} = a{i} * a{i}\n" for i in range(60))
    cell = parse(f"def mine(x, h):\n    a0 = x + h\n{lines}    return sin(a60 - h)\n")
    assert nearest(cell).distance > 0
