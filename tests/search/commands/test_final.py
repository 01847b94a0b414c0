"""Searches by common runs as a person sees them: run, top, final, calibrate."""

import itertools
import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.api import Run
from search.contest.finals import FinalTable
from search.errors import UserError
from search.loop.runs import open_run, replay
from search.output.words import duration
from search.procedure.presets import preset_document
from search.procedure.reader import make_config
from tests.support import exports
from tests.support.fake_search import Fake, history, query
from tests.support.searches import here, refused, shown, start, table
from workers import Setting

_FOUND = make_config({"preset": "quick"}).objective
assert _FOUND is not None
QUICK = _FOUND

WORDS = (
    *("run", "--preset", "quick", "--candidates", 12, "--seed", 3),
    *("--set", "objective.most_seeds=3", "--set", "objective.finals.seeds=4"),
    *("--set", "objective.finals.cells=2"),
)


@pytest.fixture(autouse=True, scope="module")
def _brief() -> Iterator[None]:
    """Of exported folders."""
    with exports.three_steps():
        yield


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


def test_finals_may_have_more_cells_than_have_mutants(tmp_path: Path) -> None:
    here(*WORDS, "--set", "rules.list_size=1", "--out", tmp_path / "run")
    best = json.loads(shown("top", tmp_path / "run", "-k", 9, "--json"))
    assert sum(row["origin"] == "mutant" for row in best) > 1
    said, _ = here("final", tmp_path / "run", "-k", 9, "--json")
    names = {row["name"] for row in json.loads(said)["rows"]}
    assert names >= {row["name"] for row in best}


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


def test_other_cells_may_stand_beside(folder: Path) -> None:
    out, _ = here("final", folder, "--beside", "lstm", "mgu", "--json")
    rows = {row["name"]: row for row in json.loads(out)["rows"]}
    assert "lstm" in rows
    assert not rows["lstm"]["found"]
    assert list(rows).count("mgu") == 1  # a seed of the run


def test_a_search_that_goes_on_keeps_its_decisions_beside_finals(folder: Path) -> None:
    rows = len(json.loads(shown("top", folder, "--json", "-k", 100)))
    here("resume", folder, "--candidates", 14)
    assert len(json.loads(shown("top", folder, "--json", "-k", 100))) >= rows


