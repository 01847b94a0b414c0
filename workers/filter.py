"""Memorization as a filter: a job that ends as soon as its cell has shown enough.

The paper (section 3.5) has every new cell memorize first, on one setting, and discards
it below 95 % accuracy under teacher forcing. It names no grid for that, and says that
an LSTM of 25,000 parameters succeeds "with all but the most extreme settings". So the
grid is the middle of the paper's grid, and the first setting of every cell is the
steadiest of it: of thirteen published cells tried at six settings, all that memorize
at any of them do so at this one, within 3,000 updates; higher rates or clipping bounds
are up to twice as fast for some, and lose others for good.
"""

import random
from typing import Final

from cells import Cell, digest
from workers.job import Evaluation, Job, Setting, TaskSpec, Training, make_job
from workers.schedule import PASSED, Schedule

FILTER_TASK: Final = TaskSpec("memorization", "small")
"""The same for every preset: its epochs of 300 updates are how often one looks."""

FILTER_PARAMETERS: Final = 25_000

FIRST_SETTING: Final = Setting(1.0, 0.3, 2.5, 1, FILTER_PARAMETERS)

FILTER_GRID: Final = tuple(
    Setting(scale, rate, clip, 1, FILTER_PARAMETERS)
    for scale in (0.7, 1.0, 1.4)
    for rate in (0.3, 0.5, 1.0)
    for clip in (1.0, 2.5, 5.0)
)
"""What a cell that is tried again may draw from; `FIRST_SETTING` is one of them."""

FILTER_BUDGETS: Final = {"small": 6_000, "paper": 15_000}
"""Most updates, by preset."""

FILTER_TARGET: Final = 0.95

GIVE_UP: Final[dict[str, tuple[tuple[float, float], ...]]] = {"small": (), "paper": ()}
"""Updates, and the validation loss above which a cell is given up from then on, by
preset; derived from recorded curves by `python -m benchmarks.calibrate_filter`."""


def filter_setting(cell: Cell, attempt: int = 0) -> Setting:
    """The setting of a cell's n-th attempt, without repeats until the grid is used up.

    Args:
        cell: The cell; equivalent cells get the same settings.
        attempt: From 0. Attempt 0 is `FIRST_SETTING`; the others follow in an order
            that depends on the cell alone.
    """
    others = [setting for setting in FILTER_GRID if setting != FIRST_SETTING]
    random.Random(f"cellsearch filter {digest(cell)}").shuffle(others)
    order = [FIRST_SETTING, *others]
    return order[attempt % len(order)]


def filter_job(
    cell: Cell,
    *,
    preset: str = "small",
    attempt: int = 0,
    seed: int = 0,
    early: bool = True,
    ops: tuple[str, ...] = (),
) -> Job:
    """The job that decides whether a cell is worth more than this; see `passed`.

    Args:
        cell: The cell.
        preset: `small` or `paper`: decides the budget.
        attempt: See `filter_setting`.
        seed: Repeats differ in it.
        early: Whether a cell may be given up by its loss before the budget is used.
        ops: `module:op` of a person's own ops that the cell may use.
    """
    give_up = GIVE_UP[preset] if early else ()
    schedule = Schedule("filter", (("target", FILTER_TARGET), ("give_up", give_up)))
    return make_job(
        cell,
        FILTER_TASK,
        (filter_setting(cell, attempt),),
        FILTER_BUDGETS[preset],
        seed=seed,
        training=Training(schedule=schedule),
        ops=ops,
    )


def passed(evaluation: Evaluation) -> bool:
    """Whether the cell of a filter's job has memorized."""
    return all(result.ended == PASSED for result in evaluation.results)
