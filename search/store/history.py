"""What a search decided, issued and dropped; see `search.store.tables`."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cells import CROSSOVER
from search.procedure.moves import NEW, Decision, Issued, Move, Reject
from search.store.database import Database
from search.store.decode import (
    COUNT,
    DIGEST,
    EMPTY,
    FLAG,
    INT,
    KEY,
    NOTHING,
    NUMBER,
    TEXT,
    TIME,
    Columns,
    Kind,
    one_of,
    wrong,
)
from search.store.inbox import is_name
from search.store.json_text import JsonError, read_json
from search.store.rows import cell_number
from search.store.tables import MATES, PROPOSERS, VIEWS

PAGE: Final = 1024
"""Rows that are read at a time, so that memory stays flat and no reader lasts."""

DECISIONS: Final = """
SELECT number, k.value, at, lower(hex(c.digest)),
    lower(hex(p.digest)), c.text, rules, drain
FROM decisions JOIN words k ON k.id = kind
    LEFT JOIN cells c ON c.id = cell LEFT JOIN cells p ON p.id = parent
WHERE number > ? ORDER BY number LIMIT ?
"""

BIRTHS: Final = """
SELECT number, kind, digest FROM decisions JOIN cells c ON c.id = cell
WHERE born AND number < ? ORDER BY number
"""

SOME: Final = DECISIONS.replace(
    "number > ? ORDER BY number LIMIT ?",
    "number IN (SELECT value FROM json_each(?)) ORDER BY number",
)

REJECTS: Final = """
SELECT decision, w.value, lower(hex(p.digest)),
    lower(hex(r.digest))
