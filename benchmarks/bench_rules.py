"""Which rules of evolution find better cells for the same cost: a simulation.

    python -m benchmarks.bench_rules [--rules paper "random search"] [--seeds 10]
        [--candidates 250] [--landscapes "planted mgu" pieces]
        [--out FILE]

Procedure, objective, logical clock and nominal costs are the real ones, of preset
`quick` with the seeds of the landscape. What runs come to is said by
`benchmarks.paired_world`. A search answers with the ten first of its table, since those
have finals; its quality is the best true value among them, which the search does not
know. The unit of cost is a run of the GRU, of which the opening's are left out.

For each landscape and rule: the quality when all rules have cost as much as the
cheapest one did in the end; how much that is above the paper's rule, seed by seed; the
cost to reach what random search has in the end (its median); mean depth of the ten.
Intervals are of 95 %, over seeds; of costs they are the quartiles.
"""

import argparse
import json
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
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config

PAPER: Final = "paper"
RANDOM: Final = "random search"

RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    PAPER: {},
    RANDOM: {"parents": "seeds"},
    "list of 5": {"list_size": 5},
    "list of 10": {"list_size": 10},
    "tournament": {"parents": "tournament"},
    "aged": {"parents": "aged"},
    "aged, list of 50": {"parents": "aged", "list_size": 50},
    "rare": {"parents": "rare"},
    "best": {"parents": "best"},
    "learn": {"learn": True},
    "single edits": {"edits": [1, 1]},
    "edits 1 to 5": {"edits": [1, 5]},
}
"""Name of a rule to the options of `[rules]` in which it differs from `quick`."""

LANDSCAPES: Final[Sequence[Landscape]] = (
    Children(),
    Planted("mut2"),
    Planted("mgu"),
    Planted("ugrnn"),
    Planted("lstm", ("gru",)),
    Planted("nascell"),
    Pieces(0),
    Pieces(1),
)

ANSWER: Final = 10
"""Cells that have finals."""


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


def simulate(landscape: Landscape, rule: str, seed: int, candidates: int) -> Outcome:
    """One search by a rule."""
    procedure = Procedure(_config(landscape, RULES[rule], seed, candidates))
    world, population = PairedWorld(landscape, procedure), procedure.population
    unit, spent = _unit(procedure.config), 0.0
    costs, qualities, answer = [0.0], [0.0], population.ranked[:ANSWER]
    for event in play(procedure, candidates, world):
        if not event.applied:
            continue
        spent += event.cost / unit if procedure.proposed else 0.0
        if procedure.opened:
            now = population.ranked[:ANSWER]
            if now == answer:
                continue
            answer, quality = now, max(map(world.quality, now))
            if quality != qualities[-1]:
                costs.append(round(spent, 2))
                qualities.append(round(quality, 4))
    return Outcome(
        landscape.name,
        rule,
        seed,
        round(spent, 1),
        procedure.proposed,
        len(population.ranked) - len(population.seeds),
        statistics.mean(one.depth for one in answer),
        tuple(costs),
        tuple(qualities),
    )


def _config(
    landscape: Landscape, rule: Mapping[str, Any], seed: int, candidates: int
) -> Config:
    return make_config(
        {
            "preset": "quick",
            "seed": seed,
            "seeds": list(landscape.seeds),
            "candidates": candidates,
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
        equal = min(one.cost for one in here)
        last = [one.at(equal) for one in here if one.rule == RANDOM]
        level = statistics.median(last) if last else 0.0
        print(
            f"\n{name}: quality after {equal:,.0f} runs, cost to reach {level:.3f}\n"
            f"{'rule':26}{'quality':>16}{'above the paper':>20}"
            f"{'cost to reach':>24}{'depth':>8}{'complete':>10}"
        )
        papers = {one.seed: one.at(equal) for one in here if one.rule == PAPER}
        for rule in dict.fromkeys(one.rule for one in here):
            own = [one for one in here if one.rule == rule]
            values = [one.at(equal) for one in own]
            pairs = [one.at(equal) - papers[one.seed] for one in own if papers]
            reached = np.array([one.reached(level) for one in own])
            quartiles = np.quantile(reached, [0.5, 0.25, 0.75], method="nearest")
            print(
                f"{rule:26}{_interval(values):>16}{_interval(pairs, '+'):>20}"
                f"{quartiles[0]:>10,.0f} ({quartiles[1]:,.0f} - {quartiles[2]:,.0f})"
                f"{statistics.mean(one.depth for one in own):8.1f}"
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
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Outcome(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})
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
    add("--candidates", type=int, default=250)
    add("--out", type=Path, help="a line a search; those it has are not repeated")
    options = parser.parse_args()
    begun, outcomes = process_time(), _read(options.out)
    done = {(one.landscape, one.rule, one.seed) for one in outcomes}
    for seed, name, rule in product(
        range(options.seeds), options.landscapes, options.rules
    ):
        if (name, rule, seed) in done:
            continue
        outcomes.append(simulate(names[name], rule, seed, options.candidates))
        if options.out:
            with options.out.open("a") as file:
                file.write(json.dumps(asdict(outcomes[-1])) + "\n")
    report(outcomes)
    print(f"\n{len(outcomes)} searches, {process_time() - begun:,.0f} CPU seconds")


if __name__ == "__main__":
    main()
