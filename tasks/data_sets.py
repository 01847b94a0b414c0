"""Published data sets by the task that needs them: found, checked, not downloaded."""

import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.download import PublicFile, look
from tasks.music import JsbChorales, Music, Nottingham, PianoMidi
from tasks.music_files import load_music, music_candidates, music_source
from tasks.ptb import ARCHIVES, SOURCE, PennTreebank, candidates, read_ptb


class DataSet(NamedTuple):
    """A data set that tasks read from files.

    Attributes:
        source: the public file.
        candidates: what a folder may have, see `locate`.
        read: reads and checks what `look` finds.
    """

    source: PublicFile
    candidates: Sequence[str]
    read: Callable[[Path], Any]

    def look(self) -> Path | None:
        """Where it is, without a download; None: nowhere.

        Raises:
            TaskError: CELLSEARCH_DATA names no folder.
        """
        return look(self.source, self.candidates)

    def check(self, path: Path) -> None:
        """Holds the content against the published one's digest.

        Raises:
            TaskError: it is cut short or altered; the message names the file.
        """
        self.read(path)


def _music(kind: type[Music]) -> DataSet:
    music = kind.music
    return DataSet(
        music_source(music),
        music_candidates(music),
        lambda path: load_music(path, music),
    )


DATA_SETS: Mapping[str, DataSet] = types.MappingProxyType(
    {
        PennTreebank.name: DataSet(SOURCE, (*candidates(), *ARCHIVES), read_ptb),
        **{kind.name: _music(kind) for kind in (Nottingham, PianoMidi, JsbChorales)},
    }
)
"""Name of the task -> what it needs."""
