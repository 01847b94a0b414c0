"""The engine from Python: what it returns is what the commands print."""

import asyncio
import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import pytest

from cells import ZOO, digest
from search.api import (
    Limits,
    PoolOptions,
    Run,
    ablate,
    calibrate,
    evaluate,
    promote,
    resume,
    search,
    show,
)
from search.errors import UserError
from search.loop import pools
from tests.support import exports
from tests.support.fake_search import Fake, Trained, query
from tests.support.searches import shown, table


@pytest.fixture(autouse=True, scope="module")
def _brief() -> Iterator[None]:
    """Of exported folders."""
    with exports.three_steps():
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search of 40 candidates, trained by formula; not to be changed."""
    out = tmp_path_factory.mktemp("run") / "run"
    with mock.patch.object(pools, "make_pool", return_value=Trained(Fake())):
        settings = {"rules.gate": 0.8}
        return search("tiny", out, settings=settings, limits=Limits(40))


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
    with pytest.raises(UserError, match=f"`rank` must be 1 to {rows}, got 0"):
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
    board = evaluate(
        {"gru": ZOO["gru"], "mine": ZOO["tanh"]},
        ["arithmetic"],
        settings=2,
        repeats=0,
        budget=20,
        out=tmp_path,
        pool=PoolOptions("inline"),
    )
    rows = board.to_dict()["cells"]
    assert [row["name"] for row in rows] == ["gru", "mine"]
    assert rows[0]["min_ratio"] == 1
    words = ("--tasks", "arithmetic", "--settings", 2, "--repeats", 0, "--budget", 20)
    again = shown("evaluate", "gru", *words, "--out", tmp_path, "--json")
    assert json.loads(again)["cells"][0] == rows[0]


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search by common runs, trained by formula; finals may be added to it."""
    out = tmp_path_factory.mktemp("paired") / "run"
    with mock.patch.object(pools, "make_pool", return_value=Trained(Fake())):
        return search("demo", out, limits=Limits(3))


@pytest.fixture
def formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings are answered by formula."""
    monkeypatch.setattr(pools, "make_pool", lambda *_: Trained(Fake()))


def stored(*words: object) -> Any:
    """What a command prints as JSON that finds all stored: it says of no training."""
    return json.loads(shown(*words, "--json"))


@pytest.mark.usefixtures("formula")
def test_finals_are_those_of_the_command(
    paired: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    finals = paired.final(2, seeds=3, beside=["lstm_b"])
    assert {"lstm_b", "gru"} < {row.name for row in finals.rows}
    count = len(finals.rows) * len(finals.rows[0].scores) * finals.settings * 3
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == f"finals: {count} of {count} trainings"
    words = ("-k", 2, "--seeds", 3, "--beside", "lstm_b")
    assert stored("final", paired.folder, *words) == finals.to_dict()


@pytest.mark.usefixtures("formula")
def test_ablations_are_those_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = ablate(
        "lstm",
        parts=["gate"],
        tasks=["echo"],
        settings=1,
        seeds=2,
        budget=50,
        parameters=3000,
        out=tmp_path,
    )
    assert capsys.readouterr().err.splitlines()[-1] == "8 of 8 trainings"
    words = ("--parts", "gate", "--tasks", "echo", "--settings", 1, "--seeds", 2)
    words += ("--budget", 50, "--parameters", 3000, "--out", tmp_path)
    assert stored("ablate", "lstm", *words) == table.to_dict()


SIZES = ("--sizes", "4000,8000", "--rates", "1,2", "--settings", 1, "--seeds", 2)


@pytest.mark.usefixtures("formula")
def test_cells_are_promoted_as_the_command_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rungs = promote(
        ["lstm", show("ugrnn")],
        beside=["mut2"],
        sizes=[4000, 8000],
        rates=[1, 2],
        settings=1,
        seeds=2,
        error=0,
        tasks=["stack"],
        fresh=(),
        out=tmp_path,
    )
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "8,000 weights: 16 of 16 trainings"
    words = ("lstm", "ugrnn", "--beside", "mut2", "--tasks", "stack", *SIZES)
    words += ("--fresh", "none", "--error", 0, "--out", tmp_path)
    found = stored("promote", *words)
    assert found["rungs"] == [rung.to_dict() for rung in rungs]


@pytest.mark.usefixtures("formula")
def test_the_best_of_a_run_are_promoted_within_its_folder(paired: Run) -> None:
    first, second = (
        promote(
            what,
            k=1,
            sizes=[4000, 8000],
            rates=[1, 2],
            settings=1,
            seeds=2,
            fresh=["echo"],
        )
        for what in (paired, paired.folder)
    )
    assert first == second
    found = stored("promote", paired.folder, "-k", 1, *SIZES, "--fresh", "echo")
    assert found["rungs"] == [rung.to_dict() for rung in first]


@pytest.mark.usefixtures("formula")
def test_calibrations_are_those_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = ["lstm", "ugrnn", "mut1"]
    found = calibrate(cells, tasks=["echo", "stack"], seeds=2, out=tmp_path)
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(" trainings")
    words = ("--tasks", "echo,stack", "--seeds", 2, "--out", tmp_path)
    assert stored("calibrate", *cells, *words) == found.to_dict()


def test_exports_are_those_of_the_command(run: Run, tmp_path: Path) -> None:
    folders = run.export(tmp_path / "out", k=2)
    assert [folder.name[0] for folder in folders] == ["1", "2"]
    assert all((folder / "check.py").is_file() for folder in folders)


def within_an_event_loop(call: Callable[[], Any]) -> Any:
    """What a call returns within a coroutine, as in a cell of a notebook."""

    async def cell() -> Any:
        return call()

    return asyncio.run(cell())


def in_a_thread(call: Callable[[], Any]) -> Any:
    """What a call returns in a thread that is not the main one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call).result(timeout=120)


