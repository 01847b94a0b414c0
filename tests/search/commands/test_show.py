"""`cellsearch show`: the flow of values, the nearest cell, pictures, cells of runs."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from cells import ZOO, digest, flow, growth, num_params, parse, signal, to_text
from search.commands.cli import main
from tests.support.searches import here, refused, shown

MINE = """
def mine(x, h):
    r = sigmoid(linear(x))
    z = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + linear(r * h))
    return candidate + z * (h - candidate)
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.txt"
    path.write_text(MINE)
    return str(path)


def test_show_says_which_values_feed_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "gru"]) == 0
    printed = capsys.readouterr().out
    assert "n3   σ gate  ← x h       → n12" in printed  # noqa: RUF001
    assert "h'   +       ← h n7 n12" in printed
    assert "nearest" not in printed  # it equals a published cell


def test_show_says_how_a_cell_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "gru", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    found = facts["signal"], facts["growth"]
    assert found == (signal(ZOO["gru"], 1.0), growth(ZOO["gru"]))
    path = tmp_path / "wild.txt"
    path.write_text(
        "def wild(x, h):\n    n = x + linear(h, bias=9999)\n    return n * n * n"
    )
    assert main(["show", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "no bounded share of an input is left" in printed
    assert "output beyond all bounds" in printed
    assert main(["show", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["signal"] is facts["growth"] is None


@pytest.mark.parametrize("name", ZOO)
def test_flow_names_each_new_state_once_and_only_what_it_lists(name: str) -> None:
    cell = ZOO[name]
    rows = [line.split() for line in flow(cell)]
    listed = [row[0] for row in rows]
    assert len(set(listed)) == len(listed)
    assert sum(one.endswith("'") for one in listed) == cell.num_states
    for row in rows:
        reads = row[row.index("←") + 1 :]
        feeds = reads[reads.index("→") + 1 :] if "→" in reads else []
        reads = reads[: reads.index("→")] if "→" in reads else reads
        assert set(feeds) <= set(listed)
        for other in feeds:
            source = rows[listed.index(other)]
            assert row[0] in source[source.index("←") :]
        assert len(set(reads)) == len(reads)


def test_show_says_the_nearest_published_cell(
    mine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", mine]) == 0
    assert "nearest     gru, but the reset gate r ignores h" in capsys.readouterr().out
    assert main(["show", mine, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["nearest"]["name"] == "gru"
    assert facts["nearest"]["distance"] == 2
    assert main(["show", "mut1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["nearest"]
    assert found == {"name": "mut1", "distance": 0, "words": "equal to mut1"}


def test_out_writes_a_picture_and_overwrites_only_by_force(
    tmp_path: Path, mine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.PNG"
    assert main(["show", mine, "--out", str(svg)]) == 0
    assert str(svg) in capsys.readouterr().out
    ElementTree.fromstring(svg.read_bytes())
    assert ">mine<" in svg.read_text()
    assert main(["show", mine, "--out", str(png), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["picture"] == str(png)
    assert png.read_bytes().startswith(b"\x89PNG")
    before = svg.read_bytes()
    svg.write_text("mine")
    assert main(["show", mine, "--out", str(svg)]) == 2
    assert "--force overwrites it" in capsys.readouterr().err
    assert svg.read_text() == "mine"
    assert main(["show", mine, "--out", str(svg), "--force"]) == 0
    assert svg.read_bytes() == before


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.jpg", "pictures end in .svg or .png, got"),
        ("a", "pictures end in .svg or .png, got"),
        ("nowhere/a.svg", "there is no folder"),
        ("folder.svg", "is a folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_one_line(
    out: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.svg").mkdir()
    assert main(["show", "gru", "--out", str(tmp_path / out), "--force"]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short search; not to be changed."""
    path = tmp_path_factory.mktemp("ranked") / "run:1"
    here("run", "--preset", "tiny", "--candidates", 12, "--out", path)
    return path


def test_a_cell_of_a_runs_table_is_named_by_rank(folder: Path) -> None:
    rows = json.loads(shown("top", folder, "--json", "-k", 1000))
    assert len(rows) > 2
    for row in rows:
        facts = json.loads(shown("show", f"{folder}:{row['rank']}", "--json"))
        assert facts["digest"] == row["digest"]
        assert facts["name"] == row["name"]
    assert "nearest" in facts


def test_a_rank_that_is_not_there_is_one_line(folder: Path, tmp_path: Path) -> None:
    count = len(json.loads(shown("top", folder, "--json", "-k", 1000)))
    message = refused("show", f"{folder}:{count + 1}")
    assert f"has ranks 1 to {count}; see `cellsearch top {folder}`" in message
    for rank in ("0", "-1", "x", "", "1.5", "²", "9" * 40):
        assert "a rank is a whole number from 1" in refused("show", f"{folder}:{rank}")
    assert "no folder of a run" in refused("show", f"{tmp_path / 'nowhere'}:1")
    (tmp_path / "empty").mkdir()
    assert "holds no run" in refused("show", f"{tmp_path / 'empty'}:1")


def test_a_file_whose_name_has_a_colon_comes_before_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a:1"
    path.write_text(to_text(ZOO["mgu"], "mine"))
    assert main(["show", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert digest(parse(facts["text"])) == digest(ZOO["mgu"])


SMALL = ("--width", 4, "--steps", 3, "--batch", 2, "--rounds", 2)


def test_cost_is_counted_and_measured_beside_the_gru() -> None:
    cost = json.loads(shown("show", "lstm", "--cost", *SMALL, "--json"))["cost"]
    assert cost["width"] == 4
    assert cost["state_bytes"] == {"cell": 32, "gru": 16, "ratio": 2.0}
    counted = {"cell": num_params(ZOO["lstm"], 4), "gru": num_params(ZOO["gru"], 4)}
    assert cost["parameters"] == {**counted, "ratio": pytest.approx(4 / 3)}
    for key in ("training_s", "inference_s"):
        assert 0 < cost[key]["cell"]["low"] <= cost[key]["cell"]["median"]
        assert 0 < cost[key]["gru"]["median"] <= cost[key]["gru"]["high"]
    printed = shown("show", "lstm", "--cost", *SMALL)
    for row in ("bytes of state ", "training, ms a step", "inference, µs a step"):
        assert f"\n{row}" in printed


def test_sizes_of_a_measurement_that_are_none_are_one_line() -> None:
    assert "--steps must be at least 1" in refused(
        "show", "gru", "--cost", "--steps", 0
    )
    assert "--batch is a size for --cost" in refused("show", "gru", "--batch", 2)
