"""`cellsearch ablate` as a person meets it, with training by formula."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cells import ZOO, digest
from search.commands.cli import main
from search.loop import pools
from search.store.database import RESULTS_FILE
from tests.support.fake_pool import FakePool
from tests.support.searches import here, refused

SMALL = ("--tasks", "echo,stack", "--settings", 2, "--seeds", 2)


def read(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the file that results are kept in."""
    file = sqlite3.connect(folder / RESULTS_FILE)
    try:
        return file.execute(sql).fetchall()
    finally:
        file.close()


def stored(folder: Path) -> int:
    """How many trainings there are."""
    [[count]] = read(folder, "SELECT count(*) FROM runs")
    return int(count)


def test_the_table_has_the_parts_in_words_and_the_order_of_the_gates(
    tmp_path: Path,
) -> None:
    out, err = here("ablate", "lstm", *SMALL, "--out", tmp_path / "a")
    lines = out.splitlines()
    for name in ("input gate i", "forget gate f", "output gate o"):
        [line] = [line for line in lines if f"without the {name} (lstm_" in line]
        assert line.count("±") == 3  # the mean and two tasks
    assert "without its biases  " in out
    assert "without the state c  " in out
    assert "2 seeds of 2 settings, the same for all" in out
    assert any(line.startswith("  echo: the ") for line in lines)
    assert err.splitlines()[-1] == "112 of 112 trainings"


def test_the_same_command_trains_nothing_twice(tmp_path: Path) -> None:
    words = ("ablate", "lstm", *SMALL, "--json", "--out", tmp_path / "a")
    first, _ = here(*words)
    count = stored(tmp_path / "a")
    second, err = here(*words)
    assert (first, err) == (second, "")
    assert stored(tmp_path / "a") == count == 14 * 2 * 2 * 2
    values = json.loads(first)
    assert values["digest"] == digest(ZOO["lstm"])
    means = [row["mean"]["value"] for row in values["rows"]]
    assert means == sorted(means)
    assert set(values["gates"]) == {"echo", "stack"}


def test_a_cell_of_a_run_can_be_named(tmp_path: Path) -> None:
    run = ("run", "--preset", "demo", "--candidates", 2, "--out", tmp_path / "run")
    here(*run, "--set", "objective.finals.cells=0")
    out, _ = here("ablate", f"{tmp_path}/run:1", *SMALL, "--dry-run")
    assert "without " in out


def test_a_dry_run_lists_what_would_be_trained_and_what_cannot_learn(
    tmp_path: Path,
) -> None:
    words = ("ablate", "gru", *SMALL, "--dry-run", "--out", tmp_path / "a")
    out, _ = here(*words)
    lines = out.splitlines()
    assert "gru without the reset gate r (ugrnn)" in lines
    assert lines[-2:] == [
        "not trained: without the update gate z, always h (ignores the input)",
        "80 trainings: 10 cells on 2 tasks, 2 settings x 2 seeds",
    ]
    found, _ = here(*words, "--json")
    assert json.loads(found)["trainings"] == 80
    assert not (tmp_path / "a").exists()


def test_parts_updates_and_weights_may_be_chosen(tmp_path: Path) -> None:
    sizes = ("--budget", 50, "--parameters", 3000)
    words = ("ablate", "lstm", *SMALL, *sizes, "--parts", "gate,state")
    _, err = here(*words, "--out", tmp_path / "a")
    assert err.splitlines()[-1] == "40 of 40 trainings"
    assert read(tmp_path / "a", "SELECT DISTINCT budget FROM runs") == [(50,)]
    settings = read(tmp_path / "a", "SELECT value FROM settings")
    assert {json.loads(text)["parameters"] for (text,) in settings} == {3000}


def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*map(str, ("ablate", "lstm", *SMALL, "--out", tmp_path / "a"))]
    monkeypatch.setattr("sys.argv", ["cellsearch", *words])
    monkeypatch.setattr(pools, "make_pool", lambda *_: FakePool(stop_after=7))
    assert main(words) == 130
    said = capsys.readouterr()
    assert said.out == ""
    assert f"Go on: cellsearch ablate lstm {' '.join(words[2:])}" in said.err
    assert stored(tmp_path / "a") == 7
    monkeypatch.setattr(pools, "make_pool", lambda *_: FakePool())
    assert main(words) == 0
    assert stored(tmp_path / "a") == 112


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lstn",), "lstm"),
        (("lstm", "--seeds", 1), "--seeds must be at least 2"),
        (("lstm", "--settings", 0), "--settings must be at least 1"),
        (("lstm", "--settings", 9), "--settings must be at most 4, the settings of"),
        (("lstm", "--parts", "gates"), "unknown part 'gates'"),
        (("tanh", "--parts", "gate"), "tanh has none of these parts"),
        (("lstm", "--budget", 0), "--budget must be at least 1"),
        (("lstm", "--parameters", 9), "no width fits a budget of 9 parameters"),
        (("lstm", "--preset", "small"), "preset small has no common runs"),
        (("lstm", "--tasks", "eco"), "echo"),
    ],
)
def test_what_cannot_be_is_one_line(words: tuple[object, ...], said: str) -> None:
    assert said in refused("ablate", *words)


def test_a_dead_cell_has_no_parts_to_miss(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("def mine(x, h):\n    return tanh(linear(x))\n")
    assert "mine ignores the past: it can learn nothing" in refused("ablate", path)