def test_ranks_go_by_the_finals(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    here("final", run, "-k", 3)
    with open_run(run) as opened:
        finals = opened.store.history.get("finals")
        table = [one.name for one in replay(opened).procedure.population.table]
        tested = [row["name"] for row in finals["rows"]]
        count = next(n for n, name in enumerate(table) if name not in tested)
        assert count >= 3
        # As if the finals had found them in the other order.
        finals["rows"].sort(key=lambda row: -[*table, row["name"]].index(row["name"]))
        opened.store.history.set("finals", finals)
    stands = [*reversed(table[:count]), *table[count:]]

    rows = json.loads(shown("top", run, "--json", "-k", 100))
    assert [row["name"] for row in rows] == stands
    assert f"ranks 1 to {count} go by the finals" in shown("top", run)
    assert json.loads(shown("show", f"{run}:1", "--json"))["name"] == stands[0]
    best = next(n for n, name in enumerate(stands, 1) if name.startswith("cell_"))
    way = json.loads(shown("lineage", f"{run}:{best}", "--json"))
    assert way[-1]["name"] == stands[best - 1]
    assert [row["name"] for row in Run(run).table()] == stands
    assert Run(run).show(2).name == stands[1]
    here("export", run, "-k", 2, "--out", tmp_path / "best")
    folders = sorted(path.name for path in tmp_path.glob("best/*_*"))
    assert folders == [f"{n}_{name}" for n, name in enumerate(stands[:2], 1)]
    here("report", run)
    page = (run / "report.html").read_text()
    assert page.index(f">{stands[0]}<") < page.index(f">{stands[1]}<")


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


RATIO_WORDS = ("gates", "filter", "draws", "ratio", "baseline = 1")


def test_a_report_speaks_of_runs_stages_and_finals(
    folder: Path, tmp_path: Path
) -> None:
    assert "wrote" in shown("report", folder, "--out", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "fitness (baseline = 0)" in text
    told = text.partition('id="reproduce"')[0].partition("<body>")[2]
    for word in ("1 run on selcopy", "had the whole panel", "<h2>Finals</h2>"):
        assert word in told
    assert not [word for word in RATIO_WORDS if word in told]


def test_status_counts_mutants_by_rung(folder: Path) -> None:
    assert "reached     1 run: selcopy " in shown("status", folder)
    facts = json.loads(shown("status", folder, "--json"))
    assert facts["filter"] is None
    steps = facts["stages"]
    first, *later = QUICK.rungs
    assert [step["runs"] for step in steps] == [*[first] * 4, *later]
    given = "SELECT count(DISTINCT digest) FROM issued WHERE digest IN (SELECT digest"
    given += " FROM candidates WHERE origin = 'propose') AND task = "
    for step in steps[:4]:
        assert query(folder, f"{given}'{step['task']}'") == [(step["reached"],)]
    # Nothing is under way: who came no further was dropped, and the last are ranked.
    for step, after in itertools.pairwise(steps):
        assert step["reached"] - step["dropped"] == after["reached"]
    assert steps[-1]["dropped"] == 0
    seeds = facts["decisions"]["seed"]
    assert steps[-1]["reached"] == facts["population"] - seeds


def test_a_card_has_differences_losses_and_finals(folder: Path, tmp_path: Path) -> None:
    here("export", folder, "-k", 1, "--out", tmp_path / "best")
    [path] = tmp_path.glob("best/*/card.md")
    text = path.read_text()
    assert "| task | difference | runs | failed | loss at the end |" in text
    assert "| echo (not searched) |" in text
    assert "| ratio |" not in text
    card = json.loads(path.with_name("card.json").read_text())
    [row] = json.loads(shown("top", folder, "--json", "-k", 1))
    for task, score in row["tasks"].items():
        own = card["tasks"][task]
        assert {key: own[key] for key in score} == score
        sql = f"""SELECT count(*), sum(status != 'OK') FROM results WHERE digest =
            '{row["digest"]}' AND task = '{task}' AND seed < 3 + 3"""
        assert query(folder, sql) == [(score["runs"], own["failed"])]
        assert own["loss"] > 0
    assert card["finals"]["digest"] == row["digest"]


def test_a_frame_has_differences(folder: Path) -> None:
    pytest.importorskip("pandas")
    columns = set(Run(folder).frame(1).columns)
    assert {"echo", "stack_ratio"}.isdisjoint(columns)
    assert {"stack", "stack_error", "stack_runs"} <= columns


def test_what_a_search_prints_speaks_of_runs(tmp_path: Path) -> None:
    words = ("run", "--preset", "demo", "--candidates", 4)
    words += ("--set", "objective.finals.cells=0", "--out", tmp_path / "run")
    out, err = here(*words)
    assert re.search(r"\d had the whole panel, .* runs a minute", err)
    assert not [word for word in RATIO_WORDS if word in out + err]


def test_a_dry_run_knows_common_runs(tmp_path: Path) -> None:
    words = ("--set", "objective.most_seeds=3", "--candidates", 1000)
    out, _ = here("run", "--preset", "quick", "--dry-run", *words)
    lines = {line[:8].strip(): line[9:] for line in out.splitlines()}
    assert list(lines) == [
        *("probes t", "opening", "rung 1", "panel", "again", "speed", "finals"),
        "whole",
    ]
    # A probe takes 1 s to compile, on each of 4 tasks here, and 2 s for a tenth of a
    # run.
    compile_s, run_s, workers = 4, 4 * 2 * 10, 2
    settings = len(QUICK.panel)
    whole_s = compile_s + QUICK.rungs[-1] * run_s
    # The baseline, one of eight seeds, has 3 seeds of each setting.
    opening_s = (8 * whole_s + (3 - QUICK.seeds) * settings * run_s) / workers
    assert lines["opening"].startswith(f"{duration(opening_s)}: seeds")
    first_s = compile_s + run_s
    assert lines["rung 1"].startswith(f"{first_s:.1f} core-seconds a candidate, 1 run")
    assert lines["panel"].startswith(f"{whole_s - first_s} core-seconds for each")
    again_s = compile_s + settings * run_s
    assert lines["again"] == f"{again_s} core-seconds a re-examination"
    # Ten cells and eight seeds, 16 seeds of 3 settings, and echo beside the four tasks.
    finals_s = 18 * (compile_s + 16 * 3 * run_s * 5 / 4) / workers
    assert lines["finals"].startswith(f"{duration(finals_s)}: 10 cells")
    candidate_s = first_s + 0.3 * (whole_s - first_s) + again_s / 9
    hours = (opening_s + finals_s + 1000 * candidate_s / workers) / 3600
    assert lines["whole"].startswith(f"1,000 candidates in {hours:,.1f} hours with 2")
    assert list(tmp_path.iterdir()) == []
