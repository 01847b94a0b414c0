"""Windows of a task on the device, made once and kept while there is room."""

import json
from collections import OrderedDict
from typing import NamedTuple

import jax
import numpy as np

from tasks import Split, TaskError, Windows, windows
from workers.job.spec import TaskSpec


class Data(NamedTuple):
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
    """

    def __init__(self, limit_bytes: int) -> None:
        """An empty cache.

        Args:
            limit_bytes: The newest epoch is kept even if it is larger.
        """
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[tuple[str, Split, int], Data] = OrderedDict()
        self._capacity: dict[tuple[str, bool], int] = {}

    def get(self, spec: TaskSpec, split: Split, epoch: int = 0) -> Data:
        """One epoch of a split.

        Raises:
            TaskError: The task cannot give its data.
        """
        task = spec.task
        if split != "train" or task.repeats:
            epoch = 0
        name = json.dumps(spec.identity, sort_keys=True)
        key = (name, split, epoch)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        cut = _windows(spec, split, epoch)
        length = len(cut.reset)
        capacity = max(length, self._capacity.get((name, split == "train"), 0))
        self._capacity[name, split == "train"] = capacity
        padded = jax.tree.map(lambda array: _pad(array, capacity), cut)
        self._kept[key] = Data(jax.device_put(padded), length)
        self._shrink()
        return self._kept[key]

    def _shrink(self) -> None:
        def size(data: Data) -> int:
            return sum(array.nbytes for array in data.windows)

        total = sum(map(size, self._kept.values()))
        while total > self._limit_bytes and len(self._kept) > 1:
            total -= size(self._kept.popitem(last=False)[1])


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
