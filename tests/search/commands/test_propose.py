"""`cellsearch propose`: what is handed in is answered, taken up, and in the table."""

import json
from pathlib import Path

from cells import ZOO, digest
from tests.support.searches import here, refused, shown, table

MINE = "def mine(x, h):\n    return x + tanh(linear(x) + linear(h))\n"


def begun(folder: Path, candidates: int) -> Path:
    words = ("--candidates", candidates, "--set", "rules.list_size=50")
    here(
        "run",
        "--preset",
        "tiny",
        "--out",
        folder,
        *words,
        "--set",
        "rules.gate=0",
        "--set",
        "filter.name=off",
    )
    return folder


def test_a_cell_is_answered_taken_up_and_marked_in_the_table(tmp_path: Path) -> None:
    run = begun(tmp_path / "a run", 6)
    before = shown("top", run), table(run), shown("status", run, "--json")
    assert " by " not in before[0]
    assert '"by"' not in before[1]
    assert "waiting" not in before[2]

    file = tmp_path / "mine.txt"
    file.write_text(MINE)
    again = f"cellsearch resume '{run}' --candidates"
    lines = shown("propose", run, file, "janet", "gru").splitlines()
    assert lines[0].startswith("mine  ")
    assert lines[0].endswith(f"place 1 in the queue, taken up at the next `{again} 7`")
    assert lines[1].startswith(f"janet  {digest(ZOO['janet'])}  waiting: place 2 in")
    assert "  known already: gru, rank " in lines[2]
    assert shown("top", run) == before[0]
    assert "waiting     2 proposals, until a move is free" in shown("status", run)

    here("resume", run, "--candidates", 40)
    rows = {row["digest"]: row for row in json.loads(table(run))}
    [mine] = json.loads(shown("propose", run, file, "--by", "ada", "--json"))
    assert mine["verdict"] == "known already"
    assert mine["place"] == 0
    found = [rows[one]["by"] for one in (mine["digest"], digest(ZOO["janet"]))]
    assert found == ["you", "you"]
    assert rows[mine["digest"]]["origin"] == "outside"
    head = shown("top", run, "-k", 50).splitlines()[1].split()
    assert head[:4] == ["rank", "cell", "by", "fitness"]
    here("report", run, "-k", 50)
    assert "<dt>proposed by</dt><dd>you</dd>" in (run / "report.html").read_text()


def test_a_mistake_is_one_line_and_nothing_is_handed_in(tmp_path: Path) -> None:
    run = begun(tmp_path / "run", 1)
    (tmp_path / "bad.txt").write_text("import os\n")
    assert "bad.txt: line 1" in refused("propose", run, "mut1", tmp_path / "bad.txt")
    assert "--by must be a name" in refused("propose", run, "mut1", "--by", "\x1b[31m")
    assert "unknown run 'none'" in refused("propose", tmp_path / "none", "mut1")
    assert not (run / "proposals").exists()
