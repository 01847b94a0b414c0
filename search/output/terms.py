"""What the numbers of a search are called: by ratios of bests, or by common runs."""

from dataclasses import dataclass, replace
from typing import Final

from search.procedure.config import Config
from search.procedure.costs import MEASURES
from search.procedure.objective import NominalCost


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Words for one way of comparing cells; `{how}` is `least` or `mean`.

    Attributes:
        fitness: What it is, before the name of the baseline.
        parity: The fitness of the baseline.
        trials: What a cell is given on a task.
        trainings: What trainings are counted as.
        complete: What a mutant has done to be ranked.
        legend: Lines below a table of the best.
    """

    fitness: str
    parity: float
    trials: str
    trainings: str
    complete: str
    legend: tuple[str, ...]


RATIOS: Final = Terms(
    fitness="least ratio to",
    parity=1.0,
    trials="draws",
    trainings="settings",
    complete="passed all gates",
    legend=(
        "fitness: least ratio to the baseline's best metric; weights, FLOPs of a step: "
        "of the cell at width 128; age: candidates since",
        "* none is fitter and no larger. More draws raise a best: score cells anew "
        "with `cellsearch evaluate`",
    ),
)

COMMON_RUNS: Final = Terms(
    fitness="{how} difference of mean log losses on common runs to",
    parity=0.0,
    trials="runs",
    trainings="runs",
    complete="had the whole panel",
    legend=(
        "fitness: {how} difference of the mean log loss to the baseline's on common "
        "runs, positive is better; ± standard error over seeds",
        "* none is fitter and no larger. The best of many owes some of it to luck: "
        "`cellsearch final` scores them anew",
    ),
)


COSTED: Final = (
    COMMON_RUNS.legend[0],
    "* of the front: none is fitter and no dearer, or cheaper and as fit; cost: "
    "{cost}, mean over tasks and settings",
    "Cells below the worst seed's fitness are in no front. The best of many owes some "
    "of it to luck: `cellsearch final` scores the front anew",
)
"""Lines below a table of a search with a cost."""


def terms_of(config: Config) -> Terms:
    """The words for a search."""
    objective = config.objective
    if objective is None:
        return RATIOS
    how, cost = objective.fitness.value, ""
    legend = COMMON_RUNS.legend
    if objective.cost is not NominalCost.NONE:
        legend, cost = COSTED, MEASURES[objective.cost].words
    return replace(
        COMMON_RUNS,
        fitness=COMMON_RUNS.fitness.format(how=how),
        legend=tuple(line.format(how=how, cost=cost) for line in legend),
    )
