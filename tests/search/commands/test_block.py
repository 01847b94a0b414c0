"""The block around the cell as a person chooses it, with training by formula."""

import json
import sqlite3
import tomllib
from pathlib import Path

import pytest

from search.store.database import RESULTS_FILE
from tests.support.fake_search import query
from tests.support.searches import here, refused, table
from workers import BLOCKS

COMMON = ("--tasks", "selcopy,stack", "--seeds", 2)
RUN = ("run", "--preset", "demo", "--candidates", 3)
EACH = {
    "evaluate": ("evaluate", "lstm", "--tasks", "xml", "--settings", 2),
    "calibrate": ("calibrate", "gru", "lstm", "tanh", *COMMON),
    "ablate": ("ablate", "gru", "--parts", "gate", "--settings", 1, *COMMON),
    "promote": ("promote", "lstm", "--sizes", "4000", "--settings", 1, *COMMON),
}
BLOCK_FILES = {
    *("flax_blocks.py", "torch_blocks.py"),
    *("golden_blocks.json", "check_blocks.py"),
}


def trained(folder: Path) -> set[str | None]:
    """Blocks of all trainings that a folder has; None where none is said."""
    file = sqlite3.connect(folder / RESULTS_FILE)
    try:
        rows = file.execute("SELECT value FROM trainings").fetchall()
    finally:
        file.close()
    return {json.loads(text).get("block") for [text] in rows}


@pytest.mark.parametrize("command", EACH)
def test_cells_that_are_scored_without_a_search_may_be_in_blocks(
    command: str, tmp_path: Path
) -> None:
    words = (*EACH[command], "--out", tmp_path / "out")
    here(*words)
    assert trained(tmp_path / "out") == {None}
    here(*words, "--block", "residual")
    assert trained(tmp_path / "out") == {None, "residual"}


@pytest.mark.parametrize("command", EACH)
def test_a_block_that_does_not_exist_is_one_line_with_the_nearest(
    command: str, tmp_path: Path
) -> None:
    words = (*EACH[command], "--out", tmp_path / "out", "--block", "resdual")
    assert "unknown block 'resdual'; did you mean 'residual'?" in refused(*words)
    assert not (tmp_path / "out").exists()


def test_a_calibrated_panel_is_to_be_begun_with_in_the_same_block(
    tmp_path: Path,
) -> None:
    words = (*EACH["calibrate"], "--out", tmp_path / "out")
    assert "[training]" not in here(*words)[0]
    printed, _ = here(*words, "--block", "residual")
    assert '[training]\nblock = "residual"\n' in printed


def test_scores_say_the_block_that_they_are_of(tmp_path: Path) -> None:
    words = (*EACH["evaluate"], "--json", "--out", tmp_path / "out")
    assert "block" not in json.loads(here(*words)[0])
    found = json.loads(here(*words, "--block", "residual")[0])
    assert found["block"] == "residual"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same search with and without blocks."""
    place = tmp_path_factory.mktemp("runs")
    folders = {block: place / block for block in ("plain", "residual")}
    for block, folder in folders.items():
        here(*RUN, "--set", f"training.block={block}", "--out", folder)
    return folders


def test_a_search_in_blocks_trains_in_them_and_is_gone_on_with(
    runs: dict[str, Path],
) -> None:
    folder = runs["residual"]
    texts = query(folder, "SELECT value FROM trainings")
    assert {json.loads(text).get("block") for [text] in texts} == {"residual"}
    assert table(folder) != table(runs["plain"])
    assert here("resume", folder, "--candidates", 4)[0]
    ends = [
        query(one, "SELECT max(end) FROM issued WHERE decision < 2")[0][0]
        for one in runs.values()
    ]
    assert ends[0] != ends[1]  # a job is as long as the work in it


def test_a_plain_run_is_what_it_was_before_there_were_blocks(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    unsaid = tmp_path / "unsaid"
    here(*RUN, "--out", unsaid)
    text = (unsaid / "config.toml").read_text()
    assert text == (runs["plain"] / "config.toml").read_text()
    assert "block" not in tomllib.loads(text)["training"]
    assert table(unsaid) == table(runs["plain"])
    said = tomllib.loads((runs["residual"] / "config.toml").read_text())
    assert said["training"]["block"] == "residual"


def test_finals_of_a_search_are_in_its_blocks(runs: dict[str, Path]) -> None:
    here("final", runs["residual"], "-k", 1)
    texts = query(runs["residual"], "SELECT value FROM trainings")
    assert {json.loads(text).get("block") for [text] in texts} == {"residual"}
    assert "are those of the run" in refused(
        "promote", runs["plain"], "--block", "residual", "--dry-run"
    )


def test_an_export_has_the_blocks_that_the_run_trained_in(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    for number, source in enumerate((runs["residual"], f"{runs['residual']}:1")):
        out = tmp_path / str(number)
        options = ("-k", 1) if source is runs["residual"] else ()
        printed, _ = here("export", source, *options, "--out", out)
        assert "note" not in printed
        for folder in out.iterdir():
            assert {path.name for path in folder.iterdir()} >= BLOCK_FILES
            assert "In residual blocks" in (folder / "card.md").read_text()
            assert json.loads((folder / "card.json").read_text())["block"] == "residual"
    here("export", f"{runs['plain']}:1", "--out", tmp_path / "plain")
    [plain] = (tmp_path / "plain").iterdir()
    assert not {path.name for path in plain.iterdir()} & BLOCK_FILES
    for name in ("card.md", "card.json"):
        assert "block" not in (plain / name).read_text()


def test_a_named_cell_is_exported_in_blocks_if_asked(tmp_path: Path) -> None:
    for block in BLOCKS:
        here("export", "gru", "--block", block, "--out", tmp_path / block)
    here("export", "gru", "--out", tmp_path / "unsaid")
    plain, residual, unsaid = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "gru").iterdir()}
        for name in ("plain", "residual", "unsaid")
    )
    assert unsaid == plain
    assert residual.keys() - plain.keys() == BLOCK_FILES
    for name in plain.keys() - {"card.md", "card.json"}:
        assert residual[name] == plain[name]
    words = ("export", "gru", "--block", "resdual", "--out", tmp_path / "no")
    assert "unknown block 'resdual'; did you mean 'residual'?" in refused(*words)


def test_a_run_is_exported_in_no_other_blocks(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    words = ("export", runs["plain"], "--block", "residual", "--out", tmp_path / "no")
    assert "--block is for a cell" in refused(*words)
