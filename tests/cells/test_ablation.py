"""Cells without one of their parts: which there are, what they are called, the dead."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from cells import (
    ZOO,
    Ablation,
    Cell,
    Node,
    Part,
    ablations,
    canonical,
    canonicalize,
    check,
    dead,
    digest,
    parse,
    published_name,
)
from cells.graph import ordered
from tests.support.strategies import mutants


def by_words(cell: Cell) -> dict[str, Ablation]:
    found = ablations(cell)
    named = {one.words: one for one in found}
    assert len(named) == len(found)
    return named


def hold(cell: Cell, found: tuple[Ablation, ...]) -> None:
    """Whatever must be so of all ablations."""
    own, met = digest(cell), set()
    for one in found:
        check(one.cell)
        form = canonicalize(one.cell)
        assert (form.cell, form.digest) == (one.cell, one.digest)
        assert one.biases == (one.words != "without its biases")
        assert one.digest != own or not one.biases
        met.add((one.digest, one.biases))
    assert len(met) == len(found)


@pytest.mark.parametrize("name", ZOO)
def test_published_cells_can_be_without_each_of_their_parts(name: str) -> None:
    cell = canonical(ZOO[name])
    found = ablations(ZOO[name])
    hold(cell, found)
    kinds = [one.part for one in found]
    assert kinds.count(Part.STATE) <= cell.num_states - 1
    assert any(one.dead is None for one in found)
    linears = [one.digest for one in found if one.part in (Part.RECURRENT, Part.INPUT)]
    zeroed = {digest(other) for other in without_linears(cell)}
    assert set(linears) <= zeroed
    assert zeroed <= {one.digest for one in found} | {digest(cell)}


def without_linears(cell: Cell) -> Iterator[Cell]:
    """With x - x in the place of each linear."""
    for index, node in enumerate(cell.nodes):
        if node.op == "linear":
            nodes = list(cell.nodes)
            nodes[index] = Node("subtract", (0, 0))
            yield ordered(cell._replace(nodes=tuple(nodes)))


@settings(max_examples=60)
@given(mutants())
def test_what_stays_is_a_valid_cell_of_another_digest(cell: Cell) -> None:
    found = ablations(cell)
    hold(cell, found)
    assert len({one.words for one in found}) == len(found)


def test_two_spellings_of_a_cell_have_the_same_ablations() -> None:
    text = """\
def other(x, s):
    z = sigmoid(linear(s) + linear(x))
    r = sigmoid(linear(s) + linear(x))
    g = tanh(linear(s * r) + linear(x))
    return s + z * (g - s)
"""
    assert ablations(parse(text)) == ablations(ZOO["gru"])


def test_the_lstm_has_those_of_the_paper() -> None:
    found = by_words(ZOO["lstm"])
    for words, name in (
        ("without the input gate i", "lstm_i"),
        ("without the forget gate f", "lstm_f"),
        ("without the output gate o", "lstm_o"),
    ):
        assert found[words].part is Part.GATE
        assert found[words].digest == digest(ZOO[name])
    counts = {part: sum(one.part is part for one in found.values()) for part in Part}
    assert list(counts.values()) == [3, 1, 1, 4, 4]
    assert "without the state c" in found
    assert "without linear(h) in the forget gate f" in found
    assert not any(one.dead for one in found.values())


CASES = [
    ("gru", "without the reset gate r", "ugrnn"),
    ("gru", "without the update gate z, always candidate", None),
    ("mgu", "without the gate f, always candidate", "tanh"),
    ("lstm_b", "with its biases started at zero", "lstm"),
    ("lstm_peephole", "without the forget gate f", None),
]


@pytest.mark.parametrize(("name", "words", "left"), CASES)
def test_parts_have_the_names_of_the_publication(
    name: str, words: str, left: str | None
) -> None:
    assert published_name(by_words(ZOO[name])[words].digest) == left


def test_a_gate_that_keeps_everything_leaves_a_dead_cell() -> None:
    reason = by_words(ZOO["gru"])["without the update gate z, always h"].dead
    assert reason is not None
    assert reason.missing == "input"


TEXT = """\
def cell(x, h, c):
    c_new = c * ({gate}) + tanh(linear(x) + linear(h))
    return tanh(c_new), c_new
"""


@pytest.mark.parametrize("gate", ["sigmoid(x + h)", "one() - sigmoid(x + h)"])
def test_a_gate_is_open_in_either_direction(gate: str) -> None:
    [found] = [
        one for one in ablations(parse(TEXT.format(gate=gate))) if one.part is Part.GATE
    ]
    assert found.digest == digest(parse(TEXT.format(gate="one()")))
    assert found.words.startswith("without the forget gate sigmoid(")


def test_a_sigmoid_that_multiplies_nothing_is_no_gate() -> None:
    cell = parse("def f(x, h):\n    return sigmoid(linear(x) + linear(h)) + h\n")
    assert [one.part for one in ablations(cell)] == [
        Part.BIASES,
        Part.RECURRENT,
        Part.INPUT,
    ]


def test_ablations_that_leave_the_same_cell_are_one() -> None:
    found = by_words(ZOO["nascell"])
    assert "without linear(h) in e, or linear(x) in e" in found


def test_parts_that_are_called_the_same_are_numbered_unless_they_are_alike() -> None:
    text = "def f(x, h):\n    return tanh(linear(x) + {} + linear(h))\n"
    one, two = (
        by_words(parse(text.format(t))) for t in ("linear(x)", "linear(x, diagonal=1)")
    )
    assert "without linear(x) in the candidate" in one
    assert "without linear(x) in the candidate (2)" in two


def test_a_cell_that_learns_by_its_biases_alone_is_dead_without_them() -> None:
    text = "def f(x, h):\n    return linear(x - x) * (x + linear(h))\n"
    found = by_words(parse(text))["without its biases"]
    assert found.dead is not None
    assert dead(found.cell) is None
