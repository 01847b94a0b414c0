"""Cells from outside: handed in at any time, and taken up as moves of the search.

A proposal waits in the inbox of its run. The search takes it up when it would draw its
next mutant, and stores that decision before it is made: so a run with proposals is a
function of its record, whenever they came.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from cells import OPS, Canonical, Cell, CellError, canonicalize, parse, to_text
from search.errors import UserError
from search.procedure.config import Config
from search.procedure.moves import Decision
from search.procedure.procedure import Procedure
from search.store.inbox import LONGEST_NAME, Inbox, Proposal, is_name


class Verdict(StrEnum):
    """What becomes of a proposal."""

    KNOWN = "known already"
    DEAD = "dead"
    REFUSED = "not taken"
    WAITING = "waiting"


class HandedIn(NamedTuple):
    """A cell that was proposed, and what becomes of it.

    Attributes:
        name: What its proposer calls it.
        digest: Of the canonical cell.
        verdict: What becomes of it.
        why: Of one that is dead or not taken.
        place: In the queue, from 1; 0: it is not there.
    """

    name: str
    digest: str
    verdict: Verdict
    why: str = ""
    place: int = 0


def hand_in(
    procedure: Procedure, inbox: Inbox, cells: Sequence[tuple[str, Cell]], by: str
) -> list[HandedIn]:
    """Hands cells in to a run, and says of each what becomes of it.

    Args:
        procedure: The run's, as far as its store knows it.
        inbox: The run's.
        cells: Name and cell of each.
        by: Who proposes them.

    Raises:
        UserError: `by` is no name, or a cell uses an op that the run does not have.
    """
    check_name(by)
    for _, cell in cells:
        _check_ops(cell, procedure.config)
    return [_hand_in(procedure, inbox, name, cell, by) for name, cell in cells]


def check_name(by: str) -> None:
    """Refuses what nobody is called.

    Raises:
        UserError: Says what is allowed, and what came.
    """
    if not is_name(by):
        raise UserError(
            f"`by` must be a name of 1 to {LONGEST_NAME} printable characters, "
            f"got {by!r}"
        )


def _hand_in(
    procedure: Procedure, inbox: Inbox, name: str, cell: Cell, by: str
) -> HandedIn:
    form = canonicalize(cell)
    if form.digest in procedure.population.members:
        return HandedIn(name, form.digest, Verdict.KNOWN)
    why = procedure.reason_against(form.cell)
    if why:
        verdict = Verdict.DEAD if why.startswith("ignores") else Verdict.REFUSED
        return HandedIn(name, form.digest, verdict, why)

    # Whoever proposes a cell that waits already has the place that it has.
    if form.digest not in inbox.digests():
        inbox.add(form.digest, Proposal(to_text(form.cell), by))
    waiting = inbox.digests()
    place = 1  # a search may have taken it up just now
    if form.digest in waiting:
        before = waiting[: waiting.index(form.digest)]
        place += len(set(before) - set(procedure.population.members))
    return HandedIn(name, form.digest, Verdict.WAITING, place=place)


class Outside:
    """The proposals to a run, as its search takes them up.

    Args:
        inbox: The run's.
        note: Tells a person of what is no proposal.
    """

    def __init__(self, inbox: Inbox, note: Callable[[str], None]) -> None:
        self._inbox = inbox
        self._note = note
        self._ignored: set[str] = set()
        self._taken = ""

    def next(self, procedure: Procedure, now: float) -> Decision | None:
        """The move for the oldest proposal of a cell that is new; None: there is none.

        Args:
            procedure: Of the search.
            now: Logical time.
        """
        for name in self._inbox.waiting():
            if name in self._ignored:
                continue
            try:
                proposal = self._inbox.read(name)
                form = read_form(proposal.text, procedure.config)
            except (UserError, CellError) as error:
                self._ignore(name, str(error))
                continue
            why = "known already"
            if form.digest not in procedure.population.members:
                why = procedure.reason_against(form.cell)
            if not why:
                self._taken = name
                return procedure.outside(form, proposal.by, now)
            self._note(f"a cell proposed by {proposal.by} is not taken: {why}")
            self._ignored.add(name)
            self._inbox.remove(name)
        return None

    def recorded(self) -> None:
        """What `next` gave is stored, and need not wait any longer."""
        self._inbox.remove(self._taken)

    def _ignore(self, name: str, why: str) -> None:
        """Leaves what is none of ours where it lies, and says so once."""
        self._ignored.add(name)
        self._note(f"note: what waits in the inbox as {name} is no proposal: {why}")


def read_form(text: str, config: Config) -> Canonical:
    """The canonical cell of a text, of ops that a search has.

    Raises:
        CellError: It is no cell.
        UserError: It uses an op of somebody's own that the search does not name.
    """
    cell = parse(text)
    _check_ops(cell, config)
    return canonicalize(cell)


def _check_ops(cell: Cell, config: Config) -> None:
    """Workers import what the configuration names, and nothing else."""
    for node in cell.nodes:
        origin = OPS[node.op].origin if node.op in OPS else ""
        if origin and origin not in config.own_ops:
            raise UserError(
                f"the search has no op {origin}; begin one with "
                f"`own_ops = ['{origin}']`"
            )
