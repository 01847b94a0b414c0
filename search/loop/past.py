"""What earlier processes of a run decided and issued, held against this search."""

from collections.abc import Callable
from typing import Final

from cells import CellError
from search.errors import UserError
from search.loop.outside import read_form
from search.procedure.moves import Decision, Issued, Move
from search.procedure.procedure import Procedure
from search.store.history import History

VERIFIED: Final = 100
"""Of the stored decisions every hundredth and the last hundred are derived again, and
the ends of their jobs."""


class Past:
    """The history of a run as it is stored, taken in order, and held against this one.

    Args:
        history: Of the run; nothing is added to it before all of it has been taken.
        taken: How many decisions and jobs of it need not be taken again.

    Attributes:
        decisions: How many there are.
        restored: How many of them have been taken.
        issued: How many jobs have been taken.
        requeued: How many of these have to be carried out again.
    """

    def __init__(self, history: History, taken: tuple[int, int] = (0, 0)) -> None:
        self.decisions = history.last_decision() + 1
        self.restored, self.issued = taken
        self.requeued = 0
        self._decisions = history.decisions(self.restored - 1)
        self._jobs = history.jobs(self.issued - 1)
        self._said = False

    def next_decision(self, procedure: Procedure, now: float) -> Decision | None:
        """The next decision as it is stored; None: it is not.

        Args:
            procedure: That it is for.
            now: Logical time.

        Raises:
            UserError: This version and configuration decide otherwise.
        """
        number = procedure.decisions
        if number >= self.decisions:
            return None
        stored = next(self._decisions, None)
        if stored is None or stored.number != number:
            had = "none" if stored is None else stored.number
            raise _mismatch(f"decision {number}", "number", had, number)
        self.restored += 1
        # To draw a mutant takes milliseconds: most are believed, if they may be.
        if self._verifies(number) or not procedure.past_opening:
            derived = _derived(stored, procedure, now)
            _hold(f"decision {number}", _essence(stored), _essence(derived))
        elif stored.at != now:
            raise _mismatch(f"decision {number}", "time", stored.at, now)
        elif not procedure.possible(stored):
            raise _mismatch(f"decision {number}", "cell", stored.digest, "another")
        return stored

    def next_job(self) -> Issued | None:
        """The next job as it is stored; None: it is not."""
        stored = next(self._jobs, None)
        self.issued += stored is not None
        return stored

    def believes(self, stored: Issued, decision: int, now: float) -> bool:
        """Whether the end of a job is taken as it is stored, to save finding its cost.

        Args:
            stored: The job.
            decision: Number of the decision that it should belong to.
            now: Logical time.
        """
        return stored.end > now and not self._verifies(decision)

    def check_job(self, stored: Issued, issued: Issued) -> None:
        """Holds a job as it is stored against what has been issued now.

        Raises:
            UserError: They differ.
        """
        _hold(f"job {issued.number}", stored, issued)

    def say(self, note: Callable[[str], None], results: int) -> None:
        """Says once what was left here, before anything is added to it.

        Args:
            note: Tells a person.
            results: How many were applied.
        """
        if self._said or not self.restored:
            return
        self._said = True
        note(
            f"restored {self.restored} decisions and {results} results that were "
            f"applied; {self.requeued} jobs that were under way are queued again; "
            "nothing is lost"
        )

    def _verifies(self, decision: int) -> bool:
        """Whether a decision is held against this version and configuration."""
        return decision % VERIFIED == 0 or decision >= self.decisions - VERIFIED


def _derived(stored: Decision, procedure: Procedure, now: float) -> Decision:
    """A decision as this version makes it; a cell from outside is one of its text."""
    if stored.kind is not Move.OUTSIDE or not procedure.past_opening:
        return procedure.decide(now)
    what = f"decision {stored.number}"
    try:
        form = read_form(stored.text, procedure.config)
    except CellError as error:
        raise _mismatch(what, "text", stored.text, error) from None
    reason = procedure.reason_against(form.cell)
    if reason:
        raise _mismatch(what, "cell", stored.digest, reason)
    return procedure.outside(form, stored.by, now)


def _essence(decision: Decision) -> Decision:
    """What two derivations of one decision must agree in."""
    return decision._replace(text="", drain=False)


def _hold(what: str, stored: Decision | Issued, derived: Decision | Issued) -> None:
    if stored != derived:
        raise _mismatch(what, *_difference("", stored, derived))


def _difference(
    name: str, stored: object, derived: object
) -> tuple[str, object, object]:
    """The first field in which two tuples differ: its name, and both its values."""
    if not (isinstance(stored, tuple) and isinstance(derived, tuple)):
        return name, stored, derived
    if len(stored) != len(derived):
        return f"{name} in number", len(stored), len(derived)
    fields = getattr(stored, "_fields", range(1, len(stored) + 1))
    field, old, new = next(
        row for row in zip(fields, stored, derived, strict=True) if row[1] != row[2]
    )
    return _difference(f"{name} {_WORDS.get(field, field)}".lstrip(), old, new)


def _mismatch(what: str, name: str, stored: object, derived: object) -> UserError:
    """The stored history is another search's."""
    return UserError(
        f"{what} was stored with {name} {_short(stored)}, and has "
        f"{_short(derived)} by this version and configuration: the run was made by "
        "others, or its file was edited. Go on with the version that made it, start a "
        "branch from its table with `cellsearch run --branch RUN --out NEW`, or start "
        "a new run"
    )


def _short(value: object) -> str:
    """A value in a few words."""
    text = str(value) or "none"
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."


_SHORT: Final = 60
_WORDS: Final = {"at": "time", "digest": "cell", "stage": "task number"}
"""What fields are called where it is not what they are named."""
