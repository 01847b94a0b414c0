"""How far trainings are, said now and then on standard error."""

import sys
from typing import Final

STEP: Final = 20
"""Trainings between two notes."""


def told(done: int, whole: int, what: str = "") -> None:
    """Says how far trainings are, and `what` they are for."""
    if done % STEP == 0 or done == whole:
        print(f"{what}{done} of {whole} trainings", file=sys.stderr)


def told_finals(done: int, whole: int) -> None:
    """Says how far finals are."""
    told(done, whole, "finals: ")


def told_rung(size: int, done: int, whole: int) -> None:
    """Says how far a rung of a ladder is, which has so many weights."""
    told(done, whole, f"{size:,} weights: ")
