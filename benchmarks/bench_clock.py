"""How busy a search keeps its workers, and how deep its lineages are: a simulation.

    python -m benchmarks.bench_clock [--preset paper small] [--candidates 10000]
        [--in-flight 40] [--slots 4000] [--settings-per-job 1] [--seeds 3]
        [--workers 1 16 1000] [--sigma 0 0.1 0.3] [--once] [--blind]

Procedure, logical clock and nominal costs are the real ones. Trainings come to what
`benchmarks.landscape` says, where a mutant inherits its parent's quality. They take a
share of their nominal cost that is drawn from `data/durations.json` (see
`benchmarks.durations`), times a factor of the worker, log-normal with each sigma. The
last search is the first one with seeds as the only parents: what others reach beyond it
is what depth is for.

Depth and quality are means over seeds, with the standard deviation of depth. Of the
workers' time the busy share is shown, of the whole run and, after a slash, without its
beginning and end (`benchmarks.simulation.Work`).
"""

import argparse
import dataclasses
import itertools
import json
import statistics
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from benchmarks.durations import FILE, Draw, drawn
from benchmarks.landscape import Landscape, World
from benchmarks.simulation import Course, carry_out, follow
from search.procedure.config import Config
from search.procedure.presets import search_names
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config

PASSING: Final = 0.1
"""Share of mutants that pass the filter, as in the paper."""


def course(config: Config, candidates: int, share: Draw, *, seeds: bool) -> Course:
    """The course of a search.

    Args:
        config: The search.
        candidates: How many.
        share: What trainings take.
        seeds: Whether only seeds have mutants.
    """
    if seeds:
        rules = dataclasses.replace(config.rules, parents="seeds")
        config = dataclasses.replace(config, rules=rules)
    world = World(Landscape(len(config.tasks), PASSING))
    return follow(Procedure(config), candidates, world, share)


def slowness(workers: int, sigma: float) -> list[float]:
    """How many times the usual time each worker takes."""
    rng = np.random.default_rng(workers)
    return [float(factor) for factor in np.exp(sigma * rng.standard_normal(workers))]


def report(options: argparse.Namespace) -> None:
    """Simulates, and prints the tables."""
    durations = json.loads(FILE.read_text())
    share = drawn(durations)
    print(f"durations: {durations['source']}")
    for preset in options.preset:
        print(f"\n{preset}, {options.candidates:,} candidates\n{HEAD}", end="")
        print("".join(f"{f'{count:,} workers':>18}" for count in options.workers))
        grid = itertools.product(
            options.in_flight, options.slots, options.settings_per_job
        )
        searches = [(numbers, False) for numbers in grid]
        for numbers, seeds in [*searches, (searches[0][0], True)]:
            configs = [
                clocked(preset, options.candidates, *numbers, seed)
                for seed in range(1, options.seeds + 1)
            ]
            done = [
                course(config, options.candidates, share, seeds=seeds)
                for config in configs
            ]
            print(row(configs[0], done, options.candidates), end="")
            print(" (seeds only)" if seeds else "")
            for sigma in () if seeds else options.sigma:
                cells = [
                    busy(done[0], slowness(count, sigma), options)
                    for count in options.workers
                ]
                print(f"{f'sigma {sigma:g}':>{len(HEAD)}}" + "".join(cells), flush=True)


HEAD: Final = (
    f"{'in flight':>9}{'slots':>7}{'per job':>8}{'trainings':>10}{'jobs':>8}"
    f"{'depth':>12}{'quality':>9}"
)


def clocked(
    preset: str, candidates: int, in_flight: int, slots: int, size: int, seed: int = 1
) -> Config:
    """The configuration of a preset with other numbers; 0: the default."""
    given = {"in_flight": in_flight, "slots": slots, "settings_per_job": size}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value}
    return make_config(
        {"preset": preset, "seed": seed, "candidates": candidates, "rules": changes}
    )


def row(config: Config, done: Sequence[Course], candidates: int) -> str:
    """The line of a search: its numbers, and means over its courses."""
    rules, count = config.rules, candidates * len(done)
    trainings = sum(one.trainings for one in done) / count
    jobs = sum(len(one.ends) for one in done) / count
    depths = [one.depth for one in done]
    depth = f"{statistics.fmean(depths):.1f} ±{statistics.pstdev(depths):.1f}"
    quality = statistics.fmean(one.quality for one in done)
    return (
        f"{rules.in_flight:>9}{rules.slots:>7}{rules.settings_per_job:>8}"
        f"{trainings:>10.1f}{jobs:>8.1f}{depth:>12}{quality:>+9.3f}"
    )


def busy(done: Course, factors: Sequence[float], options: argparse.Namespace) -> str:
    """Busy shares of some workers."""
    twice, aware = not options.once, not options.blind
    work = carry_out(done, factors, twice=twice, aware=aware)
    return f"{f'{work.busy:.1%} / {work.steady:.1%}':>18}"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--preset", nargs="+", choices=search_names(), default=["paper", "small"])
    add("--candidates", type=int, default=10_000)
    add("--in-flight", type=int, nargs="+", default=[0], help="0: the default")
    add("--slots", type=int, nargs="+", default=[0], help="0: the default")
    add("--settings-per-job", type=int, nargs="+", default=[0], help="0: the preset's")
    add("--seeds", type=int, default=1, help="searches that are averaged (1)")
    add("--workers", type=int, nargs="+", default=[1, 16, 1000])
    add("--sigma", type=float, nargs="+", default=[0.0, 0.1, 0.3])
    add("--once", action="store_true", help="idle workers repeat nothing")
    add("--blind", action="store_true", help="slow workers get what is urgent, too")
    report(parser.parse_args())


if __name__ == "__main__":
    main()
