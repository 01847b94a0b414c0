"""Stands in for cachetools where it is not installed: as it is used here."""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


class LRUCache(OrderedDict):  # type: ignore[type-arg]
    """A mapping of limited size; what was used least lately goes first."""

    def __init__(
        self, maxsize: float, getsizeof: Callable[[Any], float] | None = None
    ) -> None:
        super().__init__()
        self.maxsize = maxsize
        self._size_of = getsizeof or (lambda value: 1)

    @property
    def currsize(self) -> float:
        """The size of what is in it."""
        return sum(map(self._size_of, OrderedDict.values(self)))

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        self.move_to_end(key)
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        """A value, which counts as a use of it."""
        try:
            return self[key]
        except KeyError:
            return default

    def pop(self, key: Any, *default: Any) -> Any:
        """Takes a value out."""
        if key not in self and default:
            return default[0]
        value = OrderedDict.__getitem__(self, key)
        del self[key]
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        size = self._size_of(value)
        if size > self.maxsize:
            raise ValueError("value too large")
        if key in self:
            del self[key]
        while self and self.currsize + size > self.maxsize:
            del self[next(iter(self))]
        super().__setitem__(key, value)


def cached(
    cache: LRUCache, key: Callable[..., Any], lock: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Keeps what a function returns, by a key of its arguments."""

    def keeping(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def kept(*args: Any) -> Any:
            name = key(*args)
            with lock:
                if name in cache:
                    return cache[name]
            value = function(*args)
            with lock:
                cache[name] = value
            return value

        return kept

    return keeping
