"""Stands in for tomli_w where it is not installed: plain, and on few lines."""

import json
from collections.abc import Mapping
from typing import Any


def dumps(document: Mapping[str, Any], *, multiline_strings: bool = False) -> str:
    """TOML of a document: a line for each of its keys, tables within braces."""
    return "".join(f"{_text(k)} = {_value(v)}\n" for k, v in document.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        rows = (f"{_text(key)} = {_value(row)}" for key, row in value.items())
        return f"{{{', '.join(rows)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value) if isinstance(value, bool) else repr(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
