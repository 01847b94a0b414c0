"""A world of recurrent cells by those of NAS-Bench-NLP: a cell is as good as its like.

    python -m benchmarks.nasbench FILE

FILE has a line a cell, as JSON: its text and the test loss that was published for it
(Klyuchnikov et al. 2020). It is no part of the project, which does without it. Cells
are alike by what is counted in their canonical forms, each count in its standard
deviations; a cell's logarithm of the loss is the mean of the `NEAREST` most alike.
Nothing is chosen by the losses: neither counts nor their number. As the command it
says how far that is off, each cell predicted from the others.
"""

import argparse
import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.paired_world import OF_TASK, SPREADS, Worths, normal
from cells import Cell, StateClass, canonical, parse, recurrent_linears, state_class
from search.procedure.members import Member

NEAREST: Final = 10
"""Cells whose mean is taken."""

OPS: Final = ("linear", "add", "subtract", "multiply", "sigmoid", "tanh", "leaky_relu")

_CLASSES: Final = tuple(StateClass)


class Prediction(NamedTuple):
    """How well each cell is told from the others.

    Attributes:
        rank: Spearman's correlation of predictions and published losses.
        error: Root mean square, in log nats.
        of_mean: The same where every cell is predicted to be the mean of the others.
    """

    rank: float
    error: float
    of_mean: float

    @property
    def tells(self) -> bool:
        """Whether it is nearer than the mean is."""
        return self.error < self.of_mean

    @property
    def text(self) -> str:
        """All of it in a line."""
        return (
            f"each cell from the others: rank correlation {self.rank:.2f}, root mean "
            f"square error {self.error:.3f} log nats ({self.of_mean:.3f} of their mean)"
        )


class NasBench:
    """A cell is worth what the published ones are that it is like.

    Args:
        path: The file.
    """

    name = "nasbench"
    seeds = ("gru", "lstm")

    def __init__(self, path: Path) -> None:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        known = [row for row in rows if row["ptb_test_loss"] is not None]
        counted = [counts(canonical(parse(row["cell"]))) for row in known]
        table = np.array(counted, float)
        self._losses = np.log([row["ptb_test_loss"] for row in known])
        spread = table.std(0)
        self._scale = np.where(spread > 0, spread, 1.0)
        self._points = table / self._scale

    def worths(self, member: Member, cell: Cell, parent: Worths | None) -> Worths:
        """By the most alike: a standard deviation of such means is a spread of runs."""
        away = self._away(np.array(counts(cell), float) / self._scale)
        good = -self._mean_of_nearest(away) / self._unit
        return tuple(
            spread * (good + OF_TASK * normal(f"{member.digest} {task}"))
            for task, spread in enumerate(SPREADS)
        )

    def prediction(self) -> Prediction:
        """Each cell from all others."""
        from scipy.stats import spearmanr

        predicted, losses = self._predicted, self._losses
        others = (losses.sum() - losses) / (len(losses) - 1)
        return Prediction(
            float(spearmanr(predicted, losses).statistic),
            float(np.sqrt(((predicted - losses) ** 2).mean())),
            float(np.sqrt(((others - losses) ** 2).mean())),
        )

    @cached_property
    def _predicted(self) -> NDArray[np.float64]:
        """The logarithm of the loss of each, from all others."""
        rows = []
        for index, point in enumerate(self._points):
            away = self._away(point)
            away[index] = np.inf
            rows.append(self._mean_of_nearest(away))
        return np.array(rows)

    @cached_property
    def _unit(self) -> float:
        return float(self._predicted.std()) or 1.0

    def _away(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        away: NDArray[np.float64] = ((self._points - point) ** 2).sum(1)
        return away

    def _mean_of_nearest(self, away: NDArray[np.float64]) -> float:
        nearest = np.argsort(away, kind="stable")[:NEAREST]
        return float(self._losses[nearest].mean())


def counts(cell: Cell) -> tuple[int, ...]:
    """What a canonical cell is like: ops, states, depth, class, matrices by path."""
    ops = Counter(node.op for node in cell.nodes)
    depths, linears = [0] * cell.num_inputs, [0] * cell.num_inputs
    for node in cell.nodes:
        depths.append(1 + max((depths[arg] for arg in node.args), default=0))
        below = max((linears[arg] for arg in node.args), default=0)
        linears.append(below + (node.op == "linear"))
    return (
        *(ops[name] for name in OPS),
        len(cell.nodes),
        cell.num_states,
        recurrent_linears(cell),
        sum(node.op == "linear" and node.args == (0,) for node in cell.nodes),
        max(depths[output] for output in cell.outputs),
        max(linears[output] for output in cell.outputs),
        _CLASSES.index(state_class(cell)),
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="How well like cells tell a loss.")
    parser.add_argument("file", type=Path)
    print(NasBench(parser.parse_args().file).prediction().text)


if __name__ == "__main__":
    main()
