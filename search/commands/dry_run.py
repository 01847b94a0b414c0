"""What a search would cost: a few probe candidates, trained and timed.

Nothing is kept. What the probes take is projected on the whole search, by the way that
it compares cells: see `gated_estimate` and `staged_estimate`.
"""

import time

from search.commands import gated_estimate, staged_estimate
from search.commands.probes import Lines, probe_gated, probe_staged
from search.commands.taken import CORE
from search.loop.pools import Workers
from search.output.words import duration
from search.procedure.config import Config
from workers import Pool, PoolOptions


def dry_run(config: Config, candidates: int, options: PoolOptions) -> int:
    """Trains the probes and prints what the search would cost; the exit status."""
    start = time.monotonic()
    with Workers(options) as workers:
        found = _lines(config, candidates, workers.pool())
    print(f"probes took {duration(time.monotonic() - start)}")
    print_lines(found)
    return 0


def print_lines(lines: Lines) -> None:
    """Prints labels, and what is said of each in a column."""
    for label, value in lines:
        print(f"{label:<8} {value}")


def _lines(config: Config, candidates: int, pool: Pool) -> Lines:
    """What the search would cost, in lines for people; trains the probes."""
    workers, objective = pool.capacity, config.objective
    if objective is None:
        gated = gated_estimate.estimate(config, probe_gated(config, pool))
        return gated_estimate.render(gated, config, candidates, workers, CORE)
    measured = probe_staged(config, objective, pool)
    staged = staged_estimate.estimate(config, objective, measured)
    return list(
        staged_estimate.render(staged, config, objective, candidates, workers, CORE)
    )
