"""`cellsearch report`: one page that is true, opens offline and runs nothing else."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import types
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cells import parse
from search.loop.runs import open_run, replay
from search.output import watching
from search.output.leaderboard import pareto
from search.output.report import charts
from search.output.report.data import RankedCell, collect
from search.output.report.page import inline_json
from search.procedure.members import Member
from search.store.database import RUN_FILE
from search.store.opening import FORMAT
from tests.support.browser import BROWSER, browser
from tests.support.browser import Page as BrowserPage
from tests.support.fake_search import Fake, query
from tests.support.sealed import reseal
from tests.support.searches import (
    evaluations,
    here,
    refused,
    shown,
    start,
    wait_for,
)

DEMO = ("--preset", "tiny", "--seed", "3", "--set", 'references=["mut1"]')
SECTIONS = (
    *("fitness", "funnel", "table", "lineage", "tree"),
    *("size", "settings", "time", "reproduce"),
)
HOSTILE = (
    "</script><script>document.title='run'</script><img src=x onerror=alert(1)>"
    "{{7*7}}\"'`--><!--\u2028${9*9}"
)
Opened = Callable[[Path], BrowserPage]
VOID = {"meta", "img", "br", "link", "input"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><g id="a"/></svg>'


class Page(HTMLParser):
    """A page taken apart.

    Attributes:
        tags: Every element, with its attributes.
        texts: All text by the id of the section it is in, outside of scripts.
        scripts: Their attributes and contents.
        rows: Texts of the cells of each first row of the ranked table.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self._section = ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag in VOID:
            return
        self._open.append(tag)
        if tag == "section":
            self._section = str(values["id"])
        elif tag == "script":
            self.scripts.append((values, ""))
        elif tag == "tr" and self._section == "table" and "hidden" not in values:
            self.rows.append([])
        elif tag == "td" and self._section == "table" and "data-key" in values:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            values, text = self.scripts[-1]
            self.scripts[-1] = (values, text + data)
            return
        if self._open and self._open[-1] != "style":
            self.texts[self._section] = self.texts.get(self._section, "") + data
        if "td" in self._open and self._section == "table" and self.rows[-1]:
            self.rows[-1][-1] += data

    @property
    def policy(self) -> str:
        [found] = [
            values["content"]
            for tag, values in self.tags
            if tag == "meta" and values.get("http-equiv") == "Content-Security-Policy"
        ]
        return str(found)

    @property
    def data(self) -> dict[str, Any]:
        [text] = [t for values, t in self.scripts if values.get("id") == "data"]
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture(autouse=True, scope="module")
def drawn() -> Iterator[None]:
    """Pictures that take no time."""
    stub = types.ModuleType("cells.picture.drawing")
    stub.draw_svg = lambda cell, name: SVG  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cells.picture.drawing", stub)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 40 candidates with a reference; not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    here("run", *DEMO, "--candidates", 40, "--out", folder)
    return folder


@pytest.fixture(scope="module")
def text(drawn: None, whole: Path) -> str:
    """Its page."""
    return report(whole)


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def report(folder: Path, *more: object) -> str:
    """The page of a run."""
    path = folder.parent / "page.html"
    out, err = here("report", folder, "--out", path, "--force", *more)
    assert err == ""
    assert out.startswith(f"wrote {path} (")
    return path.read_text()


def check_closed(text: str) -> Page:
    """Nothing is loaded, and no script runs but those of the policy."""
    page = Page(text)
    for tag, values in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name, value in values.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "srcset", "action", "data", "poster"):
                assert str(value).startswith(("data:image/svg+xml;base64,", "#"))
    assert not re.search(r"url\(|@import", text.partition("</head>")[0])
    assert page.policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "'unsafe-inline'" not in page.policy.partition("style-src")[0]
    running = [text for values, text in page.scripts if "type" not in values]
    assert len(running) == 2
    for script in running:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    [data] = [text for values, text in page.scripts if "type" in values]
    assert not set("<>&") & set(data)
    return page


