"""The last word on the best cells: fresh seeds, settings and tasks, and intervals.

Whoever is best of many by a noisy measure owes some of that to luck. So the best are
measured anew by runs that took no part in choosing them, in pairs with the baseline.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cells import Cell
from search.contest.panel import Array, Panel, PanelTask, panel_tasks
from search.contest.variance import Bounds, mean_interval, shared_level
from search.errors import UserError
from search.procedure.config import Config
from search.procedure.costs import finite
from search.procedure.front import Point, fronts
from workers import TaskSpec


@dataclass(frozen=True)
class FinalScore:
    """A cell on a task, against the baseline.

    Attributes:
        task: Its name.
        searched: Whether the search was made with it.
        difference: Mean over settings and seeds of how much lower the mean log loss
            is than the baseline's, with its interval over seeds.
        ahead: In how many settings it is better on average.
        settings: How many settings there are.
        loss: Mean validation loss where training ended, in nats.
    """

    task: str
    searched: bool
    difference: Bounds
    ahead: int
    settings: int
    loss: float

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `tie`: where the interval lies."""
        if self.difference.low > 0:
            return "better"
        return "worse" if self.difference.high < 0 else "tie"


@dataclass(frozen=True)
class FinalRow:
    """A cell of the table.

    Attributes:
        name: Of the cell.
        digest: Its identity.
        found: Whether the search has found it: it was neither seed nor reference.
        fitness: Least difference over the tasks of the search, with its interval.
        scores: On each task.
        tie: Whether its fitness cannot be told from that of the best.
        cost: See `costs.cell_cost`; None: the search has no cost.
    """

    name: str
    digest: str
    found: bool
    fitness: Bounds
    scores: tuple[FinalScore, ...]
    tie: bool
    cost: float | None = None

    @property
    def beats(self) -> bool:
        """Whether it beats the baseline beyond the interval on every task searched."""
        return all(score.verdict == "better" for score in self.scores if score.searched)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "digest": self.digest,
            "found": self.found,
            "fitness": self.fitness._asdict(),
            "beats_baseline": self.beats,
            "ties_best": self.tie,
            **({} if self.cost is None else {"cost": finite(self.cost)}),
            "tasks": {
                score.task: {
                    "searched": score.searched,
                    **score.difference._asdict(),
                    "verdict": score.verdict,
                    "ahead": score.ahead,
                    "settings": score.settings,
                    "loss": None if np.isnan(score.loss) else score.loss,
                }
                for score in self.scores
            },
        }


