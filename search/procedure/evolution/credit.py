"""Which edits make survivors: weights of transformations that a search learns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from cells import TRANSFORMATIONS

PRIOR: Final = 10.0
"""Mutants with the overall rate that each transformation is taken to have had."""

MOST: Final = 4.0
"""By at most this factor a weight changes."""


class Credit:
    """How often mutants with each transformation reached the list."""

    def __init__(self) -> None:
        self._tried: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()

    def add(self, rules: Sequence[str], kept: bool) -> None:
        """A mutant has come to its end.

        Args:
            rules: The transformations that made it.
            kept: Whether it reached the list.
        """
        for name in sorted(set(rules)):
            self._tried[name] += 1
            self._kept[name] += kept

    def weights(self, own: Mapping[str, float]) -> dict[str, float]:
        """The weights, each times the rate of survivors in units of the overall one.

        Args:
            own: Weights of a person, for those that differ from the default.
        """
        rate = (1 + self._kept.total()) / (2 + self._tried.total())
        weights = {}
        for name, row in TRANSFORMATIONS.items():
            kept = (self._kept[name] + PRIOR * rate) / (self._tried[name] + PRIOR)
            factor = min(max(kept / rate, 1 / MOST), MOST)
            weights[name] = own.get(name, row.weight) * factor
        return weights
