"""Which machines may compute a run's results: those of one numerics class."""

from collections.abc import Sequence
from typing import Any

from search.errors import UserError
from search.history import History


def class_of(history: History) -> str | None:
    """The key of a run's numerics class; None: nothing has been computed yet."""
    known = history.get("numerics")
    return None if known is None else str(known["key"])


def admit(workers: Sequence[dict[str, Any]], history: History, *, mixed: bool) -> None:
    """Holds the numerics classes of workers against the run's, and keeps them.

    Args:
        workers: What they say of themselves, as `Pool.workers` has it.
        history: Of the run; its first workers decide its class.
        mixed: Whether another class is allowed; the run is marked then.

    Raises:
        UserError: A class is another than the run's; says in what they differ.
    """
    classes = [each["numerics"] for each in workers]
    known: dict[str, Any] | None = history.get("numerics")
    if known is None:
        known = classes[0]
        history.set("numerics", known)
    others = [each for each in classes if each["key"] != known["key"]]
    if not others:
        return
    if not mixed:
        fields = [
            f"{name} {known[name]!r} / {others[0][name]!r}"
            for name in known
            if name != "key" and known[name] != others[0].get(name)
        ]
        raise UserError(
            f"{len(others)} of {len(classes)} workers compute other bits than the run "
            f"({'; '.join(fields)}): use machines and versions like those it was begun "
            "on, or --mixed, which marks the table as not reproducible"
        )
    history.set("mixed", True)
