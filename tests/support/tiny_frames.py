"""Tasks of a person's own, for tests: small frames, and one that cannot give data."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks import FRAME_NLL, Metric, Stream, TaskBase


@dataclass(frozen=True, kw_only=True)
class TinyFrames(TaskBase):
    """A note that moves up one step at a time, in frames of four notes.

    With `chance` the notes are random instead: there is nothing to learn that would
    hold in another split, so validation soon gets worse.
    """

    name: ClassVar[str] = "tiny_frames"
    summary: ClassVar[str] = "The next position of a moving note is predicted."
    readout: ClassVar[str] = "sigmoid"
    num_inputs: ClassVar[int] = 4
    num_outputs: ClassVar[int] = 4
    batch_size: int = 3
    num_steps: int = 5
    chance: bool = False

    @property
    def metric(self) -> Metric:
        return FRAME_NLL

    @property
    def uniform_loss(self) -> float:
        return 4 * math.log(2)

    def stream(self, split, epoch, seed):
        length = 40 if split == "train" else 12
        start = np.arange(self.batch_size)[:, None]
        notes = (start + np.arange(length + 1)[None, :]) % 4
        if self.chance:
            rng = np.random.default_rng(len(split))
            notes = rng.integers(0, 4, notes.shape)
        frames = (notes[..., None] == np.arange(4)).astype(np.uint8)
        scored = np.ones((self.batch_size, length), bool)
        reset = np.zeros((self.batch_size, length), bool)
        reset[:, 0] = True
        return Stream(frames[:, :-1].copy(), frames[:, 1:].copy(), scored, reset)

    def decode(self, values):
        return ["".join(map(str, frame)) for frame in values]


class Broken(TinyFrames):
    """Its streams fail once training begins."""

    name: ClassVar[str] = "broken"

    def stream(self, split, epoch, seed):
        if getattr(Broken, "calls", 0) > 5:
            raise OSError("the disk is gone")
        Broken.calls = getattr(Broken, "calls", 0) + 1
        return super().stream(split, epoch, seed)
