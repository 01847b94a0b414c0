"""Files in folders of anybody: links are not followed, and no endless file is read."""

import os
from pathlib import Path

import pytest

from search.errors import UserError
from search.store.database import RUN_FILE
from search.store.document_file import read_document, write_document
from search.store.files import MAX_DOCUMENT, read_whole, write_whole
from search.store.locks import LOCK_FILE, RunLock, holder
from tests.support.searches import here, refused


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file outside that nobody may touch."""
    path = tmp_path / "precious"
    path.write_text("precious")
    return path


def test_a_link_is_replaced_and_what_it_points_to_is_left(
    tmp_path: Path, precious: Path
) -> None:
    for name in ("page.html", "page.html.part"):
        (tmp_path / name).symlink_to(precious)
    write_whole(tmp_path / "page.html", b"page")
    write_document(tmp_path / "page.html", {"seed": 1})
    assert precious.read_text() == "precious"
    assert not (tmp_path / "page.html").is_symlink()
    assert read_document(tmp_path / "page.html") == {"seed": 1}
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["page.html", "page.html.part", "precious"]


def test_a_new_file_has_the_mode_of_any_other(tmp_path: Path) -> None:
    write_whole(tmp_path / "one", b"")
    (tmp_path / "other").touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_lock_that_is_a_link_or_a_large_file_is_refused(
    tmp_path: Path, precious: Path
) -> None:
    (tmp_path / LOCK_FILE).symlink_to(precious)
    assert holder(tmp_path) is None
    with pytest.raises(UserError, match="it is a link: remove it"), RunLock(tmp_path):
        pass
    assert precious.read_text() == "precious"

    # A hard link is a file like any other, but for what is in it.
    (tmp_path / LOCK_FILE).unlink()
    precious.write_text("x" * 1000)
    os.link(precious, tmp_path / LOCK_FILE)
    with pytest.raises(UserError, match="no file of a lock"), RunLock(tmp_path):
        pass
    assert precious.stat().st_size == 1000


@pytest.mark.parametrize("kind", ["fifo", "folder", "large", "bytes", "device"])
def test_what_is_no_text_of_a_sane_size_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "one.toml"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "large":
            path.write_bytes(b" " * (MAX_DOCUMENT + 1))
        case "bytes":
            path.write_bytes(b"\xff")
        case "device":
            path = Path("/dev/zero")
    with pytest.raises(UserError, match=str(path)):
        read_whole(path)
    assert str(path) in refused("run", path, "--out", tmp_path / "run")


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, f"a = {'[' * 60}{']' * 60}"])
def test_a_deep_configuration_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.toml"
    path.write_text(text)
    assert str(path) in refused("run", path, "--out", tmp_path / "run")


def test_a_run_whose_file_is_a_link_is_read_and_not_gone_on_with(
    tmp_path: Path,
) -> None:
    real, linked = tmp_path / "real", tmp_path / "linked"
    here("run", "--preset", "small", "--candidates", 1, "--out", real)
    linked.mkdir()
    (linked / RUN_FILE).symlink_to(real / RUN_FILE)
    before = (real / RUN_FILE).read_bytes()
    assert "fitness" in here("top", linked)[0]
    assert "is a link" in refused("resume", linked, "--candidates", 3)
    assert (real / RUN_FILE).read_bytes() == before
    for name in ("report.html", "report.html.part", "config.toml.part"):
        (real / name).symlink_to(tmp_path / "precious")
    here("report", real, "--force")
    (real / "config.toml").unlink()
    here("resume", real, "--candidates", 2)
    assert not (tmp_path / "precious").exists()
