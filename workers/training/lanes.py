"""Settings side by side in one program: all that knows how many there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Lanes:
    """Settings in one program, each in a lane of its own.

    What belongs to a setting (its weights, its rate, its sums) has a leading axis in
    the program, of length `count`; with one lane it has none, and the program is that
    of the setting alone.

    Attributes:
        count: How many.
        vectorized: Whether they are computed at once, as accelerators need it, or one
            after the other, as gives the bits of a lone lane on CPU.
    """

    count: int = 1
    vectorized: bool = False

    def each(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """Applies a function to each lane of its argument; traced."""
        if self.count == 1:
            return function(argument)
        if self.vectorized:
            return jax.vmap(function)(argument)
        return jax.lax.map(function, argument)

    def stack(self, rows: Sequence[Any]) -> Any:
        """One tree for the program from a tree a setting; 1 to `count` of them.

        Lanes without a setting repeat the first one; nobody reads what they come to.
        """
        if self.count == 1:
            return rows[0]
        padded = [*rows, *[rows[0]] * (self.count - len(rows))]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *padded)

    def pick(self, tree: Any, index: int) -> Any:
        """One lane's part of what the program returned."""
        if self.count == 1:
            return tree
        return jax.tree.map(lambda leaf: np.asarray(leaf)[index], tree)

    def scalars(self, leaf: Any) -> NDArray[Any]:
        """A number of each lane, [count]; waits for the device."""
        return np.atleast_1d(np.asarray(leaf))
