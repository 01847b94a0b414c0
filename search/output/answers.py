"""What somebody who proposes cells to a run is told of each."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cells import Cell
from search.loop.engine import Engine
from search.loop.numerics import TOLD, class_of
from search.loop.outside import HandedIn, Verdict, hand_in
from search.loop.runs import OpenRun, open_run, replay
from search.output.leaderboard import Leaderboard
from search.procedure.members import Member
from search.store.inbox import Inbox
from search.store.locks import holder

YOU: Final = "you"
"""Whoever proposes and says no name: who reads the table is mostly the same person."""


@dataclass(frozen=True)
class Answer:
    """What became of a cell that was proposed.

    Attributes:
        name: What its proposer calls it.
        digest: Of the canonical cell.
        verdict: `known already`, `dead`, `not taken` or `waiting`.
        place: In the queue, from 1; 0: it does not wait.
        words: Its results, why not, or its place and when its turn comes.
    """

    name: str
    digest: str
    verdict: Verdict
    place: int
    words: str

    def __str__(self) -> str:
        """All of it, in one line."""
        return f"{self.name}  {self.digest}  {self.verdict}: {self.words}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return vars(self).copy()


def propose(folder: Path, cells: Sequence[tuple[str, Cell]], by: str) -> list[Answer]:
    """Proposes cells to a run, whether or not it goes on.

    Args:
        folder: The run's.
        cells: Name and cell of each.
        by: Who proposes them.

    Raises:
        UserError: There is no run, it cannot take them, or `by` is no name.
    """
    with open_run(folder, reading=True) as run:
        engine = replay(run)
        handed = hand_in(engine.procedure, Inbox(folder), cells, by)
        return [_answer(run, engine, one) for one in handed]


def _answer(run: OpenRun, engine: Engine, one: HandedIn) -> Answer:
    words = one.why
    if one.verdict is Verdict.KNOWN:
        member = engine.procedure.population.members[one.digest]
        words = _results(engine, member)
    elif one.verdict is Verdict.WAITING:
        words = f"place {one.place} in the queue, {_turn(run, engine, one.place)}"
    return Answer(one.name, one.digest, one.verdict, one.place, words)


def _results(engine: Engine, member: Member) -> str:
    """What is known of a cell."""
    procedure = engine.procedure
    if not procedure.opened:
        return f"{member.name} is being evaluated"
    scores = Leaderboard(procedure).scores(member).items()
    done = [f"{task} {score.text}" for task, score in scores if score.trials]
    if member.complete:
        rank = procedure.population.rank_of(member)
        said = f"{member.name}, rank {rank}, fitness {member.fitness:.3f}"
    elif member.under_way:
        said = f"{member.name} is being evaluated"
    elif not member.filtered:
        said = f"{member.name} did not pass the filter"
    else:
        said = f"{member.name} came no further than this"
    return ", ".join([said, *done])


def _turn(run: OpenRun, engine: Engine, place: int) -> str:
    """When the search takes it up."""
    if class_of(run.store.history) == TOLD:
        return "taken up at an `ask` soon"
    needed = engine.procedure.proposed + place
    more = f" --candidates {needed}" if needed > run.candidates else ""
    user = holder(run.folder)
    if user and not more:
        return f"taken up by {user} before its next mutant"
    again = f"cellsearch resume {shlex.quote(str(run.folder))}{more}"
    return f"taken up at the next `{again}`"
