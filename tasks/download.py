"""Where data files come from: a folder a person names, or one download into a cache."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tasks.base import TaskError, reason_of

APPLICATION = "cellsearch"
FOLDER_VARIABLE = "CELLSEARCH_DATA"
TIMEOUT_S = 60.0
BLOCK_BYTES = 1 << 16


class PublicFile(NamedTuple):
    """One public file of a data set.

    Attributes:
        title: what the file holds, for people: `Penn Treebank`.
        url: its public address.
        file: its name in the cache.
        hash: `algorithm:digest`, or None where only the content's digest is known
            (which the reader of the file checks).
        needed: what to put into a folder instead, for people.
    """

    title: str
    url: str
    file: str
    hash: str | None
    needed: str


def locate(source: PublicFile, candidates: Sequence[str], folder: str | None) -> Path:
    """Finds the first of several files or folders, or downloads the public one.

    Looks in `folder`, else in the folder named by the environment variable
    CELLSEARCH_DATA, else in the cache, where a missing file is downloaded once.

    Args:
        source: the public file.
        candidates: paths relative to the folder, the preferred first.
        folder: the folder of the configuration; None leaves it to the environment.

    Returns:
        The path of a candidate, or of the downloaded file.

    Raises:
        TaskError: the folder does not exist or has none of the candidates, or the
            download failed; the message says what to put where.
    """
    return in_folder(source, candidates, folder) or fetch(source)


def look(source: PublicFile, candidates: Sequence[str]) -> Path | None:
    """What `locate` would find without a download; None: there is nothing.

    Raises:
        TaskError: CELLSEARCH_DATA names no folder.
    """
    cached = cache_folder() / source.file
    found = in_folder(source, candidates, None)
    return found or (cached if cached.is_file() else None)


def cache_folder() -> Path:
    """The user's cache, where downloads are kept; it need not exist."""
    import pooch  # here: only downloads need it

    return Path(pooch.os_cache(APPLICATION))


def in_folder(
    source: PublicFile, candidates: Sequence[str], folder: str | None
) -> Path | None:
    """The first of `candidates` in the named folder; None: no folder has any.

    Raises:
        TaskError: see `locate`.
    """
    named = folder if folder is not None else os.environ.get(FOLDER_VARIABLE) or None
    if named is not None:
        root = Path(named).expanduser()
        if not root.is_dir():
            origin = "folder" if folder is not None else FOLDER_VARIABLE
            raise TaskError(f"{source.title}: {origin} {named!r} is not a folder")
        for candidate in candidates:
            if (root / candidate).exists():
                return root / candidate
        if folder is not None:
            raise TaskError(
                f"{source.title}: {named!r} has none of it; put {source.needed} there"
            )
    return None


def fetch(source: PublicFile) -> Path:
    """The public file in the user's cache, downloaded if it is not there yet.

    Raises:
        TaskError: offline, not found, or a wrong checksum.
    """
    import pooch  # here: only downloads need it

    # Whatever fails, a person can bring the file by other means: the message says how.
    try:
        path = pooch.retrieve(
            source.url,
            known_hash=source.hash,
            fname=source.file,
            path=cache_folder(),
            downloader=resume_download,
        )
    except (OSError, ValueError) as error:
        raise TaskError(
            f"{source.title}: cannot download {source.url} ({reason_of(error)}); put "
            f"{source.needed} into a folder and set {FOLDER_VARIABLE} to its path"
        ) from error
    return Path(path)


def resume_download(url: str, output_file: str, pooch: Any) -> None:
    """Downloads with progress, continuing what an earlier attempt left (for pooch).

    The unfinished file lies beside the wanted one as `NAME.part`. While it grows it
    carries the number of this process, so that two processes never write to one.

    Args:
        url: address; a server that ignores `Range` is read from the beginning.
        output_file: path to write; pooch then checks its hash and renames it.
        pooch: unused; part of pooch's interface.

    Raises:
        OSError: no connection, or the connection broke before the end.
    """
    target = Path(output_file)
    part = target.parent / f"{url.rsplit('/', 1)[-1]}.part"
    mine = part.with_name(f"{part.name}.{os.getpid()}")
    if part.exists():
        part.replace(mine)
    try:
        append(url, mine)
        mine.replace(target)
    finally:
        if mine.exists():
            mine.replace(part)


def append(url: str, path: Path) -> None:
    """Downloads what is missing at the end of a file.

    Raises:
        OSError: no connection, or fewer bytes came than the server promised.
    """
    from rich.console import Console
    from rich.progress import Progress

    # From where an earlier attempt stopped; a server may decline and send it all.
    have = path.stat().st_size if path.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        if error.code != 416 or not have:  # 416: there is nothing behind `have`
            raise
        path.unlink()
        append(url, path)
        return
    with response, Progress(console=Console(stderr=True), transient=True) as progress:
        if response.status != 206:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        shown = progress.add_task(f"downloading {url}", total=total, completed=have)
        with path.open("ab" if have else "wb") as file:
            while block := response.read(BLOCK_BYTES):
                file.write(block)
                progress.advance(shown, len(block))
    # A connection that breaks looks like the end of the file.
    size = path.stat().st_size
    if total is not None and size != total:
        raise OSError(f"the connection broke after {size:,} of {total:,} bytes")