class Terminal(io.StringIO):
    """A stream that says it is a terminal, so that there is a live picture."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("place", "stream"), [(within_an_event_loop, io.StringIO), (in_a_thread, Terminal)]
)
def test_a_search_goes_on_anywhere(
    run: Run,
    place: Callable[[Callable[[], Any]], Any],
    stream: type[io.StringIO],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", shown := stream())
    monkeypatch.setattr(pools, "make_pool", lambda *_: Trained(Fake()))
    before = signal.getsignal(signal.SIGINT)
    settings = {"rules.gate": 0.8}
    place(lambda: search("tiny", tmp_path, settings=settings, limits=Limits(20)))
    longer = place(lambda: resume(tmp_path, limits=Limits(40)))
    assert longer.table() == run.table()
    assert "of 40 candidates" in shown.getvalue()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("place", [within_an_event_loop, in_a_thread])
def test_cells_are_evaluated_anywhere(
    place: Callable[[Callable[[], Any]], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "make_pool", lambda *_: Trained(Fake()))
    board = place(lambda: evaluate(["gru", "lstm"], ["xml"], out=tmp_path))
    assert [row["name"] for row in board.to_dict()["cells"]] == ["gru", "lstm"]
    again = evaluate(["gru", "lstm"], ["xml"], out=tmp_path)
    assert again.to_dict() == board.to_dict()


def test_mistakes_name_what_came() -> None:
    with pytest.raises(UserError, match="unknown preset"):
        search("smal", out="x")
    with pytest.raises(UserError, match="`candidates` must be at least 1, got 0"):
        search("tiny", out="x", limits=Limits(0))
    with pytest.raises(UserError, match="`out` must be given with a configuration"):
        search("mine.toml")
    with pytest.raises(UserError, match="a key of a configuration is such as rules"):
        search("tiny", settings={"rules gate": 1})
    with pytest.raises(UserError, match="neither a cell of the zoo nor a file"):
        show("no such cell")
    with pytest.raises(UserError, match="'gru' twice"):
        evaluate(["gru", "gru"], ["arithmetic"])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ablate("lstm", seeds=1), "`seeds` must be at least 2, got 1"),
        (lambda: ablate("lstm", parts=["gates"]), "unknown part 'gates'"),
        (lambda: ablate("lstm", settings=9), "`settings` must be at most 4, the"),
        (lambda: promote("gru"), "nobody is there to compare with gru"),
        (lambda: promote("lstm", k=3), "`k` is for a run, got 3"),
        (lambda: promote("lstm", sizes=[2, 1]), "`sizes` must be rising"),
        (lambda: promote({"lstm": ZOO["lstm"]}, error=1), "`error` must be at least 0"),
        (lambda: promote(["lstm"], fresh=["stack"]), "took no part, got stack"),
        (lambda: calibrate(["gru", "lstm"]), "needs two besides the baseline"),
        (lambda: calibrate(reliability=1), r"`reliability` must be in \(0, 1\)"),
        (lambda: calibrate(preset="small"), "preset small has no common runs"),
    ],
)
def test_what_cannot_be_scored_is_one_line(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        call()
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.usefixtures("formula")
def test_runs_are_told_from_cells(run: Run, paired: Run) -> None:
    with pytest.raises(UserError, match="`tasks` are those of the run, got echo,stack"):
        promote(paired, tasks=["echo", "stack"])
    with pytest.raises(UserError, match="it stands alone"):
        promote([str(paired.folder), ZOO["lstm"]])
    with pytest.raises(UserError, match="is no search by common runs"):
        promote(run)
    with pytest.raises(UserError, match="finals need the objective `paired`"):
        run.final()
    with pytest.raises(UserError, match="`beside` has 'lstm' twice"):
        paired.final(beside=["lstm", "lstm"])
    with pytest.raises(UserError, match="`k` must be at least 1, got 0"):
        paired.final(0)
