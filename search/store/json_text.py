"""JSON of a file that may be damaged or a stranger's: read, or refused in words."""

import json
from typing import Any, Final

DEEPEST: Final = 40
"""Values within values of a document; more is none of ours."""


class JsonError(ValueError):
    """It is no JSON, or none that we write; the message is a few words."""


def read_json(text: Any) -> Any:
    """The value of a text.

    Raises:
        JsonError: Says what is wrong.
    """
    if not isinstance(text, str):
        raise JsonError(f"it is {type(text).__name__} and no text")
    try:
        value = json.loads(text)
    except RecursionError:
        raise JsonError("its JSON is too deep") from None
    except ValueError as error:
        raise JsonError(f"it is no JSON: {error}") from None
    if depth_exceeds(value, DEEPEST):
        raise JsonError("its JSON is too deep")
    return value


def depth_exceeds(value: Any, most: int) -> bool:
    """Whether lists and tables lie deeper in each other than so many."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
