"""A person's mistakes: one line each, which the command line prints before it ends."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A person's mistake; the message is one line that says what to do."""


def unknown(what: str, name: str, valid: Iterable[str]) -> str:
    """`unknown WHAT 'NAME'; did you mean ...?`, or all there is if nothing is near."""
    names = list(valid)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    return f"unknown {what} {name!r}; {hint}"
