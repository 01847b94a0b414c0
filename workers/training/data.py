"""Windows of a task on the device, made once and kept while there is room."""

import json
from typing import NamedTuple

import jax
import numpy as np
from cachetools import LRUCache

from tasks import Split, TaskError, Windows, windows
from workers.job.spec import TaskSpec


class Epoch(NamedTuple):
    """One epoch of one split on the device.

    Attributes:
        windows: See `Windows`; the last ones may be padding.
        length: Windows that are not padding.
    """

    windows: Windows
    length: int


class DataCache:
    """Recently used epochs, up to a number of bytes; the oldest use goes first.

    Splits of a task are padded to the longest that was asked for so far, in classes of
    training and scoring, so that a compiled program fits them all.

    Args:
        limit_bytes: The newest epoch is kept even if it is larger.
    """

    def __init__(self, limit_bytes: int) -> None:
        limit = max(1, limit_bytes)

        def size(epoch: Epoch) -> int:
            return min(limit, windows_bytes(epoch.windows))

        self._kept: LRUCache[tuple[str, Split, int], Epoch] = LRUCache(limit, size)
        self._capacity: dict[tuple[str, bool], int] = {}

    def get(self, spec: TaskSpec, split: Split, epoch: int = 0) -> Epoch:
        """One epoch of a split.

        Raises:
            TaskError: The task cannot give its data.
        """
        task = spec.task
        if split != "train" or task.repeats:
            epoch = 0
        name = json.dumps(spec.identity, sort_keys=True)
        key = (name, split, epoch)
        if key not in self._kept:
            self._kept[key] = self._load(spec, split, epoch, name)
        kept: Epoch = self._kept[key]
        return kept

    def _load(self, spec: TaskSpec, split: Split, epoch: int, name: str) -> Epoch:
        """An epoch from the task, as long as the longest of its kind so far."""
        cut = _windows(spec, split, epoch)
        length = len(cut.reset)
        capacity = max(length, self._capacity.get((name, split == "train"), 0))
        self._capacity[name, split == "train"] = capacity
        padded = jax.tree.map(lambda array: _pad(array, capacity), cut)
        return Epoch(jax.device_put(padded), length)


def windows_bytes(held: Windows) -> int:
    """Bytes of some windows."""
    return sum(int(array.nbytes) for array in held)


def _windows(spec: TaskSpec, split: Split, epoch: int) -> Windows:
    task = spec.task
    try:
        return windows(task.stream(split, epoch, spec.seed), task.num_steps)
    except TaskError:
        raise
    except Exception as error:  # a person's task may raise anything
        reason = " ".join(str(error).split())
        raise TaskError(
            f"task {task.name}: stream({split!r}, {epoch}, {spec.seed}) raised "
            f"{type(error).__name__}: {reason}"
        ) from error


def _pad(array: np.ndarray, capacity: int) -> np.ndarray:
    missing = capacity - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
