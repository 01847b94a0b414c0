"""A search for quality and a low cost as a person sees it: run, top, final, report."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from search.loop.runs import open_run, replay
from search.output.front import hypervolumes
from search.output.report.data import collect
from search.output.report.datasets import datasets
from search.procedure.costed import CostedPopulation
from tests.support.searches import command, here, refused, shown, table
from tests.support.slow_costed import area, beats

WORDS = (
    *("run", "--preset", "quick", "--candidates", 24, "--seed", 3),
    *("--set", "objective.most_seeds=2", "--set", "objective.finals.seeds=2"),
    *("--set", "objective.cost=state_bytes", "--set", "objective.finals.cells=3"),
    *("--set", 'seeds=["gru", "lstm", "ugrnn"]'),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search with a cost that is done, and has had its finals."""
    place = tmp_path_factory.mktemp("front") / "run"
    here(*WORDS, "--out", place)
    return place


def rows_of(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(table(folder))
    return found


def pair(row: dict[str, Any]) -> tuple[float, float]:
    return row["fitness"], row["cost"]


def test_the_front_comes_first_and_is_what_none_dominates(folder: Path) -> None:
    rows = rows_of(folder)
    floor = min(row["fitness"] for row in rows if row["origin"] == "seed")
    near = [row for row in rows if row["fitness"] >= floor]
    front = [
        row for row in near if not any(beats(pair(other), pair(row)) for other in near)
    ]
    assert 1 < len(front) < len(near)
    marked = [row for row in rows if row["pareto"]]
    assert marked == rows[: len(front)]
    assert sorted(map(pair, marked)) == sorted(map(pair, front))


def test_top_says_what_a_cost_is_and_how_far_the_front_has_come(folder: Path) -> None:
    text = shown("top", folder, "-k", 30)
    assert "cost: bytes of state of all layers" in text
    assert "none is fitter and no dearer" in text
    rows = rows_of(folder)
    printed = [line for line in text.splitlines() if re.match(r" +\d+ ", line)]
    assert len(printed) >= len(rows)
    assert f" {rows[0]['cost']:.0f} " in printed[0]
    gru = next(row for row in rows if row["name"] == "gru")
    floor = min(row["fitness"] for row in rows if row["origin"] == "seed")
    worst = (floor, 3 * gru["cost"])
    for count in (0, 12, 24):  # all that were proposed so far
        with open_run(folder, reading=True) as run:
            known = replay(run).procedure.population.members
        born = [row for row in rows if known[row["digest"]].number <= count]
        volume = area([pair(row) for row in born], worst) / gru["cost"]
        assert f"{volume:.3f} at {count}" in text


def test_finals_are_of_the_front_and_mark_their_own(folder: Path) -> None:
    finals = json.loads(here("final", folder, "--json")[0])["rows"]
    names = {row["name"] for row in finals}
    with open_run(folder, reading=True) as run:
        population = replay(run).procedure.population
    assert isinstance(population, CostedPopulation)
    assert names == {
        *(member.name for member in population.chosen(3)),
        *("gru", "lstm", "ugrnn"),
    }
    text, _ = here("final", folder)
    pairs = {row["name"]: (row["fitness"]["value"], row["cost"]) for row in finals}
    for name, own in pairs.items():
        [line] = [line for line in text.splitlines() if line.startswith(f" {name} ")]
        best = not any(beats(other, own) for other in pairs.values())
        assert (line.split()[1][-1] == "*") == best
        assert line.split()[2] == f"{own[1]:.0f}"


def test_a_report_has_the_front_and_its_course(folder: Path) -> None:
    with open_run(folder, reading=True) as run:
        engine = replay(run)
        report = collect(run, engine, 3)
    data, rows = datasets(report), rows_of(folder)
    front = [row for row in rows if row["pareto"]]
    assert sorted(data["front_cost"]["size"]) == sorted(row["cost"] for row in front)
    assert list(data["front_cost"]["fitness"]) == sorted(data["front_cost"]["fitness"])
    population = engine.procedure.population
    assert isinstance(population, CostedPopulation)
    steps = hypervolumes(population)
    assert list(steps.values()) == sorted(set(steps.values()))
    course = data["hypervolume"]
    assert course["born"][-1] == 24
    assert course["hypervolume"] == pytest.approx(
        [*steps.values(), *([] if 24 in steps else [max(steps.values())])], rel=1e-4
    )
    here("report", folder, "--force")
    page = (folder / "report.html").read_text()
    for text in ("The front of fitness and cost", "chart-hypervolume", report.course):
        assert text.replace("'", "&#39;") in page


def test_one_seed_is_one_front_in_processes_of_their_own(
    folder: Path, tmp_path: Path
) -> None:
    again = (*WORDS, "--set", "objective.finals.cells=0", "--out", tmp_path / "run")
    command(*again, "--candidates", 7)
    here("resume", tmp_path / "run", "--candidates", 24)
    for one in ("fitness", "cost", "name"):
        found, whole = (
            sorted(row[one] for row in rows_of(place))
            for place in (tmp_path / "run", folder)
        )
        assert found == whole


def test_a_run_keeps_the_cost_that_it_was_begun_with(folder: Path) -> None:
    error = refused(*WORDS, "--set", "objective.cost=flops", "--out", folder)
    assert "differs from the run's: objective.cost is " in error


def test_without_a_cost_nothing_is_said_of_it(tmp_path: Path) -> None:
    words = ("--set", "objective.cost=none", "--set", "objective.finals.cells=0")
    here(*WORDS, *words, "--out", tmp_path / "run")
    assert all("cost" not in row for row in rows_of(tmp_path / "run"))
    text = shown("top", tmp_path / "run")
    assert "dearer" not in text
    assert "hypervolume" not in text
    here("report", tmp_path / "run")
    assert "The front of fitness" not in (tmp_path / "run/report.html").read_text()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("speed", "unknown objective.cost 'speed'; there are none, flops, matrices"),
        ("flop", "unknown objective.cost 'flop'; did you mean 'flops'?"),
        ("3", "objective.cost must be a text, got 3"),
    ],
)
def test_what_is_no_cost_is_refused_in_a_line(
    value: str, said: str, tmp_path: Path
) -> None:
    place = tmp_path / "run"
    assert said in refused(*WORDS, "--set", f"objective.cost={value}", "--out", place)
    assert not place.exists()
