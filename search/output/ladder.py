"""Ladders of sizes as a terminal shows them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import IO, NamedTuple

from search.contest.rungs import Agreement, Edge, RungTable
from search.output.finals import LEGEND, beaten, finals_table
from search.output.tables import console_of
from search.output.words import counted, plain


class Cost(NamedTuple):
    """What a rung takes if nobody is left out.

    Attributes:
        size: Weights of a model.
        trainings: How many.
        seconds: Nominal core-seconds.
    """

    size: int
    trainings: int
    seconds: float


def print_rung(rung: RungTable, stream: IO[str]) -> None:
    """Prints how cells did at one size, and what is to be said of it."""
    console = console_of(stream)
    print(f"{rung.size:,} weights", file=stream)
    late = set(rung.behind)
    further = {
        "own rates": [f"{rung.own_rates[row.name]:+.3f}" for row in rung.rows],
        "": ["behind" if row.name in late else "" for row in rung.rows],
    }
    console.print(finals_table(rung.rows, further, losses=False))
    for line in (
        beaten(rung.baseline, rung.rows),
        *(_agreement(one) for one in rung.agreements if one.cells > 2),
        *_edges(rung),
    ):
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)
    print(file=stream)


def print_legend(
    rungs: Sequence[RungTable], sizes: Sequence[int], error: float, stream: IO[str]
) -> None:
    """Prints what the numbers mean, and where the ladder ended before its end.

    Args:
        rungs: What there was; at least one.
        sizes: Those that were asked for.
        error: See `Ladder`.
        stream: Where to.
    """
    last, console = rungs[-1], console_of(stream)
    for line in (
        f"each rung: {counted(last.seeds, 'seed')} of its own, "
        f"{counted(last.settings, 'setting')}, the same for all; how much lower the "
        f"mean log loss is than {last.baseline}'s, ± 95 % intervals over seeds",
        LEGEND,
        "own rates: the fitness if a cell and the baseline each have the best of the "
        "rates; optimistic for both",
        *_ends(last, sizes[len(rungs) :], error),
    ):
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def print_costs(costs: Sequence[Cost], cells: int, stream: IO[str]) -> None:
    """Prints what would be trained, and how long that takes."""
    for cost in costs:
        print(
            f"{cost.size:,} weights: {counted(cost.trainings, 'training')}, "
            f"{cost.seconds / 3600:,.1f} core-hours",
            file=stream,
        )
    print(
        f"at most {counted(sum(cost.trainings for cost in costs), 'training')} of "
        f"{counted(cells, 'cell')}, {sum(cost.seconds for cost in costs) / 3600:,.1f} "
        "core-hours: nominal ones, of operations, and as if nobody was left out",
        file=stream,
    )


def _agreement(one: Agreement) -> str:
    tasks = ", ".join(f"{task} {_signed(value)}" for task, value in one.tasks.items())
    return (
        f"rank correlation with {one.size:,} weights, {counted(one.cells, 'cell')}: "
        f"fitness {_signed(one.fitness)} ({tasks})"
    )


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def _edges(rung: RungTable) -> Iterator[str]:
    """A line for each end of the rates of a setting where the baseline is best."""

    def end(edge: Edge) -> tuple[str, bool]:
        return edge.setting.text, edge.lowest

    for (_, lowest), edges in groupby(sorted(rung.edges, key=end), key=end):
        found = list(edges)
        setting = found[0].setting
        optimizer = f"of {setting.optimizer} " if setting.optimizer else ""
        which = "lowest" if lowest else "highest"
        tasks = ", ".join(
            edge.task if edge.told else f"{edge.task} (perhaps)" for edge in found
        )
        yield (
            f"note: {rung.baseline} is best at the {which} rate {optimizer}"
            f"({setting.rate:g}) on {tasks}: a better one may lie beyond, see --rates"
        )


def _ends(last: RungTable, sizes: Sequence[int], error: float) -> Iterator[str]:
    """Who is left out, and the sizes for which nobody was left."""
    if error:
        yield (
            f"behind: behind {last.baseline} beyond luck, and left out above; one-sided"
            f" tests, which err in {error:.0%} of the cells that are level with it"
        )
    if sizes:
        said = ", ".join(f"{size:,}" for size in sizes)
        yield f"all but {last.baseline} are behind: nothing was trained with {said}"
