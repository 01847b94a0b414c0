"""Settings per core-minute: our evaluation against a plain program in Flax.

    python -m benchmarks.bench_evaluate [--cells gru mut1] [--settings 20] [--budget N]
        [--noise] [--fraction F]

Both search the same settings of arithmetic in the preset `small` for the best one, on
the same windows, on one core with one thread. Ours is what `cellsearch evaluate` does
in its own process: compiled once, with a race. The other is what a JAX user writes
first (`plain_flax`): a Flax cell under `nn.RNN`, an update that each setting compiles
anew, all settings trained to the end. The ratio is one of CPU seconds, which other work
on the machine hardly changes; wall seconds stand beside them.

Flax's GRU resets after the matrix, ours before, as printed in the 2015 paper;
`gru_reset_after` compares the same function on both sides.
"""

import argparse
import math
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, Self

os.environ["NPROC"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import jax
import jax.numpy as jnp

from benchmarks.plain_flax import CELLS, FlaxProgram
from cells import ZOO
from search.contest.contest import Contest
from search.contest.ledger import Ledger
from search.contest.request import Request, make_contests
from search.contest.spectator import Label, Overview
from search.contest.tournament import Tournament, settings_per_job
from search.errors import UserError
from search.procedure.reader import make_scoring
from workers import Evaluation, InlinePool, Setting, TaskSpec, make_model

TASK: Final = "arithmetic"
SEEDS: Final = 3
"""Fresh seeds of each winner with `--noise`."""


class Clock:
    """Measures CPU and wall seconds of a block."""

    def __enter__(self) -> Self:
        """Starts."""
        self._start = (time.process_time(), time.perf_counter())
        return self

    def __exit__(self, *_: object) -> None:
        """Stops; `cpu_s` is of all threads of this process."""
        self.cpu_s = time.process_time() - self._start[0]
        self.wall_s = time.perf_counter() - self._start[1]


class Outcome(NamedTuple):
    """What one program came to on one cell.

    Attributes:
        name: Of the program.
        cpu_s: CPU seconds in all.
        wall_s: Wall seconds in all.
        compile_s: Wall seconds of tracing and compiling among them.
        best: Best validation metric of all settings; None if every setting failed.
        setting: The one that reached it.
        fresh: Metrics of that setting with fresh seeds, not counted in the seconds.
    """

    name: str
    cpu_s: float
    wall_s: float
    compile_s: float
    best: float | None
    setting: Setting | None
    fresh: tuple[float, ...] = ()


def ours(contest: Contest, noise: bool) -> Outcome:
    """Scores a cell as `cellsearch evaluate` does, results kept in memory."""
    pool = InlinePool(platforms="cpu")
    size = settings_per_job("cpu")
    with Ledger.open(None) as results:
        with Clock() as clock:
            Tournament([contest], results).play(pool, Quiet(), size)
        winner = contest.outcome(results.trainings).winner
        compile_s = results.spent().compile_s
        fresh: tuple[float, ...] = ()
        if noise and winner is not None:
            again = replace(contest, repeats=SEEDS)
            Tournament([again], results).play(pool, Quiet(), size)
            repeats = again.outcome(results.trainings).repeats
            fresh = tuple(run.best for run in repeats if run.best is not None)
    pool.close()
    return Outcome(
        name="cellsearch",
        cpu_s=clock.cpu_s,
        wall_s=clock.wall_s,
        compile_s=compile_s,
        best=winner.best if winner else None,
        setting=winner.setting if winner else None,
        fresh=fresh,
    )


class Quiet:
    """A spectator that says nothing: printing is not measured."""

    def note(self, text: str) -> None:
        """Nothing."""

    def update(self, overview: Overview) -> None:
        """Nothing."""

    def finished(self, label: Label, evaluation: Evaluation) -> None:
        """Nothing."""


def flax(
    contest: Contest, settings: Sequence[Setting], noise: bool
) -> tuple[Outcome, int]:
    """Runs the plain program; returns its outcome and its number of weights.

    With fewer settings than the contest's, seconds are extrapolated to all of them.
    """
    width = model_of(contest).width
    with Clock() as once:
        program = FlaxProgram(contest.name, width, spec_of(contest, 0))
    shared_s = program.compile_s
    with Clock() as each:
        found = [
            program.train(setting, contest.budget, seed)
            for seed, setting in enumerate(settings)
        ]
    best = max(found)
    winner = settings[found.index(best)]
    factor = len(contest.settings) / len(settings)
    compile_s = shared_s + factor * (program.compile_s - shared_s)
    fresh = []
    for repeat in range(1, SEEDS + 1) if noise else ():
        other = FlaxProgram(contest.name, width, spec_of(contest, repeat))
        fresh.append(other.train(winner, contest.budget, 1_000 + repeat))
    outcome = Outcome(
        name="flax",
        cpu_s=once.cpu_s + factor * each.cpu_s,
        wall_s=once.wall_s + factor * each.wall_s,
        compile_s=compile_s,
        best=best,
        setting=winner,
        fresh=tuple(fresh),
    )
    return outcome, program.num_params


def spec_of(contest: Contest, repeat: int) -> TaskSpec:
    """The task with the seed that our jobs of a repeat have: the same windows."""
    return contest.job(contest.settings[:1], contest.budget, repeat).task


def model_of(contest: Contest) -> Any:
    """The model that our jobs train: `model_width` decides its width."""
    return make_model(contest.cell, contest.settings[0].shape, contest.task.task)


def report(contest: Contest, fraction: float, noise: bool) -> None:
    """Measures one cell and prints what came out."""
    count = len(contest.settings)
    timed = contest.settings[: math.ceil(fraction * count)]
    own = ours(contest, noise)
    other, weights = flax(contest, timed, noise)
    model = model_of(contest)
    print(
        f"\n{contest.name}: {count} settings, {contest.budget:,} updates, width "
        f"{model.width}; {model.num_params:,} weights, in Flax {weights:,}"
    )
    print(
        f"{'':12}{'CPU s':>9}{'wall s':>9}{'compiling':>11}{'settings/core-min':>19}"
        f"{'best':>9}  winner"
    )
    for row in (own, other):
        print(
            f"{row.name:<12}{row.cpu_s:>9.1f}{row.wall_s:>9.1f}"
            f"{row.compile_s / row.wall_s:>11.0%}{60 * count / row.cpu_s:>19.1f}"
            f"{number(row.best):>9}  {describe(row.setting)}"
        )
    if len(timed) < count:
        print(
            f"flax: {len(timed)} of {count} settings were timed, their seconds are "
            f"extrapolated linearly; its best is the best of those {len(timed)} only"
        )
    print(
        f"flax takes {other.cpu_s / own.cpu_s:.2f} x the CPU time, "
        f"{other.wall_s / own.wall_s:.2f} x the wall time"
    )
    if own.best is not None and other.best is not None:
        print(f"best metric, ours less flax's: {own.best - other.best:+.4f}")
    for row in (own, other) if noise else ():
        print(spread(row), flush=True)


def number(value: float | None) -> str:
    """A metric, or a dash."""
    return "-" if value is None else f"{value:.4f}"


def describe(setting: Setting | None) -> str:
    """A setting in a few words."""
    if setting is None:
        return "-"
    return f"scale {setting.scale:g}, rate {setting.rate:g}, clip {setting.clip:g}"


def spread(row: Outcome) -> str:
    """Mean and standard deviation of a winner over fresh seeds."""
    if len(row.fresh) < 2:
        return f"{row.name}'s winner failed with fresh seeds"
    mean, deviation = statistics.fmean(row.fresh), statistics.stdev(row.fresh)
    return (
        f"{row.name}'s winner over {len(row.fresh)} fresh seeds "
        f"{mean:.4f} (standard deviation {deviation:.4f})"
    )


def main() -> None:
    """Measures and prints, cell by cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--cells", nargs="+", choices=tuple(CELLS), default=["gru", "mut1"])
    add("--settings", type=int, default=20)
    add("--budget", type=int, help="updates of a setting (the preset's)")
    add("--noise", action="store_true", help="train each winner with 3 fresh seeds")
    add(
        "--fraction",
        type=float,
        default=1.0,
        metavar="F",
        help="train the first part F of the settings in Flax, and extrapolate (1)",
    )
    options = parser.parse_args()
    if not 0 < options.fraction <= 1:
        parser.error(f"--fraction must be in (0, 1], got {options.fraction}")
    request = Request(
        cells=tuple((name, ZOO[name]) for name in options.cells),
        tasks=(TASK,),
        preset=make_scoring({"preset": "small"}),
        settings=options.settings,
        repeats=0,
        budget=options.budget,
        baseline=None,
    )
    try:
        contests = make_contests(request)
    except UserError as error:
        parser.error(str(error))
    print(f"{TASK}; jax {jax.__version__}; one core, one thread")
    jax.block_until_ready(jnp.zeros(1) + 1)  # starts JAX before anything is measured
    for contest in contests:
        report(contest, options.fraction, options.noise)


if __name__ == "__main__":
    main()
