"""Finals as a terminal shows them; rungs of a ladder have the same columns."""

import math
from collections.abc import Container, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Final

from search.contest.finals import FinalRow, FinalScore, FinalTable
from search.output.tables import console_of, new_table, plain_texts
from search.output.words import brief, counted, plain

if TYPE_CHECKING:
    from rich.table import Table

LEGEND: Final = (
    "fitness: the least over the tasks searched; = cannot be told from the best; + "
    "better than the baseline beyond the interval, - worse"
)
_VERDICTS: Final = {"better": "+", "worse": "-", "tie": " "}


def print_finals(finals: FinalTable, stream: IO[str]) -> None:
    """Prints how the best cells did on runs that took no part in the search."""
    console = console_of(stream)
    console.print(finals_table(finals.rows, _costs(finals.rows), front=finals.front))
    baseline = plain(finals.baseline)
    for line in (
        f"finals: {finals.seeds} fresh seeds, "
        f"{counted(finals.settings, 'fresh setting')}; how "
        f"much lower the mean log loss is than {baseline}'s, ± 95 % intervals",
        f"{LEGEND}; loss: where it ended",
        *(["* none of these is fitter and no dearer"] if finals.front else []),
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    print(beaten(finals.baseline, finals.rows), file=stream)


def finals_table(
    rows: Sequence[FinalRow],
    beside: Mapping[str, Sequence[str]] | None = None,
    *,
    front: Container[str] = (),
    losses: bool = True,
) -> "Table":
    """A line a cell, with a column of differences for each task.

    Args:
        rows: At least one.
        beside: Further columns, after the fitness: title and texts, one for each row.
        front: Digests of those that are marked as of the front.
        losses: Whether the losses have columns, too.
    """
    further = dict(beside or {})
    table = new_table()
    table.add_column("cell")
    for title in ("fitness", *further):
        table.add_column(title, justify="right")
    for score in rows[0].scores:
        note = "" if score.searched else "\n(not searched)"
        table.add_column(f"{plain(score.task)}{note}", justify="right", no_wrap=True)
        if losses:
            table.add_column("loss", justify="right")
    for number, row in enumerate(rows):
        tie, star = "=" if row.tie else " ", "*" if row.digest in front else ""
        fitness = f"{row.fitness.value:+.3f}{tie}{star}"
        texts = [row.name, fitness, *(column[number] for column in further.values())]
        for score in row.scores:
            texts.append(_difference(score))
            if losses:
                texts.append("-" if math.isnan(score.loss) else f"{score.loss:.3f}")
        table.add_row(*plain_texts(texts), style=None if row.found else "dim")
    return table


def _costs(rows: Sequence[FinalRow]) -> dict[str, list[str]]:
    """A column of costs, if there are any."""
    costs = [brief(row.cost) for row in rows if row.cost is not None]
    return {"cost": costs} if costs else {}


def beaten(baseline: str, rows: Sequence[FinalRow]) -> str:
    """Says which cells beat the baseline on every task searched."""
    names = ", ".join(row.name for row in rows if row.beats) or "none"
    return plain(f"better than {baseline} on every task searched: {names}")


def _difference(score: FinalScore) -> str:
    half = (score.difference.high - score.difference.low) / 2
    return f"{score.difference.value:+.3f} ±{half:.3f}{_VERDICTS[score.verdict]}"
