"""What became of mutants: shares and their intervals, on a search without training."""

from scipy import stats

from benchmarks.bench_mutants import fates, rows, told_by_growth, wilson
from tests.support.searches import here


def test_intervals_are_wilsons():
    for hits, number in ((0, 9), (3, 10), (137, 404), (12, 12)):
        low, high = stats.binomtest(hits, number).proportion_ci(method="wilson")
        assert (
            max(abs(low - wilson(hits, number)[0]), abs(high - wilson(hits, number)[1]))
            < 1e-6
        )


def test_every_mutant_is_counted_once_and_shares_are_of_their_row(tmp_path):
    here("run", "--preset", "demo", "--candidates", 12, "--seed", 3, "--out", tmp_path)
    *groups, everyone = rows(fates(tmp_path))
    assert everyone[0] == "all"
    assert sum(int(row[1]) for row in groups) == int(everyone[1]) > 0
    for row in (*groups, everyone):
        for share in row[2:]:
            value, interval = share.rstrip(")").split(" (")
            low, high = interval.split("-")
            assert int(low[:-1]) <= int(value[:-1]) <= int(high[:-1])
    assert "0 of the 0 that diverged" in told_by_growth({})
