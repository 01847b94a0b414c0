"""Windows of several tasks, so that one program serves them all."""

import json
from collections.abc import Sequence
from typing import Any, Final

import jax
import numpy as np

from tasks import Windows
from workers.job.spec import TaskSpec
from workers.training.data import Epoch

Array = Any
"""A NumPy array."""


class Shelf:
    """Windows of several tasks one after the other on the device.

    Their number is part of what a program is compiled for, so there is room for more.

    Args:
        epoch: Windows of one epoch.
    """

    ROOM: Final = 16
    """Epochs that there is room for at first; twice as many whenever it is full."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._capacity = self.ROOM
        self._places: dict[str, int] = {}
        self._held: list[Windows] = []
        self._windows: Windows | None = None

    def place(self, spec: TaskSpec, epochs: Sequence[Epoch]) -> int:
        """Where the windows of some epochs of a task begin; puts them there if new."""
        name = json.dumps([spec.identity, len(epochs)], sort_keys=True)
        if name not in self._places:
            self._places[name] = len(self._held) * self._epoch
            self._held += [
                jax.tree.map(lambda a, n=one.length: np.asarray(a)[:n], one.windows)
                for one in epochs
            ]
            self._windows = None
            while len(self._held) > self._capacity:
                self._capacity *= 2
        return self._places[name]

    @property
    def windows(self) -> Windows:
        """All of them, and zeros where there is room."""
        if self._windows is None:
            count = self._capacity - len(self._held)

            def join(*parts: Array) -> Array:
                room = np.zeros(
                    (count * self._epoch, *parts[0].shape[1:]), parts[0].dtype
                )
                return np.concatenate([*parts, room])

            self._windows = jax.device_put(jax.tree.map(join, *self._held))
        return self._windows
