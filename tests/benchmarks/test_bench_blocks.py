"""The benchmark of blocks compares a cell in them with itself, run by run."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_blocks
from benchmarks.bench_blocks import panels, rows, written
from cells import ZOO
from search.contest.variance import Bounds, mean_interval
from search.loop import pools
from tests.support.fake_search import Fake, Trained
from workers import Pool, PoolOptions

CELLS = {name: ZOO[name] for name in ("gru", "lstm")}


def test_a_gain_is_the_mean_difference_of_pairs_with_its_interval_over_seeds() -> None:
    both = panels(CELLS, ["stack", "induction"], settings=2, seeds=3)
    rng = np.random.default_rng(0)
    plain = rng.normal(size=both[0].shape)
    block = plain - 0.5
    block[1, 1, :, 0] -= 0.3  # one seed of one cell on one task
    table = {(row.task, row.cell): row for row in rows(both, [plain, block])}
    assert table["stack", "gru"].gain == pytest.approx((0.5, 0.5, 0.5))
    found = table["induction", "lstm"]
    assert found.gain == pytest.approx(mean_interval(np.array([0.8, 0.5, 0.5])))
    assert found.ahead is not None
    differences = (plain[1, 0] - plain[1, 1]).mean(axis=0)
    assert found.ahead[0] == pytest.approx(mean_interval(differences))
    assert table["stack", "gru"].ahead is None
    assert found.widths[0] > found.widths[1]


def test_both_have_the_same_runs_but_for_the_block() -> None:
    plain, block = (
        [job for _, job in panel.jobs()]
        for panel in panels(CELLS, ["stack"], settings=2, seeds=2)
    )
    assert len(plain) == len(block) == 2 * 2 * 2
    for one, other in zip(plain, block, strict=True):
        assert (one.training.block, other.training.block) == ("plain", "residual")
        same = ("digest", "task", "settings", "budget", "seed")
        assert [getattr(one, n) for n in same] == [getattr(other, n) for n in same]


def test_the_sign_says_where_the_interval_lies() -> None:
    bounds = (Bounds(0.12, 0.09, 0.15), Bounds(-0.12, -0.2, -0.04), Bounds(0, -10, 10))
    texts = ["+.12 ±.03 +", "-.12 ±.08 -", "+.00 ±10.00  "]
    assert list(map(written, bounds)) == texts


def test_it_prints_a_line_for_each_task_and_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make_pool(options: PoolOptions, numerics: str | None) -> Pool:
        return Trained(Fake())

    monkeypatch.setattr(pools, "make_pool", make_pool)
    words = ("gru", "lstm", "--seeds", "2", "--settings", "1", "--out", str(tmp_path))
    assert bench_blocks.main(words) == 0
    out = capsys.readouterr().out
    pattern = r"^(stack|induction) +(gru|lstm) +\d+ -> \d+ +[+-]\d*\.\d\d ±"
    assert len(re.findall(pattern, out, re.MULTILINE)) == 4
    assert "2 seeds of 1 settings, 10,000 weights, 600 updates" in out