@dataclass(frozen=True)
class FinalTable:
    """The finals of a search.

    Attributes:
        baseline: Name of the cell that all are compared with.
        seeds: Fresh seeds of each setting.
        settings: Fresh settings.
        rows: The cells, best first.
    """

    baseline: str
    seeds: int
    settings: int
    rows: tuple[FinalRow, ...]

    @property
    def front(self) -> frozenset[str]:
        """Digests of cells that none dominates by these runs, if they have costs."""
        points = {
            row.digest: Point(row.fitness.value, row.cost)
            for row in self.rows
            if row.cost is not None
        }
        first = fronts(list(points.values()))[0] if points else []
        return frozenset(list(points)[index] for index in first)

    @staticmethod
    def from_dict(values: Any) -> "FinalTable":
        """The reverse of `to_dict`.

        Raises:
            UserError: They are no finals: the file is damaged, or was edited.
        """
        try:
            return FinalTable(
                str(values["baseline"]),
                int(values["seeds"]),
                int(values["settings"]),
                tuple(_row(row) for row in values["rows"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError(
                "the finals that are stored cannot be read; `cellsearch final` makes "
                "them again"
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "baseline": self.baseline,
            "seeds": self.seeds,
            "settings": self.settings,
            "rows": [row.to_dict() for row in self.rows],
        }


def _row(values: dict[str, Any]) -> FinalRow:
    scores = tuple(
        FinalScore(
            task=str(task),
            searched=bool(score["searched"]),
            difference=_bounds(score),
            ahead=int(score["ahead"]),
            settings=int(score["settings"]),
            loss=float("nan") if score["loss"] is None else float(score["loss"]),
        )
        for task, score in values["tasks"].items()
    )
    return FinalRow(
        name=str(values["name"]),
        digest=str(values["digest"]),
        found=bool(values["found"]),
        fitness=_bounds(values["fitness"]),
        scores=scores,
        tie=bool(values["ties_best"]),
        cost=None if values.get("cost") is None else float(values["cost"]),
    )


def _bounds(values: dict[str, Any]) -> Bounds:
    return Bounds(float(values["value"]), float(values["low"]), float(values["high"]))


def finals_panel(config: Config, cells: Mapping[str, Cell]) -> Panel:
    """The runs of finals: seeds, settings and a task that took no part.

    Args:
        config: Of the search.
        cells: Who is in them, the baseline among them.

    Raises:
        UserError: The search is not by common runs, or has no finals.
    """
    objective = config.objective
    if objective is None:
        raise UserError(
            "finals need the objective `paired`; `cellsearch evaluate` scores cells of "
            "this search anew"
        )
    chosen = objective.finals
    if not chosen.panel:
        raise UserError("objective.finals.panel needs at least one setting")
    # Seeds of the search are numbered from 0 to its most: those after it are fresh.
    start = objective.most_seeds
    return Panel(
        cells=cells,
        tasks=(*panel_tasks(config), *other_tasks(config, chosen.tasks)),
        settings=chosen.panel,
        repeats=tuple(range(start, start + chosen.seeds)),
        seed=config.seed,
        floor=objective.floor,
        ops=config.own_ops,
    )


def other_tasks(config: Config, names: Sequence[str]) -> tuple[PanelTask, ...]:
    """Tasks that took no part in a search, as it would have trained its first."""
    first = config.tasks[0]
    return tuple(
        PanelTask(
            name,
            TaskSpec(name, first.task.size, seed=config.seed),
            first.plan.budget,
            first.training,
        )
        for name in names
    )


def final_table(
    names: Sequence[tuple[str, str, bool]],
    tasks: Sequence[tuple[str, bool]],
    scores: Array,
    losses: Array,
    baseline: int,
) -> list[FinalRow]:
    """The table, best first; the baseline is a row of zeros.

    Args:
        names: Name, digest, and whether it was found, of each cell.
        tasks: Name, and whether the search was made with it, of each task.
        scores: Log losses [tasks, cells, settings, seeds].
        losses: Last losses, of the same shape.
        baseline: Index of the cell that all are compared with.
    """
    differences = scores[:, baseline : baseline + 1] - scores
    searched = np.array([own for _, own in tasks])
    fitness = [_fitness(differences[searched, cell]) for cell in range(len(names))]
    order = sorted(range(len(names)), key=lambda cell: -fitness[cell].value)
    best = order[0]
    return [
        FinalRow(
            name=names[cell][0],
            digest=names[cell][1],
            found=names[cell][2],
            fitness=fitness[cell],
            scores=tuple(
                _score(name, own, differences[task, cell], losses[task, cell])
                for task, (name, own) in enumerate(tasks)
            ),
            tie=cell == best
            or not _is_ahead(differences[searched, best], differences[searched, cell]),
        )
        for cell in order
    ]


def _score(task: str, searched: bool, differences: Array, losses: Array) -> FinalScore:
    """Of one cell on one task: [settings, seeds]."""
    by_setting = differences.mean(axis=1)
    return FinalScore(
        task=task,
        searched=searched,
        difference=mean_interval(differences.mean(axis=0)),
        ahead=int((by_setting > 0).sum()),
        settings=len(by_setting),
        loss=float(np.nanmean(losses)) if not np.isnan(losses).all() else float("nan"),
    )


def _fitness(differences: Array) -> Bounds:
    """The least over tasks [tasks, settings, seeds] of the mean, with its interval.

    Resampling would take the least of noisy means once more, which is lower. The least
    of the lower ends is wrong only if that of the worst task is; the least of the upper
    ends, if any of them is.
    """
    tasks = [task.mean(axis=0) for task in differences]
    return Bounds(
        min(mean_interval(task).value for task in tasks),
        min(mean_interval(task).low for task in tasks),
        min(mean_interval(task, shared_level(len(tasks))).high for task in tasks),
    )


def _is_ahead(best: Array, other: Array) -> bool:
    """Whether the least of one is above that of another [tasks, settings, seeds].

    It is if each of its tasks is above the worst of the other, seed by seed; as any may
    have come out the worst, they share the probability of error.
    """
    worst = other[other.mean(axis=(1, 2)).argmin()]
    gaps = [(task - worst).mean(axis=0) for task in best]
    return all(mean_interval(gap, shared_level(len(gaps))).low > 0 for gap in gaps)
