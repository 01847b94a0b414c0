"""What a step of cells takes, in a report and beside nominal costs."""

from collections.abc import Mapping
from pathlib import Path

import pytest

import workers
from cells import ZOO, Cell, digest, matrices, parse
from search.errors import UserError
from search.loop.runs import open_run, replay
from search.output.measuring import BESIDE, with_published
from search.output.report import charts
from search.output.report.data import Report, collect
from search.output.report.datasets import datasets
from search.output.report.measured import ROUNDS, correlation_rows, measured_rows
from tests.support.searches import here, shown
from workers import Load, Speed, model_width

OWN = "def lstm(x, h):\n    return tanh(linear(x) + linear(h)) + h\n"
"""A seed by the name of another cell."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that is done, with a seed called as a published cell."""
    place = tmp_path_factory.mktemp("measured")
    (place / "lstm.txt").write_text(OWN)
    seeds = f'seeds=["gru", "mut1", "{place / "lstm.txt"}"]'
    words = ("--set", "objective.finals.cells=0", "--set", seeds)
    here("run", "--preset", "quick", "--candidates", 8, *words, "--out", place / "run")
    return place / "run"


@pytest.fixture(autouse=True)
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix takes a microsecond in training, and half of it in inference."""

    def speeds(
        cells: Mapping[str, Cell], loads: Mapping[str, Load], rounds: int
    ) -> dict[str, Speed]:
        assert set(cells) == set(loads)
        times = {name: matrices(cell) * 1e-6 for name, cell in cells.items()}
        return {
            name: Speed((one,) * rounds, (one / 2,) * rounds)
            for name, one in times.items()
        }

    monkeypatch.setattr(workers, "measure_speed", speeds)


def collected(folder: Path, *, measure: bool = True) -> Report:
    with open_run(folder, reading=True) as run:
        return collect(run, replay(run), 20, measure=measure)


def test_all_cells_drawn_are_measured_beside_published_ones(folder: Path) -> None:
    report = collected(folder)
    found = report.measured
    assert found
    assert (found.beside.name, found.rounds, len(found.cells)) == (BESIDE, ROUNDS, 40)
    digests = [digest(ZOO[one.name]) for one in found.cells if one.name in ZOO]
    assert len(set(digests)) == len(digests)
    names = [name for name, _ in measured_rows(found, report.rows)]
    listed = [row.member.name for row in report.rows]
    assert [name.removesuffix(" of this run") for name in names] == listed
    assert "lstm of this run" in names
    assert {"gru", "mut1"} <= set(names)


def test_each_cell_has_the_width_of_its_weights_in_the_search(folder: Path) -> None:
    report = collected(folder)
    assert report.measured
    with open_run(folder, reading=True) as run:
        config = run.config
    task, shape = config.tasks[0].task.task, config.settings(0)[0].shape
    cells = {**ZOO, "lstm of this run": parse(OWN)}
    cells |= {row.member.name: row.member.cell() for row in report.rows[::-1]}
    for one in report.measured.cells:
        cell = ZOO[one.name] if one.name in ZOO else cells[one.name]
        width = model_width(cell, shape, task)
        assert one.load == Load(width, task.num_steps, task.batch_size)


def test_columns_are_what_was_measured(folder: Path) -> None:
    report = collected(folder)
    assert report.measured
    rows = dict(measured_rows(report.measured, report.rows))
    assert rows["gru"][2] == "6"
    assert rows["gru"][5:] == ("6", "1.00 (1.00-1.00)", "3", "1.00 (1.00-1.00)")
    assert rows["lstm of this run"][5:7] == ("2", "0.33 (0.33-0.33)")
    correlations = dict(correlation_rows(report.measured))
    for values in correlations.values():
        assert values[1] == values[-1] == "1.00"
    data = datasets(report)["measured"]
    assert list(data["matrices"]) == list(data["training_s"])
    kinds = dict(zip(data["name"], data["kind"], strict=True))
    assert (kinds["lstm of this run"], kinds["tanh"]) == ("in this table", "published")


def test_a_page_has_times_if_asked(folder: Path) -> None:
    without = collected(folder, measure=False)
    assert without.measured is None
    assert "measured" not in datasets(without)
    shown("report", folder, "--force")
    page = folder / "report.html"
    assert "Measured on this device" not in page.read_text()
    said = shown("report", folder, "--force", "--measure", "-k", 5)
    assert "measuring the first cells beside published ones" in said
    text = page.read_text()
    assert "Measured on this device" in text
    assert text.count("chart-training") == text.count("chart-inference") > 1


def test_the_charts_of_times_fit_the_schema(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    charts._spec.cache_clear()
    monkeypatch.setattr(charts, "CHECKED", True)
    assert {"chart-training", "chart-inference"} < set(charts.charts(collected(folder)))
    charts._spec.cache_clear()


def test_a_budget_without_a_gru_is_refused(tmp_path: Path) -> None:
    sizes = ('seeds=["indrnn"]', 'baseline="indrnn"', "objective.finals.cells=0")
    words = [word for size in sizes for word in ("--set", size)]
    small = "panel = [{ optimizer = 'sgd', rate = 0.1, scale = 1.0, clip = 1.0"
    small += ", num_layers = 1, parameters = 40 }]"
    words += ["--set", f"objective.{small}", "--set", "rules.recurrent=0"]
    out = tmp_path / "run"
    here("run", "--preset", "quick", "--candidates", 2, *words, "--out", out)
    with pytest.raises(UserError, match="40 weights hold no gru to measure others"):
        collected(out)


def test_published_cells_make_up_the_number_and_none_is_there_twice() -> None:
    own = {"mine": ZOO["mut1"], "other": parse(OWN)}
    found = with_published(own, 10)
    assert len(found) == 10
    assert list(found)[:3] == [BESIDE, "mine", "other"]
    assert "mut1" not in found
    assert len({digest(cell) for cell in found.values()}) == 10
    assert len(with_published(own, 1)) == 3
