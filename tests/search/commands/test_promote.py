"""`cellsearch promote` as a person meets it, with training by formula."""

import json
import re
import sqlite3
from pathlib import Path

import pytest

from search.commands.cli import main
from search.loop import pools
from search.store.database import RESULTS_FILE
from tests.support.fake_pool import FakePool
from tests.support.fake_search import query
from tests.support.searches import here, refused, shown, table

FOUND = Path(__file__).parents[3] / "benchmarks/found/cell_374.txt"
SMALL = ("--tasks", "selcopy,stack", "--settings", 2, "--seeds", 2)
SIZES = ("--sizes", "4000,8000", "--error", 0)
WORDS = ("promote", FOUND, "lstm", "--beside", "mut2", *SMALL, *SIZES)
RUNG = 4 * 3 * 2 * 3 * 2
"""Cells, tasks, settings, rates and seeds."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search by common runs."""
    place = tmp_path_factory.mktemp("promote") / "run"
    here("run", "--preset", "demo", "--candidates", 6, "--out", place)
    return place


def stored(folder: Path) -> int:
    """How many trainings a folder of results has."""
    file = sqlite3.connect(folder / RESULTS_FILE)
    try:
        return int(file.execute("SELECT count(*) FROM runs").fetchone()[0])
    finally:
        file.close()


def test_each_size_has_a_table_and_words_beside_it(tmp_path: Path) -> None:
    out, err = here(*WORDS, "--out", tmp_path / "p")
    low, high = out.partition("8,000 weights\n")[::2]
    assert low.startswith("4,000 weights\n")
    for text in (low, high):
        assert "better than gru on every task searched: " in text
        for name in ("cell_374", "lstm", "mut2", "gru"):
            [line] = [
                one for one in text.splitlines() if one[1:].startswith(f"{name} ")
            ]
            assert line.count("±") == 3
    assert "(not searched)" in low
    pattern = (
        r"rank correlation with 4,000 weights, 4 cells: fitness [+-]\d\.\d\d \(sel"
    )
    assert re.search(pattern, high)
    assert "note: gru is best at the " in out
    assert "each rung: 2 seeds of its own, 6 settings, the same for all" in high
    assert err.splitlines()[-1] == f"8,000 weights: {RUNG} of {RUNG} trainings"


def test_the_same_command_trains_nothing_twice_and_may_go_higher(
    tmp_path: Path,
) -> None:
    words = (*WORDS, "--json", "--out", tmp_path / "p")
    first, _ = here(*words)
    assert stored(tmp_path / "p") == 2 * RUNG
    assert here(*words) == (first, "")
    more, _ = here(*words, "--sizes", "4000,8000,16000")
    assert stored(tmp_path / "p") == 3 * RUNG
    rungs = json.loads(more)["rungs"]
    assert rungs[:2] == json.loads(first)["rungs"]
    assert [one["size"] for one in rungs[2]["agreements"]] == [4000, 8000]


def test_who_is_behind_is_not_trained_at_the_next_size(tmp_path: Path) -> None:
    words = (*WORDS, "--error", 0.9, "--json", "--out", tmp_path / "p")
    low, *rest = json.loads(here(*words)[0])["rungs"]
    assert low["behind"]
    assert "gru" not in low["behind"]
    left = {row["name"] for row in low["rows"]} - set(low["behind"])
    assert [{row["name"] for row in high["rows"]} for high in rest] in ([left], [])
    out, _ = here(*words[:-3], "--out", tmp_path / "p")
    assert " behind" in out.partition("better than")[0]
    assert "which err in 90% of the cells that are level with it" in out


def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*map(str, (*WORDS, "--out", tmp_path / "p"))]
    monkeypatch.setattr("sys.argv", ["cellsearch", *words])
    monkeypatch.setattr(pools, "make_pool", lambda *_: FakePool(stop_after=RUNG + 7))
    assert main(words) == 130
    said = capsys.readouterr()
    assert "4,000 weights" in said.out  # what was whole is shown
    assert "8,000 weights" not in said.out
    assert f"Go on: cellsearch {' '.join(words)}" in said.err
    assert stored(tmp_path / "p") == RUNG + 7
    monkeypatch.setattr(pools, "make_pool", lambda *_: FakePool())
    assert main(words) == 0
    assert stored(tmp_path / "p") == 2 * RUNG


