"""What the parts of a cell are worth, by plain loops over made-up runs."""

import statistics
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cells import ZOO, Part, ablations, canonical
from search.contest.ablation import (
    AblationTable,
    ablation_panel,
    ablation_table,
    verdict,
)
from search.errors import UserError
from search.procedure.reader import make_config

LSTM = ablations(ZOO["lstm"])
GATES = tuple(one for one in LSTM if one.part is Part.GATE)
GRU = ablations(ZOO["gru"])
TASKS = ("one", "two")
CONFIG = make_config({"preset": "quick", "tasks": ["echo", "stack"], "seed": 7})
OUTPUT, FORGET, INPUT = range(3)
TRUE = np.array([[0.0, 0.5, 0.2], [-0.1, 0.3, 0.3]])
"""By task and gate: how much worse without it."""


def scores(noise: float = 0.02, seeds: int = 8) -> np.ndarray:
    """Log losses of the LSTM and of it without each gate."""
    rng = np.random.default_rng(0)
    common = rng.normal(0, 1, (2, 1, 3, seeds))  # what a seed does to all alike
    worse = np.concatenate([np.zeros((2, 1)), TRUE], axis=1)
    return common + worse[:, :, None, None] + rng.normal(0, noise, (2, 4, 3, seeds))


def table(values: np.ndarray, losses: np.ndarray | None = None) -> AblationTable:
    own = np.exp(values) if losses is None else losses
    return ablation_table("lstm", "digest", GATES, TASKS, values, own)


def test_the_gates_are_those_that_the_numbers_are_of() -> None:
    names = ("output gate o", "forget gate f", "input gate i")
    assert [one.words for one in GATES] == [f"without the {name}" for name in names]


def test_rows_are_differences_in_pairs_the_most_important_first() -> None:
    values = scores()
    found = table(values)
    assert [row.ablation for row in found.rows] == [
        GATES[gate] for gate in (FORGET, INPUT, OUTPUT)
    ]
    row = found.rows[1]
    pairs = [
        [
            statistics.fmean(
                values[task, 0, setting, seed] - values[task, 1 + INPUT, setting, seed]
                for setting in range(3)
            )
            for seed in range(8)
        ]
        for task in range(2)
    ]
    both = [statistics.fmean(pair) for pair in zip(*pairs, strict=True)]
    # Three rows share the probability of error.
    t = stats.t.ppf(1 - 0.05 / 3 / 2, 7)
    shown = [*row.scores.values(), row.mean]
    for one, score in zip([*pairs, both], shown, strict=True):
        assert score.value == pytest.approx(statistics.fmean(one))
        assert score.high - score.value == pytest.approx(t * stats.sem(one))
        assert score.value - score.low == pytest.approx(t * stats.sem(one))
    assert row.least == min(score.value for score in row.scores.values())


def test_a_part_is_missed_or_not_or_that_cannot_be_told() -> None:
    rows = {row.ablation: row.scores for row in table(scores()).rows}
    assert verdict(rows[GATES[FORGET]]["one"]) == "missed"
    assert verdict(rows[GATES[OUTPUT]]["one"]) == "tie"
    assert verdict(rows[GATES[OUTPUT]]["two"]) == "better"


def test_the_order_of_gates_says_what_can_be_told_apart() -> None:
    orders = table(scores()).orders
    assert orders["one"].text == (
        "the forget gate f > the input gate i > the output gate o"
    )
    assert orders["two"].gates[-1] == "without the output gate o"
    assert orders["two"].told == (False, True)
    assert not any(table(scores(noise=5.0)).orders["one"].told)


def test_runs_that_failed_have_no_loss_at_the_end() -> None:
    losses = np.exp(scores())
    losses[0, 1 + FORGET] = np.nan
    losses[0, 0, 0, 0] = np.nan
    found = table(scores(), losses)
    assert np.isnan(found.rows[0].losses["one"])
    assert found.losses["one"] == pytest.approx(np.nanmean(losses[0, 0]))
    values = found.to_dict()
    assert values["rows"][0]["tasks"]["one"]["loss"] is None
    assert values["rows"][0]["equals"] == "lstm_f"
    assert values["gates"]["one"]["told"] == [True, True]


def test_the_dead_are_named_and_not_trained() -> None:
    own = ("gru", ZOO["gru"])
    panel = ablation_panel(own, GRU, CONFIG, CONFIG.objective.panel[:2], 3)  # type: ignore[union-attr]
    dead = [one for one in GRU if one.dead]
    assert len(panel.cells) == 1 + len(GRU) - len(dead)
    assert panel.shape == (2, len(panel.cells), 2, 3)
    values = np.zeros(panel.shape)
    found = ablation_table("gru", "digest", GRU, TASKS, values, values)
    assert found.dead == tuple(dead)
    assert found.to_dict()["dead"] == {
        "without the update gate z, always h": "input",
    }


def test_all_have_the_same_runs_and_one_learns_no_biases() -> None:
    own = ("lstm", ZOO["lstm"])
    panel = ablation_panel(own, LSTM, CONFIG, CONFIG.objective.panel[:1], 2)  # type: ignore[union-attr]
    seen: dict[int, set[object]] = {}
    for (task, cell, setting, seed), job in panel.jobs():
        seen.setdefault(cell, set()).add((task, setting, seed, job.task, job.seed))
        held = list(panel.cells)[cell] == "without its biases"
        assert job.training.biases != held
        assert not held or job.cell == canonical(ZOO["lstm"])
    assert len({frozenset(runs) for runs in seen.values()}) == 1
    assert len({job.id for _, job in panel.jobs()}) == len(panel)


def test_a_cell_that_can_do_without_nothing_is_said() -> None:
    dead = tuple(replace(one, dead=GRU[1].dead or GRU[0].dead) for one in GRU[:2])
    with pytest.raises(UserError, match="gru has none of these parts, or needs them"):
        ablation_panel(("gru", ZOO["gru"]), dead, CONFIG, (), 2)
