"""The table of an evaluation: cells by tasks, with ratios, ties and settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from cells import Cell, digest, to_text
from search.contest.contest import Contest
from search.contest.ledger import Ledger
from search.contest.scores import Scored, ratio, score, tied
from tasks import Metric
from workers import Setting

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class CellScores:
    """One cell.

    Attributes:
        name: What the person calls it.
        cell: As it was given.
        scores: Task to score; None where there is none (yet).
        trainings: Task to how many there were.
        ratios: Task to the ratio to the baseline, where there is one.
    """

    name: str
    cell: Cell
    scores: Mapping[str, Scored | None]
    trainings: Mapping[str, int]
    ratios: Mapping[str, float | None]

    @property
    def min_ratio(self) -> float | None:
        """The search's own objective; None unless all tasks have a ratio."""
        found = [value for value in self.ratios.values() if value is not None]
        return min(found) if found and len(found) == len(self.ratios) else None


@dataclass(frozen=True)
class Scoreboard:
    """All cells.

    Attributes:
        rows: In the order in which they were named.
        baseline: The cell that ratios refer to, where it was not named; it comes last
            in the table.
        baseline_name: None: there are no ratios.
        metrics: Task to metric.
        tied: Task to the names that cannot be told from the best.
    """

    rows: tuple[CellScores, ...]
    baseline: CellScores | None
    baseline_name: str | None
    metrics: Mapping[str, Metric]
    tied: Mapping[str, frozenset[str]]

    def to_dict(self) -> dict[str, Any]:
        """JSON values: the same for equal results."""
        shown = {"cells": [self._row(row) for row in self.rows]}
        extra = {"baseline": self._row(self.baseline)} if self.baseline else {}
        return {**shown, **extra}

    def _row(self, row: CellScores) -> dict[str, Any]:
        tasks = {
            task: {
                **_numbers(found),
                "ratio": row.ratios.get(task),
                "runs": row.trainings[task],
                "tied": row.name in self.tied[task],
            }
            for task, found in row.scores.items()
        }
        return {
            "name": row.name,
            "digest": digest(row.cell),
            "text": to_text(row.cell, row.name if row.name.isidentifier() else "cell"),
            "tasks": tasks,
            "min_ratio": row.min_ratio,
        }


def _numbers(found: Scored | None) -> dict[str, Any]:
    if found is None:
        names = ("best", "mean", "low", "high", "setting", "test", "repeats", "failed")
        return dict.fromkeys(names)
    test = found.test
    return {
        "best": found.best,
        "mean": found.interval.mean,
        "low": found.interval.low,
        "high": found.interval.high,
        "setting": found.setting.to_dict(),
        "test": None if test is None else vars(test),
        "repeats": found.repeats,
        "failed": found.failed,
    }


def make_scoreboard(
    cells: Sequence[tuple[str, Cell]],
    baseline: tuple[str, Cell] | None,
    contests: Sequence[Contest],
    results: Ledger,
) -> Scoreboard:
    """The table of what is known so far.

    Args:
        cells: Name and cell, as named.
        baseline: Name and cell that ratios refer to; None: there are none.
        contests: One for each cell and task, and for the baseline.
        results: What is known.

    Raises:
        UserError: A zero, of which there is no ratio.
    """
    by_name = {(contest.task.name, contest.name): contest for contest in contests}
    metrics = {contest.task.name: contest.metric for contest in contests}
    base: Mapping[str, Scored | None] = {}
    if baseline:
        base = _scores(baseline[0], metrics, by_name, results)[0]

    def row(name: str, cell: Cell) -> CellScores:
        scores, trainings = _scores(name, metrics, by_name, results)
        ratios = {
            task: _ratio(scores[task], reference, metrics[task])
            for task, reference in base.items()
        }
        return CellScores(name, cell, scores, trainings, ratios)

    rows = tuple(row(*named) for named in cells)
    extra = baseline if baseline and baseline[0] not in dict(cells) else None
    below = row(*extra) if extra else None
    shown = (*rows, below) if below else rows
    ties = {
        task: tied(
            {r.name: s for r in shown if (s := r.scores[task]) is not None},
            metric,
        )
        for task, metric in metrics.items()
    }
    return Scoreboard(
        rows=rows,
        baseline=below,
        baseline_name=baseline[0] if baseline else None,
        metrics=metrics,
        tied=ties,
    )


