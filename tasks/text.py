"""A person's own text file as a task: by characters (`text:`) or words (`words:`)."""

import difflib
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from tasks.base import Split, TaskError, Value, require
from tasks.corpus import END_OF_LINE, UNKNOWN, Corpus, CorpusTask, encode, words_of

SMALL: Mapping[str, Value] = {
    "train_tokens": 210_000,
    "valid_tokens": 35_000,
    "test_tokens": 35_000,
}


class FileState(NamedTuple):
    """A file at one moment: its path, size in bytes and time of change in ns."""

    path: Path
    size: int
    changed: int


@dataclass(frozen=True, kw_only=True)
class TextFile(CorpusTask):
    """Next-symbol prediction on a person's UTF-8 file; see `Characters` and `Words`.

    Splits: by position, so they never share a part of the file: the first 80 % is
    train, the next 10 % valid, the last 10 % test. The vocabulary is that of train;
    what occurs only later becomes `<unk>`, which is predicted like any other symbol.

    Attributes:
        path: the file. Its SHA-256, not its path, is part of the task's identity.
        valid_fraction: share of the file for validation.
        test_fraction: share of the file for test.
    """

    kind: ClassVar[str]  # also the prefix on the command line
    unit: ClassVar[str]

    path: str
    valid_fraction: float = 0.1
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        """Refuses bad fractions, an unreadable file and one that is too short."""
        super().__post_init__()
        require(self, valid_fraction=(0.001, 0.9), test_fraction=(0.001, 0.9))
        if self.valid_fraction + self.test_fraction > 0.9:
            raise TaskError(
                f"{self.name}: valid_fraction + test_fraction must be at most 0.9, "
                f"got {self.valid_fraction + self.test_fraction}"
            )
        # Read at once, so that a mistake shows before anything is trained.
        for split, tokens in self.corpus().tokens.items():
            rows = self.batch_size if split == "train" else 1
            needed = rows * self.num_steps + 1
            if len(tokens) < needed:
                raise TaskError(
                    f"{self.name}: the file is shorter than one window: its {split} "
                    f"part has {len(tokens):,} {self.unit}s, it needs {needed:,} "
                    f"(windows are {self.batch_size} x {self.num_steps})"
                )

    @property
    def name(self) -> str:
        """`text:FILE` or `words:FILE`, without the folders before it."""
        return f"{self.kind}:{Path(self.path).name}"

    @property
    def summary(self) -> str:
        """What is predicted, in which file."""
        return f"The next {self.unit} of {Path(self.path).name} is predicted."

    def corpus(self) -> Corpus:
        """The three splits; read once per process, as long as the file is the same."""
        return load_text(
            state_of(self.path),
            self.kind,
            self.vocabulary,
            (self.valid_fraction, self.test_fraction),
        )

    def config(self) -> dict[str, Any]:
        """The fields, with the file's SHA-256 in place of its path."""
        values = super().config()
        del values["path"]
        return {**values, "sha256": load_bytes(state_of(self.path))[1]}


@dataclass(frozen=True, kw_only=True)
class Characters(TextFile):
    """`text:FILE`: the characters of a file, line ends included; special: `<unk>`."""

    kind: ClassVar[str] = "text"
    unit: ClassVar[str] = "character"
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {"small": SMALL, "paper": {}}


@dataclass(frozen=True, kw_only=True)
class Words(TextFile):
    """`words:FILE`: words between white space, and `<eos>` at the end of each line.

    The small size keeps the 1,000 most frequent words, the default is 10,000.
    """

    kind: ClassVar[str] = "words"
    unit: ClassVar[str] = "word"
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "small": {**SMALL, "vocabulary": 1_000},
        "paper": {},
    }


TEXT_KINDS: Mapping[str, type[TextFile]] = {"text": Characters, "words": Words}
SPECIAL: Mapping[str, tuple[str, ...]] = {
    "text": (UNKNOWN,),
    "words": (UNKNOWN, END_OF_LINE),
}


def state_of(name: str) -> FileState:
    """The present state of a file.

    Raises:
        TaskError: there is no such file; a similar name beside it is suggested.
    """
    path = Path(name).expanduser()
    try:
        state = path.stat()
    except OSError as error:
        raise TaskError(f"no file {name!r}{similar_file(path)}") from error
    if not path.is_file():
        raise TaskError(f"{name!r} is not a file but a folder or a device")
    return FileState(path, state.st_size, state.st_mtime_ns)


def similar_file(path: Path) -> str:
    """`; did you mean ...?`, if the folder of `path` has a file of a similar name."""
    if not path.parent.is_dir():
        return f": there is no folder {str(path.parent)!r}"
    names = [other.name for other in path.parent.iterdir() if other.is_file()]
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {str(path.with_name(close[0]))!r}?" if close else ""


@functools.lru_cache(maxsize=4)
def load_bytes(file: FileState) -> tuple[bytes, str]:
    """The bytes of a file and their SHA-256.

    Raises:
        TaskError: it cannot be read, or is empty.
    """
    try:
        content = file.path.read_bytes()
    except OSError as error:
        raise TaskError(f"cannot read '{file.path}': {error.strerror}") from error
    if not content.strip():
        raise TaskError(f"the file '{file.path}' is empty")
    return content, hashlib.sha256(content).hexdigest()


@functools.lru_cache(maxsize=4)
def load_text(
    file: FileState, kind: str, vocabulary: int, fractions: tuple[float, float]
) -> Corpus:
    """Reads a UTF-8 file (a byte order mark is dropped) and cuts it in three.

    Raises:
        TaskError: it is empty or has bytes that are not UTF-8.
    """
    # Where a byte is wrong is what a person needs to find it in an editor.
    content, _ = load_bytes(file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise TaskError(
            f"'{file.path}' is not UTF-8 text: byte 0x{byte:02x} at "
            f"offset {error.start:,}, line {line:,}; convert it to UTF-8"
        ) from error
    # The ends are rounded down, and what is left over is trained on.
    symbols: Sequence[str] = words_of(text) if kind == "words" else text
    last = len(symbols) - int(fractions[1] * len(symbols))
    first = last - int(fractions[0] * len(symbols))
    splits: dict[Split, Sequence[str]] = {
        "train": symbols[:first],
        "valid": symbols[first:last],
        "test": symbols[last:],
    }
    return encode(splits, SPECIAL[kind], vocabulary)
