"""Nominal against measured costs: correlations over cells."""

from collections.abc import Mapping

import pytest

import workers
from benchmarks import bench_cost
from cells import Cell, flops, num_params, state_bytes
from search.output.measuring import measure_cells, with_published
from workers import Load, Speed

Loads = Mapping[str, Load]


def test_times_that_go_with_flops_correlate_wholly_and_ratios_are_within_rounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A round in which all is slow changes no ratio."""

    def measured(
        cells: Mapping[str, Cell], loads: Loads, rounds: int
    ) -> dict[str, Speed]:
        assert rounds == 4
        costs = {name: flops(cell, loads[name].width) for name, cell in cells.items()}
        factors = (1.0, 1.0, 7.0, 1.0)
        slow = {n: tuple(c * factor for factor in factors) for n, c in costs.items()}
        return {n: Speed(slow[n], tuple(1 / c for c in slow[n])) for n in slow}

    monkeypatch.setattr(workers, "measure_speed", measured)
    sizes = ("--widths", "8", "--steps", "4", "--batch", "2", "--rounds", "4")
    assert bench_cost.main(("--cells", "40", *sizes)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "40 cells" in lines[1]
    assert len(lines) == 3 + 40 + 3
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert rows["training_s"][1] == "1.00"
    assert rows["inference_s"][1] == "-1.00"
    assert rows["training_s"][-1] == "1.00"
    assert rows["gru"][-1] == "1.00"
    cells = with_published({}, 40)
    ratio = flops(cells["lstm"], 8) / flops(cells["gru"], 8)
    assert f" {ratio:.2f} " in " ".join(rows["lstm"])


def test_at_the_same_weights_each_cell_has_its_own_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loads: dict[str, Load] = {}

    def measured(
        cells: Mapping[str, Cell], sizes: Loads, rounds: int
    ) -> dict[str, Speed]:
        loads.update(sizes)
        times = {n: (state_bytes(one, sizes[n].width),) for n, one in cells.items()}
        return {name: Speed(rounds * one, rounds * one) for name, one in times.items()}

    monkeypatch.setattr(workers, "measure_speed", measured)
    words = ("--cells", "40", "--parameters", "3000", "--rounds", "2")
    assert bench_cost.main(words) == 0
    cells = with_published({}, 40)
    assert set(loads) == set(cells)
    assert len({load.width for load in loads.values()}) > 5
    for name, load in loads.items():
        fits = [num_params(cells[name], load.width + more) <= 3000 for more in (0, 1)]
        assert fits == [True, False]
    out = capsys.readouterr().out
    assert out.startswith("\n3,000 weights, 64 steps")
    row = next(line.split() for line in out.splitlines() if "training_s" in line)
    assert row[4] == "1.00"
    assert row[1] != "1.00"


def test_a_measurement_that_is_noise_does_not_correlate_with_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measured(
        cells: Mapping[str, Cell], loads: Loads, rounds: int
    ) -> dict[str, Speed]:
        times = {n: (i, 9.0 - i, i, 9.0 - i) for i, n in enumerate(cells)}
        return {name: Speed(one, one) for name, one in times.items()}

    monkeypatch.setattr(workers, "measure_speed", measured)
    cells = with_published({}, 4)
    found = measure_cells(cells, dict.fromkeys(cells, Load(8, 4, 2)), 4)
    assert found.correlations("training_s")["itself"] == pytest.approx(-1)
