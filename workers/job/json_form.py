"""One JSON text for equal values, and hashes of it."""

import dataclasses
import hashlib
import json
from typing import Any


def dumps(value: Any) -> str:
    """Compact JSON on one line, keys in order."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)


def changed(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not at their default."""
    return {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    }


def hash_text(text: str) -> str:
    """32 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
