"""Presets: documents of the shape of a run's `config.toml`, to begin from.

One with `tasks` is a search; all of them have in `[evaluate]` what scoring cells needs.
"""

import functools
import tomllib
from importlib.resources import files
from typing import Any, Final

from cells import unknown_name
from search.errors import UserError

NAMES: Final = (
    "demo",
    "tiny",
    "quick",
    "small",
    "paper",
    "table3_5m",
    "table3_10m",
    "table3_20m",
)
"""Of the files here, from the smallest search on."""


def preset_names() -> tuple[str, ...]:
    """All presets."""
    return NAMES


def search_names() -> tuple[str, ...]:
    """The presets that are searches."""
    return tuple(name for name in NAMES if "tasks" in _parsed(name))


def preset_text(name: str) -> str:
    """A preset as it was written, comments and all.

    Raises:
        UserError: There is none; the nearest is named.
    """
    if name not in NAMES:
        raise UserError(unknown_name("preset", name, NAMES))
    return files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")


def preset_document(name: str) -> dict[str, Any]:
    """The tables of a preset, to be changed at will.

    Raises:
        UserError: There is none; the nearest is named.
    """
    return {key: _copied(value) for key, value in _parsed(name).items()}


@functools.cache
def _parsed(name: str) -> dict[str, Any]:
    return tomllib.loads(preset_text(name))


def _copied(value: Any) -> Any:
    """A copy of tables and lists: documents are asked for thousands of times."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value
