"""Ablations of a cell as a terminal shows them."""

from collections.abc import Iterator, Sequence
from typing import IO, Final

from cells import Ablation, published_name
from search.contest.ablation import AblationTable, verdict
from search.contest.variance import Bounds
from search.output.tables import console_of, new_table, plain_texts
from search.output.words import counted, plain

_MARKS: Final = {"missed": "-", "better": "+", "tie": " "}


def print_ablations(found: AblationTable, stream: IO[str]) -> None:
    """Prints what a cell is worth without each of its parts, and what that means."""
    console, table = console_of(stream), new_table()
    table.add_column(plain(found.name))
    for name in ("mean", "least", *found.losses):
        table.add_column(plain(name), justify="right", no_wrap=True)
    for row in found.rows:
        columns = [_words(row.ablation), _cell(row.mean), f"{row.least:+.3f}"]
        scores = [_cell(score) for score in row.scores.values()]
        table.add_row(*plain_texts([*columns, *scores]))
    console.print(table)
    for line in _legend(found):
        console.print(plain(line), markup=False, highlight=False, soft_wrap=True)


def print_plan(
    name: str,
    found: Sequence[Ablation],
    shape: tuple[int, int, int, int],
    stream: IO[str],
) -> None:
    """Prints what would be trained, and what cannot learn.

    Args:
        name: Of the cell.
        found: Its ablations.
        shape: Tasks, cells, settings and seeds.
        stream: Where to.
    """
    tasks, cells, settings, seeds = shape
    for one in found:
        if one.dead is None:
            print(plain(f"{name} {_words(one)}"), file=stream)
    for line in _dead(found):
        print(plain(line), file=stream)
    whole = counted(tasks * cells * settings * seeds, "training")
    print(
        f"{whole}: {counted(cells, 'cell')} on {counted(tasks, 'task')}, "
        f"{counted(settings, 'setting')} x {counted(seeds, 'seed')}",
        file=stream,
    )


def _words(one: Ablation) -> str:
    """What it is without, and the published cell that is left, if it is one."""
    name = published_name(one.digest) if one.biases else None
    return f"{one.words} ({name})" if name else one.words


def _cell(score: Bounds) -> str:
    half = (score.high - score.low) / 2
    return f"{score.value:+.3f} ±{half:.3f}{_MARKS[verdict(score)]}"


def _legend(found: AblationTable) -> Iterator[str]:
    """What the numbers mean, the dead, and the order of the gates."""
    yield (
        f"{counted(found.seeds, 'seed')} of {counted(found.settings, 'setting')}, the "
        f"same for all: how much lower the mean log loss is than {found.name}'s, ± 95 "
        "% intervals that hold for all rows of a column together"
    )
    yield (
        "mean: over the tasks, the most important part first; least: on the task where "
        "it is missed most; - missed beyond the interval, + better without"
    )
    yield (
        "all have about as many weights, as in a search: what has fewer matrices is "
        "wider"
    )
    ends = (f"{task} {loss:.3f}" for task, loss in found.losses.items())
    yield f"{found.name} ends at a loss of: {', '.join(ends)}"
    yield from _dead(found.dead)
    if found.orders:
        yield "gates, > is missed more beyond the interval, = cannot be told apart:"
    for task, order in found.orders.items():
        yield f"  {task}: {order.text}"


def _dead(found: Sequence[Ablation]) -> Iterator[str]:
    for one in found:
        if one.dead is not None:
            yield f"not trained: {one.words} (ignores the {one.dead.missing})"
