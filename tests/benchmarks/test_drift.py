"""Sizes by generation: the tables are complete, and edits keep what rounds destroy."""

import numpy as np
import pytest

from benchmarks.drift import GENERATIONS, print_drift, print_mutants, sizes, ways
from cells import ZOO, canonical

PARENTS = [canonical(ZOO[name]) for name in ("lstm", "gru")]


def test_the_tables_have_a_line_for_each_rule_and_generation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_mutants(PARENTS, 20, "paper")
    print_drift(PARENTS, 2, "paper")
    lines = capsys.readouterr().out.splitlines()
    for way in ways():
        assert sum(line.startswith(way.name) for line in lines) == 2
    starts = [line.split()[0] for line in lines if "±" in line]
    assert starts == [str(generation) for generation in GENERATIONS] * len(ways())


def test_without_selection_edits_keep_nodes_and_linears_and_rounds_do_not() -> None:
    means = {}
    for way in ways():
        rng = np.random.default_rng(0)
        last = sizes(way, PARENTS, 40, rng, "paper")[-1]
        means[way.name] = np.mean(last, axis=0)
    rounds, edits = means["rounds, the paper's"], means["edits, weights of quick"]
    assert np.all(np.abs(edits[:2] / [18.5, 7.0] - 1) < 0.35)  # 2.5 standard errors
    assert np.all(rounds[:2] < [6.0, 2.0])