FROM rejects r JOIN words w ON w.id = reason LEFT JOIN cells p ON p.id = r.parent
WHERE decision BETWEEN ? AND ? ORDER BY decision, draw
"""

JOBS: Final = f"""
SELECT * FROM ({VIEWS["issued"]}) WHERE number > ? ORDER BY number LIMIT ?
"""

WHO: Final = """
SELECT decision, w.value FROM proposers JOIN words w ON w.id = who
WHERE decision BETWEEN ? AND ?
"""

MATE: Final = """
SELECT decision, lower(hex(c.digest)) FROM mates m JOIN cells c ON c.id = cell
WHERE decision BETWEEN ? AND ?
"""

ADD_JOB: Final = "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


CROSSED: Final = json.dumps([CROSSOVER])
"""The rules of a cell between two others."""

DECISION: Final[Columns] = {
    "number": COUNT,
    "kind": one_of(*Move),
    "at": NUMBER,
    "cell": DIGEST | EMPTY,
    "parent": DIGEST | EMPTY,
    "text": TEXT | NOTHING,
    "rules": TEXT | NOTHING,
    "drain": FLAG,
}
BIRTH: Final[Columns] = {"number": COUNT, "kind": COUNT, "digest": KEY}
REJECT: Final[Columns] = {
    "decision": COUNT,
    "reason": TEXT,
    "parent": DIGEST | EMPTY,
    "digest": DIGEST | EMPTY,
}
WHO_OF: Final[Columns] = {"decision": COUNT, "who": Kind("a name", is_name)}
MATE_OF: Final[Columns] = {"decision": COUNT, "cell": DIGEST}
ISSUED: Final[Columns] = {
    "number": COUNT,
    "decision": COUNT,
    "cell": DIGEST,
    "task": TEXT,
    "stage": INT,
    "settings": COUNT,
    "start": NUMBER,
    "end": NUMBER,
    "drain": FLAG,
}
LAST_OF: Final[Columns] = {"number": COUNT | NOTHING}
TIME_OF: Final[Columns] = {"stored_at": TIME | NOTHING}
COUNT_OF: Final[Columns] = {"kind": TEXT, "count": COUNT}
"""What the queries give."""


class History:
    """Decisions and jobs of a run, in the file of its results.

    What is recorded waits for the next evaluation, or for `flush`, and is written in
    the same transaction.

    Args:
        file: That is open, with the tables of `RUN`.
    """

    def __init__(self, file: Database) -> None:
        self._file = file
        self._decisions: list[Decision] = []
        self._jobs: list[Issued] = []

    def record(self, decision: Decision) -> None:
        """Keeps a decision for the next transaction."""
        self._decisions.append(decision)

    def issue(self, issued: Issued) -> None:
        """Keeps a job for the next transaction."""
        self._jobs.append(issued)

    def flush(self) -> None:
        """Writes what waits, in a transaction of its own."""
        if self._decisions or self._jobs:
            with self._file.transaction():
                self.write()
            self.written()

    def write(self) -> None:
        """Writes what waits, within a transaction; `written` is called after it."""
        for decision in self._decisions:
            self._write_decision(decision)
        self._file.executemany(ADD_JOB, [self._job_row(job) for job in self._jobs])

    def written(self) -> None:
        """Forgets what waited, once it is committed."""
        self._decisions.clear()
        self._jobs.clear()

    def last_decision(self) -> int:
        """The number of the last decision; -1: there is none."""
        ((number,),) = self._file.checked(
            "decisions", LAST_OF, "SELECT max(number) FROM decisions"
        )
        return -1 if number is None else int(number)

    def births(self, before: int) -> list[tuple[int, str, str]]:
        """Number, kind and cell of the decisions that brought a new one, in order.

        Args:
            before: The number of the first that is not wanted.
        """
        rows = self._file.checked("decisions", BIRTH, BIRTHS, (before,))
        kinds = {kind: self._file.value("words", kind) for kind in {r[1] for r in rows}}
        return [(number, kinds[kind], key.hex()) for number, kind, key in rows]

    def some(self, numbers: Sequence[int]) -> Iterator[Decision]:
        """Decisions of some numbers, in order, without what they dropped."""
        wanted = json.dumps(list(numbers))
        rows = self._file.checked("decisions", DECISION, SOME, (wanted,))
        if rows:
            who, mates = self._proposers(rows), self._mates(rows)
        for row in rows:
            by, mate = who.get(row[0], ""), mates.get(row[0], "")
            yield _decision(self._file.path, row, (), by, mate)

    def decisions(self, after: int = -1) -> Iterator[Decision]:
        """Decisions in order, a page at a time, from the one after a number on.

        Raises:
            UserError: One is of a kind that is not known here.
        """
        self.flush()
        last = after
        path = self._file.path
        while page := self._file.checked(
            "decisions", DECISION, DECISIONS, (last, PAGE)
        ):
            # All rejects of a page in one query.
            first, last = page[0][0], page[-1][0]
            rejects: dict[int, list[Reject]] = {}
            for number, *reject in self._file.checked(
                "rejects", REJECT, REJECTS, (first, last)
            ):
                rejects.setdefault(number, []).append(Reject(*reject))
            who, mates = self._proposers(page), self._mates(page)
            for row in page:
                by, mate = who.get(row[0], ""), mates.get(row[0], "")
                yield _decision(path, row, rejects.get(row[0], ()), by, mate)

    def _proposers(self, page: Sequence[tuple[Any, ...]]) -> dict[int, str]:
        """Who proposed cells, by decision; the table is there if somebody did."""
        if not any(row[1] == Move.OUTSIDE for row in page):
            return {}
        ends = page[0][0], page[-1][0]
        return dict(self._file.checked("proposers", WHO_OF, WHO, ends))

    def _mates(self, page: Sequence[tuple[Any, ...]]) -> dict[int, str]:
        """The other parents of cells, by decision; the table is there if one has."""
        if not any(row[6] == CROSSED for row in page):
            return {}
        return dict(
            self._file.checked("mates", MATE_OF, MATE, (page[0][0], page[-1][0]))
        )

    def jobs(self, after: int = -1) -> Iterator[Issued]:
        """Jobs in order of issue, a page at a time, from the one after a number on."""
        self.flush()
        last = after
        while page := self._file.checked("jobs", ISSUED, JOBS, (last, PAGE)):
            last = page[-1][0]
            for row in page:
                yield Issued._make((*row[:-1], bool(row[-1])))

    def drop_drain(self) -> None:
        """Forgets decisions and jobs that a limit alone brought about."""
        self.flush()
        with self._file.transaction():
            drained = "SELECT number FROM decisions WHERE drain"
            self._file.execute(f"DELETE FROM rejects WHERE decision IN ({drained})")
            self._file.execute("DELETE FROM jobs WHERE drain")
            self._file.execute("DELETE FROM decisions WHERE drain")

    def last_result(self) -> int | None:
        """When the last evaluation was stored, in Unix seconds; None: there is none."""
        ((at,),) = self._file.checked(
            "evaluations", TIME_OF, "SELECT max(stored_at) FROM evaluations"
        )
        return None if at is None else int(at)

    def counts(self) -> dict[str, int]:
        """How many decisions there are of each kind."""
        return dict(
            self._file.checked(
                "decisions",
                COUNT_OF,
                "SELECT value, count(*) FROM decisions JOIN words ON id = kind "
                "GROUP BY kind ORDER BY 2 DESC, 1",
            )
        )

    def get(self, key: str, default: Any = None) -> Any:
        """A JSON value of the run's metadata."""
        return self._file.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Sets a JSON value of the run's metadata, in a transaction of its own."""
        with self._file.transaction():
            self._file.set({key: value})

    def _write_decision(self, decision: Decision) -> None:
        cell = cell_number(self._file, decision.digest, decision.text or None)
        self._file.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                decision.number,
                self._file.number("words", decision.kind),
                decision.at,
                cell,
                cell_number(self._file, decision.parent),
                json.dumps(decision.rules) if decision.rules else None,
                decision.kind in NEW,
                decision.drain,
            ),
        )

        if decision.by:
            self._file.execute(PROPOSERS)
            who = self._file.number("words", decision.by)
            add = "INSERT INTO proposers VALUES (?, ?)"
            self._file.execute(add, (decision.number, who))
        if decision.mate:
            self._file.execute(MATES)
            add = "INSERT INTO mates VALUES (?, ?)"
            mate = cell_number(self._file, decision.mate)
            self._file.execute(add, (decision.number, mate))

        # A digest is enough of a mutant that was dropped; its parent has a row.
        rows = [
            (
                decision.number,
                draw,
                self._file.number("words", reject.reason),
                cell_number(self._file, reject.parent),
                bytes.fromhex(reject.digest) or None,
            )
            for draw, reject in enumerate(decision.rejects)
        ]
        self._file.executemany("INSERT INTO rejects VALUES (?, ?, ?, ?, ?)", rows)

    def _job_row(self, job: Issued) -> tuple[Any, ...]:
        return (
            job.number,
            job.decision,
            cell_number(self._file, job.digest),
            self._file.number("words", job.task),
            job.stage,
            job.settings,
            job.start,
            job.end,
            job.drain,
        )


