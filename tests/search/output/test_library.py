"""The script that draws charts: put together once, and never believed when damaged."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import vl_convert

from search.output.report import library as module
from search.output.report.library import library

SCRIPT = 'let a = "<\\/script>"; // é'
MADE = 'let a = "</script>"; // é\n'


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """The versions that were put together; the cache is a folder that is not there."""
    found: list[str] = []

    def bundle(snippet: str, vl_version: str) -> str:
        found.append(vl_version)
        return MADE

    monkeypatch.setattr(vl_convert, "javascript_bundle", bundle)
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    library.cache_clear()
    yield found
    library.cache_clear()


def again() -> str:
    library.cache_clear()
    return library()


def test_it_is_put_together_once(made: list[str], tmp_path: Path) -> None:
    assert [library(), library(), again(), again()] == [SCRIPT] * 4
    assert len(made) == 1
    [path] = (tmp_path / "cache").iterdir()
    assert path.name.startswith(f"vega-{made[0]}-")
    digest = hashlib.sha256(SCRIPT.encode()).hexdigest()
    assert path.read_text() == f"// {digest}\n{SCRIPT}"


@pytest.mark.parametrize(
    "content", [b"", b"// \n", b"\xff", b"// 00\nevil()", b"x" * 11_000_000]
)
def test_what_is_damaged_is_put_together_again(
    content: bytes, made: list[str], tmp_path: Path
) -> None:
    library()
    [path] = (tmp_path / "cache").iterdir()
    path.write_bytes(content)
    assert [again(), again()] == [SCRIPT] * 2
    assert len(made) == 2


def test_a_folder_in_the_place_of_the_file_or_of_the_cache_does_no_harm(
    made: list[str], tmp_path: Path
) -> None:
    library()
    [path] = (tmp_path / "cache").iterdir()
    path.unlink()
    path.mkdir()
    assert again() == SCRIPT
    path.rmdir()
    path.parent.rmdir()
    path.parent.write_text("a file")
    assert again() == SCRIPT


def test_the_script_itself_has_vega_and_ends_no_element(tmp_path: Path) -> None:
    library.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "cache_folder", lambda: tmp_path)
        script = library()
        assert script == again()
    library.cache_clear()
    assert "vegaEmbed" in script
    assert "</script" not in script