def test_a_page_has_all_sections_and_loads_nothing(text: str) -> None:
    page = check_closed(text)
    assert [v["id"] for tag, v in page.tags if tag == "section"] == list(SECTIONS)
    charts = {v["id"] for tag, v in page.tags if v.get("class") == "chart"}
    assert charts == set(page.data["charts"])
    ids = [v["id"] for _, v in page.tags if "id" in v]
    assert len(ids) == len(set(ids))
    for section in SECTIONS:
        assert len(page.texts[section].split()) > 10, section
    assert len(text.encode()) < 1_500_000


def test_every_chart_fits_the_schema_of_its_library(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_run(whole, reading=True) as run:
        report = collect(run, replay(run), 4)
    charts._spec.cache_clear()
    monkeypatch.setattr(charts, "CHECKED", True)
    checked = charts.charts(report)
    charts._spec.cache_clear()
    monkeypatch.setattr(charts, "CHECKED", False)
    assert charts.charts(report) == checked


def test_a_page_of_the_same_run_is_the_same(whole: Path, text: str) -> None:
    assert report(whole) == text


@pytest.fixture(scope="module")
def four(drawn: None, whole: Path) -> str:
    """The page with pictures of four cells."""
    return report(whole, "-k", 4)


def test_the_table_is_that_of_top(whole: Path, four: str) -> None:
    rows = json.loads(shown("top", whole, "--json", "-k", 1000))
    page = Page(four)
    found = [row for row in page.rows if row]
    named = len(found) - len(rows)
    assert named == len({"lstm", "gru", "mut1"} - {row["name"] for row in rows})
    for row, cells in zip(rows, found, strict=False):
        tasks = row["tasks"].values()
        assert cells[:3] == [
            row["name"],
            str(row["rank"]),
            f"{row['fitness']:.4f}{'*' if row['pareto'] else ''}",
        ]
        assert cells[3:5] == [f"{task['metric']:.4f}" for task in tasks]
        assert cells[5] == str(sum(task["draws"] for task in tasks))
        assert cells[6] == str(row["nodes"])
        assert cells[7] == f"{row['parameters']:,}"
        assert cells[9] == str(row["depth"])
    pictures = [v for tag, v in page.tags if tag == "img"]
    assert [v["alt"] for v in pictures] == [f"picture of {r['name']}" for r in rows[:4]]


def test_the_charts_show_the_cells_of_top(whole: Path, text: str) -> None:
    rows = json.loads(shown("top", whole, "--json", "-k", 1000))
    data = Page(text).data["data"]
    cells = data["cells"]
    ranks = {rank: i for i, rank in enumerate(cells["rank"])}
    for row in rows:
        place = ranks[str(row["rank"])]
        assert cells["name"][place] == row["name"]
        assert cells["fitness"][place] == pytest.approx(row["fitness"], rel=1e-4)
        assert cells["weights"][place] == row["parameters"]
        assert cells["kind"][place] == (
            "seed" if row["origin"] == "seed" else "in the list"
        )
    record = data["record"]
    assert record["fitness"][-1] == pytest.approx(rows[0]["fitness"], rel=1e-4)
    assert record["born"][-1] == 40
    assert record["fitness"] == sorted(record["fitness"])
    assert data["lines"]["name"] == ["lstm", "gru", "mut1"]


def test_the_counts_are_those_of_status(whole: Path, text: str) -> None:
    facts = json.loads(shown("status", whole, "--json"))
    page = Page(text)
    words = re.sub(r"\s+", " ", page.texts["funnel"])
    funnel = re.sub(r"(?<=[a-z])(?=\d)", " ", words)
    drawn = facts["decisions"]["propose"] + facts["decisions"].get("again", 0)
    assert f"mutants drawn {drawn + sum(facts['rejects'].values())} " in f"{funnel} "
    assert f"new cells {facts['candidates']['proposed']}" in funnel
    for reason, count in facts["rejects"].items():
        assert f"{reason} {count}" in funnel
    passed = query(
        whole,
        "SELECT count(DISTINCT digest) FROM issued WHERE task = 'arithmetic' AND digest"
        " IN (SELECT digest FROM candidates WHERE origin = 'propose')",
    )[0][0]
    assert f"passed the filter {passed}" in funnel
    assert f"reached arithmetic {passed}" in funnel
    time = re.sub(r"\s+", " ", page.texts["time"])
    for cause, count in facts["failures"].items():
        assert re.search(f"{cause} ?{count}", time)
    assert f"{facts['settings']} filter runs" in re.sub(r"(?<=\d)(?=[a-z])", " ", time)
    assert "40 of 40 candidates" in page.texts[""]
    assert (
        f"{facts['best']['name']}, fitness {facts['best']['fitness']:.4f}"
        in (page.texts[""])
    )


def test_the_funnel_narrows_and_its_seconds_are_those_of_status(whole: Path) -> None:
    with open_run(whole, reading=True) as run:
        told = collect(run, replay(run), 1)
    counts = [step.count for step in told.funnel]
    assert counts == sorted(counts, reverse=True)
    facts = json.loads(shown("status", whole, "--json"))
    for key, part in (("compilation", "compile_s"), ("training", "train_s")):
        spent = sum(getattr(one, part) for one in told.work)
        assert spent == pytest.approx(facts["seconds"][key])
    jobs = sum(one.evaluations for one in told.work)
    assert jobs == evaluations(whole)
    assert [one.task for one in told.work if one.filter] == ["memorization"]


def test_workers_are_those_of_status(whole: Path, text: str) -> None:
    (node,) = json.loads(shown("status", whole, "--json"))["machine"]["workers"][
        "nodes"
    ]
    line = f"Workers when last heard of: {len(node['pids'])} on {node['machine']}."
    assert line in Page(text).texts["time"]


def test_hyperparameters_are_those_of_the_trainings(whole: Path, text: str) -> None:
    page = Page(text)
    charts, data = page.data["charts"], page.data["data"]
    words = page.texts["settings"]
    assert words.index("arithmetic: accuracy") < words.index("xml: accuracy")
    columns = data["box0"]
    title = charts["chart-box0"]["layer"][0]["encoding"]["x"]["title"]
    for place, value in enumerate(columns["value"]):
        rows = query(
            whole,
            f"""SELECT best FROM results WHERE task = 'arithmetic'
            AND setting ->> '{title}' = {float(value.replace(",", ""))}""",
        )
        worked = sorted(best for (best,) in rows if best is not None)
        assert columns["trainings"][place] == len(rows)
        assert columns["failed"][place] == len(rows) - len(worked)
        assert columns["best"][place] == pytest.approx(worked[-1], rel=1e-4)
        assert columns["low"][place] == pytest.approx(worked[0], rel=1e-4)


def test_lineages_go_back_to_seeds_step_by_step(whole: Path, four: str) -> None:
    born = {
        digest.lower(): parent
        for digest, parent in query(whole, "SELECT digest, parent FROM candidates")
    }
    rows = json.loads(shown("top", whole, "--json", "-k", 1000))
    page = Page(four)
    descent = page.data["data"]["descent"]
    places = {name: i for i, name in enumerate(descent["name"])}
    known = {row["digest"]: row for row in rows}
    mutants = [row for row in rows if row["origin"] == "mutant"][:4]
    told = re.findall(r", \d+ steps? from ", page.texts["lineage"])
    assert len(told) == len(mutants)
    tree = page.texts["tree"]
    assert all(tree.count(f"{row['name']} ") == 1 for row in rows)
    for row in mutants:
        place = places[row["name"]]
        assert descent["rules"][place] == ", ".join(row["rules"])
        parent = known.get(born[row["digest"]])
        if parent is not None:
            assert descent["parent"][place] == parent["name"]
            gain = row["fitness"] - parent["fitness"]
            assert descent["gain"][place] == pytest.approx(gain, abs=1e-4)
    for name, parent in zip(descent["name"], descent["parent"], strict=True):
        assert parent in places or (parent == "" and name in ("lstm", "gru"))


points = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=20
)


