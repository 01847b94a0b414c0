"""What tables hold and how full they are: the lines are there, and add up."""

import re

import pytest

from benchmarks.bench_tables import main
from cells.tables.sizes import SIZES


def test_shares_add_up_and_none_is_above_the_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--lineages", "8", "--generations", "2", "--no-programs"])
    said = capsys.readouterr().out
    shares = {
        words[0]: [float(word) for word in words[1:]]
        for words in map(str.split, said.splitlines())
        if words and words[0] in ("1", "2", "all")
    }
    assert len(shares) == 3
    for row in shares.values():
        assert len(row) == len(SIZES) + 1
        assert sum(row) == pytest.approx(100, abs=0.3)
    used = [float(share) for share in re.findall(r"(\d+) %", said)]
    assert used
    assert max(used) <= 100
