"""A person's mistakes: one line each, which the command line prints before it ends."""

import math


class UserError(ValueError):
    """A person's mistake; the message is one line that says what to do.

    An option is named in backticks as Python has it, such as `per_gpu` or `mixed=True`:
    the command line prints its flag instead, `--per-gpu`, and nobody below it knows of
    flags.
    """


def at_least(name: str, value: float | None, bound: float) -> None:
    """Refuses a number below a bound, infinity and NaN; None is none.

    Args:
        name: What is said to be wrong.
        value: The number.
        bound: What it may be at least.

    Raises:
        UserError: Names all three.
    """
    if value == math.inf:
        raise UserError(f"{name} must be a finite number, got {value}")
    if value is not None and not value >= bound:
        raise UserError(f"{name} must be at least {bound}, got {value}")
