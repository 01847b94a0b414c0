"""`run`, `top`, `status` and `--dry-run` as a person meets them."""

import fcntl
import io
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cells import digest, parse
from search.commands import probes, top
from search.commands.cli import main
from search.commands.status import node_rows
from search.loop import pools
from search.output import watching
from search.output.screens import Plain, Render
from tests.support import searches
from tests.support.fake_search import Fake, history, make_pool, query
from tests.support.searches import (
    finish,
    refused,
    shown,
    start,
    table,
    wait_for,
)
from workers import PoolNode, Setting


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 40 candidates with a reference; not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    words = ("--preset", "tiny", "--set", 'references=["mut1"]')
    searches.here("run", *words, "--candidates", 40, "--out", folder)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in; nothing is trained there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pools, "make_pool", make_pool)
    return tmp_path


def rows_of(folder: Path, count: int = 10) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(table(folder))
    return rows[:count]


def test_top_has_what_is_promised(whole: Path) -> None:
    rows = rows_of(whole)
    assert [row["rank"] for row in rows] == list(range(1, 11))  # the whole list
    fitness = [row["fitness"] for row in rows]
    assert fitness == sorted(fitness, reverse=True)
    born = {row[3].hex(): row for row in history(whole)[0] if row[7]}
    for row in rows:
        assert digest(parse(row["text"])) == row["digest"]
        assert row["parent"] == (born[row["digest"]][4] or b"").hex()
        ratios = [task["ratio"] for task in row["tasks"].values()]
        assert row["fitness"] == min(ratios)
        for name, task in row["tasks"].items():
            setting = Setting.from_dict(task["setting"])
            sql = f"""SELECT best FROM results WHERE task = '{name}' AND
                setting = '{setting.text}' AND digest = '{row["digest"]}'"""
            assert query(whole, sql) == [(task["metric"],)]
            sql = f"""SELECT count(*), max(best) FROM results WHERE task = '{name}'
                AND digest = '{row["digest"]}'"""
            assert query(whole, sql) == [(task["draws"], task["metric"])]
        assert row["nodes"] >= row["linears"]


