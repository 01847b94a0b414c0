"""Running text as rows of tokens: vocabularies, row layout, fields in common."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.base import (
    ACCURACY,
    SPLITS,
    TOKEN_NLL,
    Metric,
    Split,
    Stream,
    TaskError,
    TokenTask,
    require,
)

UNKNOWN = "<unk>"
END_OF_LINE = "<eos>"
METRICS: Mapping[str, Metric] = {"nll": TOKEN_NLL, "accuracy": ACCURACY}


class Corpus(NamedTuple):
    """Three splits of text as tokens of one vocabulary.

    Attributes:
        symbols: the text of each token.
        tokens: int32 [length] of each split.
    """

    symbols: tuple[str, ...]
    tokens: Mapping[Split, NDArray[np.int32]]


@dataclass(frozen=True, kw_only=True)
class CorpusTask(TokenTask):
    """Next-token prediction on running text; every token but the first is scored.

    A subclass gives `name`, `summary` and `corpus`. The text of a split is cut into B
    rows of equal length, each continuing where the one above ends; the state is
    carried along a row. The last row and the last window are padded, not scored.

    Attributes:
        vocabulary: the most symbols there may be: `<unk>`, `<eos>` (words only) and
            the most frequent of the training split; all others become `<unk>`.
        train_tokens: at most so many tokens of the training split, from its
            beginning; 0 takes all.
        valid_tokens: the same for the validation split.
        test_tokens: the same for the test split.
        metric_name: `nll` (nats per token; its exponential is the perplexity), or
            `accuracy`, which the paper's Table 1 and search use for every task.
    """

    vocabulary: int = 10_000
    train_tokens: int = 0
    valid_tokens: int = 0
    test_tokens: int = 0
    metric_name: str = "nll"

    def __post_init__(self) -> None:
        """Refuses vocabularies below 4, negative sizes and unknown metrics."""
        super().__post_init__()
        require(self, vocabulary=(4, math.inf))
        for split in SPLITS:
            require(self, **{f"{split}_tokens": (0, math.inf)})
        if self.metric_name not in METRICS:
            raise TaskError(
                f"{type(self).__name__}: metric_name must be one of "
                f"{', '.join(METRICS)}, got {self.metric_name!r}"
            )

    @property
    def metric(self) -> Metric:
        """What `metric_name` names."""
        return METRICS[self.metric_name]

    @property
    def symbols(self) -> Sequence[str]:
        """The vocabulary: special symbols, then the most frequent first."""
        return self.corpus().symbols

    def corpus(self) -> Corpus:
        """The text; read once per process."""
        raise NotImplementedError(f"{type(self).__name__} has no corpus")

    def stream(self, split: Split, epoch: int, seed: int) -> Stream:
        """The same rows in every epoch and for every seed, see the class."""
        tokens = self.corpus().tokens[split]
        limit: int = getattr(self, f"{split}_tokens")
        return to_rows(tokens[:limit] if limit else tokens, self.batch_size)


def to_rows(tokens: NDArray[np.int32], batch_size: int) -> Stream:
    """Lays L tokens out as B rows of ceil((L - 1) / B); padding is not scored."""
    count = len(tokens) - 1
    length = -(-count // batch_size)

    def rows(flat: NDArray[Any]) -> NDArray[Any]:
        padded = np.zeros(batch_size * length, flat.dtype)
        padded[:count] = flat
        return padded.reshape(batch_size, length)

    reset = np.zeros((batch_size, length), np.bool_)
    reset[:, 0] = True
    scored = rows(np.ones(count, np.bool_))
    return Stream(rows(tokens[:-1]), rows(tokens[1:]), scored, reset)


def words_of(text: str) -> list[str]:
    """The words of a text, with `<eos>` at the end of each line."""
    words: list[str] = []
    for line in text.splitlines():
        words += line.split()
        words.append(END_OF_LINE)
    return words


def encode(
    splits: Mapping[Split, Sequence[str]], special: Sequence[str], vocabulary: int
) -> Corpus:
    """Numbers the symbols of three splits by their frequency in the training split.

    Args:
        splits: the symbols of each split, in order.
        special: symbols that come first whatever their frequency; the first of them
            stands for all that is not in the vocabulary.
        vocabulary: the most symbols there may be, `special` included.

    Returns:
        The corpus; equal frequencies are ordered by the symbol itself.
    """
    counts = Counter(splits["train"])
    others = sorted(counts.keys() - set(special), key=lambda s: (-counts[s], s))
    symbols = (*special, *others[: vocabulary - len(special)])
    numbers = {symbol: number for number, symbol in enumerate(symbols)}

    def number(sequence: Iterable[str]) -> NDArray[np.int32]:
        tokens = np.array([numbers.get(symbol, 0) for symbol in sequence], np.int32)
        tokens.setflags(write=False)
        return tokens

    return Corpus(symbols, {split: number(part) for split, part in splits.items()})
