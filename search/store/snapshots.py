"""Where a search stood, kept beside the results that it was made of.

A snapshot saves readers the replay of a long history. It is believed only where it
fits: counts and sums over the rows that it was made of are what they were when it was
written, in one transaction with the last of them. Whatever is wrong with it, there is
none: the history says the same, and takes longer.
"""

import json
import sqlite3
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from search.errors import UserError
from search.store.database import MOST_BYTES, Database
from search.store.decode import TEXT, Columns, Kind
from search.store.json_text import read_json
from search.store.tables import SNAPSHOTS
from workers import installed

FORM: Final = 2
"""Of a snapshot; one of another form is none."""

RUNS: Final = """
SELECT count(*), sum(evaluation + 3 * setting + 5 * budget + 7 * updates +
    length(status) + ifnull(CAST(best * 1e9 AS INTEGER), 0) + ifnull(length(curve), 0))
FROM runs WHERE evaluation <= ?
"""

DECISIONS: Final = """
SELECT count(*), sum(kind), sum(CAST(at AS INTEGER)), sum(cell), sum(parent),
    sum(length(rules)), sum(born), sum(drain)
FROM decisions WHERE number < ?
"""

JOBS: Final = """
SELECT count(*), sum(decision), sum(cell), sum(task), sum(stage), sum(settings),
    sum(CAST(start AS INTEGER)), sum(CAST("end" AS INTEGER)), sum(drain)
FROM jobs WHERE number < ?
"""

REJECTS: Final = """
SELECT count(*), sum(draw), sum(reason), sum(parent) FROM rejects WHERE decision < ?
"""

LAST: Final = "SELECT coalesce(max(id), 0) FROM evaluations"
CONFIG: Final = "SELECT value FROM metadata WHERE key = 'config'"

FIND: Final = "SELECT fits, state, numbers, seal FROM snapshots WHERE id = ?"
IDS: Final = (1, 0)
"""Of snapshots, the later first: one of a search at its limit, and the last before."""

FOUND: Final[Columns] = {
    "fits": TEXT,
    "state": TEXT,
    "numbers": Kind("bytes", lambda value: isinstance(value, bytes)),
    "seal": Kind("bytes", lambda value: isinstance(value, bytes)),
}

NONE: Final = (UserError, sqlite3.Error, ValueError, LookupError, TypeError)
"""What comes of a snapshot that is damaged, another version's, or none of ours."""


class UnfitError(ValueError):
    """A snapshot is none of this search's."""


def need(fits: bool) -> None:
    """Raises `UnfitError` where a snapshot does not fit."""
    if not fits:
        raise UnfitError


class Snapshot(NamedTuple):
    """Where a search stood.

    Attributes:
        decisions: How many it had made.
        issued: How many jobs it had issued.
        state: JSON values.
        numbers: Columns, one after another.
    """

    decisions: int
    issued: int
    state: dict[str, Any]
    numbers: bytes


class Snapshots:
    """The snapshots of a run: the last one, and if that is of a search at its limit,
    which a longer search has to forget, the last one before.

    Args:
        file: That is open.
    """

    def __init__(self, file: Database) -> None:
        self._file = file

    def write(self, snapshot: Snapshot) -> None:
        """Keeps it instead of earlier ones, within the transaction of its results."""
        if len(snapshot.numbers) >= MOST_BYTES:  # nobody would read it
            return
        [(evaluation,)] = self._file.rows(LAST)
        drained = snapshot.state["draining"] is True
        fits = json.dumps(self._facts(evaluation, snapshot.decisions, snapshot.issued))
        state = json.dumps(snapshot.state)
        self._file.execute(SNAPSHOTS)
        self._file.execute("DELETE FROM snapshots WHERE id >= ?", (int(drained),))
        self._file.execute(
            "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)",
            (
                int(drained),
                fits,
                state,
                snapshot.numbers,
                _seal(fits, state, snapshot.numbers),
            ),
        )

    def read(self) -> Snapshot | None:
        """The latest snapshot; None: there is none that fits what the run has."""
        return next(filter(None, map(self._read, IDS)), None)

    def _read(self, number: int) -> Snapshot | None:
        try:
            [(fits, state, numbers, seal)] = self._file.checked(
                "snapshots", FOUND, FIND, (number,)
            )
            facts = read_json(fits)
            counts = [facts[key] for key in ("evaluation", "decisions", "issued")]
            if seal != _seal(fits, state, numbers):
                return None
            if not all(type(one) is int and 0 <= one < 1 << 53 for one in counts):
                return None
            if facts != self._facts(*counts):
                return None
            _, decisions, issued = counts
            return Snapshot(decisions, issued, read_json(state), numbers)
        except NONE:
            return None

    def _facts(self, evaluation: int, decisions: int, issued: int) -> dict[str, Any]:
        """What must be as it was, as JSON values."""
        config = str(self._file.rows(CONFIG)).encode()
        return {
            "form": FORM,
            "version": installed("cellsearch"),
            "config": blake2b(config, digest_size=16).hexdigest(),
            "evaluation": evaluation,
            "decisions": decisions,
            "issued": issued,
            "rows": [
                list(self._file.rows(query, (most,))[0])
                for query, most in (
                    (RUNS, evaluation),
                    (DECISIONS, decisions),
                    (JOBS, issued),
                    (REJECTS, decisions),
                )
            ],
        }


def _seal(fits: str, state: str, numbers: bytes) -> bytes:
    parts = (fits.encode(), state.encode(), numbers)
    digests = b"".join(blake2b(part, digest_size=16).digest() for part in parts)
    return blake2b(digests, digest_size=16).digest()
