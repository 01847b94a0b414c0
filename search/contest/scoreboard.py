"""The table of an evaluation: cells by tasks, with ratios, ties and settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cells import Cell, digest, to_text
from search.contest.contest import Contest
from search.contest.ledger import Ledger
from search.contest.request import Request
from search.contest.scores import Scored, ratio, score, tied
from search.store.results import Spent
from tasks import Metric


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
        ratios = [value for value in self.ratios.values() if value is not None]
        return min(ratios) if ratios and len(ratios) == len(self.ratios) else None


@dataclass(frozen=True)
class Scoreboard:
    """All cells.

    Attributes:
        request: What was asked for.
        rows: In the order in which they were named.
        baseline: The cell that ratios refer to, where it was not named; it comes last
            in the table.
        baseline_name: None: there are no ratios.
        metrics: Task to metric.
        tied: Task to the names that cannot be told from the best.
        spent: What all the trainings took that count here.
    """

    request: Request
    rows: tuple[CellScores, ...]
    baseline: CellScores | None
    baseline_name: str | None
    metrics: Mapping[str, Metric]
    tied: Mapping[str, frozenset[str]]
    spent: Spent

    def to_dict(self) -> dict[str, Any]:
        """JSON values: the same for equal results."""
        shown = {"cells": [self._row(row) for row in self.rows]}
        extra = {"baseline": self._row(self.baseline)} if self.baseline else {}
        return {**shown, **extra}

    def _row(self, row: CellScores) -> dict[str, Any]:
        tasks = {
            task: {
                **_numbers(score),
                "ratio": row.ratios.get(task),
                "runs": row.trainings[task],
                "tied": row.name in self.tied[task],
            }
            for task, score in row.scores.items()
        }
        return {
            "name": row.name,
            "digest": digest(row.cell),
            "text": to_text(row.cell, row.name if row.name.isidentifier() else "cell"),
            "tasks": tasks,
            "min_ratio": row.min_ratio,
        }


def _numbers(score: Scored | None) -> dict[str, Any]:
    if score is None:
        names = ("best", "mean", "low", "high", "setting", "test", "repeats", "failed")
        return dict.fromkeys(names)
    return {
        "best": score.best,
        "mean": score.interval.mean,
        "low": score.interval.low,
        "high": score.interval.high,
        "setting": score.setting.to_dict(),
        "test": None if score.test is None else vars(score.test),
        "repeats": score.repeats,
        "failed": score.failed,
    }


def make_scoreboard(
    request: Request, contests: Sequence[Contest], ledger: Ledger
) -> Scoreboard:
    """The table of what is known so far.

    Args:
        request: What is asked for.
        contests: One for each cell and task, and for the baseline.
        ledger: What is known.

    Raises:
        UserError: A zero, of which there is no ratio.
    """
    by_name = {(contest.task.name, contest.name): contest for contest in contests}
    metrics = {contest.task.name: contest.metric for contest in contests}

    # Ratios refer to the baseline, which the person may have named, or not.
    baseline = request.baseline
    base: Mapping[str, Scored | None] = {}
    if baseline:
        base = _scores(baseline[0], metrics, by_name, ledger)[0]

    def row(name: str, cell: Cell) -> CellScores:
        scores, trainings = _scores(name, metrics, by_name, ledger)
        ratios = {
            task: _ratio(scores[task], reference, metrics[task])
            for task, reference in base.items()
        }
        return CellScores(name, cell, scores, trainings, ratios)

    rows = tuple(row(*named) for named in request.cells)
    named = baseline is None or baseline[0] in dict(request.cells)
    below = row(*baseline) if baseline and not named else None
    shown = (*rows, below) if below else rows

    # Who cannot be told from the best of a column is decided by all of it.
    ties = {
        task: tied(
            {r.name: s for r in shown if (s := r.scores[task]) is not None},
            metric,
        )
        for task, metric in metrics.items()
    }
    return Scoreboard(
        request=request,
        rows=rows,
        baseline=below,
        baseline_name=baseline[0] if baseline else None,
        metrics=metrics,
        tied=ties,
        spent=ledger.spent(),
    )


def _scores(
    name: str,
    tasks: Iterable[str],
    contests: Mapping[tuple[str, str], Contest],
    ledger: Ledger,
) -> tuple[dict[str, Scored | None], dict[str, int]]:
    outcomes = {task: contests[task, name].outcome(ledger.trainings) for task in tasks}
    scores = {task: score(outcome) for task, outcome in outcomes.items()}
    return scores, {task: outcome.trainings for task, outcome in outcomes.items()}


def _ratio(
    own: Scored | None, reference: Scored | None, metric: Metric
) -> float | None:
    if own is None or reference is None:
        return None
    return ratio(own.interval.mean, reference.interval.mean, metric)