@given(points)
def test_the_front_is_what_nobody_beats(pairs: list[tuple[int, int]]) -> None:
    cells = [
        RankedCell(Member("", str(i), "mutant", i), fitness, size, size, 0)
        for i, (fitness, size) in enumerate(pairs)
    ]
    front = list(pareto(cells, lambda cell: cell.parameters))
    assert {(one.fitness, one.parameters) for one in front} == {
        (fitness, size)
        for fitness, size in pairs
        if not any(
            (f >= fitness and s <= size) and (f, s) != (fitness, size) for f, s in pairs
        )
    }
    assert len(front) == len({one.parameters for one in front})


@settings(max_examples=40)
@given(st.text())
def test_inline_json_ends_no_script_and_comes_back(text: str) -> None:
    found = inline_json({"a": text})
    assert json.loads(found) == {"a": text}
    assert found.isascii()
    assert not set("<>&") & set(found)


# What a stranger's run can hold


def spoil(folder: Path) -> None:
    """Puts hostile text wherever a run has text that the search does not check."""
    file = sqlite3.connect(folder / RUN_FILE)
    with file:
        (config,) = file.execute(
            "SELECT value FROM metadata WHERE key = 'config'"
        ).fetchone()
        document = json.loads(config)
        document["references"] = [HOSTILE]
        document["seeds"] = ["lstm", HOSTILE + "gru"]
        document["baseline"] = HOSTILE + "gru"
        texts = document["cells"]
        texts[HOSTILE] = texts.pop("mut1")
        texts[HOSTILE + "gru"] = texts.pop("gru")
        node = {"node": HOSTILE, "machine": HOSTILE, "address": HOSTILE, "pids": [1]}
        node |= {"busy": 1, "losses": {HOSTILE: 1}}
        values = {
            "config": document,
            "versions": {HOSTILE: HOSTILE},
            "machine": HOSTILE + "\ud800",
            "numerics": {"key": HOSTILE, HOSTILE: HOSTILE},
            "workers": {"at": 1.8e9, "nodes": [node]},
            "reuse": [HOSTILE],
        }
        for key, value in values.items():
            row = (key, json.dumps(value))
            file.execute("INSERT OR REPLACE INTO metadata VALUES (?, ?)", row)
        file.execute("UPDATE words SET value = ? WHERE value = 'fake'", (HOSTILE,))
        file.execute("UPDATE runs SET status = 'CRASHED' WHERE status != 'OK'")
        words = "SELECT ended FROM runs WHERE status = 'CRASHED'"
        file.execute(
            f"UPDATE words SET value = ? || id WHERE id IN ({words})", (HOSTILE,)
        )
        reseal(file)
    file.close()


