"""Music: the next frame of notes is predicted, note by note independently."""

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.base import (
    FRAME_NLL,
    Integers,
    Metric,
    Readout,
    Split,
    Stream,
    TaskBase,
    Value,
)
from tasks.music_files import (
    JSB,
    LOWEST_NOTE,
    NOTTINGHAM,
    NUM_NOTES,
    PIANO_MIDI,
    MusicSet,
    Roll,
    find_music,
    load_music,
)

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True, kw_only=True)
class Music(TaskBase):
    """Boulanger-Lewandowski's polyphonic sets: binary frames of 88 notes (paper, 3.5).

    A frame predicts the next one of the same piece: a piece of n frames has n - 1
    scored positions. Whole pieces are laid out one after the other in B rows, the
    next always to the shortest row, longest first; inside a row they keep the order
    of the file. Each piece is padded, not scored, to whole windows, so that it begins
    at the start of a window, where the state is reset: nothing is scored across a
    boundary and no state leaks over one. Rows end with unscored padding.

    Splits: those of the published files, which hold different recordings or tunes.

    Attributes:
        folder: where the file lies; None: the folder named by CELLSEARCH_DATA, else
            the cache. No part of the task's identity, since the content is checked.
    """

    music: ClassVar[MusicSet]
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {"small": {}, "paper": {}}

    folder: str | None = field(default=None, metadata={"identity": False})

    @property
    def metric(self) -> Metric:
        """Nats per frame: summed over the 88 notes, averaged over frames."""
        return FRAME_NLL

    @property
    def readout(self) -> Readout:
        """A sigmoid for each note."""
        return "sigmoid"

    @property
    def num_inputs(self) -> int:
        """F = 88 notes."""
        return NUM_NOTES

    @property
    def num_outputs(self) -> int:
        """F = 88 notes."""
        return NUM_NOTES

    @property
    def uniform_loss(self) -> float:
        """88 log 2 nats."""
        return NUM_NOTES * math.log(2)

    def rolls(self) -> Mapping[Split, Roll]:
        """The three splits; read once per process."""
        return load_music(find_music(self.music, self.folder), self.music)

    def stream(self, split: Split, epoch: int, seed: int) -> Stream:
        """The same rows in every epoch and for every seed, see the class."""
        # Pieces begin at windows, where a state can be zeroed; rows share them out so
        # that all are about as long.
        roll = self.rolls()[split]
        sizes = np.diff(roll.offsets)
        rows = assign(-(-(sizes - 1) // self.num_steps), self.batch_size)
        windows = max(sum(row.values()) for row in rows)
        length = windows * self.num_steps
        # What no piece fills is silence that is not scored.
        frames = np.zeros((2, self.batch_size, length, NUM_NOTES), np.uint8)
        scored = np.zeros((self.batch_size, length), np.bool_)
        reset = np.zeros((self.batch_size, length), np.bool_)
        reset[:, 0] = True
        # A piece of n frames has n - 1 predictions: each frame but the first.
        for b, row in enumerate(rows):
            start = 0
            for piece, num_windows in row.items():
                notes = roll.frames[roll.offsets[piece] : roll.offsets[piece + 1]]
                end = start + len(notes) - 1
                frames[0, b, start:end] = notes[:-1]
                frames[1, b, start:end] = notes[1:]
                scored[b, start:end] = True
                reset[b, start] = True
                start += num_windows * self.num_steps
        return Stream(frames[0], frames[1], scored, reset)

    def decode(self, values: Integers) -> list[str]:
        """The notes of each frame of [N, 88], as in `C4+E4`; `-` for silence."""
        return [
            "+".join(note_name(note) for note in np.flatnonzero(frame).tolist()) or "-"
            for frame in values
        ]


@dataclass(frozen=True, kw_only=True)
class Nottingham(Music):
    """British and American folk tunes with chords: 694 / 173 / 170 pieces."""

    name: ClassVar[str] = "nottingham"
    summary: ClassVar[str] = "The next frame of a folk tune with chords is predicted."
    music: ClassVar[MusicSet] = NOTTINGHAM


@dataclass(frozen=True, kw_only=True)
class PianoMidi(Music):
    """Classical piano pieces: 87 / 12 / 25."""

    name: ClassVar[str] = "piano_midi"
    summary: ClassVar[str] = "The next frame of a classical piano piece is predicted."
    music: ClassVar[MusicSet] = PIANO_MIDI


@dataclass(frozen=True, kw_only=True)
class JsbChorales(Music):
    """Bach's four-part chorales: 229 / 76 / 77 pieces; not one of the paper's tasks."""

    name: ClassVar[str] = "jsb"
    summary: ClassVar[str] = "The next frame of a chorale by Bach is predicted."
    music: ClassVar[MusicSet] = JSB


def assign(num_windows: NDArray[np.int64], batch_size: int) -> list[dict[int, int]]:
    """Distributes pieces over rows: the longest first, each to the shortest row.

    Returns:
        For each row, piece -> its windows, in the order of the file.
    """
    rows: list[dict[int, int]] = [{} for _ in range(batch_size)]
    shortest = [(0, row) for row in range(batch_size)]
    for piece in np.argsort(-num_windows, kind="stable").tolist():
        windows = int(num_windows[piece])
        used, row = heapq.heappop(shortest)
        if windows:  # a piece of one frame has nothing to predict
            rows[row][piece] = windows
        heapq.heappush(shortest, (used + windows, row))
    return [dict(sorted(row.items())) for row in rows]


def note_name(column: int) -> str:
    """Scientific pitch name of a column: `A0` for 0, `C4` for 39."""
    midi = column + LOWEST_NOTE
    return f"{PITCHES[midi % 12]}{midi // 12 - 1}"
