"""`cellsearch lineage`: from a seed to a cell, and refusals in one line."""

import json
from pathlib import Path

import pytest

from cells import digest, parse
from search.api import Run
from tests.support.searches import here, refused, shown


@pytest.fixture(scope="module")
def ratios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search by ratios."""
    folder = tmp_path_factory.mktemp("ratios") / "run"
    here("run", "--preset", "tiny", "--candidates", 40, "--out", folder)
    return folder


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search by common runs, in which cells are crossed."""
    folder = tmp_path_factory.mktemp("common") / "run"
    words = ("objective.finals.cells=0", "--set", "rules.crossover=0.5")
    here(
        *("run", "--preset", "quick", "--candidates", 24, "--out", folder, "--set"),
        *words,
    )
    return folder


def ranks(folder: Path, *, seeds: bool) -> list[int]:
    rows = json.loads(shown("top", folder, "--json", "-k", 1000))
    return [row["rank"] for row in rows if (row["origin"] == "seed") is seeds]


def deepest(folder: Path) -> tuple[int, int]:
    """Rank and depth."""
    rows = json.loads(shown("top", folder, "--json", "-k", 1000))
    row = max(rows, key=lambda row: row["depth"])
    return row["rank"], row["depth"]


def test_there_is_one_line_a_step(ratios: Path, common: Path) -> None:
    for folder in (ratios, common):
        rank, depth = deepest(folder)
        assert depth > 0
        text = shown("lineage", f"{folder}:{rank}")
        head, *lines = text.splitlines()
        legend = next(i for i, line in enumerate(lines) if line.startswith("gain:"))
        assert head.split() == ["cell", "fitness", "gain", "edit:", "difference"]
        assert legend == depth + 1
        assert lines[0].endswith("seed")
        assert all("[-" in line or "{+" in line for line in lines[1:legend])
        by_runs = folder == common
        assert ("95 % interval over seeds" in text) is by_runs
        assert ("±" in lines[1]) is by_runs
        assert digest(parse(_last(shown("lineage", f"{folder}:{rank}", "--text"))))


def test_json_has_every_step_and_gains_add_up(ratios: Path, common: Path) -> None:
    for folder in (ratios, common):
        rank, depth = deepest(folder)
        steps = json.loads(shown("lineage", f"{folder}:{rank}", "--json"))
        assert steps == Run(folder).lineage(rank)
        assert len(steps) == depth + 1
        assert [step["depth"] for step in steps] == list(range(depth + 1))
        seed, *rest = steps
        assert (seed["gain"], seed["interval"], seed["edits"]) == (None, None, [])
        total = seed["fitness"] + sum(step["gain"] for step in rest)
        assert total == pytest.approx(steps[-1]["fitness"])
        for step in rest:
            assert step["edits"]
            assert (step["interval"] is None) is (folder == ratios)
            if step["interval"]:
                low, high = step["interval"]
                assert low < step["gain"] < high
        for step in steps:
            assert digest(parse(step["text"])) == step["digest"]


def test_a_cell_between_two_names_both(common: Path) -> None:
    rows = json.loads(shown("top", common, "--json", "-k", 1000))
    names = {row["digest"]: row["name"] for row in rows}
    crossed = [row for row in rows if row["rules"] == ["crossover"]]
    assert crossed
    assert [row for row in rows if "mate" in row] == crossed
    for row in crossed:
        assert row["mate"] not in (row["parent"], row["digest"])
        mate = names[row["mate"]]
        cell = f"{common}:{row['rank']}"
        *_, last = json.loads(shown("lineage", cell, "--json"))
        assert (last["mate"], last["name"]) == (mate, row["name"])
        assert f"half of the way to {mate}: " in shown("lineage", cell)


def _last(printed: str) -> str:
    """The last cell text of what is printed."""
    text = printed[printed.rindex("def ") :]
    return text[: text.index("\n\n")] if "\n\n" in text else text


def test_mistakes_are_one_line(common: Path, tmp_path: Path) -> None:
    count = len(ranks(common, seeds=True) + ranks(common, seeds=False))
    assert f"has ranks 1 to {count}" in refused("lineage", f"{common}:99")
    seed = ranks(common, seeds=True)[0]
    assert "is a seed, and has no parent" in refused("lineage", f"{common}:{seed}")
    assert "RUN:RANK" in refused("lineage", common)
    assert "a rank is a whole number" in refused("lineage", f"{common}:best")
    assert "no folder of a run" in refused("lineage", f"{tmp_path / 'none'}:1")
