"""Polyphonic music files: the public pickles and the packed `.npz`, checked alike."""

import functools
import hashlib
import io
import pickle  # only to derive an unpickler that admits no globals
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from tasks.base import SPLITS, Split, TaskError, reason_of
from tasks.download import PublicFile, locate

NUM_NOTES = 88  # the keys of a piano
LOWEST_NOTE = 21  # MIDI number of column 0
ADDRESS = "http://www-etud.iro.umontreal.ca/~boulanni/"
LARGEST_BYTES = 100_000_000


class MusicSet(NamedTuple):
    """What is known of a published data set.

    Attributes:
        title: for people.
        pickle: name of the published file.
        npz: name of the packed file.
        pieces: pieces in train, valid and test.
        frames: frames in train, valid and test.
        sha256: of the decoded content, see `content_digest`; both forms have it.
    """

    title: str
    pickle: str
    npz: str
    pieces: tuple[int, int, int]
    frames: tuple[int, int, int]
    sha256: str


NOTTINGHAM = MusicSet(
    title="Nottingham",
    pickle="Nottingham.pickle",
    npz="nottingham.npz",
    pieces=(694, 173, 170),
    frames=(176_561, 45_513, 44_463),
    sha256="8771a1a23d764d86e22f1adb72caa8afc94d300bfe2e79f71c457be2de57f4cc",
)
PIANO_MIDI = MusicSet(
    title="Piano-midi",
    pickle="Piano-midi.de.pickle",
    npz="piano_midi.npz",
    pieces=(87, 12, 25),
    frames=(75_911, 8_540, 19_036),
    sha256="54fe6c893225b51853376f72a27b99ff5ab95d258f78bf64db2d6f4db5c1669b",
)
JSB = MusicSet(
    title="JSB Chorales",
    pickle="JSB Chorales.pickle",
    npz="jsb.npz",
    pieces=(229, 76, 77),
    frames=(13_807, 4_602, 4_725),
    sha256="be580ce1cdc2c33e2f57a70447c7ced4a39e2d9030b655cadf87d160aad50257",
)


class Roll(NamedTuple):
    """The pieces of one split, one after the other.

    Attributes:
        frames: uint8 [frames, 88] of zeros and ones; column c is MIDI note 21 + c.
        offsets: int64 [pieces + 1]; piece p is frames[offsets[p]:offsets[p + 1]].
    """

    frames: NDArray[np.uint8]
    offsets: NDArray[np.int64]


class NoGlobalsUnpickler(pickle.Unpickler):
    """Reads lists, tuples, dicts, text and numbers; refuses to look anything up.

    Whatever a pickle could run has to be looked up first (a class or a function), so
    one that cannot look up runs nothing.
    """

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        """Refuses every global, extension codes included."""
        raise pickle.UnpicklingError(
            f"it asks for {module_name}.{global_name}; only plain data is read"
        )


def find_music(music: MusicSet, folder: str | None) -> Path:
    """The file of a data set: packed or pickled, from a folder or downloaded."""
    return locate(music_source(music), music_candidates(music), folder)


def music_source(music: MusicSet) -> PublicFile:
    """Where the published file of a data set is; its content is checked, not it."""
    return PublicFile(
        title=music.title,
        url=ADDRESS + music.pickle.replace(" ", "%20"),
        file=music.pickle,
        hash=None,
        needed=f"{music.pickle} or {music.npz}",
    )


def music_candidates(music: MusicSet) -> list[str]:
    """The files that a folder may have, the preferred first."""
    names = (music.npz, music.pickle)
    return [f"{place}/{name}" for place in (".", "music") for name in names]


@functools.lru_cache(maxsize=4)
def load_music(path: Path, music: MusicSet) -> Mapping[Split, Roll]:
    """Reads a pickle or an `.npz` file; once per process.

    Raises:
        TaskError: the file is cut short, altered or no such file; it is named.
    """
    # A stranger's file: its size first, then its counts, then every note.
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ValueError("it is far too large")
        read = read_npz if path.suffix == ".npz" else read_pickle
        rolls = read(path, music)
        check_counts(music, [len(rolls[split].offsets) - 1 for split in SPLITS], 0)
        check_counts(music, [len(rolls[split].frames) for split in SPLITS], 1)
        if content_digest(rolls) != music.sha256:
            raise ValueError("its notes differ from the published ones")
    except FILE_ERRORS as error:
        raise TaskError(
            f"{music.title}: {path} is cut short, altered or another file "
            f"({reason_of(error)}); replace it by the published {music.pickle} "
            f"or {music.npz}"
        ) from error
    # One copy serves all tasks of the process: nobody may change it.
    for roll in rolls.values():
        roll.frames.setflags(write=False)
    return rolls


