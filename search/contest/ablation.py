"""What the parts of a cell are worth: it against itself without each, in pairs.

The whole cell is what all others are compared with, as the baseline is in a search:
every one has the same settings and seeds, on the same data, and as many weights.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cells import Ablation, Cell, Part, published_name
from search.contest.panel import Array, Panel, panel_tasks
from search.contest.variance import Bounds, mean_interval, shared_level
from search.errors import UserError
from search.procedure.config import Config, Named
from workers import Setting


@dataclass(frozen=True)
class AblationRow:
    """A cell without one of its parts.

    Attributes:
        ablation: What it is without.
        mean: Of `scores` over the tasks, with its interval.
        scores: For each task, how much lower the mean log loss is than that of the
            whole cell, over settings and seeds, with its interval over seeds: below 0
            the part is missed.
        losses: For each task the mean validation loss where training ended, in nats;
            NaN where every run failed.
    """

    ablation: Ablation
    mean: Bounds
    scores: dict[str, Bounds]
    losses: dict[str, float]

    @property
    def least(self) -> float:
        """On the task where the part is missed most."""
        return min(score.value for score in self.scores.values())

    @property
    def equals(self) -> str | None:
        """The published cell that is left, if it is one."""
        learned = self.ablation.biases
        return published_name(self.ablation.digest) if learned else None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "words": self.ablation.words,
            "part": str(self.ablation.part),
            "digest": self.ablation.digest,
            "equals": self.equals,
            "mean": self.mean._asdict(),
            "least": self.least,
            "tasks": {
                task: {
                    **score._asdict(),
                    "verdict": verdict(score),
                    "loss": _number(self.losses[task]),
                }
                for task, score in self.scores.items()
            },
        }


@dataclass(frozen=True)
class Order:
    """The gates of a cell on one task, those that are missed most first.

    Attributes:
        gates: The words of their rows.
        told: For each but the last, whether it is missed more than the next beyond
            the interval of their difference; all are right together.
    """

    gates: tuple[str, ...]
    told: tuple[bool, ...]

    @property
    def text(self) -> str:
        """`the forget gate f > the input gate i = the output gate o`."""
        names = [words.removeprefix("without ") for words in self.gates]
        signs = [" > " if told else " = " for told in self.told]
        pairs = itertools.zip_longest(names, signs, fillvalue="")
        return "".join(itertools.chain.from_iterable(pairs))


@dataclass(frozen=True)
class AblationTable:
    """All ablations of a cell.

    Attributes:
        name: What the cell is called.
        digest: Its identity.
        settings: How many settings each was trained with.
        seeds: Seeds of each setting.
        losses: Of the whole cell, as in a row.
        rows: The most important part first: the one that is missed most on average.
        dead: Those that can learn nothing, and were not trained.
        orders: For each task the order of the gates, if there are two.
    """

    name: str
    digest: str
    settings: int
    seeds: int
    losses: dict[str, float]
    rows: tuple[AblationRow, ...]
    dead: tuple[Ablation, ...]
    orders: dict[str, Order]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "cell": self.name,
            "digest": self.digest,
            "settings": self.settings,
            "seeds": self.seeds,
            "losses": {task: _number(loss) for task, loss in self.losses.items()},
            "rows": [row.to_dict() for row in self.rows],
            "dead": {one.words: one.dead.missing for one in self.dead if one.dead},
            "gates": {
                task: {"order": list(order.gates), "told": list(order.told)}
                for task, order in self.orders.items()
            },
        }


def verdict(score: Bounds) -> str:
    """`missed`, `better` without, or `tie`: where the interval lies."""
    if score.high < 0:
        return "missed"
    return "better" if score.low > 0 else "tie"


def ablation_panel(
    cell: Named,
    ablated: Sequence[Ablation],
    config: Config,
    settings: Sequence[Setting],
    seeds: int,
    ops: Sequence[str] = (),
) -> Panel:
    """The runs of a cell, which comes first, and of its ablations that may learn.

    Args:
        cell: Name and cell.
        ablated: Its ablations.
        config: A search by common runs, whose tasks they are.
        settings: Common to all.
        seeds: Of each setting.
        ops: `module:op` of a person's own ops.

    Raises:
        UserError: Nothing is left that may learn.
    """
    objective = config.objective
    assert objective is not None
    alive = [one for one in ablated if one.dead is None]
    if not alive:
        said = f": {'; '.join(one.words for one in ablated)}" if ablated else ""
        raise UserError(f"{cell[0]} has none of these parts, or needs them all{said}")
    cells: dict[str, Cell] = dict([cell, *((one.words, one.cell) for one in alive)])
    return Panel(
        cells=cells,
        tasks=panel_tasks(config),
        settings=tuple(settings),
        repeats=tuple(range(seeds)),
        seed=config.seed,
        floor=objective.floor,
        ops=tuple(ops),
        held=frozenset(one.words for one in alive if not one.biases),
    )


def ablation_table(
    name: str,
    digest: str,
    ablated: Sequence[Ablation],
    tasks: Sequence[str],
    scores: Array,
    losses: Array,
) -> AblationTable:
    """What common runs say of the parts of a cell.

    Intervals are by Student's t over seeds. Those of one column of the table are all
    right together with the stated probability, however many rows it has.

    Args:
        name: Of the cell.
        digest: Its identity.
        ablated: Its ablations, in the order of the scores; the dead have none.
        tasks: Their names.
        scores: Log losses [tasks, cells, settings, seeds], none missing; the whole
            cell comes first.
        losses: Last losses, of the same shape.
    """
    alive = [one for one in ablated if one.dead is None]
    by_seed = (scores[:, :1] - scores[:, 1:]).mean(axis=2)  # [tasks, rows, seeds]
    level = shared_level(len(alive))
    ends = _ends(losses)
    rows = [
        AblationRow(
            ablation=one,
            mean=mean_interval(by_seed[:, row].mean(axis=0), level),
            scores={
                task: mean_interval(by_seed[number, row], level)
                for number, task in enumerate(tasks)
            },
            losses=dict(zip(tasks, ends[:, row + 1].tolist(), strict=True)),
        )
        for row, one in enumerate(alive)
    ]
    gates = [row for row, one in enumerate(alive) if one.part is Part.GATE]
    words = [alive[row].words for row in gates]
    return AblationTable(
        name=name,
        digest=digest,
        settings=scores.shape[2],
        seeds=scores.shape[3],
        losses=dict(zip(tasks, ends[:, 0].tolist(), strict=True)),
        rows=tuple(sorted(rows, key=lambda row: row.mean.value)),
        dead=tuple(one for one in ablated if one.dead is not None),
        orders={
            task: _order(words, by_seed[number, gates])
            for number, task in enumerate(tasks)
            if len(gates) > 1
        },
    )


def _order(words: Sequence[str], by_seed: Array) -> Order:
    """The order of gates by their differences [gates, seeds]."""
    first = sorted(range(len(words)), key=lambda gate: by_seed[gate].mean())
    level = shared_level(len(words) - 1)
    told = tuple(
        mean_interval(by_seed[one] - by_seed[other], level).high < 0
        for one, other in itertools.pairwise(first)
    )
    return Order(tuple(words[gate] for gate in first), told)


def _ends(losses: Array) -> Array:
    """Mean last loss [tasks, cells] of the runs that have one; NaN where none has."""
    known = ~np.isnan(losses)
    total = np.where(known, losses, 0.0).sum(axis=(2, 3))
    count = known.sum(axis=(2, 3))
    ends: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return ends


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
