"""The order of vertices in layers, with few crossings: barycentres and exchanges."""

from collections.abc import Sequence
from typing import Final

SWEEPS: Final = 24
"""Passes over all layers, each to and fro, from one start, at most."""

_PATIENCE: Final = 8
_MOST_STEPS: Final = 20_000

_Pairs = Sequence[tuple[int, int]]


def reduce_crossings(layers: Sequence[int], links: _Pairs) -> list[list[int]]:
    """The vertices of each layer, from top to bottom.

    Args:
        layers: The layer of each vertex.
        links: (source, target), each from one layer to the next.
    """
    return _Ordering(layers, links).best()


class _Ordering:
    """One graph while its layers are ordered."""

    def __init__(self, layers: Sequence[int], links: _Pairs) -> None:
        self.layers = layers
        self.before: list[list[int]] = [[] for _ in layers]
        self.after: list[list[int]] = [[] for _ in layers]
        for source, target in links:
            self.after[source].append(target)
            self.before[target].append(source)

    def best(self) -> list[list[int]]:
        """The best order met, from a walk from the left and one from the right."""
        # Sweeps end in the nearest valley: two starts, and the better end.
        starts = [self.walk(near) for near in (self.after, self.before)]
        sweeps = max(min(SWEEPS, _MOST_STEPS // len(self.layers)), 1)
        orders = [self.swept(order, sweeps) for order in starts]
        return min(orders, key=self.crossings)

    def swept(self, order: list[list[int]], sweeps: int) -> list[list[int]]:
        """The best order met in sweeps that begin with this one."""
        # To and fro: each layer goes by the one before it, then by the one behind it.
        forth, back = range(1, len(order)), range(len(order) - 2, -1, -1)
        self.exchange(order)
        best, least, since = [*map(list, order)], self.crossings(order), 0
        for _ in range(sweeps):
            for near, layers in ((self.before, forth), (self.after, back)):
                for layer in layers:
                    self.sort(order, layer, near)
                self.exchange(order)
                since += 1
                if (count := self.crossings(order)) < least:
                    best, least, since = [*map(list, order)], count, 0
            if least == 0 or since >= _PATIENCE:
                break
        return best

    def walk(self, near: Sequence[Sequence[int]]) -> list[list[int]]:
        """Vertices in the order in which a walk in depth meets them."""
        order: list[list[int]] = [[] for _ in range(max(self.layers) + 1)]
        met = set[int]()
        far = self.before if near is self.after else self.after
        pending = [v for v in reversed(range(len(self.layers))) if not far[v]]
        while pending:
            vertex = pending.pop()
            if vertex not in met:
                met.add(vertex)
                order[self.layers[vertex]].append(vertex)
                pending += reversed(near[vertex])
        return order

    def sort(
        self, order: list[list[int]], layer: int, near: Sequence[Sequence[int]]
    ) -> None:
        """Each vertex goes to the mean place of its neighbours on one side."""
        place = self.places(order)
        means = {
            v: sum(place[u] for u in near[v]) / len(near[v]) if near[v] else place[v]
            for v in order[layer]
        }
        order[layer].sort(key=means.__getitem__)

    def exchange(self, order: list[list[int]]) -> None:
        """Exchanges neighbours as long as that leaves fewer crossings."""
        improved = True
        while improved:
            improved = False
            for members in order:
                place = self.places(order)
                for i in range(len(members) - 1):
                    a, b = members[i], members[i + 1]
                    gain = sum(
                        _crossed(near[a], near[b], place)
                        - _crossed(near[b], near[a], place)
                        for near in (self.before, self.after)
                    )
                    if gain > 0:
                        members[i], members[i + 1] = b, a
                        improved = True

    def places(self, order: Sequence[Sequence[int]]) -> dict[int, int]:
        return {v: i for members in order for i, v in enumerate(members)}

    def crossings(self, order: Sequence[Sequence[int]]) -> int:
        """How many pairs of links cross."""
        place = self.places(order)
        return sum(
            _crossed(self.after[a], self.after[b], place)
            for members in order
            for i, a in enumerate(members)
            for b in members[i + 1 :]
        )


def _crossed(upper: Sequence[int], lower: Sequence[int], place: dict[int, int]) -> int:
    """Crossings between the links of a vertex and those of one below it."""
    return sum(place[u] > place[v] for u in upper for v in lower)
