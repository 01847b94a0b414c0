"""`cellsearch presets`: a list, and documents that searches begin from."""

from pathlib import Path

import pytest

from search.procedure.presets import preset_names, search_names
from tests.support.searches import command, here, refused, table


def test_every_preset_is_listed_with_its_sentence() -> None:
    lines = here("presets")[0].splitlines()
    for name, line in zip(preset_names(), lines, strict=False):
        assert line.split()[0] == name
        assert len(line.split()) > 6
        assert ("(`evaluate` only)" in line) == (name not in search_names())


@pytest.mark.parametrize("name", ["demo", "tiny", "small"])
def test_a_preset_in_a_file_of_ones_own_is_the_same_search(
    name: str, tmp_path: Path
) -> None:
    mine, made = tmp_path / "mine.toml", {}
    mine.write_text(here("presets", name)[0])
    for folder, words in (("a", (mine,)), ("b", ("--preset", name))):
        here("run", *words, "--candidates", 1, "--out", tmp_path / folder)
        made[folder] = (tmp_path / folder / "config.toml").read_text()
    assert made["a"] == made["b"]


def test_a_file_says_how_many_candidates_there_are(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(here("presets", "tiny")[0].replace("= 24", "= 12", 1))
    command("run", mine, "--out", tmp_path / "run")
    assert '"proposed": 12' in here("status", tmp_path / "run", "--json")[0]
    there = table(tmp_path / "run")
    command("run", mine, "--out", tmp_path / "run")
    assert table(tmp_path / "run") == there
    said = refused("run", mine, "--set", "candidates=0", "--out", tmp_path / "other")
    assert "candidates must be at least 1, got 0" in said


def test_an_unknown_preset_names_the_nearest() -> None:
    assert "unknown preset 'smal'; did you mean 'small'?" in refused("presets", "smal")
    said = refused("run", "--preset", "table3_5m")
    assert "preset table3_5m scores cells and is no search" in said