def test_top_renews_its_table_until_the_run_has_ended(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, pictures = iter(["process 7 on here"] * 3), []

    class Recorder(Plain):
        def draw(self, render: Render) -> None:
            console = Console(width=120, file=io.StringIO())
            console.print(render(120))
            pictures.append(console.file.getvalue())  # type: ignore[attr-defined]

    monkeypatch.setattr(top, "EVERY_S", 0.0)
    monkeypatch.setattr(watching, "SHARE", 0)
    monkeypatch.setattr(watching, "holder", lambda _: next(users, None))
    monkeypatch.setattr(top, "make_screen", Recorder)
    said, _, last = shown("top", whole, "--watch", "-k", 3).partition("\n")
    assert last == shown("top", whole, "-k", 3)
    assert re.fullmatch(r"40 of 40 candidates, best \w+ \d\.\d{3}", said)
    assert len(pictures) == 3
    assert all(said in one and "gru" in one for one in pictures)


def test_top_shows_as_many_rows_as_wanted_and_the_seeds_below(whole: Path) -> None:
    three = json.loads(shown("top", whole, "--json", "-k", 3))
    assert three == rows_of(whole)[:3]
    lines = shown("top", whole, "-k", 2).splitlines()
    ranks = [line.split()[:2] for line in lines if line.strip()]
    names = [row["name"] for row in rows_of(whole)]
    assert ranks[0] == ["rank", "cell"]
    assert ranks[2:4] == [["1", names[0]], ["2", names[1]]]
    assert [rank[1] for rank in ranks[4:7]] == ["lstm", "gru", "mut1"]
    assert ranks[6][0] == "-"
    assert any("least ratio to the baseline" in line for line in lines)
    assert max(map(len, lines)) <= 128


def test_top_prints_texts_that_are_cells(whole: Path) -> None:
    out = shown("top", whole, "-k", 2, "--text")
    _, *texts = out.split("\n# ")
    expected = rows_of(whole, 2)
    assert [digest(parse(t.partition("\n")[2])) for t in texts] == [
        row["digest"] for row in expected
    ]


def test_run_prints_the_table_that_top_prints(whole: Path) -> None:
    rows, _ = searches.here("resume", whole, "--json")
    assert json.loads(rows)[:10] == rows_of(whole)
    out, _ = searches.here("resume", whole)
    assert shown("top", whole).splitlines()[:12] == out.splitlines()[:12]


def test_status_counts_what_is_stored(whole: Path) -> None:
    facts = json.loads(shown("status", whole, "--json"))
    decisions = [row[1] for row in history(whole)[0]]
    assert facts["run"] == str(whole)
    assert facts["candidates"] == {"proposed": 40, "limit": 40}
    assert facts["decisions"] == {kind: decisions.count(kind) for kind in decisions}
    assert sum(facts["rejects"].values()) == len(history(whole)[1])
    filters = "SELECT count(*), sum(ended = 'passed') FROM results WHERE budget = 600"
    filters += " AND task = 'memorization'"
    assert query(whole, filters) == [
        (facts["filter"]["runs"], facts["filter"]["passed"])
    ]
    settings = "SELECT count(*) FROM results WHERE task != 'memorization'"
    assert query(whole, settings) == [(facts["settings"],)]
    failed = "SELECT count(*) FROM results WHERE status != 'OK'"
    assert query(whole, failed) == [(sum(facts["failures"].values()),)]
    assert facts["causes"] == {"cell": sum(facts["failures"].values()), "machine": 0}
    assert facts["best"]["name"] == rows_of(whole)[0]["name"]
    spent = "SELECT sum(compile_s), sum(train_s) FROM evaluations"
    seconds = facts["seconds"]
    assert query(whole, spent) == [(seconds["compilation"], seconds["training"])]
    assert facts["machine"]["numerics"]["key"] == "fake"
    assert facts["machine"]["versions"]["python"] == sys.version.split()[0]
    assert facts["under_way"] == []
    assert facts["faults"] == 0


def test_status_reads_well(whole: Path) -> None:
    lines = dict(line.split(maxsplit=1) for line in shown("status", whole).splitlines())
    assert lines["run"] == f"{whole} (preset tiny, seed 0)"
    assert lines["state"].startswith("not running, all candidates done, last result")
    assert lines["candidates"] == "40 of 40, 0 moves under way"
    assert "40 propose" in lines["moves"]
    assert "DIVERGED" in lines["failures"]
    assert lines["causes"].endswith(" the cell's own")
    assert lines["work"].endswith("33% of it compiling")


def test_status_shows_workers_by_node_and_when_they_were_last_seen(
    whole: Path,
) -> None:
    workers = json.loads(shown("status", whole, "--json"))["machine"]["workers"]
    [node] = workers["nodes"]
    assert (node["machine"], node["pids"], node["losses"]) == ("fake", [0], {})
    assert 0 <= workers["seen_s"] < 3600
    [line] = [row for row in shown("status", whole).splitlines() if row[:4] == "node"]
    assert line.startswith("node        fake: 1 worker; last seen ")


def test_status_of_a_run_that_goes_on_and_once_it_was_killed(tmp_path: Path) -> None:
    process = start(
        *("run", "--preset", "tiny", "--out", tmp_path), fake=Fake(sleep_s=0.3)
    )
    wait_for(tmp_path, 2, process)
    assert "node        fake: 1 worker, 1 busy\n" in shown("status", tmp_path)
    process.kill()
    process.communicate()
    text = shown("status", tmp_path)
    assert "state       not running, last result" in text
    assert "of 24" in text


def test_status_of_workers_has_what_was_lost_and_who_is_gone() -> None:
    losses = {"worn": 2, "died": 3}
    there = PoolNode("abcdef0123", "one", "10.0.0.1", [7, 8], 1, losses, 1.2)
    slow = PoolNode("fedcba3210", "old", "10.0.0.3", [9], 1, slowness=1.83)
    gone = PoolNode("0123456789", "two", "10.0.0.2", losses={"lost": 1})
    nodes = [json.loads(json.dumps(node.to_dict())) for node in (there, slow, gone)]
    del nodes[2]["slowness"]  # as runs of before have it
    workers = {"seen_s": 65.0, "nodes": nodes}
    rows = node_rows({"in_use_by": "process 1 on zero", "workers": workers})
    assert [text for _, text in rows] == [
        "one 10.0.0.1 abcdef01: 2 workers, 1 busy; 3 died, 2 worn",
        "old 10.0.0.3 fedcba32: 1 worker, 1 busy, 1.8 times as slow as usual",
        "two 10.0.0.2 01234567: no workers, 0 busy; 1 lost",
    ]
    rows = node_rows({"in_use_by": None, "workers": workers})
    assert [text for _, text in rows] == [
        "one 10.0.0.1 abcdef01: 2 workers; 3 died, 2 worn; last seen 1:05 ago",
        "old 10.0.0.3 fedcba32: 1 worker, 1.8 times as slow as usual; "
        "last seen 1:05 ago",
        "two 10.0.0.2 01234567: no workers; 1 lost; last seen 1:05 ago",
    ]


def test_the_defaults_of_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--preset", "tiny"]) == 0
    assert "resume runs/tiny [--candidates N]" in capsys.readouterr().out
    assert [path.name for path in here.iterdir()] == ["runs"]
    assert set(os.listdir("runs/tiny")) == {"config.toml", "run.lock", "search.db"}
    facts = json.loads(shown("status", here / "runs" / "tiny", "--json"))
    assert (facts["preset"], facts["seed"]) == ("tiny", 0)
    assert facts["candidates"] == {"proposed": 24, "limit": 24}
    short = ["--candidates", "1", "--set", "objective.finals.cells=0"]
    assert main(["run", *short]) == 0
    facts = json.loads(shown("status", here / "runs" / "quick", "--json"))
    assert (facts["preset"], facts["candidates"]["limit"]) == ("quick", 1)


def test_curves_are_stored_if_they_are_asked_for(here: Path) -> None:
    words = ["run", "--preset", "tiny", "--candidates", "5", "--out"]
    assert main([*words, "plain"]) == 0
    assert main([*words, "curves", "--curves"]) == 0
    sql = "SELECT count(curve) FROM runs"
    assert query(Path("plain"), sql) == [(0,)]
    assert query(Path("curves"), sql)[0][0] > 10
    assert rows_of(here / "plain") == rows_of(here / "curves")


def test_in_a_pipe_there_are_plain_lines(tmp_path: Path) -> None:
    _, err = finish(
        start("run", "--preset", "tiny", "--out", tmp_path / "run", fake=Fake(0.005))
    )
    lines = err.splitlines()
    assert len(lines) > 2
    assert "\x1b" not in err
    for line in lines:
        assert line.startswith("[")
        assert " of 24 candidates, " in line
        assert " passed the filter, " in line
        assert " settings a minute" in line
    assert ", best cell_" in lines[-1]


def test_on_a_terminal_there_is_a_live_table(tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    process = start(
        *("run", "--preset", "tiny", "--candidates", 600, "--out", tmp_path),
        fake=Fake(sleep_s=0.02),
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    until = time.monotonic() + 60
    wanted = (b"of 600 candidates", b"rank", b"fitness", b"arithmetic", b"xml")
    while not all(name in seen for name in (*wanted, b"weights", b"cell_")):
        assert time.monotonic() < until, seen
        seen += os.read(mine, 1 << 16)
    assert "…".encode() not in seen
    assert b"first the cells to start from: lstm, gru" in seen
    process.send_signal(signal.SIGINT)
    try:
        while more := os.read(mine, 1 << 16):
            seen += more
    except OSError:  # Linux: the other end is closed
        pass
    assert process.stdout is not None
    assert "stopped by hand" in process.stdout.read(), seen[-3000:]
    assert process.wait() == 130
    process.stdout.close()
    assert b"finishing what is being trained; Ctrl-C again" in seen
    assert b"Traceback" not in seen
    os.close(mine)


def test_a_reader_that_goes_away_is_no_error(whole: Path) -> None:
    process = start("top", whole, "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() == 0
    process.stderr.close()


def test_ctrl_c_before_anything_is_kept_is_one_line(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    fake = Fake(sleep_s=60, marker=str(marker))
    process = start("run", "--preset", "tiny", "--dry-run", cwd=tmp_path, fake=fake)
    while not marker.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = finish(process, 130)
    assert (out, err) == ("", "cellsearch run: stopped\n")


def test_a_dry_run_says_what_it_would_cost_and_leaves_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--preset", "tiny", "--candidates", "1000", "--dry-run"]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = dict(line.split(maxsplit=1) for line in printed.out.splitlines())
    assert list(lines) == [
        *("probes", "opening", "filter", "tasks", "again", "speed", "whole"),
    ]
    # A probe takes 1 s to compile and 2 s for a tenth of a setting's updates, so that a
    # setting takes 20 s and its half of a compilation; 4 settings of 2 seeds, 2 tasks.
    setting_s = 2 * 10 + 1 / 2
    workers = 2
    opening_s = 2 * 2 * 4 * setting_s / workers
    minutes, seconds = divmod(round(opening_s), 60)
    assert lines["opening"].startswith(f"{minutes}:{seconds:02}: seeds")
    assert lines["filter"] == "3.0 core-seconds a candidate"
    tasks_s, again_s = 2 * 1.5 * setting_s, 2 * 2 * setting_s
    candidate_s = 3 + 0.2 * tasks_s + again_s / 9
    assert lines["tasks"].startswith(f"{tasks_s:.0f} core-seconds for each of the 20%")
    assert lines["again"].startswith(f"{again_s:.0f} core-seconds")
    assert lines["speed"].startswith(f"{3600 * workers / candidate_s:,.0f} candidates")
    hours = (opening_s + 1000 * candidate_s / workers) / 3600
    assert lines["whole"].startswith(f"1,000 candidates in {hours:,.1f} hours with 2")
    assert list(here.iterdir()) == []
    assert main([*words, "--set", "filter.name=off"]) == 0
    off = capsys.readouterr().out
    assert "filter" not in off
    assert "core-seconds a candidate, 2 settings a task" in off


def test_a_dry_run_of_rules_that_leave_few_mutants_ends(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("near").write_text("def near(x, h):\n    return tanh(linear(x) + linear(h))\n")
    words = ["run", "--preset", "tiny", "--dry-run", "--set", 'seeds=["near"]']
    words += ["--set", 'references=["gru"]', "--set", 'rules.ops=["sigmoid"]']
    for name in ("elementwise", "insert", "remove", "ancestor", "combine"):
        words += ["--set", f"rules.weights.{name}=0"]
    assert main(words) == 0
    assert "speed" in capsys.readouterr().out


def test_a_dry_run_with_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(probes, "PROBES", 2)
    words = ["seeds=['tanh']", "baseline=tanh", "tasks=['xml']"]
    words += ["plans.xml.budget=300", "filter.budget=30"]
    options = [option for word in words for option in ("--set", word)]
    line = ["run", "--preset", "tiny", "--dry-run", "--workers", "inline", *options]
    assert main(line) == 0
    out = capsys.readouterr().out
    assert "speed " in out
    assert "24 candidates in 0." in out
    assert list(tmp_path.iterdir()) == []


BAD = {
    "run absent.toml": "absent.toml: cannot be read (No such file or directory)",
    "run --preset dem": "unknown preset 'dem'; did you mean 'demo'?",
    "run --preset tiny --set seeds=gru": "seeds must be a list, got 'gru'",
    "run --preset tiny --candidates 0": "--candidates must be at least 1, got 0",
    "run --preset tiny --candidates x": "argument --candidates: invalid int value",
    "run --preset tiny --hours -1": "--hours must be at least 0, got -1.0",
    "run --preset tiny --hours nan": "--hours must be at least 0, got nan",
    "run --preset tiny --fitness -1": "--fitness must be at least 0, got -1.0",
    "run --preset tiny --deadline -1": "--deadline must be at least 0, got -1.0",
    "run --preset tiny --workers x": "--workers must be 1 or more, auto or inline",
    "run --preset tiny --workers 0": "--workers must be 1 or more, auto or inline",
    "run --preset tiny --workers -1": "--workers",
    "run --preset tiny --seed -1": "seed must be at least 0, got -1",
    "run --preset tiny --out file": "cannot make file (File exists)",
    "run --preset tiny --out file/sub": "cannot make file/sub (Not a directory)",
    "run --preset tiny --reuse absent": "absent has no results: neither",
    "run --preset tiny --reuse file": "file is no file of cellsearch",
    "run --branch absent": "absent is no folder",
    "run --branch empty": "empty holds no run",
    'run --set tasks=["ptb"] --preset paper': "Penn Treebank",
    "resume absent": "absent is no folder; `cellsearch run --out absent` begins one",
    "resume empty": "empty holds no run; `cellsearch run --out empty` begins one",
    "resume file": "file is no folder",
    "resume": "the following arguments are required: RUN",
    "top absent": "absent is no folder",
    "top demos/run1": "unknown run 'run1'; did you mean 'run'? in demos",
    "top demos/run -k 0": "-k must be at least 1, got 0",
    "top demos/run -k x": "argument -k: invalid int value: 'x'",
    "top demos/run --watch --json": "--watch renews a table for people, --json is for",
    "top file": "file is no folder",
    "top empty": "empty holds no run",
    "top others/other": "others/other/search.db was not made by cellsearch",
    "status file": "file is no folder",
    "status others/other": "others/other/search.db was not made by cellsearch",
    "run --preset tiny --out others/other": "search.db was not made by cellsearch",
    "resume demos/run --candidates 10": "--candidates must be at least 40, which",
    "resume demos/run --hours -1": "--hours must be at least 0",
    "tpo demos/run": "invalid choice: 'tpo'",
}


@pytest.fixture(scope="module")
def demos(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all that one may name by mistake."""
    folder = tmp_path_factory.mktemp("demos")
    shutil.copytree(whole, folder / "demos" / "run")
    (folder / "empty").mkdir()
    (folder / "file").write_text("not a database, but a text of some length\n" * 9)
    (folder / "others" / "other").mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-c", OTHER, str(folder / "others" / "other" / "search.db")],
        check=True,
    )
    return folder


OTHER = (
    "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE a (b)')"
)


def everything(folder: Path) -> dict[str, bytes]:
    """All files and folders, but locks and what SQLite rearranges."""
    names = [path for path in folder.rglob("*") if path.suffix in ("", ".toml")]
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in names}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_line_and_changes_nothing(
    words: str,
    demos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(demos)
    monkeypatch.setattr(pools, "make_pool", make_pool)
    monkeypatch.setenv("CELLSEARCH_DATA", str(demos / "absent"))
    run = demos / "demos" / "run"
    before = everything(demos), history(run)
    try:
        status = main(words.split())
    except SystemExit as exit_info:  # as `argparse` does it
        status = int(exit_info.code or 0)
    assert status == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("cellsearch")
    assert printed.err.count("\n") == 1
    assert BAD[words] in printed.err
    assert (everything(demos), history(run)) == before


@pytest.mark.parametrize("memory", ["0.0001", "nan", "inf", "-1"])
def test_less_memory_than_a_cell_takes_is_refused(memory: str, tmp_path: Path) -> None:
    err = refused("run", f"--memory={memory}", "--out", tmp_path / "run")
    assert "--memory must be a number, at least 0.5 GB, " in err
    assert err.strip().endswith(f"got {float(memory):g}")
    assert not (tmp_path / "run").exists()
