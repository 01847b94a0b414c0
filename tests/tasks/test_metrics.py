"""The reference metrics agree with their definitions, position by position."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import make_task
from tests.support.reference_metrics import (
    Sums,
    accuracy,
    frame_nll,
    frame_sums,
    perplexity,
    token_nll,
    token_sums,
)

shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 6))


@given(shape=shapes, seed=st.integers(0, 999), scale=st.sampled_from([1.0, 1e3]))
def test_token_sums_are_those_of_the_definition(
    shape: tuple[int, int, int], seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=shape)
    targets = rng.integers(0, shape[2], shape[:2], np.int32)
    scored = rng.random(shape[:2]) < 0.7
    correct, loss, count = 0.0, 0.0, 0.0
    for place in zip(*np.nonzero(scored), strict=True):
        row, target = logits[place].tolist(), int(targets[place])
        top = max(row)
        loss += top + math.log(sum(math.exp(x - top) for x in row)) - row[target]
        correct += row.index(top) == target
        count += 1
    sums = token_sums(logits, targets, scored)
    assert sums == pytest.approx(Sums(correct, loss, count))
    if count:
        assert accuracy(logits, targets, scored) == pytest.approx(correct / count)
        assert token_nll(logits, targets, scored) == pytest.approx(loss / count)


@given(shape=shapes, seed=st.integers(0, 999), scale=st.sampled_from([1.0, 1e3]))
def test_frame_sums_are_those_of_the_definition(
    shape: tuple[int, int, int], seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=shape)
    targets = rng.integers(0, 2, shape, np.uint8)
    scored = rng.random(shape[:2]) < 0.7
    loss = 0.0
    for place in zip(*np.nonzero(scored), strict=True):
        for logit, note in zip(logits[place], targets[place], strict=True):
            signed = -logit if note else logit  # -log sigmoid(-signed)
            loss += max(signed, 0.0) + math.log1p(math.exp(-abs(signed)))
    sums = frame_sums(logits, targets, scored)
    assert sums == pytest.approx(Sums(0.0, loss, float(scored.sum())))
    if scored.any():
        assert frame_nll(logits, targets, scored) == pytest.approx(loss / scored.sum())


def test_frames_of_music_are_summed_over_notes_and_averaged_over_frames() -> None:
    targets = np.zeros((2, 3, 88), np.uint8)
    scored = np.array([[True, True, False], [False, True, False]])
    nll = frame_nll(np.zeros((2, 3, 88)), targets, scored)
    assert nll == pytest.approx(88 * math.log(2))
    assert nll == pytest.approx(make_task("nottingham").uniform_loss)


def test_sums_of_parts_add_up_to_the_score_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 5, 40))
    targets = rng.integers(0, 40, (4, 5))
    scored = rng.random((4, 5)) < 0.5
    parts = [token_sums(*part) for part in zip(logits, targets, scored, strict=True)]
    total = [sum(column) for column in zip(*parts, strict=True)]
    score = make_task("arithmetic").score(*total)
    assert score == pytest.approx(accuracy(logits, targets, scored))
    assert make_task("ptb").score(*total) == pytest.approx(
        token_nll(logits, targets, scored)
    )


def test_perplexity_is_the_exponential_of_nats_per_token() -> None:
    assert perplexity(math.log(10_000)) == pytest.approx(10_000)
    assert perplexity(4.582) == pytest.approx(97.7, abs=0.05)  # the paper's Table 3
    assert perplexity(1e6) == math.inf
