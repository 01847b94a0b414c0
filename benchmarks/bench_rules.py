"""Which rules of evolution find better cells for the same cost: a simulation.

    python -m benchmarks.bench_rules [--rules paper "random search"] [--seeds 10]
        [--candidates 1000] [--runs 8000] [--landscapes "planted mgu" pieces]
        [--out FILE]

Procedure, objective, logical clock and nominal costs are the real ones, of preset
`quick` with the seeds of the landscape. What runs come to is said by
`benchmarks.paired_world`. A search answers with the ten first mutants of its table,
since those have finals; its quality is the best true value among them, which the search
does not know. The unit of cost is a run of the GRU; the opening's are left out. All
searches end when they have cost the same.

For each landscape and rule: the quality at the end; how much that is above the paper's
rule, seed by seed; the same of the mean over the ten; the cost to reach what random
search has in the end (its median); mean depth of the ten; mutants that were proposed,
and that had the whole panel. Intervals are of 95 %, over seeds; of costs they are the
quartiles.
"""

import argparse
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any, Final

import numpy as np

from benchmarks.children import Children
from benchmarks.paired_world import Landscape, PairedWorld, Pieces, Planted
from benchmarks.simulation import play
from search.loop.orders import KNOWN_S, Orders
from search.procedure.config import Config
from search.procedure.moves import Order
from search.procedure.population import Member
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config

PAPER: Final = "paper"
RANDOM: Final = "random search"

RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    PAPER: {},
    RANDOM: {"parents": "seeds"},
    "list of 3": {"list_size": 3},
    "list of 5": {"list_size": 5},
    "list of 10": {"list_size": 10},
    "random, list of 5": {"parents": "seeds", "list_size": 5},
    "single edits": {"edits": [1, 1]},
    "edits 1 to 5": {"edits": [1, 5]},
}
"""Name of a rule to the options of `[rules]` in which it differs from `quick`."""

LANDSCAPES: Final[Sequence[Landscape]] = (
    Children(),
    Planted("mut2"),
    Planted("mgu"),
    Planted("ugrnn"),
    Planted("nascell"),
    Pieces(0),
    Pieces(1),
)

ANSWER: Final = 10
"""Cells that have finals."""

NOTHING: Final = -1.0
"""Quality of a search that has no mutant to answer with."""


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


def simulate(
    landscape: Landscape, rule: str, seed: int, candidates: int, runs: float = math.inf
) -> Outcome:
    """One search by a rule.

    Args:
        landscape: Its world.
        rule: A key of `RULES`.
        seed: Of the search.
        candidates: Mutants at most.
        runs: What it may cost.
    """
    procedure = Procedure(_config(landscape, RULES[rule], seed))
    world, population = PairedWorld(landscape, procedure), procedure.population
    unit, spent = _unit(procedure.config), 0.0
    costs, qualities, answer = [0.0], [NOTHING], list[Member]()
    for event in play(procedure, candidates, world):
        if not event.applied or not procedure.proposed:
            continue
        spent += event.cost / unit
        if spent > runs:
            break
        mutants = [one for one in population.ranked if one.is_candidate]
        if mutants[:ANSWER] == answer:
            continue
        answer = mutants[:ANSWER]
        quality = round(max(map(world.quality, answer)), 4)
        if quality != qualities[-1]:
            costs.append(round(spent, 2))
            qualities.append(quality)
    return Outcome(
        landscape.name,
        rule,
        seed,
        round(spent, 1),
        procedure.proposed,
        len(population.ranked) - len(population.seeds),
        statistics.mean(one.depth for one in answer) if answer else 0.0,
        statistics.mean(map(world.quality, answer)) if answer else NOTHING,
        tuple(costs),
        tuple(qualities),
    )


def _config(landscape: Landscape, rule: Mapping[str, Any], seed: int) -> Config:
    return make_config(
        {
            "preset": "quick",
            "seed": seed,
            "seeds": list(landscape.seeds),
            "rules": {"settings_per_job": 6, **rule},  # fewer jobs are faster
        }
    )