def test_a_run_has_its_best_promoted_beside_its_seeds_within_its_folder(
    folder: Path,
) -> None:
    words = ("promote", folder, "-k", 2, "--beside", "lstm", "--settings", 1, *SIZES)
    words += ("--seeds", 2, "--fresh", "echo", "--json")
    before = table(folder)
    first, _ = here(*words)
    names = {row["name"] for row in json.loads(first)["rungs"][0]["rows"]}
    best = {row["name"] for row in json.loads(shown("top", folder, "-k", 2, "--json"))}
    assert names >= {"gru", "lstm"} | best
    rows = query(folder, "SELECT seed FROM results WHERE setting LIKE '%4000%'")
    assert {seed for (seed,) in rows} == {1000, 1001}
    assert here(*words) == (first, "")
    # The search is none the wiser, and goes on.
    assert table(folder) == before
    here("resume", folder, "--candidates", 7)


def test_a_run_may_have_its_results_elsewhere(folder: Path, tmp_path: Path) -> None:
    before = query(folder, "SELECT count(*) FROM results")
    words = ("promote", folder, "-k", 1, "--settings", 1, *SIZES, "--seeds", 2)
    here(*words, "--rates", 1, "--fresh", "none", "--out", tmp_path / "p")
    assert query(folder, "SELECT count(*) FROM results") == before
    assert stored(tmp_path / "p")


def test_a_dry_run_says_trainings_and_hours(tmp_path: Path) -> None:
    words = (*WORDS, "--dry-run", "--out", tmp_path / "p")
    lines = here(*words)[0].splitlines()
    assert lines[0].startswith(f"4,000 weights: {RUNG} trainings, ")
    assert lines[-1].startswith(f"at most {2 * RUNG} trainings of 4 cells, ")
    found = json.loads(here(*words, "--json")[0])["rungs"]
    assert found[0]["seconds"] < found[1]["seconds"]
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lstn",), "lstm"),
        (("gru",), "nobody is there to compare with gru"),
        (("lstm", "--sizes", "many"), "--sizes must be whole numbers with commas"),
        (("lstm", "--sizes", "2000,1000"), "--sizes must be rising"),
        (("lstm", "--sizes", "9"), "width 1 has 112; see --sizes"),
        (("lstm", "--rates", "1,x"), "--rates must be numbers with commas"),
        (("lstm", "--seeds", 1), "--seeds must be at least 2"),
        (("lstm", "--settings", 0), "--settings must be at least 1"),
        (("lstm", "--error", 1), "--error must be at least 0 and below 1"),
        (("lstm", "--fresh", "echo,stack"), "tasks that took no part, got stack"),
        (("lstm", "--fresh", "eco"), "echo"),
        (("lstm", "--preset", "small"), "preset small has no common runs"),
        (("lstm", "-k", 3), "-k is for a run, got 3"),
    ],
)
def test_what_cannot_be_is_one_line(words: tuple[object, ...], said: str) -> None:
    assert said in refused("promote", *words)


def test_runs_are_told_from_cells(folder: Path, tmp_path: Path) -> None:
    assert "it stands alone" in refused("promote", folder, "lstm")
    said = "--tasks are those of the run, got stack"
    assert said in refused("promote", folder, "--tasks", "stack")
    assert "--fresh must be given" in refused("promote", folder)
    here("run", "--preset", "tiny", "--candidates", 2, "--out", tmp_path / "run")
    said = refused("promote", tmp_path / "run")
    assert "no search by common runs; name its cells instead" in said
    path = tmp_path / "mine.txt"
    path.write_text("def mine(x, h):\n    return tanh(linear(x))\n")
    assert "mine ignores the past: it can learn nothing" in refused("promote", path)
