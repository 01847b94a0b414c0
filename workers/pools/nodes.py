"""Who works where, and what was lost there: a pool's workers, by node."""

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

DIED: Final = "died"
LOST: Final = "lost"
KILLED: Final = "killed"
WORN: Final = "worn"


@dataclass
class PoolNode:
    """What is known of one node; all of it is of this process's pool.

    Attributes:
        node: Ray's id; empty without Ray.
        machine: Name.
        address: IP address; empty without Ray.
        pids: Processes of the workers that are ready; none: the node is gone, or its
            workers are about to begin.
        busy: How many of them have a job.
        losses: Workers that are no more: `died` by themselves, were `lost` with the
            node, `killed` past a deadline, or were `worn` and gave way to a new one.
        slowness: How many times as long as the median of all workers its own take, by
            their last answers; None: too few answers yet.
    """

    node: str
    machine: str
    address: str = ""
    pids: list[int] = field(default_factory=list)
    busy: int = 0
    losses: dict[str, int] = field(default_factory=dict)
    slowness: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


class Nodes:
    """The nodes that workers were ever ready on, in order of appearance."""

    def __init__(self) -> None:
        self._nodes: dict[str, PoolNode] = {}

    def joined(self, about: dict[str, Any]) -> None:
        """A worker is ready; see `Worker.about`."""
        name = about["node"]
        self._nodes.setdefault(name, PoolNode(name, about["machine"], about["address"]))

    def left(self, about: dict[str, Any], why: str) -> None:
        """A worker is no more: `DIED`, `LOST`, `KILLED` or `WORN`."""
        losses = self._nodes[about["node"]].losses
        losses[why] = losses.get(why, 0) + 1

    def rows(
        self, workers: Iterable[tuple[dict[str, Any], bool, float | None]]
    ) -> list[PoolNode]:
        """All nodes.

        Args:
            workers: What each says of itself, whether it is busy, and how many times
                the usual time it takes; None: not known yet.
        """
        for node in self._nodes.values():
            node.pids, node.busy, node.slowness = [], 0, None
        known: dict[str, list[float]] = {}
        for about, busy, slowness in workers:
            node = self._nodes[about["node"]]
            node.pids.append(about["pid"])
            node.busy += busy
            if slowness is not None:
                known.setdefault(node.node, []).append(slowness)
        for name, found in known.items():
            self._nodes[name].slowness = round(statistics.median(found), 2)
        return list(self._nodes.values())
