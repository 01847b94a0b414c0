"""The engine from Python: what it returns is what the commands print."""

import json
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import pytest

from cells import ZOO, digest
from search.api import Run, evaluate, search, show
from search.commands import pools
from search.errors import UserError
from tests.support.fake_search import Fake, Trained, query
from tests.support.searches import shown, table


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search of 40 candidates, trained by formula; not to be changed."""
    out = tmp_path_factory.mktemp("run") / "run"
    with mock.patch.object(pools, "make_pool", return_value=Trained(Fake())):
        return search("demo", out=out, candidates=40, settings={"rules.gate": 0.8})


def test_a_search_is_that_of_the_command(run: Run) -> None:
    facts = json.loads(shown("status", run.folder, "--json"))
    assert facts["candidates"] == {"proposed": 40, "limit": 40}
    text = (run.folder / "config.toml").read_text()
    assert "gate = 0.8" in text
    assert "40 of 40 candidates, best" in repr(run)


def test_the_table_is_that_of_top(run: Run) -> None:
    assert run.table() == json.loads(table(run.folder))
    assert run.table(2) == run.table()[:2]
    assert digest(run.cell(1)) == run.table()[0]["digest"]
    rows = len(run.table())
    with pytest.raises(UserError, match=f"rank must be 1 to {rows}, got 0"):
        run.cell(0)


def test_pandas_has_the_table_and_the_views(run: Run) -> None:
    frame = run.frame()
    rows = run.table()
    assert list(frame.index) == [row["rank"] for row in rows]
    assert list(frame["fitness"]) == [row["fitness"] for row in rows]
    assert list(frame["xml"]) == [row["tasks"]["xml"]["metric"] for row in rows]
    count = query(run.folder, "SELECT count(*) FROM results")[0][0]
    results = run.view("results")
    assert len(results) == count
    assert {"task", "setting", "best", "status"} <= set(results.columns)
    assert len(run.view("candidates")) > 40
    with pytest.raises(UserError, match="did you mean 'results'"):
        run.view("result")


def test_without_pandas_there_is_one_line(run: Run) -> None:
    with (
        mock.patch.dict("sys.modules", {"pandas": None}),
        pytest.raises(UserError, match="pip install pandas"),
    ):
        run.frame()


def test_cells_are_pictures_in_notebooks_and_text_elsewhere(run: Run) -> None:
    picture = show("gru")
    root = ElementTree.fromstring(picture._repr_svg_())
    assert root.tag.endswith("svg")
    assert "99,072 at width 128" in str(picture)
    assert show(picture) is picture
    assert show(ZOO["mut1"], "mine").name == "mine"
    assert run.show(1).cell == run.cell(1)


def test_cells_are_evaluated_as_the_command_does(tmp_path: Path) -> None:
    options = {"settings": 2, "repeats": 0, "budget": 20, "workers": "inline"}
    board = evaluate(
        {"gru": ZOO["gru"], "mine": ZOO["mut1"]},
        ["arithmetic"],
        out=tmp_path,
        **options,
    )
    rows = board.to_dict()["cells"]
    assert [row["name"] for row in rows] == ["gru", "mine"]
    assert rows[0]["min_ratio"] == 1
    words = ("--tasks", "arithmetic", "--settings", 2, "--repeats", 0, "--budget", 20)
    again = shown("evaluate", "gru", *words, "--out", tmp_path, "--json")
    assert json.loads(again)["cells"][0] == rows[0]


def test_exports_are_those_of_the_command(run: Run, tmp_path: Path) -> None:
    folders = run.export(tmp_path / "out", k=2)
    assert [folder.name[0] for folder in folders] == ["1", "2"]
    assert all((folder / "check.py").is_file() for folder in folders)


def test_mistakes_name_what_came() -> None:
    with pytest.raises(UserError, match="unknown preset"):
        search("smal", out="x")
    with pytest.raises(UserError, match="unrecognized arguments: --candidate"):
        search("demo", out="x", candidate=3)
    with pytest.raises(UserError, match="neither a cell of the zoo nor a file"):
        show("no such cell")
    with pytest.raises(UserError, match="'gru' twice"):
        evaluate(["gru", "gru"], ["arithmetic"])
