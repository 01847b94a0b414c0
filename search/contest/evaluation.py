"""Cells scored on tasks: what is not known yet is trained, and all becomes a table."""

from collections.abc import Callable
from pathlib import Path

from cells import dead
from search.contest.ledger import Ledger
from search.contest.request import Request, make_contests
from search.contest.scoreboard import Scoreboard, make_scoreboard
from search.contest.spectator import Spectator
from search.contest.tournament import Tournament, settings_per_job
from workers import Pool


def evaluate(
    request: Request, out: Path | None, pool: Callable[[], Pool], spectator: Spectator
) -> Scoreboard:
    """Scores cells.

    Args:
        request: What is to be scored, and how.
        out: Where results are kept, and looked up; None: nowhere.
        pool: Gives the pool, if there is anything to be trained.
        spectator: Is told.

    Raises:
        UserError: More settings than a grid has, no width fits a budget, no ratio to a
            zero, or `out` is no folder for it.
        TaskError: A task is unknown, or its data cannot be found.
        KeyboardInterrupt: It was stopped; what is done is kept, see `look_up`.
    """
    contests = make_contests(request)
    with Ledger.open(out) as ledger:
        # A cell that cannot learn is scored all the same.
        for name, cell in request.cells:
            reason = dead(cell)
            if reason is not None:
                spectator.note(
                    f"note: {name} ignores the {reason.missing}, and is scored"
                )
        tournament = Tournament(contests, ledger)
        if not tournament.over:
            made = pool()
            tournament.play(made, spectator, settings_per_job(_platform(made)))
        return make_scoreboard(request, contests, ledger)


def look_up(request: Request, out: Path) -> Scoreboard:
    """The table as far as its results are known; nothing is trained."""
    with Ledger.open(out) as ledger:
        return make_scoreboard(request, make_contests(request), ledger)


def _platform(pool: Pool) -> str:
    """What a pool's workers compute on: `cpu`, `gpu` or `tpu`."""
    return str(pool.workers()[0]["numerics"]["platform"])
