"""Moves of a search as values: what was decided, dropped, ordered and issued."""

from enum import StrEnum
from typing import Final, NamedTuple

from workers import Setting


class Move(StrEnum):
    """What a decision does.

    Attributes:
        SEED: A cell that the list starts with is given settings of every task.
        REFERENCE: So is a cell that is scored and has no mutants.
        PROPOSE: A mutant that nobody has seen is given the filter, then the tasks.
        OUTSIDE: So is a cell that somebody outside of the search has proposed.
        AGAIN: So is a mutant that is a known cell, with settings that it has not had.
        REEXAMINE: A cell of the list is given fresh settings of every task.
        NONE: Nothing: no mutant was taken.
    """

    SEED = "seed"
    REFERENCE = "reference"
    PROPOSE = "propose"
    OUTSIDE = "outside"
    AGAIN = "again"
    REEXAMINE = "reexamine"
    NONE = "none"


CANDIDATES: Final = frozenset({Move.PROPOSE, Move.OUTSIDE})
"""Moves whose cell is a new candidate."""

NEW: Final = frozenset({Move.SEED, Move.REFERENCE, *CANDIDATES})
"""Moves whose cell is a new one."""

UNGATED: Final = frozenset({Move.SEED, Move.REFERENCE, Move.REEXAMINE})
"""Moves that give a cell all tasks at once."""

FILTER: Final = -1
"""In place of the index of a task: the job is one of the filter."""


class Reject(NamedTuple):
    """A mutant that was drawn and dropped.

    Attributes:
        reason: Why, in a word or a few.
        parent: Digest of its parent.
        digest: Its own; empty where unknown.
    """

    reason: str
    parent: str
    digest: str


class Decision(NamedTuple):
    """One move of the procedure.

    Attributes:
        number: 0, 1, ... in order of logical time.
        kind: What it does.
        at: Logical time.
        digest: Of the cell it is about; empty: none.
        parent: Digest of the parent; empty: none.
        text: The canonical cell; empty for `NONE`, and, until it is stored, for
            `REEXAMINE`.
        rules: What was done to the parent.
        rejects: Mutants that were drawn before it and dropped.
        drain: Whether it was taken only because a limit was reached.
        by: Who proposed the cell; empty: the search.
        mate: Digest of the other parent of a cell between two; empty: none.
    """

    number: int
    kind: Move
    at: float
    digest: str
    parent: str
    text: str
    rules: tuple[str, ...]
    rejects: tuple[Reject, ...]
    drain: bool = False
    by: str = ""
    mate: str = ""


class Issued(NamedTuple):
    """A job as it was given to the logical clock.

    Attributes:
        number: 0, 1, ... in order of issue.
        decision: Number of the decision it belongs to.
        digest: Of the cell.
        task: Name of the task.
        stage: Index of the task, or `FILTER`; so its column is called.
        settings: How many.
        start: Logical time.
        end: Logical time.
        drain: Whether it was issued only because a limit was reached.
    """

    number: int
    decision: int
    digest: str
    task: str
    stage: int
    settings: int
    start: float
    end: float
    drain: bool = False


class Order(NamedTuple):
    """What is to be trained: a job before anybody has to carry it out.

    Attributes:
        decision: Number of the move that it belongs to.
        digest: Of the cell.
        task: Index of the task in `Config.tasks`, or `FILTER`.
        settings: Settings of one shape.
        budget: Most updates.
        repeat: Which of several trainings of the same settings; each has data and
            weights of its own.
    """

    decision: int
    digest: str
    task: int
    settings: tuple[Setting, ...]
    budget: int
    repeat: int = 0
