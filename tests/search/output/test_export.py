"""`cellsearch export`: folders of cells of a run, or of a cell by itself."""

import contextlib
import filecmp
import itertools
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cells import ZOO, digest, num_params, parse
from search.loop.runs import open_run, replay
from search.output.card import describe_member, render_card, to_json
from search.output.leaderboard import Leaderboard
from search.output.lineage import Lineages
from search.output.markdown import safe_name
from tests.support import exports
from tests.support.searches import here, refused, shown, table

PAIR = """
def pair(x, h, c):
    return tanh(scale(c) + linear(x)), x * linear(x) - c
"""
"""Affine, so that it has every form."""

FILES = {
    *("card.json", "card.md", "cell.png", "cell.svg", "cell.txt", "check.py"),
    *("equations.tex", "flax_cell.py", "golden.json", "torch_cell.py"),
}


@pytest.fixture(autouse=True, scope="module")
def _brief() -> Iterator[None]:
    with exports.three_steps():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 40 candidates, trained by formula; not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    here("run", "--preset", "tiny", "--candidates", 40, "--out", folder)
    return folder


@pytest.fixture(scope="module")
def exported(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its best two."""
    out = tmp_path_factory.mktemp("exported") / "best"
    here("export", whole, "-k", 2, "--out", out)
    return out


def card_of(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return card


def test_there_is_a_folder_for_each_of_the_best_with_all_its_files(
    whole: Path, exported: Path
) -> None:
    rows = json.loads(table(whole))[:2]
    names = [f"{row['rank']}_{row['name']}" for row in rows]
    assert sorted(os.listdir(exported)) == names
    for name, row in zip(names, rows, strict=True):
        assert set(os.listdir(exported / name)) == FILES
        text = (exported / name / "cell.txt").read_text()
        assert digest(parse(text)) == row["digest"]


def test_the_card_agrees_with_the_table(whole: Path, exported: Path) -> None:
    for row in json.loads(table(whole))[:2]:
        card = card_of(exported / f"{row['rank']}_{row['name']}")
        same = ("rank", "name", "digest", "fitness", "nodes", "linears", "parameters")
        same = (*same, "flops", "state_bytes")
        assert {key: card[key] for key in same} == {key: row[key] for key in same}
        assert card["parameters"] == num_params(parse(card["text"]), card["width"])
        for task, score in row["tasks"].items():
            own = card["tasks"][task]
            assert own["best"] == score["metric"]
            assert own["ratio"] == score["ratio"]
            assert own["draws"] == score["draws"]
            assert own["setting"] == score["setting"]
            low, middle, high = own["quartiles"]
            assert low <= middle <= high <= own["best"]
        assert card["run"]["configuration"]["preset"] == "tiny"
        assert card["fresh"] is None


def test_the_lineage_goes_back_to_a_seed_and_its_gains_add_up(whole: Path) -> None:
    with open_run(whole, reading=True) as run:
        procedure = replay(run).procedure
        deepest = max(procedure.population.ranked, key=lambda one: one.depth)
        steps = Lineages(procedure).of(deepest)
        assert deepest.depth > 0
        assert len(steps) == deepest.depth + 1
        assert steps[0].member.origin == "seed"
        assert steps[0].gain is None
        assert steps[-1].member is deepest
        total = steps[0].fitness + sum(step.gain or 0.0 for step in steps[1:])
        assert total == pytest.approx(deepest.fitness)
        for before, after in itertools.pairwise(steps):
            assert after.member.parent == before.member.digest
            assert after.member.rules


def test_the_same_run_gives_the_same_bytes(
    whole: Path, exported: Path, tmp_path: Path
) -> None:
    here("export", whole, "-k", 1, "--out", tmp_path / "again")
    for folder in os.listdir(tmp_path / "again"):
        left, right = exported / folder, tmp_path / "again" / folder
        match, mismatch, errors = filecmp.cmpfiles(left, right, FILES, shallow=False)
        assert (sorted(match), mismatch, errors) == (sorted(FILES), [], [])


def test_an_exported_folder_proves_itself_in_every_form_without_this_project(
    tmp_path: Path,
) -> None:
    (tmp_path / "pair.txt").write_text(PAIR)
    here("export", tmp_path / "pair.txt", "--out", tmp_path / "out")
    [folder] = (tmp_path / "out").iterdir()
    done = subprocess.run(
        [sys.executable, "-I", folder / "check.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=exports.environment(),
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    forms = ["flax nnx cell", "flax nnx.RNN", "flax linen cell", "flax nn.RNN"]
    for form in [*forms, "flax nnx at once", "flax linen at once"]:
        for precision in ("float64", "float32"):
            start = f"{form:18} {precision}: greatest error"
            assert any(li.startswith(start) and li.endswith(", ok") for li in lines)


def test_a_cell_by_itself_has_a_card_without_scores(tmp_path: Path) -> None:
    out, _ = here("export", "gru", "--out", tmp_path / "one")
    assert "equal to gru" in out
    card = card_of(tmp_path / "one" / "gru")
    assert card["digest"] == digest(ZOO["gru"])
    assert card["nearest"] == {"name": "gru", "distance": 0, "words": "equal to gru"}
    assert "fitness" not in card
    text = (tmp_path / "one" / "gru" / "card.md").read_text()
    assert "Lineage" not in text
    assert "\nr = " in text


def test_scores_with_fresh_seeds_come_with_their_interval(
    whole: Path, tmp_path: Path
) -> None:
    row = json.loads(table(whole))[0]
    score = {"mean": 0.5, "low": 0.4, "high": 0.6, "repeats": 3, "runs": 9}
    cells = [{"digest": row["digest"], "tasks": {"xml": score}}]
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"cells": cells}))
    here("export", whole, "-k", 1, "--scores", path, "--out", tmp_path / "out")
    folder = tmp_path / "out" / f"1_{row['name']}"
    fresh = {"mean": 0.5, "low": 0.4, "high": 0.6, "repeats": 3, "draws": 6}
    assert card_of(folder)["fresh"] == {"xml": fresh}
    assert "0.5000 ±0.1000 (3)" in (folder / "card.md").read_text()
    for text in ("[]", '{"cells": [{"tasks": 3}]}', "{"):
        path.write_text(text)
        words = ("export", whole, "--scores", path, "--out", tmp_path / "no")
        assert str(path) in refused(*words)


def test_what_is_there_is_not_overwritten(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    here("export", whole, "-k", 1, "--out", out)
    assert "exists already" in refused("export", whole, "-k", 1, "--out", out)
    here("export", whole, "-k", 2, "--out", out, "--force")
    assert len(os.listdir(out)) == 2
    (out / "mine.txt").write_text("precious")
    assert "is no export" in refused("export", whole, "--out", out, "--force")
    assert (out / "mine.txt").read_text() == "precious"
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert "exists already" in refused("export", "gru", "--out", tmp_path / "link")
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".export")]


def test_mistakes_are_one_line(whole: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    rows = len(json.loads(table(whole)))
    line = refused("export", whole, "-k", rows + 1, *out)
    assert f"-k must be at most {rows}" in line
    assert "-k must be at least 1" in refused("export", whole, "-k", 0, *out)
    assert "-k is for a run" in refused("export", "gru", "-k", 2, *out)
    assert "did you mean 'gru'" in refused("export", "gruu", *out)
    (tmp_path / "empty").mkdir()
    assert "holds no run" in refused("export", tmp_path / "empty", *out)
    assert not (tmp_path / "out").exists()


def test_a_damaged_run_and_one_of_a_later_version_are_refused(
    whole: Path, tmp_path: Path
) -> None:
    for name, change in {
        "later": lambda data: data[:60] + b"\xff\xff\xff\x7f"[::-1] + data[64:],
        "damaged": lambda data: data[:100] + b"nonsense" * 500 + data[4100:],
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "search.db").write_bytes(change((whole / "search.db").read_bytes()))
        refused("export", folder, "--out", tmp_path / "out")


HOSTILE = '../../evil"""\nimport os # <script>alert(1)</script> | `'


def test_a_hostile_name_stays_in_its_folder_and_in_its_quotes(tmp_path: Path) -> None:
    name = safe_name(HOSTILE)
    assert name.isidentifier()
    folder = tmp_path / "run"
    here("run", "--preset", "tiny", "--candidates", 3, "--out", folder)
    with open_run(folder, reading=True) as run:
        engine = replay(run)
        [row] = Leaderboard(engine.procedure).rows(1)
        row.member.name = HOSTILE
        card = describe_member(run, engine, row)
    text = render_card(card)
    assert "<script>" not in text
    assert "import os" not in text
    assert json.loads(to_json(card))["name"] == HOSTILE


def test_a_run_in_use_is_exported(whole: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(whole / "search.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        here("export", whole, "-k", 1, "--out", tmp_path / "out")
        other.rollback()
    assert shown("top", whole, "-k", 1)
