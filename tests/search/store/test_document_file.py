"""Configurations as files: read as they were written, or nothing at all."""

from pathlib import Path

import pytest

from search.errors import UserError
from search.procedure.document import Document
from search.procedure.reader import make_config
from search.procedure.writer import to_document
from search.store.document_file import read_document, write_document

DOCUMENTS: tuple[Document, ...] = (
    {},
    {"filter": {"name": "off"}},
    {"preset": "tiny", "rules": {"racing": True, "weights": {"remove": 2}}},
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_in_a_file_is_the_same_configuration(
    document: Document, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    config = make_config(document)
    write_document(path, to_document(config))
    assert read_document(path) == to_document(config)
    assert make_config(read_document(path)) == config


def test_a_document_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_document(tmp_path / "config.toml", {"seed": 1, "preset": "demo" * 50})
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_toml_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(UserError, match=r"mine\.toml: cannot be read"):
        read_document(path)
    path.write_text("seed = ")
    with pytest.raises(UserError, match=r"mine\.toml: not TOML"):
        read_document(path)
