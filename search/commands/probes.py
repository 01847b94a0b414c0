"""Probes of a search that has not begun: a few mutants, trained and timed."""

import statistics
from collections.abc import Sequence
from typing import Final

import numpy as np

from cells import Cell, canonical, dead, digest, recurrent_linears
from search.errors import UserError
from search.procedure.config import Config
from search.procedure.proposals import mutant_by
from workers import Evaluation, Job, Pool

PROBES: Final = 6
DRAWS: Final = 300
"""Mutants that are drawn for them at most."""

TRAINED: Final = 2
"""Probes that are trained on tasks."""

SHARE: Final = 10
"""A probe is given one in so many updates of a task's budget."""

BYTES_A_TRAINING: Final = 160
BYTES_A_CANDIDATE: Final = 1_200

Lines = list[tuple[str, str]]
"""Labels and what is said of each."""


def probes(config: Config) -> list[Cell]:
    """Living mutants of the seeds, drawn as the search draws them.

    Raises:
        CellError: The rules give none of a seed.
        UserError: All that they give are dead.
    """
    rng = np.random.default_rng([config.seed, PROBES])
    found: dict[str, Cell] = {}
    rules = config.rules
    for _ in range(DRAWS):
        if len(found) == PROBES:
            break
        _, parent = config.seeds[int(rng.integers(len(config.seeds)))]
        mutant = mutant_by(rules, canonical(parent), rng)
        cell = canonical(mutant.cell)
        if dead(cell) is None and recurrent_linears(cell) >= rules.recurrent:
            found[digest(cell)] = cell
    if not found:
        raise UserError(f"{DRAWS} mutants of the seeds are dead, and none is alive")
    return list(found.values())


def carry_out(pool: Pool, jobs: Sequence[Job]) -> dict[str, Evaluation]:
    """The evaluations of jobs, by id."""
    for job in {job.id: job for job in jobs}.values():
        pool.submit(job)
    found = {}
    while (answer := pool.next()) is not None:
        found[answer[0].id] = answer[1]
    return found


def mean(values: Sequence[float]) -> float:
    """Of some, or 0 of none."""
    return statistics.fmean(values) if values else 0.0