def _scores(
    name: str,
    tasks: Iterable[str],
    contests: Mapping[tuple[str, str], Contest],
    results: Ledger,
) -> tuple[dict[str, Scored | None], dict[str, int]]:
    outcomes = {task: contests[task, name].outcome(results.trainings) for task in tasks}
    scores = {task: score(outcome) for task, outcome in outcomes.items()}
    return scores, {task: outcome.trainings for task, outcome in outcomes.items()}


def _ratio(
    own: Scored | None, reference: Scored | None, metric: Metric
) -> float | None:
    if own is None or reference is None:
        return None
    return ratio(own.interval.mean, reference.interval.mean, metric)


def print_scoreboard(board: Scoreboard, stream: IO[str], width: int | None) -> None:
    """Prints the table, what its marks mean, and the best settings.

    Args:
        board: The table.
        stream: Where to.
        width: Columns; None: what the terminal has.
    """
    from rich.console import Console

    console = Console(file=stream, width=width)
    console.print(_main_table(board))
    for line in _legend(board):
        console.print(line, markup=False, highlight=False)
    console.print(_settings_table(board))


def _main_table(board: Scoreboard) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("cell")
    for task, metric in board.metrics.items():
        table.add_column(f"{task}\n{metric.name}", justify="right", no_wrap=True)
        if board.baseline_name:
            table.add_column("\nratio", justify="right")
    if board.baseline_name and len(board.metrics) > 1:
        table.add_column("min\nratio", justify="right")
    for row in board.rows:
        table.add_row(*_columns(board, row))
    if board.baseline:
        table.add_section()
        table.add_row(*_columns(board, board.baseline))
    return table


def _columns(board: Scoreboard, row: CellScores) -> list[str]:
    columns = [row.name]
    for task, found in row.scores.items():
        columns.append(_metric(found, tie=row.name in board.tied[task]))
        if board.baseline_name:
            columns.append(_number(row.ratios[task], 3))
    if board.baseline_name and len(board.metrics) > 1:
        columns.append(_number(row.min_ratio, 3))
    return columns


def _metric(found: Scored | None, tie: bool) -> str:
    """Mean, half the interval, and a mark of a tie; or a dash."""
    if found is None:
        return "-"
    scored = found.interval
    half = "" if scored.high is None else f" ±{scored.high - scored.mean:.4f}"
    return f"{scored.mean:.4f}{half}{'=' if tie else ' '}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _legend(board: Scoreboard) -> list[str]:
    """What the numbers and marks mean."""
    scores = [s for row in board.rows for s in row.scores.values() if s is not None]
    if not scores:
        return ["nothing is complete yet"]
    repeats = max(found.repeats for found in scores)
    lines = ["best of all settings tried, on the same seed: optimistic"]
    if repeats:
        lines = [
            f"the best setting with {repeats} fresh seed{'s' * (repeats > 1)}: mean"
            + (" ± 95 % confidence interval" if repeats > 1 else ", no interval")
        ]
    if any(board.tied.values()):
        lines.append("= intervals overlap with the best's: a tie")
    if board.baseline_name:
        lines.append(f"ratio: to {board.baseline_name}, above 1 is better")
    losses = [t for t, m in board.metrics.items() if not m.higher_is_better]
    if losses:
        lines.append(f"lower is better: {', '.join(losses)}")
    failed = sum(found.failed for found in scores)
    if failed:
        lines.append(f"{failed} of the fresh seeds failed (see --json)")
    return lines


def _settings_table(board: Scoreboard) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("task", "cell", "best setting"):
        table.add_column(name)
    for name in ("its best", "runs"):
        table.add_column(name, justify="right")
    rows = [*board.rows, *([board.baseline] if board.baseline else [])]
    for task in board.metrics:
        for row in rows:
            found = row.scores[task]
            setting = "-" if found is None else describe_setting(found.setting)
            best = _number(None if found is None else found.best, 4)
            table.add_row(task, row.name, setting, best, str(row.trainings[task]))
        table.add_section()
    return table


def describe_setting(setting: Setting) -> str:
    """A setting in a few words: `scale 1 rate 0.5 clip 5, 2 x 250K`."""
    size = f"{setting.num_layers} x {_thousands(setting.parameters)}"
    text = (
        f"scale {setting.scale:g} rate {setting.rate:g} clip {setting.clip:g}, {size}"
    )
    if setting.dropout:
        text += f", dropout {setting.dropout:g}"
    if setting.decay is not None:
        text += f", after {setting.constant_epochs} epochs x {setting.decay:g}"
    return text


def _thousands(count: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "K")):
        if count >= size:
            return f"{count / size:g}{letter}"
    return str(count)
