"""What people are shown of tasks: the list, and examples with scored positions."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bench_tasks
from tasks import (
    TASKS,
    Task,
    describe_task,
    list_tasks,
    make_task,
    render_list,
    render_task,
    resolve_task,
)
from tasks.describe import examples

DATA = Path(__file__).parents[3] / "shared" / "data"
COLUMNS = 80


def test_the_list_has_a_sentence_sizes_and_a_metric_for_each_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CELLSEARCH_DATA", "nowhere")  # no file is read for the list
    rows = list_tasks()
    assert [row["name"] for row in rows][: len(TASKS)] == list(TASKS)
    assert json.loads(json.dumps(rows)) == rows
    for row in rows[: len(TASKS)]:
        assert row["summary"].endswith(".")
        assert set(row["sizes"]) == {"small", "paper"}
        assert row["metric"] in ("accuracy", "nll")
    sizes = {row["name"]: row["sizes"] for row in rows}
    assert sizes["arithmetic"]["small"]["config"]["digits"] == 3
    assert sizes["arithmetic"]["paper"]["config"]["digits"] == 8
    assert sizes["ptb"]["small"]["num_inputs"] == 1_000
    assert sizes["ptb"]["paper"]["num_inputs"] == 10_000


def test_the_rendered_list_fits_a_terminal_and_says_everything() -> None:
    text = render_list(list_tasks())
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    for name in TASKS:
        assert re.search(rf"^{name}: .*\.$", text, re.MULTILINE)
    assert "accuracy (fraction, higher is better)" in text
    assert "nll (nats per frame, lower is better)" in text
    assert "train_tokens 210,000" in text


def test_a_task_that_cannot_be_used_is_listed_with_the_reason() -> None:
    assert render_list([{"name": "bad", "error": "no module"}]) == (
        "bad: cannot be used: no module"
    )


@pytest.mark.parametrize("name", ["memorization", "arithmetic", "xml"])
def test_three_whole_examples_are_shown_and_marked(name: str) -> None:
    task = make_task(name)
    found = examples(task)
    assert len(found) == 3
    for example in found:
        text = "".join(example.tokens)
        marks = "".join(" ^"[mark] for mark in example.scored)
        if name == "memorization":
            assert re.fullmatch(r"([a-z]{5})\|\1", text)
            assert marks == " " * 6 + "^" * 5
        elif name == "arithmetic":
            assert re.fullmatch(r"[^=.]*=-?\d+\.", text)
            assert marks.rfind(" ") == text.index("=")
        else:
            assert text.count("</") * 2 == text.count("<")
            assert set(marks) == {"^"}


def shown(task: Task) -> str:
    text = render_task(describe_task(task))
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    return text


def test_marks_stand_under_what_is_scored() -> None:
    lines = shown(make_task("arithmetic")).splitlines()
    first = lines.index("  examples (^ marks what is scored)") + 1
    for line in (first, first + 2, first + 4):
        example, marks = lines[line], lines[line + 1]
        assert example[2] in "123"
        assert len(example) == len(marks)
        assert marks.index("^") == example.index("=") + 1
        assert set(marks.strip()) == {"^"}
    assert lines[-1].strip().strip("^") == ""


def test_a_text_is_shown_with_its_white_space(tmp_path: Path) -> None:
    file = tmp_path / "f.txt"
    file.write_text("a\tb c\n" * 400)
    text = shown(resolve_task(f"text:{file}"))
    assert "a⇥b␣c⏎a⇥b␣c⏎" in text
    assert "repeat training data" in text
    words = shown(resolve_task(f"words:{file}"))
    assert "a b c <eos> a b c <eos>" in words
    assert "^ ^ ^^^^^ ^" in words


@pytest.mark.skipif(
    not DATA.is_dir(), reason="the published data sets are not beside the checkout"
)
@pytest.mark.parametrize("name", ["ptb", "nottingham", "piano_midi", "jsb"])
def test_published_data_are_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CELLSEARCH_DATA", str(DATA))
    task = make_task(name)
    text = shown(task)
    assert re.search(r"train +\d+ windows, [\d,]+ scored positions", text)
    assert re.search(r"^  3   \S", text, re.MULTILINE)
    if name == "nottingham":
        assert "88 notes a frame; a uniform guess costs 60.997 nats" in text


def test_the_benchmark_prints_a_speed_for_each_task(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CELLSEARCH_DATA", str(tmp_path))
    bench_tasks.main(["memorization", "ptb", "--rounds", "2", "--size", "small"])
    printed = capsys.readouterr().out
    assert re.search(r"^memorization +210,000 .*\(.* - .*\)", printed, re.MULTILINE)
    assert "ptb left out: Penn Treebank: " in printed


def test_a_long_example_is_cut_in_text_but_whole_in_json() -> None:
    description: dict[str, Any] = describe_task(make_task("arithmetic"))
    long = {"tokens": list("0123456789" * 100), "scored": [True] * 1_000}
    description["examples"] = [long]
    assert len(json.loads(json.dumps(description))["examples"][0]["tokens"]) == 1_000
    text = render_task(description)
    assert re.search(r"\.\.\. and \d+ more$", text)
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    left = int(text.rsplit(" ", 2)[1])
    assert text.split("examples")[1].count("0") + left / 10 == pytest.approx(100, abs=1)
