"""Penn Treebank, word level, in Mikolov's preprocessing: files, checks and the task."""

import functools
import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tasks.base import SPLITS, Split, TaskError, Value, reason_of, require
from tasks.corpus import END_OF_LINE, UNKNOWN, Corpus, CorpusTask, encode, words_of
from tasks.download import PublicFile, locate

FILES: Mapping[Split, str] = {split: f"ptb.{split}.txt" for split in SPLITS}
SHA256: Mapping[Split, str] = {
    "train": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "valid": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "test": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}
ARCHIVE_FOLDER = "simple-examples/data"
FOLDERS = (".", "ptb", "data", ARCHIVE_FOLDER)
ARCHIVES = ("simple-examples.tgz", "ptb/simple-examples.tgz")
LARGEST_BYTES = 10_000_000  # the longest file has 5.1 MB
SOURCE = PublicFile(
    title="Penn Treebank",
    url="http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz",
    file="simple-examples.tgz",
    hash="md5:30177ea32e27c525793142b6bf2c8e2d",
    needed=f"{', '.join(FILES.values())} (or simple-examples.tgz)",
)
FULL_VOCABULARY = 10_000


@dataclass(frozen=True, kw_only=True)
class PennTreebank(CorpusTask):
    """Word-level Penn Treebank: 929,589 / 73,760 / 82,430 tokens with `<eos>`.

    Splits: the three files as published; they hold different articles. Each file is
    checked against its SHA-256, wherever it comes from: a folder with the three text
    files or `simple-examples.tgz`, or the archive downloaded once.

    Attributes:
        folder: where the files lie; None: the folder named by CELLSEARCH_DATA, else
            the cache. No part of the task's identity, since the content is checked.
    """

    name: ClassVar[str] = "ptb"
    summary: ClassVar[str] = "The next word of Wall Street Journal text is predicted."
    SIZES: ClassVar[Mapping[str, Mapping[str, Value]]] = {
        "small": {
            "vocabulary": 1_000,
            "train_tokens": 200_000,
            "valid_tokens": 35_000,
            "test_tokens": 35_000,
        },
        "paper": {},
    }

    folder: str | None = field(default=None, metadata={"identity": False})

    def __post_init__(self) -> None:
        """Refuses vocabularies outside 4 to 10,000."""
        super().__post_init__()
        require(self, vocabulary=(4, FULL_VOCABULARY))

    @property
    def num_inputs(self) -> int:
        """V: the vocabulary as configured; the text has all of its 10,000 words."""
        return self.vocabulary

    @property
    def num_outputs(self) -> int:
        """V: the vocabulary as configured."""
        return self.vocabulary

    def corpus(self) -> Corpus:
        """The three splits; read once per process and vocabulary."""
        path = locate(SOURCE, (*candidates(), *ARCHIVES), self.folder)
        return load_ptb(path, self.vocabulary)


def candidates() -> list[str]:
    """Folders, seen from the named one, marked by the training file in them."""
    return [f"{folder}/{FILES['train']}" for folder in FOLDERS]


@functools.lru_cache(maxsize=4)
def load_ptb(path: Path, vocabulary: int) -> Corpus:
    """The published text as tokens of the most frequent symbols; see `read_ptb`."""
    files = read_ptb(path)
    splits = {split: words_of(text.decode("utf-8")) for split, text in files.items()}
    return encode(splits, (UNKNOWN, END_OF_LINE), vocabulary)


def read_ptb(path: Path) -> dict[Split, bytes]:
    """Reads the three files beside `path`, or those in the archive `path`.

    Args:
        path: `ptb.train.txt`, or `simple-examples.tgz`.

    Raises:
        TaskError: a file is missing, cut short or altered; the message names it.
    """
    archive = path.name != FILES["train"]
    files = read_archive(path) if archive else read_folder(path.parent)
    for split, content in files.items():
        if hashlib.sha256(content).hexdigest() != SHA256[split]:
            name = FILES[split]
            where = f"{name} in {path}" if archive else path.with_name(name)
            raise TaskError(
                f"Penn Treebank: {where} is not the published file (SHA-256 differs; "
                f"{len(content):,} bytes): cut short or altered; replace it"
            )
    return files


def read_folder(folder: Path) -> dict[Split, bytes]:
    """The bytes of the three text files of a folder."""
    files: dict[Split, bytes] = {}
    for split, name in FILES.items():
        try:
            files[split] = (folder / name).read_bytes()
        except OSError as error:
            raise TaskError(
                f"Penn Treebank: cannot read {folder / name} ({error.strerror}); "
                f"put {SOURCE.needed} there"
            ) from error
    return files


def read_archive(path: Path) -> dict[Split, bytes]:
    """The bytes of the three text files of the archive; nothing is unpacked to disk."""
    # The archive has much else, and is read once from end to end, as it is compressed.
    files: dict[Split, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                for split, name in FILES.items():
                    if not member.isfile():
                        continue
                    if member.name.removeprefix("./") == f"{ARCHIVE_FOLDER}/{name}":
                        content = archive.extractfile(member)
                        files[split] = content.read(LARGEST_BYTES) if content else b""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise TaskError(
            f"Penn Treebank: {path} is cut short or no archive "
            f"({reason_of(error)}); replace it"
        ) from error
    # An archive that is cut short between two members is none the less an archive.
    for split, name in FILES.items():
        if split not in files:
            raise TaskError(f"Penn Treebank: {path} has no {ARCHIVE_FOLDER}/{name}")
    return files
