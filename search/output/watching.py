"""What is shown of a run is renewed for as long as anybody works on it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from search.output.leaderboard import Leaderboard
from search.output.tables import leaderboard_table
from search.output.words import plain
from search.procedure.procedure import Procedure
from search.store.locks import holder

if TYPE_CHECKING:
    from rich.console import Group

SHARE: Final = 20
"""Times what it took to read a run are waited at least: the search needs the cores."""

_LOOK_S: Final = 1.0


def while_running(folder: Path, every_s: float, renew: Callable[[], None]) -> None:
    """Renews something now and then, until nobody works on a run, or Ctrl-C.

    Args:
        folder: The run's.
        every_s: Seconds between two times at least.
        renew: Reads and shows.
    """
    try:
        while holder(folder):
            start = time.process_time()
            renew()
            _wait(folder, max(every_s, SHARE * (time.process_time() - start)))
    except KeyboardInterrupt:
        return


def summary_line(procedure: Procedure, limit: int) -> str:
    """`120 of 600 candidates, best cell_30 1.031`."""
    line = f"{procedure.proposed:,} of {limit:,} candidates"
    if procedure.opened and procedure.population.ranked:
        best = procedure.population.ranked[0]
        line += f", best {best.name} {best.fitness:.3f}"
    return plain(line)


def table_picture(board: Leaderboard, line: str, count: int, width: int) -> "Group":
    """A line and the ranked table below it, for a terminal; see `leaderboard_table`."""
    from rich.console import Group
    from rich.text import Text

    if not board.rows(1) and not board.named():
        return Group(Text(line), Text("no cell has been evaluated yet"))
    return Group(Text(line), leaderboard_table(board, count, width))


def _wait(folder: Path, seconds: float) -> None:
    """Waits so long, or until nobody works on the run any more."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and holder(folder):
        time.sleep(min(_LOOK_S, left))
