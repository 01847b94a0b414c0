"""What was used last, kept in memory that does not grow."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values that were used last, by key."""

    def __init__(self, size: int) -> None:
        """Nothing is kept yet.

        Args:
            size: How many are kept.
        """
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._values)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made if it is not there."""
        if key not in self._values:
            value = make()
            self.put(key, value)
            return value
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key: K, value: V) -> None:
        """Keeps a value, and drops the one that was not used for longest."""
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
