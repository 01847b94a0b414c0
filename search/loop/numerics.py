"""Which machines may compute a run's results: those of one numerics class."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from search.errors import UserError
from search.store.history import History
from search.store.reuse import classes_of

TOLD: Final = "told"
"""The class of results that somebody has told; see `search.loop.asking`."""


def class_of(history: History) -> str | None:
    """The key of a run's numerics class; None: nothing has been computed yet."""
    numerics = history.get("numerics")
    return None if numerics is None else str(numerics["key"])


def check_reused(
    reuse: Sequence[Path], workers: Sequence[dict[str, Any]], *, mixed: bool
) -> None:
    """Refuses results that workers would not have computed to the same bits.

    Args:
        reuse: Runs whose results a person wants to take.
        workers: What they say of themselves, as `Pool.workers` has it.
        mixed: Whether that is allowed.

    Raises:
        UserError: A run is of another class, or there is none of that name.
    """
    own = {each["numerics"]["key"] for each in workers}
    for other in reuse:
        if classes_of(other) - own and not mixed:
            raise UserError(
                f"results of {other} are of another numerics class: this machine or "
                "its versions compute other bits. Go on where they were computed, or "
                "use `mixed=True`, which marks the table as not reproducible"
            )


def admit(workers: Sequence[dict[str, Any]], history: History, *, mixed: bool) -> None:
    """Holds the numerics classes of workers against the run's, and keeps them.

    Args:
        workers: What they say of themselves, as `Pool.workers` has it.
        history: Of the run; its first workers decide its class.
        mixed: Whether another class is allowed; the run is marked then.

    Raises:
        UserError: A class is another than the run's; says in what they differ.
    """
    # The first workers of a run decide which bits are its own.
    classes = [each["numerics"] for each in workers]
    own: dict[str, Any] | None = history.get("numerics")
    if own is None:
        own = classes[0]
        history.set("numerics", own)

    others = [each for each in classes if each["key"] != own["key"]]
    if not others:
        return

    # A person is told in what they differ: a library, a flag, or the machine.
    if not mixed:
        fields = [
            f"{name} {own[name]!r} / {others[0][name]!r}"
            for name in own
            if name != "key" and own[name] != others[0].get(name)
        ]
        raise UserError(
            f"{len(others)} of {len(classes)} workers compute other bits than the run "
            f"({'; '.join(fields)}): use machines and versions like those it was begun "
            "on, or `mixed=True`, which marks the table as not reproducible"
        )
    history.set("mixed", True)
