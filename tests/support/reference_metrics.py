"""Reference metrics in NumPy: what scores of tasks and training have to agree with."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.base import Bools, Integers


class Sums(NamedTuple):
    """Sums over scored positions; of several windows they just add up.

    Attributes:
        correct: how often the likeliest token was the target; 0 for frames.
        loss: summed negative log-likelihood in nats; a frame's is over its notes.
        positions: number of scored positions.
    """

    correct: float
    loss: float
    positions: float


def token_sums(logits: NDArray[Any], targets: Integers, scored: Bools) -> Sums:
    """Sums of a softmax readout.

    Args:
        logits: [..., V].
        targets: [...] tokens.
        scored: [...].
    """
    rows = logits[scored].astype(np.float64)
    wanted = targets[scored]
    shifted = rows - rows.max(axis=-1, keepdims=True)
    normaliser = np.log(np.exp(shifted).sum(axis=-1))
    chosen = np.take_along_axis(shifted, wanted[:, None].astype(np.int64), axis=-1)
    return Sums(
        correct=float((rows.argmax(axis=-1) == wanted).sum()),
        loss=float((normaliser - chosen[:, 0]).sum()),
        positions=float(scored.sum()),
    )


def frame_sums(logits: NDArray[Any], targets: Integers, scored: Bools) -> Sums:
    """Sums of a sigmoid readout: each note of a frame is predicted on its own.

    Args:
        logits: [..., F].
        targets: [..., F] of zeros and ones.
        scored: [...].
    """
    rows = logits[scored].astype(np.float64)
    notes = targets[scored]
    loss = np.logaddexp(0.0, rows) - rows * notes
    return Sums(correct=0.0, loss=float(loss.sum()), positions=float(scored.sum()))


def accuracy(logits: NDArray[Any], targets: Integers, scored: Bools) -> float:
    """Share of scored positions whose likeliest token is the target."""
    sums = token_sums(logits, targets, scored)
    return sums.correct / sums.positions


def token_nll(logits: NDArray[Any], targets: Integers, scored: Bools) -> float:
    """Nats per scored token; `perplexity` of it is what language models report."""
    sums = token_sums(logits, targets, scored)
    return sums.loss / sums.positions


def frame_nll(logits: NDArray[Any], targets: Integers, scored: Bools) -> float:
    """Nats per scored frame: summed over its notes, averaged over frames."""
    sums = frame_sums(logits, targets, scored)
    return sums.loss / sums.positions


def perplexity(nll: float) -> float:
    """exp(nll) of nats per token; infinite where that is beyond a double."""
    try:
        return math.exp(nll)
    except OverflowError:
        return math.inf
