"""Downloads: once, checked, continued where they broke, and clear when offline."""

import hashlib
import http.server
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks import TaskError, make_task
from tasks.download import PublicFile, append, fetch, locate

CONTENT = bytes(range(256)) * 4_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; can break off, ignore ranges, or lack the file."""

    breaks_after: int | None = None
    ignores_ranges = False
    missing = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/some/data.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        start = 0
        if self.server.missing:
            self.send_error(404)
            return
        if wanted and not self.server.ignores_ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                self.send_error(416)
                return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.breaks_after])

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CELLSEARCH_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    return tmp_path / "cache" / "cellsearch"


def source(url: str, known: str | None = f"sha256:{SHA256}") -> PublicFile:
    return PublicFile("Some Data", url, "data.bin", known, "data.bin")


def test_a_file_is_downloaded_once(server: Server, cache: Path) -> None:
    for _ in range(2):
        path = fetch(source(server.url))
        assert path == cache / "data.bin"
        assert path.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert [file.name for file in cache.iterdir()] == ["data.bin"]


def test_a_broken_download_is_continued(server: Server, cache: Path) -> None:
    server.breaks_after = 300_000
    with pytest.raises(TaskError, match="broke after 300,000 of 1,024,000 bytes"):
        fetch(source(server.url))
    assert (cache / "data.bin.part").stat().st_size == 300_000
    assert not (cache / "data.bin").exists()
    with pytest.raises(TaskError, match="broke after 600,000 of 1,024,000 bytes"):
        fetch(source(server.url))
    server.breaks_after = None
    assert fetch(source(server.url)).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-", "bytes=600000-"]
    assert [file.name for file in cache.iterdir()] == ["data.bin"]


def test_a_server_without_ranges_is_read_from_the_beginning(
    server: Server, cache: Path
) -> None:
    cache.mkdir(parents=True)
    (cache / "data.bin.part").write_bytes(CONTENT[:1_000])
    server.ignores_ranges = True
    assert fetch(source(server.url)).read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_dropped(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (len(CONTENT) + 5))
    append(server.url, path)
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(
    server: Server, cache: Path
) -> None:
    cache.mkdir(parents=True)
    (cache / "data.bin.part").write_bytes(b"of an older, different file")
    with pytest.raises(TaskError, match="hash"):
        fetch(source(server.url))
    assert list(cache.iterdir()) == []
    assert fetch(source(server.url)).read_bytes() == CONTENT


def offline_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}/data.bin"


@pytest.mark.parametrize("fault", ["offline", "missing"])
def test_a_failed_download_says_what_to_put_where(
    server: Server, cache: Path, fault: str
) -> None:
    server.missing = True
    url = offline_url() if fault == "offline" else server.url
    with pytest.raises(TaskError, match="Some Data: cannot download") as caught:
        fetch(source(url))
    message = str(caught.value)
    assert "\n" not in message
    assert "put data.bin into a folder and set CELLSEARCH_DATA" in message
    assert url in message


def test_tasks_without_data_or_network_are_one_clear_line(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("tasks.download.urlopen", refuse)
    for name, file in (("ptb", "ptb.train.txt"), ("nottingham", "Nottingham.pickle")):
        with pytest.raises(TaskError, match="no network") as caught:
            make_task(name).stream("valid", 0, 0)
        assert file in str(caught.value)
        assert "CELLSEARCH_DATA" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_two_processes_never_write_one_file(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True)
    other = cache / f"data.bin.part.{os.getpid() + 1}"
    other.write_bytes(b"somebody else is at work")
    assert fetch(source(server.url)).read_bytes() == CONTENT
    assert other.read_bytes() == b"somebody else is at work"


def test_a_folder_comes_before_the_environment_and_that_before_the_cache(
    server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name for name in ("named", "environment", "neither")]
    for folder in folders:
        folder.mkdir()
    for folder in folders[:2]:
        (folder / "data.bin").write_bytes(b"here")
    find: Callable[[str | None], Path] = lambda folder: locate(  # noqa: E731
        source(server.url), ["other.bin", "data.bin"], folder
    )
    assert find(str(folders[0])) == folders[0] / "data.bin"
    assert find(None) == cache / "data.bin"
    monkeypatch.setenv("CELLSEARCH_DATA", str(folders[1]))
    assert find(None) == folders[1] / "data.bin"
    assert find(str(folders[0])) == folders[0] / "data.bin"
    monkeypatch.setenv("CELLSEARCH_DATA", str(folders[2]))
    assert find(None) == cache / "data.bin"
    with pytest.raises(TaskError, match=r"has none of it; put data\.bin there"):
        find(str(folders[2]))
