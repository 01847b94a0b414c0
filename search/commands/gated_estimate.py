"""What a search by ratios costs, by what its filter and a round of settings cost.

Who says that is `GatedCosts`: probes that are trained, or the figures of a device.
Shares of cells that pass filter and gates are as in the paper and in our own runs.
"""

from typing import Final, NamedTuple, Protocol

from search.commands.probes import BYTES_A_CANDIDATE, BYTES_A_TRAINING, Lines
from search.commands.taken import NOTHING, Taken, Unit
from search.output.words import brief, counted, duration
from search.procedure.config import Config

PASSING: Final = 0.2
"""Share of candidates that is taken to pass the filter: 0.1 in the paper, where cells
have a single setting too; 0.1 to 0.3 in our own runs."""

GATED: Final = 0.5
"""Share of cells on a task that is taken to be given the next one."""


class GatedCosts(Protocol):
    """What parts of the search cost, whoever carries them out."""

    def filter(self) -> Taken:
        """Of a candidate's filter."""

    def round(self, task: int, settings: int) -> Taken:
        """Of so many settings of a cell on a task, handed out together."""


class GatedEstimate(NamedTuple):
    """What a search costs, about.

    Attributes:
        opening: Of seeds and references.
        filter: Of a candidate's filter.
        tasks: Of a candidate that passes, on all tasks that it is given.
        again: Of a re-examination.
        candidate: Of a candidate, with its share of all that.
        finals: None here.
    """

    opening: Taken
    filter: Taken
    tasks: Taken
    again: Taken
    candidate: Taken
    finals: Taken = NOTHING


def estimate(config: Config, costs: GatedCosts) -> GatedEstimate:
    """Projects what parts cost on the whole search."""
    rules, tasks = config.rules, range(len(config.tasks))
    filtered = NOTHING if config.filter is None else costs.filter()
    rounds = [costs.round(task, rules.settings) for task in tasks]

    # Shares of cells that pass make the cost of a candidate of those of its parts.
    counts = [rules.baseline_settings or len(one.plan.grid) for one in config.tasks]
    named = len(config.seeds) + len(config.references)
    passing = 1.0 if config.filter is None else PASSING
    moves = rules.reexamine / (1 - rules.reexamine)
    given = sum((GATED**task * rounds[task] for task in tasks), NOTHING)
    again = sum(rounds, NOTHING)
    return GatedEstimate(
        opening=named * sum(map(costs.round, tasks, counts), NOTHING),
        filter=filtered,
        tasks=given,
        again=again,
        candidate=filtered + passing * given + moves * again,
    )


def render(
    found: GatedEstimate, config: Config, candidates: int, workers: int, unit: Unit
) -> Lines:
    """The estimate as lines for people."""
    opening_s, candidate_s = found.opening.total_s, found.candidate.total_s
    hours = (opening_s + candidates * candidate_s) / workers / 3600
    row = BYTES_A_CANDIDATE + BYTES_A_TRAINING * found.candidate.trainings
    settings = config.rules.settings
    filters, given = [], "a candidate"
    if config.filter is not None:
        filters = [("filter", f"{unit.seconds(found.filter, 1)} a candidate")]
        given = f"for each of the {PASSING:.0%} that are taken to pass the filter"
    return [
        ("opening", f"{duration(opening_s / workers)}: seeds and references"),
        *filters,
        (
            "tasks",
            f"{unit.seconds(found.tasks)} {given}, "
            f"{counted(settings, 'setting')} a task",
        ),
        ("again", f"{unit.seconds(found.again)} a re-examination"),
        ("speed", f"{brief(3600 * workers / candidate_s)} candidates an hour"),
        (
            "whole",
            f"{candidates:,} candidates in {hours:,.1f} hours with "
            f"{counted(workers, unit.worker)}, {candidates * row / 1e6:,.1f} MB of "
            "disk without learning curves",
        ),
    ]
