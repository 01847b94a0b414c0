"""How busy a search keeps its workers, and how deep its lineages are: a simulation.

    python -m benchmarks.bench_clock [--preset paper small] [--candidates 10000]
        [--in-flight 100] [--slots 400] [--settings-per-job 1] [--workers 1 16 1000]

Procedure, logical clock and nominal costs are the real ones. Trainings come to what
`benchmarks.landscape` says, where a mutant inherits its parent's quality. They take a
share of their nominal cost that is drawn from `data/durations.json` (see
`benchmarks.durations`), times a factor of the worker (log-normal, sigma 0.3). The last
row of a preset is the first one's search with seeds as the only parents: what evolution
adds to it is what depth is for.
"""

import argparse
import dataclasses
import itertools
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from benchmarks.durations import FILE, Draw, drawn
from benchmarks.landscape import Landscape, World
from benchmarks.simulation import Course, carry_out, follow
from cells import digest
from search.config import SEARCH_PRESETS, Config, make_config
from search.population import Member, Population
from search.procedure import Procedure

SIGMA: Final = 0.3
"""Of the logarithm of how long workers take."""

PASSING: Final = 0.1
"""Share of mutants that pass the filter, as in the paper."""


class SeedsOnly(Population):
    """A population in which nobody but the seeds has mutants."""

    @property
    def list_length(self) -> int:
        """How many may have mutants."""
        return len(self.seeds)

    def at(self, rank: int) -> Member:
        """One of the seeds."""
        return self.seeds[rank]


def course(config: Config, candidates: int, share: Draw, *, seeds: bool) -> Course:
    """The course of a search.

    Args:
        config: The search.
        candidates: How many.
        share: What trainings take.
        seeds: Whether only seeds have mutants.
    """
    procedure = Procedure(config)
    if seeds:
        baseline = dict((*config.seeds, *config.references))[config.baseline]
        procedure.population = SeedsOnly(
            config.tasks, config.rules.list_size, digest(baseline)
        )
    world = World(Landscape(len(config.tasks), PASSING))
    return follow(procedure, candidates, world, share)


def slowness(workers: int) -> list[float]:
    """How many times the usual time each worker takes."""
    rng = np.random.default_rng(workers)
    factors = np.exp(SIGMA * rng.standard_normal(workers))
    return [float(factor) for factor in factors]


def report(options: argparse.Namespace) -> None:
    """Simulates, and prints a row for each search."""
    durations = json.loads(FILE.read_text())
    share = drawn(durations)
    print(f"durations: {durations['source']}; speeds log-normal, sigma {SIGMA}")
    for preset in options.preset:
        print(f"\n{preset}, {options.candidates:,} candidates")
        busy = "".join(f"{f'{w:,} workers':>18}" for w in options.workers)
        print(HEAD + busy, flush=True)
        searches = list(
            itertools.product(
                options.in_flight, options.slots, options.settings_per_job, [False]
            )
        )
        for in_flight, slots, size, seeds in [*searches, (*searches[0][:3], True)]:
            config = clocked(preset, options.candidates, in_flight, slots, size)
            done = course(config, options.candidates, share, seeds=seeds)
            line = row(config, done, options.candidates, options.workers)
            print(line + (" seeds only" if seeds else ""), flush=True)


HEAD: Final = (
    f"{'in flight':>9}{'slots':>7}{'per job':>8}{'trainings':>10}{'jobs':>8}"
    f"{'depth':>7}{'quality':>9}"
)


def clocked(
    preset: str, candidates: int, in_flight: int, slots: int, size: int
) -> Config:
    """The configuration of a preset with other numbers; 0: the default."""
    given = {"in_flight": in_flight, "slots": slots, "settings_per_job": size}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value}
    return make_config(
        preset,
        seed=1,
        candidates=candidates,
        rules=lambda rules: dataclasses.replace(rules, **changes),
    )


def row(config: Config, done: Course, candidates: int, workers: Sequence[int]) -> str:
    """A line of the table."""
    rules, line = config.rules, ""
    line += f"{rules.in_flight:>9}{rules.slots:>7}{rules.settings_per_job:>8}"
    line += f"{done.trainings / candidates:>10.1f}{len(done.ends) / candidates:>8.1f}"
    line += f"{done.depth:>7.1f}{done.quality:>+9.3f}"
    for count in workers:
        once, twice = (
            carry_out(done, slowness(count), twice=again) for again in (False, True)
        )
        line += f"{once.busy:>11.1%}{twice.busy:>7.1%}"
    return line


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add(
        "--preset", nargs="+", choices=tuple(SEARCH_PRESETS), default=["paper", "small"]
    )
    add("--candidates", type=int, default=10_000)
    add("--in-flight", type=int, nargs="+", default=[0], help="0: the default")
    add("--slots", type=int, nargs="+", default=[0], help="0: the default")
    add("--settings-per-job", type=int, nargs="+", default=[0], help="0: the preset's")
    add("--workers", type=int, nargs="+", default=[1, 16, 1000])
    report(parser.parse_args())


if __name__ == "__main__":
    main()
