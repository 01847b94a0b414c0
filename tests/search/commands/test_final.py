"""Searches by common runs as a person sees them: run, top, final, calibrate."""

import json
import re
import signal
from pathlib import Path

import pytest

from search.contest.finals import FinalTable
from search.errors import UserError
from search.procedure.presets import preset_document
from tests.support.fake_search import Fake, history, query
from tests.support.searches import here, refused, shown, start, table
from workers import Setting

WORDS = (
    *("run", "--preset", "quick", "--candidates", 12, "--seed", 3),
    *("--set", "objective.most_seeds=3", "--set", "objective.finals.seeds=4"),
    *("--set", "objective.finals.cells=2"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search by common runs that is done, and has had its finals."""
    place = tmp_path_factory.mktemp("quick") / "run"
    here(*WORDS, "--out", place)
    return place


def test_the_table_has_differences_with_errors_and_finals_below(folder: Path) -> None:
    text = shown("top", folder, "-k", 3)
    assert re.search(r"selcopy +runs", text)
    assert re.search(r"[+-]\d\.\d{3} ±\d\.\d{3}", text)
    assert "on common runs" in text
    assert "echo" in text
    assert "(not searched)" in text
    assert "better than gru on every task searched:" in text


def test_finals_are_of_seeds_and_settings_that_took_no_part(folder: Path) -> None:
    rows = query(folder, "SELECT setting, seed FROM results")
    objective = preset_document("quick")["objective"]
    searched, fresh = (
        {(text, seed) for text, seed in rows if Setting(**one).text == text}
        for one in (objective["panel"][0], objective["finals"]["panel"][0])
    )
    assert searched
    assert fresh
    assert not {seed for _, seed in searched} & {seed for _, seed in fresh}
    assert {seed for _, seed in fresh} == {6, 7, 8, 9}


def test_finals_are_made_once_and_may_be_larger(folder: Path) -> None:
    before = len(query(folder, "SELECT run_id FROM results"))
    first, _ = here("final", folder, "--json")
    assert len(query(folder, "SELECT run_id FROM results")) == before
    second, _ = here("final", folder, "-k", 3, "--seeds", 5, "--json")
    assert len(query(folder, "SELECT run_id FROM results")) > before
    small, large = json.loads(first), json.loads(second)
    assert (small["seeds"], large["seeds"]) == (4, 5)
    assert len(large["rows"]) >= len(small["rows"])
    found = FinalTable.from_dict(large)
    assert found.to_dict() == large
    seeds = preset_document("quick")["seeds"]
    assert {row.name for row in found.rows} >= set(seeds)


def test_a_search_that_goes_on_keeps_its_decisions_beside_finals(folder: Path) -> None:
    rows = len(json.loads(shown("top", folder, "--json", "-k", 100)))
    here("resume", folder, "--candidates", 14)
    assert len(json.loads(shown("top", folder, "--json", "-k", 100))) >= rows


def test_damaged_finals_are_said_in_a_line() -> None:
    for values in (None, [], {}, {"baseline": "gru", "seeds": 1, "rows": [1]}):
        with pytest.raises(UserError, match="cannot be read"):
            FinalTable.from_dict(values)


def test_a_search_by_ratios_has_no_finals(tmp_path: Path) -> None:
    here("run", "--preset", "tiny", "--candidates", 2, "--out", tmp_path / "run")
    assert "finals need the objective `paired`" in refused("final", tmp_path / "run")


def test_finals_want_a_cell_and_two_seeds(folder: Path) -> None:
    assert "-k must be at least 1" in refused("final", folder, "-k", 0)
    assert "must be at least 2" in refused("final", folder, "--seeds", 1)


CALIBRATE = ("calibrate", "gru", "lstm", "ugrnn", "mut1", "--seeds", 2)


def test_a_calibration_says_what_tasks_are_worth(tmp_path: Path) -> None:
    out, _ = here(*CALIBRATE, "--out", tmp_path / "calibrate")
    assert "reliability" in out
    assert "core-seconds a cell" in out
    assert "[objective]" in out
    found, _ = here(*CALIBRATE, "--out", tmp_path / "calibrate", "--json")
    values = json.loads(found)
    assert set(values["tasks"]) == {"selcopy", "adding", "stack", "induction"}
    assert 0 <= values["least_reliability"] <= 1


def test_what_it_prints_is_a_configuration(tmp_path: Path) -> None:
    out, _ = here(*CALIBRATE, "--tasks", "echo,stack", "--out", tmp_path / "c")
    document = out.partition("to begin a configuration with:")[2]
    (tmp_path / "mine.toml").write_text(f'preset = "quick"\n{document}')
    words = ("run", tmp_path / "mine.toml", "--candidates", 1)
    here(*words, "--set", "objective.finals.cells=0", "--out", tmp_path / "run")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seeds", 1), "--seeds must be at least 2"),
        (("--reliability", 1), "--reliability must be in (0, 1)"),
        (("--preset", "small"), "preset small has no common runs"),
        (("gru", "lstm"), "needs two besides the baseline"),
    ],
)
def test_what_cannot_be_calibrated_is_said(
    words: tuple[object, ...], said: str
) -> None:
    assert said in refused("calibrate", *words)


def test_a_killed_search_goes_on_as_the_same_search(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = (*WORDS, "--set", "objective.finals.cells=0")
    here(*words, "--out", whole)
    for number in (60, 90):
        process = start(*words, "--out", killed, fake=Fake(die_at=number))
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL
    here("resume", killed)
    assert history(killed) == history(whole)
    assert table(killed) == table(whole)


def test_report_cards_and_status_know_common_runs(folder: Path, tmp_path: Path) -> None:
    assert "wrote" in shown("report", folder, "--out", tmp_path / "report.html")
    assert "candidates" in shown("status", folder)
    here("export", folder, "-k", 1, "--out", tmp_path / "best")
    [card] = tmp_path.glob("best/*/card.md")
    assert "common runs" in card.read_text()
    values = json.loads(card.with_name("card.json").read_text())
    assert {task["metric"] for task in values["tasks"].values()} == {"log loss"}
