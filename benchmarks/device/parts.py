"""The table of parts, the most important first."""

from typing import Final, NamedTuple


class Part(NamedTuple):
    """A part of the benchmark.

    Attributes:
        letter: Its name on the command line.
        title: What it measures.
        module: Where its `measure(place)` is, which yields rows as they come.
        share: How much of the time it may take, in comparison with the others.
    """

    letter: str
    title: str
    module: str
    share: float


PARTS: Final = (
    Part("a", "the machine", "facts", 15),
    Part("b", "are the numbers right?", "correctness", 105),
    Part("c", "the same bits twice?", "bits", 40),
    Part("h", "many cells in one program", "any_cell", 90),
    Part("d", "speed and memory of an update", "speed", 90),
    Part("e", "which options are fastest?", "variants", 40),
    Part("f", "a filter of mutants", "filtering", 70),
    Part("g", "a demo search", "demo", 30),
)


def find_part(letter: str) -> Part:
    """The part of a letter.

    Raises:
        ValueError: There is none; says which there are.
    """
    for part in PARTS:
        if part.letter == letter:
            return part
    valid = ",".join(part.letter for part in PARTS)
    raise ValueError(f"parts must be of {valid}, got {letter!r}")


def limit_s(part: Part, rest: tuple[Part, ...], left_s: float) -> float:
    """Seconds for a part: its share of what is left for it and the rest.

    What one does not need goes to those after it.
    """
    return left_s * part.share / sum(one.share for one in (part, *rest))
