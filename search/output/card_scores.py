"""The scores on a card: on each task of the search, with fresh seeds, and in finals."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from search.loop.engine import Engine
from search.loop.orders import Orders
from search.loop.runs import OpenRun
from search.output.leaderboard import LeaderboardRow
from search.output.markdown import Card, safe_name, shown, table
from search.output.score import BestScore
from search.output.stored import stored_finals
from search.procedure.moves import Order
from search.procedure.objective import Paired
from workers import Result, Status


def task_cards(run: OpenRun, engine: Engine, row: LeaderboardRow) -> Card:
    """How a cell did on each task."""
    config = engine.procedure.config
    cards = {}
    for task, stage in enumerate(config.tasks):
        score, metric = row.scores[stage.name], config.metric(task)
        if isinstance(score, BestScore):
            more = _spread(row, task, score)
        else:
            more = {**score.to_dict(), **_ends(run, row, task)}
        cards[stage.name] = {
            "metric": metric.name,
            "higher_is_better": metric.higher_is_better,
            **more,
        }
    return cards


def final_card(run: OpenRun, digest: str) -> Card | None:
    """How a cell did in finals; None: it was in none."""
    finals = stored_finals(run)
    if finals is None:
        return None
    about = {"seeds": finals.seeds, "settings": finals.settings}
    found = (row.to_dict() for row in finals.rows if row.digest == digest)
    return next(({**about, **row} for row in found), None)


def score_parts(card: Card) -> Iterator[str]:
    """Tables of the scores, and what they do not say."""
    paired = "objective" in card["run"]["configuration"]
    fresh = card["fresh"]
    columns = _COLUMNS[paired]
    if fresh:
        columns = (*columns, ("fresh seeds", lambda score: score["fresh"]))
    tasks = {
        task: {**score, "fresh": _interval((fresh or {}).get(task))}
        for task, score in card["tasks"].items()
    }
    yield table(
        ["task", *(title for title, _ in columns)],
        [
            [safe_name(task), *(text(score) for _, text in columns)]
            for task, score in tasks.items()
        ],
    )
    yield _NOTES[paired] + (_FRESH if fresh else _HINTS[paired])
    if card["finals"]:
        yield from _finals(card["finals"], card["run"]["baseline"])


def _spread(row: LeaderboardRow, task: int, score: BestScore) -> Card:
    """By ratios: the best, and how the others were."""
    values = np.asarray(row.member.trials_on(task).values)
    # Failures are NaN: they are counted, and have no place among the quartiles.
    values = values[~np.isnan(values)]
    quartiles: list[float | None] = [None, None, None]
    if values.size:
        quartiles = [float(v) for v in np.quantile(values, (0.25, 0.5, 0.75))]
    return {
        "best": score.metric,
        "ratio": score.ratio,
        "draws": score.trials,
        "failed": score.trials - int(values.size),
        "quartiles": quartiles,
        "setting": score.setting.to_dict() if score.setting else None,
    }


def _ends(run: OpenRun, row: LeaderboardRow, task: int) -> Card:
    """By common runs: where trainings ended, which the search itself does not keep."""
    results = _runs(run, row, task)
    losses = [result.curve[-1].valid_loss for result in results if result.curve]
    return {
        "failed": sum(result.status is not Status.OK for result in results),
        "loss": math.fsum(losses) / len(losses) if losses else None,
    }


def _runs(run: OpenRun, row: LeaderboardRow, task: int) -> list[Result]:
    """The results of a cell's runs on a task."""
    config, member = run.config, row.member
    assert isinstance(config.objective, Paired)
    orders, budget = Orders(config), config.tasks[task].plan.budget
    names = []
    for number in member.trials_on(task).indices:
        repeat, setting = config.objective.run(number)
        order = Order(0, member.digest, task, (setting,), budget, repeat)
        names += orders.run_ids(order)
    return list(run.store.results.find(names, budget, curves=True).values())


def _finals(finals: Card, baseline: str) -> Iterator[str]:
    yield "## Finals"
    beats = "beats" if finals["beats_baseline"] else "does not beat"
    tie = "; it cannot be told from the best" if finals["ties_best"] else ""
    yield (
        f"With {finals['seeds']} fresh seeds of {finals['settings']} fresh settings, "
        f"which took no part in the search: fitness {_bounds(finals['fitness'])}{tie}. "
        f"It {beats} {safe_name(baseline)} on every task searched."
    )
    titles = ["task", "difference, 95 % interval", "verdict", "loss at the end"]
    rows = [
        [
            safe_name(task) + ("" if score["searched"] else " (not searched)"),
            _bounds(score),
            score["verdict"],
            shown(score["loss"]),
        ]
        for task, score in finals["tasks"].items()
    ]
    yield table(titles, rows)


def _bounds(values: Mapping[str, float]) -> str:
    return f"{values['value']:+.4f} ({values['low']:+.4f} to {values['high']:+.4f})"


def _interval(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return "-"
    if score["low"] is None:
        return shown(score["mean"])
    half = (score["high"] - score["low"]) / 2
    return f"{shown(score['mean'])} ±{half:.4f} ({score['repeats']})"


def _difference(score: Card) -> str:
    error = "" if score["error"] is None else f" ±{score['error']:.4f}"
    return f"{score['difference']:+.4f}{error}"


def _quartiles(score: Card) -> str:
    return " / ".join(map(shown, score["quartiles"]))


def _setting(score: Card) -> str:
    values = (score["setting"] or {}).items()
    return ", ".join(f"{key} {value}" for key, value in values if value)


_Columns = tuple[tuple[str, Callable[[Card], str]], ...]

_COLUMNS: Final[Mapping[bool, _Columns]] = {
    False: (
        ("metric", lambda score: score["metric"]),
        ("best", lambda score: shown(score["best"])),
        ("ratio", lambda score: shown(score["ratio"])),
        ("draws", lambda score: str(score["draws"])),
        (
            "quartiles of draws",
            lambda score: " / ".join(map(shown, score["quartiles"])),
        ),
        ("setting", _setting),
    ),
    True: (
        ("difference", _difference),
        ("runs", lambda score: str(score["runs"])),
        ("failed", lambda score: str(score["failed"])),
        ("loss at the end", lambda score: shown(score["loss"])),
    ),
}
"""Columns of the table of tasks: by ratios, by common runs."""

_NOTES: Final = {
    False: "`best` is the best of the draws, and so optimistic",
    True: "`difference` is how much lower the mean log loss is than the baseline's on "
    "common runs, ± standard error over seeds; the best of many owes some of it to "
    "luck",
}

# What a best of many owes to luck is said wherever it is shown.
_HINTS: Final = {
    False: "; `cellsearch evaluate` scores with fresh seeds.",
    True: ": `cellsearch final` scores anew.",
}

_FRESH: Final = "; fresh seeds: mean and 95 % confidence interval of the best setting."