# All that a broken file makes pickle, zipfile, NumPy and the readers below raise.
FILE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    EOFError,
    RecursionError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
)


def check_counts(music: MusicSet, found: Sequence[int], kind: int) -> None:
    """Compares the pieces (kind 0) or frames (kind 1) of the three splits."""
    wanted = (music.pieces, music.frames)[kind]
    if tuple(found) != wanted:
        what = ("pieces", "frames")[kind]
        raise ValueError(f"{what} are {tuple(found)}, published are {wanted}")


def read_npz(path: Path, music: MusicSet) -> dict[Split, Roll]:
    """Reads `{split}_roll`, bits packed to (frames, 11), and `{split}_offsets`."""
    rolls: dict[Split, Roll] = {}
    # Read once, so that what is measured is what is unpacked.
    content = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(content) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST_BYTES:
            raise ValueError("it unpacks to far more than the published music")
    # Never a pickle within: it could run code.
    with np.load(content, allow_pickle=False) as arrays:
        for split in SPLITS:
            packed = arrays[f"{split}_roll"]
            offsets = arrays[f"{split}_offsets"].astype(np.int64)
            if packed.dtype != np.uint8 or packed.ndim != 2 or offsets.ndim != 1:
                raise ValueError(f"{split}_roll or {split}_offsets is misshapen")
            if offsets[0] != 0 or offsets[-1] != len(packed):
                raise ValueError(f"{split}_offsets do not span {split}_roll")
            frames = np.unpackbits(packed, axis=1, count=NUM_NOTES)
            rolls[split] = Roll(frames, offsets)
    return rolls


def read_pickle(path: Path, music: MusicSet) -> dict[Split, Roll]:
    """Reads split -> pieces -> frames -> MIDI notes, as Python 2 wrote them."""
    content = io.BytesIO(path.read_bytes())
    data = NoGlobalsUnpickler(content, encoding="latin1").load()
    splits = [check_list(data[split]) for split in SPLITS]
    # Counted before anything is laid out: shared references can make a small file
    # unfold into one of any size.
    check_counts(music, [len(pieces) for pieces in splits], 0)
    lengths = [[len(check_list(piece)) for piece in pieces] for pieces in splits]
    check_counts(music, [sum(split) for split in lengths], 1)
    rolls: dict[Split, Roll] = {}
    for split, pieces, sizes in zip(SPLITS, splits, lengths, strict=True):
        frames = [check_frame(frame) for piece in pieces for frame in piece]
        rolls[split] = Roll(to_roll(frames), np.cumsum([0, *sizes]))
    return rolls


def check_list(value: Any) -> list[Any]:
    """A list of pieces or of frames, as such.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, list):
        raise TypeError(f"a list is needed, got {type(value).__name__}")
    return value


def check_frame(value: Any) -> Sequence[int]:
    """The MIDI notes of a frame, as such.

    Raises:
        ValueError: it has something else, or more notes than a piano.
    """
    if not isinstance(value, list | tuple) or len(value) > NUM_NOTES:
        raise ValueError(f"a frame is {type(value).__name__}, not a tuple of notes")
    highest = LOWEST_NOTE + NUM_NOTES - 1
    for note in value:
        if type(note) is not int or not LOWEST_NOTE <= note <= highest:
            raise ValueError(f"note {note!r} is not on a piano ({LOWEST_NOTE}-108)")
    return value


def to_roll(frames: Sequence[Sequence[int]]) -> NDArray[np.uint8]:
    """Frames of MIDI notes as zeros and ones [frames, 88]."""
    roll = np.zeros((len(frames), NUM_NOTES), np.uint8)
    rows = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    notes = np.array([note for frame in frames for note in frame], np.int64)
    roll[rows, notes - LOWEST_NOTE] = 1
    return roll


def content_digest(rolls: Mapping[Split, Roll]) -> str:
    """SHA-256 of the offsets (little-endian int64) and frames of the three splits."""
    digest = hashlib.sha256()
    for split in SPLITS:
        digest.update(rolls[split].offsets.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(rolls[split].frames).tobytes())
    return digest.hexdigest()
