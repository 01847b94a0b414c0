"""What a preset tells apart: best, spread over seeds and cost, by updates.

Run as `python -m benchmarks.calibrate_small [CELL...] [--tasks A,B] [--settings N]
[--seeds N] [--budget N] [--parameters N] [--workers N] [--out DIR]`. Each cell gets N
settings, all trained to the end, and the best of them again with fresh seeds. Printed
are, for each task: the best of all settings and the mean and standard deviation over
seeds of the best one, after 1/9, 2/9, ... of the budget; how good each value of the
grid can be; what a race would have lost; and seconds a setting. Results are kept, and
the same command goes on where it was.
"""

import argparse
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.calibrate_racing import race
from search.commands.pools import add_pool_arguments, pool_options
from search.contest.contest import Attempt, Contest
from search.contest.evaluation import evaluate
from search.contest.ledger import Ledger
from search.contest.request import Request, make_contests
from search.loop.pools import Workers
from search.loop.sources import read_cells
from search.output.display import ContestDisplay
from search.procedure.reader import make_scoring
from workers import Result

CELLS = ("gru", "lstm", "lstm_b", "mut1", "lstm_f", "tanh")
POINTS = 9


def main() -> None:
    """Trains what is not known yet, and prints what is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", nargs="*", default=CELLS)
    parser.add_argument("--tasks", default="arithmetic,xml")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--settings", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int)
    parser.add_argument("--parameters", type=int)
    add_pool_arguments(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/calibrate"))
    options = parser.parse_args()
    request = Request(
        cells=read_cells(options.cells),
        tasks=tuple(options.tasks.split(",")),
        preset=replace(make_scoring({"preset": options.preset}), racing=None),
        settings=options.settings,
        repeats=options.seeds,
        budget=options.budget,
        parameters=options.parameters,
        baseline=None,
    )
    with Workers(pool_options(options)) as workers, ContestDisplay() as display:
        evaluate(request, options.out, workers.pool, display)
    contests = make_contests(request)
    with Ledger.open(options.out) as results:
        for task in request.tasks:
            report(task, [one for one in contests if one.task.name == task], results)
        spent = results.spent()
        runs = sum(contest.outcome(results.trainings).trainings for contest in contests)
        print(
            f"\n{spent.train_s / runs:.1f} s of training a setting, "
            f"{spent.compile_s / len(contests):.1f} s of compilation a cell and task"
        )


def report(task: str, contests: Sequence[Contest], results: Ledger) -> None:
    """Prints what is known of one task."""
    first = contests[0]
    metric, budget = first.metric, first.budget
    marks = [budget * part // POINTS for part in range(1, POINTS + 1)]
    print(f"\n{task}: {metric.name}, {len(first.settings)} settings, {budget} updates")
    print(f"{'updates':>10}", *(f"{mark:>11,}" for mark in marks))
    for contest in contests:
        outcome = contest.outcome(results.trainings)
        tried = race_results(contest, results)
        best = [
            pick(contest, (reached(contest, run, mark) for run in tried))
            for mark in marks
        ]
        print(f"{contest.name:>10}", *(f"{show(value):>11}" for value in best))
        spread = [
            [reached(contest, run, mark) for run in outcome.repeats] for mark in marks
        ]
        print(f"{'':>10}", *(f"{mean_and_deviation(row):>11}" for row in spread))
    print("  best with each value, cell by cell:")
    for field in ("scale", "rate", "clip", "num_layers"):
        for value in sorted({getattr(setting, field) for setting in first.settings}):
            best = [best_with(contest, field, value, results) for contest in contests]
            print(f"  {field:>10} {value:<5g}", *(show(metric) for metric in best))
    for contest in contests:
        print(f"  {contest.name}: {race_loss(contest, results)}")


def best_with(
    contest: Contest, field: str, value: float, results: Ledger
) -> float | None:
    """The best metric of the settings that have a value."""
    runs = race_results(contest, results)
    chosen = (run for run in runs if getattr(run.setting, field) == value)
    return pick(contest, (run.best for run in chosen))


def race_results(contest: Contest, results: Ledger) -> list[Result]:
    """The results of all settings, trained to the end."""
    budget = contest.budget
    attempts = (Attempt(setting, budget, 0) for setting in contest.settings)
    known = [results.trainings(contest.run_id(attempt)) for attempt in attempts]
    return [by_budget[budget] for by_budget in known if budget in by_budget]


def reached(contest: Contest, run: Result, updates: int) -> float | None:
    """The best metric of a training after so many updates, were they its budget."""
    return pick(contest, (p.metric for p in run.curve if p.updates <= updates))


def pick(contest: Contest, values: Iterable[float | None]) -> float | None:
    """The best of some values, in the direction of the task's metric."""
    known = [value for value in values if value is not None]
    return max(known, key=contest.metric.oriented, default=None)


def race_loss(contest: Contest, results: Ledger) -> str:
    """The metric that a race would have ended with, had it been run on these curves."""
    tried = race_results(contest, results)
    ended = race(
        contest.settings,
        contest.budget,
        {run.setting: run for run in tried},
        metric=contest.metric,
    )
    share = sum(run.updates for run in tried) / ended.updates
    return (
        f"a race ends with {show(ended.best)}, all trainings with "
        f"{show(pick(contest, (run.best for run in tried)))}; {share:.1f} x less work"
    )


def show(value: float | None) -> str:
    """A metric, or a dash."""
    return "-" if value is None else f"{value:.4f}"


def mean_and_deviation(values: Sequence[float | None]) -> str:
    """`.6213~.0123`: mean and standard deviation over seeds."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return "-"
    return f"{statistics.fmean(known):.3f}~{statistics.stdev(known):.3f}"


if __name__ == "__main__":
    main()
