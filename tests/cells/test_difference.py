"""The difference of two cells: in words, and in texts that differ in no more."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cells import (
    ZOO,
    Cell,
    Difference,
    canonical,
    difference,
    digest,
    marked,
    mutate,
    parse,
    spell,
)
from cells.zoo.spelling import statement
from tests.support.strategies import cells

GRU = """
    r = sigmoid(linear(x) + linear(h))
    z = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + linear(r * h))
    return h + z * (candidate - h)
"""


def changed(old: str, new: str) -> Difference:
    """What makes the GRU's text with the first `old` made `new` of the GRU."""
    assert old in GRU
    cell = parse(f"def mine(x, h):\n{GRU.replace(old, new, 1)}")
    return difference(spell(ZOO["gru"]), cell)


@pytest.mark.parametrize("name", ZOO)
def test_a_spelling_is_the_cell(name: str) -> None:
    assert digest(parse(spell(ZOO[name]).text("mine"))) == digest(ZOO[name])


@pytest.mark.parametrize(
    ("old", "new", "words", "text"),
    [
        (
            "tanh(linear(x) + linear(r * h))",
            "linear(x) + linear(r * h)",
            "without the tanh of the candidate",
            "[-candidate = tanh(linear(x) + linear(h * r))-]; return h + z * "
            "([-candidate-]{+linear(x) + linear(h * r)+} - h)",
        ),
        (
            "r * h",
            "r * sigmoid(h)",
            "with sigmoid applied to h in the candidate",
            "candidate = tanh(linear(x) + linear([-h * r-]{+r * sigmoid(h)+}))",
        ),
        (
            "candidate = tanh(linear(x)",
            "candidate = tanh(linear(x, diagonal=1.0)",
            "linear(x) has diagonal 1 in the candidate",
            "candidate = tanh(linear(x{+, diagonal=1.0+}) + linear(h * r))",
        ),
        (
            "candidate = tanh",
            "candidate = relu",
            "the tanh of the candidate became relu",
            "candidate = [-tanh-]{+relu+}(linear(x) + linear(h * r))",
        ),
    ],
)
def test_words_and_text_of_single_edits(
    old: str, new: str, words: str, text: str
) -> None:
    found = changed(old, new)
    assert found.words == (words,)
    assert marked(found.lines) == text


@given(
    cell=st.one_of(st.sampled_from(list(ZOO.values())), cells(max_nodes=12)),
    seed=st.integers(0, 2**32 - 1),
)
def test_down_a_lineage_texts_stay_true_and_marks_are_all_that_differs(
    cell: Cell, seed: int
) -> None:
    assume(any(node.args for node in canonical(cell).nodes))
    old, rng = spell(cell), np.random.default_rng(seed)
    for _ in range(3):
        form = canonical(cell)
        if not any(node.args for node in form.nodes):
            return
        cell = mutate(form, rng, ops="extended", edits=(1, 2)).cell
        found = difference(old, cell)
        assert digest(parse(found.spelling.text("mine"))) == digest(cell)

        # Without what is new it is the old text, and the other way round.
        sides = old.statements, found.spelling.statements
        before, after = (list(map(statement, side)) for side in sides)
        for line in found.lines:
            gone = "".join(piece.text for piece in line if piece.kind != "new")
            come = "".join(piece.text for piece in line if piece.kind != "old")
            assert not gone or gone in before
            assert not come or come in after
            for piece in line:
                if piece.kind != "same":
                    assert piece.text.count("(") == piece.text.count(")")
        told = len([line for line in found.lines if line[0].kind != "old" or line[1:]])
        assert told == len(set(after) - set(before))
        old = found.spelling
