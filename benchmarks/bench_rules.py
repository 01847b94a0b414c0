"""Which rules of evolution find better cells for the same cost: a simulation.

    python -m benchmarks.bench_rules [--rules paper "random search"] [--seeds 10]
        [--candidates 1000] [--runs 8000] [--landscapes "planted mgu" pieces]
        [--beside "list of 5"] [--nasbench FILE] [--out FILE]

Procedure, objective, logical clock and nominal costs are the real ones, of preset
`quick` with the seeds of the landscape. What runs come to is said by
`benchmarks.paired_world`. A search answers with the ten first mutants of its table,
since those have finals; its quality is the best true value among them, which the search
does not know. The unit of cost is a run of the GRU; the opening's are left out. All
searches end when they have cost the same.

For each landscape and rule: the quality at the end; how much that is above the paper's
rule (or the one of `--beside`), seed by seed; the same of the mean over the ten; the
cost to reach what random search has in the end (its median); mean depth of the ten;
mutants that were proposed, and that had the whole panel. Intervals are of 95 %, over
seeds; of costs they are the quartiles. Of all landscapes together: how often a search
was there sooner than its pair, of those of which one arrived.

One landscape is made of published cells that are no part of the project: see
`benchmarks.nasbench`. Without that file it is left out.
"""

import argparse
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice, product
from pathlib import Path
from time import process_time
from typing import Any, Final

from benchmarks.children import Children
from benchmarks.nasbench import NasBench
from benchmarks.paired_world import Landscape, PairedWorld, Pieces, Planted
from benchmarks.rules_report import PAPER, RANDOM, Outcome, read, report
from benchmarks.simulation import play
from search.loop.orders import KNOWN_S, Orders
from search.procedure.config import Config
from search.procedure.members import Member
from search.procedure.moves import Order
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config

RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    PAPER: {},
    RANDOM: {"parents": "seeds"},
    "list of 3": {"list_size": 3},
    "list of 5": {"list_size": 5},
    "list of 10": {"list_size": 10},
    "random, list of 5": {"parents": "seeds", "list_size": 5},
    "single edits": {"edits": [1, 1]},
    "edits 1 to 5": {"edits": [1, 5]},
    "crossover, list of 5": {"list_size": 5, "crossover": 0.5},
}
"""Name of a rule to the options of `[rules]` in which it differs from `quick`. A list
that it does not name is of 15, as the preset's was at first, and nothing is crossed."""

LANDSCAPES: Final[Sequence[Landscape]] = (
    Children(),
    Planted("lstm_b"),
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
        mutants = (one for one in population.ranked if one.is_candidate)
        first = list(islice(mutants, ANSWER))
        if first == answer:
            continue
        answer = first
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
            # Fewer jobs are faster; and nothing diverges where nothing is trained.
            "rules": {
                "settings_per_job": 6,
                "largest": 0.0,
                "list_size": 15,
                "crossover": 0.0,
                **rule,
            },
        }
    )


def _unit(config: Config) -> float:
    """Nominal seconds of a run of the baseline on the first task, once compiled."""
    assert config.objective is not None
    order = Order(0, "", 0, config.objective.panel[1:2], config.tasks[0].plan.budget)
    return Orders(config).cost(order, config.baseline_cell) - KNOWN_S


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Which rules of evolution pay.")
    add = parser.add_argument
    add("--rules", nargs="+", choices=list(RULES), default=list(RULES))
    names = [*(landscape.name for landscape in LANDSCAPES), NasBench.name]
    add("--landscapes", nargs="+", choices=names, default=names)
    add("--seeds", type=int, default=10, help="searches by each rule in each landscape")
    add("--candidates", type=int, default=1_000, help="mutants at most")
    add("--runs", type=float, default=8_000, help="what a search may cost")
    add(
        "--beside",
        choices=list(RULES),
        default=PAPER,
        help="the rule that the others are compared with",
    )
    add("--nasbench", type=Path, help="the published cells; without them no such world")
    add("--out", type=Path, help="a line a search; those it has are not repeated")
    options = parser.parse_args()
    begun, outcomes = process_time(), read(options.out)
    landscapes = _landscapes(options.landscapes, options.nasbench)
    done = {(one.landscape, one.rule, one.seed) for one in outcomes}
    for seed, landscape, rule in product(
        range(options.seeds), landscapes, options.rules
    ):
        if (landscape.name, rule, seed) in done:
            continue
        outcomes.append(
            simulate(landscape, rule, seed, options.candidates, options.runs)
        )
        if options.out:
            with options.out.open("a") as file:
                file.write(json.dumps(asdict(outcomes[-1])) + "\n")
    report(outcomes, options.beside)
    print(f"\n{len(outcomes)} searches, {process_time() - begun:,.0f} CPU seconds")


def _landscapes(names: Sequence[str], nasbench: Path | None) -> list[Landscape]:
    """Those of these names; that of published cells where they are and tell others."""
    found = [landscape for landscape in LANDSCAPES if landscape.name in names]
    if NasBench.name not in names:
        return found
    if nasbench is None or not nasbench.exists():
        missing = (
            "it needs --nasbench FILE"
            if nasbench is None
            else f"since there is no {nasbench}"
        )
        print(f"{NasBench.name}: left out, {missing}")
        return found
    landscape = NasBench(nasbench)
    told = landscape.prediction()
    print(f"{NasBench.name}: {told.text}{'' if told.tells else ': left out'}")
    return [*found, landscape] if told.tells else found


if __name__ == "__main__":
    main()
