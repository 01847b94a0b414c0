"""XML: nested random tags, each to be closed by its own name."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.base import Value, require
from tasks.synthetic import (
    Examples,
    SyntheticTask,
    hash_sequences,
    uniform_integers,
)

MARKS = "<>/"
LEFT, RIGHT, SLASH = range(3)  # tokens; the letters follow


@dataclass(frozen=True, kw_only=True)
class Xml(SyntheticTask):
    """`<qn><abc></abc></qn>`: section 3.5 of the paper.

    Distribution: a document starts by opening a tag (ours: the paper's literal rule
    leaves half of all documents empty). Then, with probability 1/2 or after
    `iterations` iterations, the tag opened last is closed, or, if none is open, the
    document stops; otherwise a new tag is opened. A tag is 2 to `max_tag` letters,
    its length and its letters uniform. Nothing marks the end of a document.

    All characters are scored. Two documents are the same, and so in the same split,
    if their whole text is; elements inside different documents may be alike.

    Accuracy at the paper's size (and at the small size): an ideal predictor reaches
    .650 (.695), one that recalls only a tag closed right after it was opened .477
    (.551), syntax alone .302 (.393).

    Attributes:
        letters: how many different letters there are, 2 to 26.
        max_tag: the most letters of a tag, 2 to 26.
        iterations: how long tags may be opened, 1 to 1,000; 50 in the paper.
    """

    name: ClassVar[str] = "xml"
    summary: ClassVar[str] = "Every tag that was opened is closed by its own name."
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "small": {
            "max_tag": 6,
            "iterations": 20,
            "train_tokens": 210_000,
            "valid_tokens": 35_000,
            "test_tokens": 35_000,
        },
        "paper": {},
    }

    letters: int = 26
    max_tag: int = 10
    iterations: int = 50

    def __post_init__(self) -> None:
        """Refuses sizes outside the ranges above, naming the field."""
        super().__post_init__()
        require(self, letters=(2, 26), max_tag=(2, 26), iterations=(1, 1_000))

    @property
    def symbols(self) -> str:
        """`<`, `>`, `/`, then the letters."""
        return MARKS + string.ascii_lowercase[: self.letters]

    def draw(self, rng: np.random.Generator, count: int) -> Examples:
        """Draws `count` documents; `rng` is advanced."""
        # First which tags are opened and closed, then how long each is as text.
        document, tag, closes = draw_events(rng, count, self.iterations)
        name_sizes = uniform_integers(rng, 2, self.max_tag + 1, int(tag.max()) + 1)
        lengths = name_sizes[tag] + 2 + closes
        ends = np.cumsum(lengths)
        starts = ends - lengths

        # A name is drawn once, and written where its tag is opened and where it is
        # closed.
        tokens = np.empty(ends[-1], np.uint8)
        tokens[starts] = LEFT
        tokens[(starts + 1)[closes]] = SLASH
        tokens[ends - 1] = RIGHT
        drawn = uniform_integers(rng, 0, self.letters, int(name_sizes.sum()))
        names = (drawn + len(MARKS)).astype(np.uint8)
        name_starts = np.cumsum(name_sizes) - name_sizes
        source = ranges(name_starts[tag], name_sizes[tag])
        tokens[ranges(starts + 1 + closes, name_sizes[tag])] = names[source]

        # The text itself is the key: equal documents are in one split.
        sizes = np.bincount(document, lengths, count).astype(np.int64)
        return Examples(
            tokens=tokens,
            scored=np.ones(len(tokens), np.bool_),
            lengths=sizes,
            keys=hash_sequences(tokens, sizes),
        )


def draw_events(
    rng: np.random.Generator, count: int, iterations: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The tags opened and closed in `count` documents, in the order of the text.

    Returns:
        document: [K] the document of each event.
        tag: [K] the tag opened or closed; tags are numbered through all documents.
        closes: [K] whether the tag is closed.
    """
    coins = uniform_integers(rng, 0, 2, (iterations, count)).astype(np.bool_)
    coins[0] = False  # start by opening a tag
    # All documents at once, one event a step: a coin for each iteration, then closing
    # until the stack is empty.
    nothing, every = -1, np.arange(count)
    tag = np.full((count, 2 * iterations), nothing, np.int64)
    closes = np.zeros((count, 2 * iterations), np.bool_)
    stack = np.zeros((count, iterations), np.int64)
    depth = np.zeros(count, np.int64)
    opened = np.zeros(count, np.int64)
    running = every
    for step in range(2 * iterations):
        # A document that is to close with nothing open has ended.
        wanted = coins[step] if step < iterations else np.ones(count, np.bool_)
        running = running[~wanted[running] | (depth[running] > 0)]
        closing = running[wanted[running]]
        opening = running[~wanted[running]]
        stack[opening, depth[opening]] = opened[opening]
        tag[opening, step] = opened[opening]
        opened[opening] += 1
        depth[opening] += 1
        depth[closing] -= 1
        tag[closing, step] = stack[closing, depth[closing]]
        closes[closing, step] = True
    # Tags are numbered from 0 in each document; here through all of them.
    first = np.cumsum(opened) - opened
    document, step_of = np.nonzero(tag != nothing)
    return document, tag[document, step_of] + first[document], closes[document, step_of]


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """start, start + 1, ... for `length` numbers each, end to end."""
    ends = np.cumsum(lengths)
    offsets = np.repeat(starts - (ends - lengths), lengths)
    numbers: NDArray[np.int64] = np.arange(len(offsets)) + offsets
    return numbers
