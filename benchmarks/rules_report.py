"""Simulated searches by rules of evolution, and what is said of them in tables."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

PAPER: Final = "paper"
RANDOM: Final = "random search"


@dataclass(frozen=True)
class Outcome:
    """One simulated search.

    Attributes:
        landscape: Its name.
        rule: Its name.
        seed: Of the search.
        cost: Of all runs after the opening, in runs of the baseline.
        proposed: Mutants.
        complete: Mutants that have had the whole panel.
        depth: Mean lineage depth of its answer.
        mean: Mean true value of its answer.
        costs: Where the quality of its answer changed.
        qualities: To what.
    """

    landscape: str
    rule: str
    seed: int
    cost: float
    proposed: int
    complete: int
    depth: float
    mean: float
    costs: tuple[float, ...]
    qualities: tuple[float, ...]

    def at(self, cost: float) -> float:
        """Quality of its answer when it had cost so much."""
        index = int(np.searchsorted(self.costs, cost, side="right")) - 1
        return self.qualities[index]

    def reached(self, quality: float) -> float:
        """What it had cost when its answer first was that good; infinity: never."""
        pairs = zip(self.costs, self.qualities, strict=True)
        return next((cost for cost, own in pairs if own >= quality), np.inf)


def read(path: Path | None) -> list[Outcome]:
    """The searches of a file; a run that was stopped goes on after them."""
    if path is None or not path.exists():
        return []
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in path.read_text().splitlines()
    ]
    return [
        Outcome(
            **{
                **row,
                "costs": tuple(row["costs"]),
                "qualities": tuple(row["qualities"]),
            }
        )
        for row in rows
    ]


def report(outcomes: Sequence[Outcome], beside: str = PAPER) -> None:
    """Prints a table for each landscape, and one for all.

    Args:
        outcomes: The searches.
        beside: The rule that the others are compared with, seed by seed.
    """
    for name in dict.fromkeys(one.landscape for one in outcomes):
        here = [one for one in outcomes if one.landscape == name]
        level = _level(here)
        print(
            f"\n{name}: quality after {max(one.cost for one in here):,.0f} runs, cost "
            f"to reach {level:.3f}\n{'rule':30}{'searches':>9}{'quality':>15}"
            f"{'above ' + beside:>17}{'mean of ten':>17}{'cost to reach':>24}"
            f"{'depth':>7}{'proposed':>10}{'complete':>10}"
        )
        others = {one.seed: one for one in here if one.rule == beside}
        for rule in dict.fromkeys(one.rule for one in here):
            own = [one for one in here if one.rule == rule]
            print(f"{rule:30}{len(own):>9}{_row(own, others, level)}")
    _report_all(outcomes, beside)


def _level(here: Sequence[Outcome]) -> float:
    """What random search has in the end in a landscape: its median."""
    last = [one.at(one.cost) for one in here if one.rule == RANDOM]
    return statistics.median(last) if last else 0.0


class _Pair(NamedTuple):
    """A search and the one of its seed by the other rule.

    Attributes:
        quality: How much better it was, in standard deviations of the landscape.
        mean: The same of the mean of ten.
        sooner: 1 if it reached the level at less cost, 0 if the other did, half if
            both at the same; None: neither did.
        depth: Of its answer.
    """

    quality: float
    mean: float
    sooner: float | None
    depth: float


def _report_all(outcomes: Sequence[Outcome], beside: str) -> None:
    """Prints what rules are above another one over all landscapes together."""
    print(
        f"\nall landscapes: above {beside}, in standard deviations of a landscape's "
        f"searches\n{'rule':30}{'searches':>9}{'quality':>15}{'mean of ten':>17}"
        f"{'sooner':>15}{'depth':>7}"
    )
    pairs: dict[str, list[_Pair]] = {}
    for name in dict.fromkeys(one.landscape for one in outcomes):
        for rule, pair in _pairs([o for o in outcomes if o.landscape == name], beside):
            pairs.setdefault(rule, []).append(pair)
    for rule, rows in pairs.items():
        sooner = [row.sooner for row in rows if row.sooner is not None]
        quality = _interval([row.quality for row in rows], "+")
        mean = _interval([row.mean for row in rows], "+")
        print(
            f"{rule:30}{len(rows):>9}{quality:>15}{mean:>17}{_interval(sooner):>15}"
            f"{statistics.mean(row.depth for row in rows):7.1f}"
        )


def _pairs(here: Sequence[Outcome], beside: str) -> Iterator[tuple[str, _Pair]]:
    """The rule and the pair of every search of a landscape that has one."""
    others = {one.seed: one for one in here if one.rule == beside}
    spread = statistics.pstdev(one.at(one.cost) for one in here) or 1.0
    spread_ten = statistics.pstdev(one.mean for one in here) or 1.0
    level = _level(here)
    for one in here:
        if other := others.get(one.seed):
            own, its = one.reached(level), other.reached(level)
            yield (
                one.rule,
                _Pair(
                    (one.at(one.cost) - other.at(other.cost)) / spread,
                    (one.mean - other.mean) / spread_ten,
                    None if own == its == np.inf else (own < its) + 0.5 * (own == its),
                    one.depth,
                ),
            )


def _row(own: Sequence[Outcome], others: Mapping[int, Outcome], level: float) -> str:
    """What a table says of the searches by one rule."""
    pairs = [(one, others[one.seed]) for one in own if one.seed in others]
    above = [one.at(one.cost) - other.at(other.cost) for one, other in pairs]
    means = [one.mean - other.mean for one, other in pairs]
    reached = np.array([one.reached(level) for one in own])
    middle, low, high = np.quantile(reached, [0.5, 0.25, 0.75], method="nearest")
    return (
        f"{_interval([one.at(one.cost) for one in own]):>15}"
        f"{_interval(above, '+'):>17}{_interval(means, '+'):>17}"
        f"{middle:>10,.0f} ({low:,.0f} - {high:,.0f})"
        f"{statistics.mean(one.depth for one in own):7.1f}"
        f"{statistics.mean(one.proposed for one in own):10.0f}"
        f"{statistics.mean(one.complete for one in own):10.0f}"
    )


def _interval(values: Sequence[float], sign: str = "") -> str:
    """Mean and half a 95 % interval of it."""
    if len(values) < 2:
        return f"{values[0]:{sign}.3f}" if values else ""
    from scipy.special import stdtrit

    error = statistics.stdev(values) / len(values) ** 0.5
    half = float(stdtrit(len(values) - 1, 0.975)) * error
    return f"{statistics.mean(values):{sign}.3f} ±{half:.3f}"