@lru_cache(10_000)
def _known_names(text: str) -> tuple[str, ...]:
    """What a text of JSON lists: many cells are made in the same way.

    Raises:
        JsonError: It is no JSON.
        TypeError: It is no list of texts.
    """
    names = read_json(text)
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise TypeError(text)
    return tuple(names)


def _names(path: Path | None, number: int, text: str) -> tuple[str, ...]:
    try:
        return _known_names(text)
    except JsonError as error:
        raise wrong(path, "decisions", f"rules cannot be read: {error}") from None
    except TypeError:
        what = f"rules of {number} are no list of names"
        raise wrong(path, "decisions", what) from None


def _decision(
    path: Path | None,
    row: tuple[Any, ...],
    rejects: Sequence[Reject],
    by: str,
    mate: str,
) -> Decision:
    """A decision from the columns of `DECISIONS`."""
    number, kind, at, digest, parent, text, rules, drain = row
    names = _names(path, number, rules or "[]")
    if (kind == Move.OUTSIDE) != bool(by):
        raise wrong(path, "proposers", f"{number} has a proposer, or none, by mistake")
    if (rules == CROSSED) != bool(mate):
        raise wrong(path, "mates", f"{number} has another parent, or none, by mistake")
    return Decision(
        number=number,
        kind=Move(kind),
        at=at,
        digest=digest,
        parent=parent,
        text=text or "",
        rules=names,
        rejects=tuple(rejects),
        drain=bool(drain),
        by=by,
        mate=mate,
    )
