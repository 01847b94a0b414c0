"""What a report says of its numbers, by the objective of its search."""

from dataclasses import dataclass
from typing import Final

from search.procedure.config import Config


@dataclass(frozen=True, kw_only=True)
class Captions:
    """Sentences of a page, of one way of comparing cells.

    `{baseline}`, `{gate}`, `{error}` and `{how}` stand for those of the search.

    Attributes:
        fitness: What it is.
        funnel_title: Of the section on what becomes of mutants.
        funnel: What they must do.
        trials: What the values and trials of the ranked table are.
        score: Before the name of a task, where a cell's score on it is told.
        settings_title: Of the section on hyperparameters.
        settings: What its charts show.
    """

    fitness: str
    funnel_title: str
    funnel: str
    trials: str
    score: str
    settings_title: str
    settings: str


RATIOS: Final = Captions(
    fitness="Fitness is the least ratio, over tasks, of a cell's best metric to that "
    "of {baseline}.",
    funnel_title="Filter and gates",
    funnel="What becomes of mutants. A cell must pass the filter, then be above {gate} "
    "of {baseline}'s best on a task to be given the next one, and on the last to pass.",
    trials="Draws are settings tried, over all tasks: more of them raise a best.",
    score="best on",
    settings_title="Which hyperparameters worked",
    settings="All trained settings, by the value of one hyperparameter: range (grey), "
    "middle half (blue), median (black) and best (orange). Mutants inherit settings "
    "that did well, so values that are tried often are not a fair sample of cells.",
)

COMMON_RUNS: Final = Captions(
    fitness="Fitness is the {how}, over tasks, of how much lower the logarithm of a "
    "cell's loss is than {baseline}'s on common runs, averaged over the learning "
    "curve: 0 is {baseline}, and 0.1 a loss that is a tenth lower.",
    funnel_title="Stages",
    funnel="What becomes of mutants. All have the first run, task by task, and those "
    "that go on have more of the panel of common runs, on all tasks. A cell is dropped "
    "where its value on the whole panel, predicted from its runs so far, would not "
    "reach the list; of those that would, {error:.0%} are dropped, too. What was "
    "neither dropped nor given the next stage is under way.",
    trials="Values on tasks are differences to {baseline} on common runs, ± standard "
    "error over seeds. Runs are over all tasks: the best are given more.",
    score="on",
    settings_title="Which settings of the panel worked",
    settings="All runs of all cells, by setting of the panel: range (grey), middle "
    "half (blue), median (black) and best (orange) of the mean logarithm of the "
    "validation loss. Every cell has the first setting; the others are of those that "
    "went on.",
)


def captions_of(config: Config) -> Captions:
    """The sentences for a search."""
    objective = config.objective
    captions = RATIOS if objective is None else COMMON_RUNS
    values = {
        "baseline": config.baseline,
        "gate": config.rules.gate,
        "error": objective.error if objective else 0.0,
        "how": objective.fitness.value if objective else "least",
    }
    filled = {name: text.format(**values) for name, text in vars(captions).items()}
    return Captions(**filled)
