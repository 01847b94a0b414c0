"""What became of the mutants of runs by common runs, by how they were made.

    python -m benchmarks.bench_mutants RUN [RUN ...]

For each run, and for each number of edits (or of changes that the paper's rounds made):
how many mutants there were, and the shares that diverged in their first run, that
passed the first stage (were given a second run), that lost at most .1 of log loss to
their parent on every task, on the runs that both have had, and that lost nothing.
Shares have 95 % intervals (Wilson). Mutants whose parent is no member are left out.
Below: of those that diverged, and of the others, how many `cells.growth` tells, by the
bound that preset `quick` has for it.
"""

import argparse
import math
from collections import defaultdict
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.children import gains_over
from cells import growth, parse
from search.errors import UserError
from search.loop.runs import open_run, replay
from search.procedure.members import Member
from search.procedure.paired import PairedPopulation

CLOSE: Final = 0.1
"""Log loss: a mutant that loses no more to its parent anywhere is close to it."""

LARGEST: Final = 1e5
"""See `rules.largest`."""

MOST: Final = 4
"""Numbers of edits from this one on are one row."""

_Z: Final = 1.959964


class Fate(NamedTuple):
    """What became of a mutant.

    Attributes:
        diverged: Its first run failed, which counts as having learned nothing.
        passed: It was given more than the first stage has.
        close: On every task it is within `CLOSE` of its parent, or better.
        better: On no task it is worse than its parent.
        grows: Untrained, it exceeds `LARGEST`.
    """

    diverged: bool
    passed: bool
    close: bool
    better: bool
    grows: bool


def fates(folder: Path) -> dict[int, list[Fate]]:
    """Fates of the mutants of a run, by how many changes made them.

    Raises:
        UserError: It is no run, or one by ratios.
    """
    with open_run(folder, reading=True) as run:
        procedure = replay(run).procedure
        texts = {one.digest: one.text for one in run.store.history.decisions()}
    population = procedure.population
    if not isinstance(population, PairedPopulation):
        raise SystemExit(f"{folder} is a run by ratios: there are no common runs")
    uniform = math.log(procedure.config.tasks[0].task.task.uniform_loss)
    found = defaultdict(list)
    for member in population.members.values():
        parent = population.members.get(member.parent)
        if parent is not None and member.trials and not member.under_way:
            changes = min(MOST, max(1, len(member.rules)))
            diverged = member.trials[0].values[0] == uniform
            fate = _fate(population, member, parent)
            grows = growth(parse(texts[member.digest])) > LARGEST
            found[changes].append(fate._replace(diverged=diverged, grows=grows))
    return dict(sorted(found.items()))


def _fate(population: PairedPopulation, member: Member, parent: Member) -> Fate:
    """What its values and its parent's say of it."""
    gains = gains_over(population, member, parent)
    known = [gain for gain in gains if gain is not None]
    whole = len(known) == len(gains)
    return Fate(
        diverged=False,
        passed=all(len(trials.indices) > 1 for trials in member.trials),
        close=whole and min(known) >= -CLOSE,
        better=whole and min(known) >= 0,
        grows=False,
    )


def wilson(hits: int, number: int) -> tuple[float, float]:
    """The 95 % interval of a share; see Wilson (1927)."""
    share, square = hits / number, _Z**2 / number
    middle = (share + square / 2) / (1 + square)
    spread = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return max(0.0, middle - spread), min(1.0, middle + spread)


def told_by_growth(found: dict[int, list[Fate]]) -> str:
    """How many of those that diverged, and of the others, grow without bound."""
    everyone = [fate for group in found.values() for fate in group]
    groups = [[f.grows for f in everyone if f.diverged is it] for it in (True, False)]
    first, others = (f"{sum(group)} of the {len(group)}" for group in groups)
    return f"beyond {LARGEST:g}, untrained: {first} that diverged, {others} others"


def rows(found: dict[int, list[Fate]]) -> list[list[str]]:
    """The table of a run, all mutants last."""
    everyone = [fate for group in found.values() for fate in group]
    named = [(f"{n}{'+' if n == MOST else ''}", group) for n, group in found.items()]
    return [
        [name, str(len(group)), *map(_share, zip(*(f[:4] for f in group), strict=True))]
        for name, group in (*named, ("all", everyone))
        if group
    ]


def _share(hits: tuple[bool, ...]) -> str:
    low, high = wilson(sum(hits), len(hits))
    return f"{sum(hits) / len(hits):.0%} ({low:.0%}-{high:.0%})"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="What became of mutants.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    head = ["changes", "mutants", "diverged", "passed stage 1", "close", "no loss"]
    for folder in parser.parse_args().runs:
        try:
            found = fates(folder)
        except UserError as error:
            raise SystemExit(str(error)) from None
        print(f"\n{folder.name}\n\n| {' | '.join(head)} |\n|{' --- |' * len(head)}")
        for row in rows(found):
            print(f"| {' | '.join(row)} |")
        print(f"\n{told_by_growth(found)}")


if __name__ == "__main__":
    main()