@pytest.fixture(scope="module")
def hostile(drawn: None, whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of such a run."""
    run = Path(shutil.copytree(whole, tmp_path_factory.mktemp("hostile") / "run"))
    spoil(run)
    report(run)
    return run.parent / "page.html"


def test_hostile_text_is_shown_and_never_run(text: str, hostile: Path) -> None:
    page = check_closed(hostile.read_text())
    assert HOSTILE not in hostile.read_text()
    assert "49" not in page.texts["table"].split()
    for section in ("table", "time", "reproduce"):
        assert HOSTILE in page.texts[section]
    assert HOSTILE in page.data["data"]["lines"]["name"]
    clean = Page(text).data  # Vega makes expressions of what is in charts
    assert page.data["charts"] == clean["charts"]


# Runs that are not finished


def test_a_run_that_goes_on_and_one_that_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(
        "run", *DEMO, "--candidates", 60, "--out", folder, fake=Fake(sleep_s=0.02)
    )
    wait_for(folder, 30, process)
    os.kill(process.pid, signal.SIGSTOP)  # so that it goes on however long this takes
    page = check_closed(report(folder))
    assert page.texts[""].count("running: ")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    page = check_closed(report(folder))
    facts = json.loads(shown("status", folder, "--json"))
    assert "not running: stopped" in page.texts[""]
    proposed = facts["candidates"]["proposed"]
    assert f"proposed {proposed} of 60 candidates" in page.texts[""]
    before = evaluations(folder)
    here("resume", folder)  # the page is no part of the run
    assert evaluations(folder) > before


def test_a_page_is_renewed_and_reloads_itself_until_the_run_has_ended(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []

    def sleep(_: float) -> None:
        pages.append((copy / "report.html").read_text())
        if len(pages) == 2:
            raise KeyboardInterrupt
        monkeypatch.setattr(watching.time, "monotonic", lambda: 1e12)

    monkeypatch.setattr(watching, "holder", lambda _: "process 7 on here")
    monkeypatch.setattr(watching.time, "sleep", sleep)
    out, err = here("report", copy, "--watch")
    assert "report.html is renewed while the run goes on" in out
    assert err == ""
    reload = '<meta http-equiv="refresh" content="30">'
    assert [page.count(reload) for page in pages] == [1, 1]
    assert reload not in (copy / "report.html").read_text()
    check_closed(pages[0])


def test_a_run_without_a_table_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start(
        *("run", *DEMO, "--candidates", 40, "--out", folder), fake=Fake(die_at=2)
    )
    process.communicate()
    page = check_closed(report(folder))
    assert "Nothing has been evaluated to the end yet" in page.texts[""]
    assert [v["id"] for tag, v in page.tags if tag == "section"] == list(SECTIONS)
    assert "The table is empty" in page.texts["table"]
    assert "chart-fitness" not in page.data["charts"]


# Mistakes


def test_a_page_lies_in_the_run_and_is_overwritten_only_by_force(copy: Path) -> None:
    out, _ = here("report", copy)
    path = copy / "report.html"
    assert out.startswith(f"wrote {path} (")
    path.write_text("mine")
    assert refused("report", copy) == (
        f"cellsearch report: {path} is there already; --force overwrites it, --out "
        "names another file\n"
    )
    assert path.read_text() == "mine"
    here("report", copy, "--force")
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert sorted(p.name for p in copy.glob("*.part")) == []


def test_what_cannot_be_written_is_refused(copy: Path) -> None:
    assert "must end in .html" in refused(
        "report", copy, "--force", "--out", copy / RUN_FILE
    )
    (copy / "a.html").mkdir()
    assert "is a folder" in refused("report", copy, "--out", copy / "a.html")
    assert "No such file" in refused("report", copy, "--out", copy / "no" / "a.html")
    assert "-k must be at least 1, got 0" in refused("report", copy, "-k", 0)


def test_more_cells_than_there_are_is_noted(copy: Path) -> None:
    out, err = here("report", copy, "-k", 500)
    assert err == "note: -k asked for 500 cells, the table has 25\n"
    assert out.startswith("wrote ")
    page = Page((copy / "report.html").read_text())
    assert sum(tag == "img" for tag, _ in page.tags) == 25


def test_what_is_no_run_is_refused(tmp_path: Path, copy: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "did you mean 'run'" in refused("report", tmp_path / "rum")
    for name in ("empty", "nothing"):
        assert "unknown run" in refused("report", tmp_path / name)
    assert not (tmp_path / "empty" / "report.html").exists()
    newer = Path(shutil.copytree(copy, tmp_path / "newer"))
    file = sqlite3.connect(newer / RUN_FILE)
    file.execute(f"PRAGMA user_version = {FORMAT + 7}")
    file.close()
    assert f"is of format {FORMAT + 7}" in refused("report", newer)
    path = copy / RUN_FILE
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "is damaged" in refused("report", copy)
    path.write_bytes(b"no database, but a text of a few words" * 9)
    assert "is no file of cellsearch" in refused("report", copy)
    path.write_bytes(b"")
    assert "search.db is empty: no run was begun there" in refused("report", copy)


# In a browser

needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on this machine"
)
NAMES = (
    "JSON.stringify([...document.querySelectorAll('table.sortable tbody')]"
    ".map(body => body.rows[0].cells[0].textContent))"
)
TOOLTIP = """(tip => tip && tip.classList.contains("visible") ? tip.innerText : "")(
    document.getElementById("vg-tooltip-element"))"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """One browser for all pages, which opens them with nothing noticed yet."""
    with browser(tmp_path_factory.mktemp("browser")) as page:

        def opens(path: Path) -> BrowserPage:
            page.problems.clear()
            page.requests.clear()
            page.open(path)
            return page

        yield opens


@needs_browser
def test_a_browser_draws_sorts_and_runs_nothing_else(
    whole: Path, text: str, tmp_path: Path, opened: Opened
) -> None:
    rows = json.loads(shown("top", whole, "--json", "-k", 1000))
    (tmp_path / "page.html").write_text(text)
    page = opened(tmp_path / "page.html")
    assert page.value("document.body.dataset.charts") == "drawn"
    marks = "document.querySelectorAll('.chart .marks').length"
    assert page.value(marks) == page.value("document.querySelectorAll('.chart').length")
    ranked = [row["name"] for row in rows]
    assert json.loads(page.value(NAMES))[: len(ranked)] == ranked
    for title, field in (("weights", "parameters"), ("nodes", "nodes")):
        button = (
            "[...document.querySelectorAll('th button')]"
            f".find(one => one.textContent === '{title}').click()"
        )
        for sign in (-1, 1):
            page.value(button)
            sizes = {row["name"]: row[field] for row in rows}
            found = [n for n in json.loads(page.value(NAMES)) if n in sizes]
            order = [sign * sizes[name] for name in found]
            assert order == sorted(order)
    page.value("document.querySelector('button.fold').click()")
    assert page.value("document.querySelectorAll('.picture img').length") == 1
    assert page.value("document.querySelectorAll('.more:not([hidden])').length")
    assert _says(page, {"lstm", "gru", "mut1"})
    assert page.problems == []
    assert all(r.startswith(("file:", "data:")) for r in page.requests)


@needs_browser
def test_a_browser_runs_no_script_of_a_run(hostile: Path, opened: Opened) -> None:
    page = opened(hostile)
    assert page.value("document.body.dataset.charts") == "drawn"
    assert page.value("document.title") == "run - cellsearch report"
    assert _says(page, {" ".join(HOSTILE.split("\u2028"))})
    assert page.problems == []
    assert page.value("document.querySelectorAll('img:not([src^=data])').length") == 0


def _says(page: BrowserPage, names: set[str]) -> bool:
    """Whether the mouse finds them, going down the first chart, in its tooltips."""
    box = "document.querySelector('#chart-fitness').getBoundingClientRect()"
    page.value("document.querySelector('#chart-fitness').scrollIntoView()")
    left, top = page.value(f"{box}.x"), page.value(f"{box}.y")
    found = set[str]()
    for down in range(30, 370):
        page.mouse("Moved", left + 500, top + down)
        words = page.value(TOOLTIP).split("\n")
        if words[0].startswith("name"):
            found.add(" ".join(str(words[1].strip()).split("\u2028")))
            if names <= found:
                return True
    return False


def test_the_real_pictures_are_images_of_their_own(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "cells.picture.drawing")
    drawing = pytest.importorskip(
        "cells.picture.drawing", reason="cells cannot be drawn yet"
    )
    row = json.loads(shown("top", whole, "--json", "-k", 1))[0]
    svg = drawing.draw_svg(parse(row["text"]), row["name"])
    assert base64.b64encode(svg.encode()).decode() in report(whole, "-k", 1)
