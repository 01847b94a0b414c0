"""What a search would cost: a few probe candidates, trained and timed.

Nothing is kept. What the probes take is projected on the whole search, by the way that
it compares cells: see `gated_estimate` and `staged_estimate`.
"""

import time

from search.commands import gated_estimate, staged_estimate
from search.loop.pools import Workers
from search.output.words import duration
from search.procedure.config import Config
from workers import PoolOptions


def dry_run(config: Config, candidates: int, options: PoolOptions) -> int:
    """Trains the probes and prints what the search would cost; the exit status."""
    lines = gated_estimate.lines if config.objective is None else staged_estimate.lines
    start = time.monotonic()
    with Workers(options) as workers:
        found = lines(config, candidates, workers.pool())
    print(f"probes took {duration(time.monotonic() - start)}")
    for label, value in found:
        print(f"{label:<8} {value}")
    return 0