def _unit(config: Config) -> float:
    """Nominal seconds of a run of the baseline on the first task, once compiled."""
    assert config.objective is not None
    order = Order(0, "", 0, config.objective.panel[1:2], config.tasks[0].plan.budget)
    return Orders(config).cost(order, config.baseline_cell) - KNOWN_S


def report(outcomes: Sequence[Outcome]) -> None:
    """Prints a table for each landscape."""
    for name in dict.fromkeys(one.landscape for one in outcomes):
        here = [one for one in outcomes if one.landscape == name]
        last = [one.at(one.cost) for one in here if one.rule == RANDOM]
        level = statistics.median(last) if last else 0.0
        print(
            f"\n{name}: quality after {max(one.cost for one in here):,.0f} runs, cost "
            f"to reach {level:.3f}\n{'rule':22}{'searches':>9}{'quality':>15}"
            f"{'above the paper':>17}{'mean of ten':>17}{'cost to reach':>24}"
            f"{'depth':>7}{'proposed':>10}{'complete':>10}"
        )
        papers = {one.seed: one for one in here if one.rule == PAPER}
        for rule in dict.fromkeys(one.rule for one in here):
            own = [one for one in here if one.rule == rule]
            print(f"{rule:22}{len(own):>9}{_row(own, papers, level)}")
    _report_all(outcomes)


def _report_all(outcomes: Sequence[Outcome]) -> None:
    """Prints what rules are above the paper's over all landscapes together."""
    print(
        "\nall landscapes: above the paper, in standard deviations of a landscape's "
        f"searches\n{'rule':22}{'searches':>9}{'quality':>15}{'mean of ten':>17}"
    )
    pairs: dict[str, list[tuple[float, float]]] = {}
    for name in dict.fromkeys(one.landscape for one in outcomes):
        here = [one for one in outcomes if one.landscape == name]
        papers = {one.seed: one for one in here if one.rule == PAPER}
        spread = statistics.pstdev(one.at(one.cost) for one in here) or 1.0
        spread_ten = statistics.pstdev(one.mean for one in here) or 1.0
        for one in here:
            if paper := papers.get(one.seed):
                above = (one.at(one.cost) - paper.at(paper.cost)) / spread
                ten = (one.mean - paper.mean) / spread_ten
                pairs.setdefault(one.rule, []).append((above, ten))
    for rule, rows in pairs.items():
        qualities, means = (_interval(one, "+") for one in zip(*rows, strict=True))
        print(f"{rule:22}{len(rows):>9}{qualities:>15}{means:>17}")


def _row(own: Sequence[Outcome], papers: Mapping[int, Outcome], level: float) -> str:
    """What a table says of the searches by one rule."""
    pairs = [(one, papers[one.seed]) for one in own if one.seed in papers]
    above = [one.at(one.cost) - paper.at(paper.cost) for one, paper in pairs]
    means = [one.mean - paper.mean for one, paper in pairs]
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


def _read(path: Path | None) -> list[Outcome]:
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


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Which rules of evolution pay.")
    add = parser.add_argument
    add("--rules", nargs="+", choices=list(RULES), default=list(RULES))
    names = {landscape.name: landscape for landscape in LANDSCAPES}
    add("--landscapes", nargs="+", choices=list(names), default=list(names))
    add("--seeds", type=int, default=10, help="searches by each rule in each landscape")
    add("--candidates", type=int, default=1_000, help="mutants at most")
    add("--runs", type=float, default=8_000, help="what a search may cost")
    add("--out", type=Path, help="a line a search; those it has are not repeated")
    options = parser.parse_args()
    begun, outcomes = process_time(), _read(options.out)
    done = {(one.landscape, one.rule, one.seed) for one in outcomes}
    for seed, name, rule in product(
        range(options.seeds), options.landscapes, options.rules
    ):
        if (name, rule, seed) in done:
            continue
        outcomes.append(
            simulate(names[name], rule, seed, options.candidates, options.runs)
        )
        if options.out:
            with options.out.open("a") as file:
                file.write(json.dumps(asdict(outcomes[-1])) + "\n")
    report(outcomes)
    print(f"\n{len(outcomes)} searches, {process_time() - begun:,.0f} CPU seconds")


if __name__ == "__main__":
    main()
