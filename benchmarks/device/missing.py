"""Packages that are not here, what they are for, and what stands in for two of them."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

NEEDED: Final = {
    "jax": "everything",
    "numpy": "everything",
    "optax": "all training: only `scan` against `step` works without it",
    "cachetools": "what is kept between jobs; a small one stands in for it",
    "flax": "the comparison with Flax's cells, and nothing else",
    "ray": "clusters; nothing here",
    "scipy": "the demo search",
    "tomli_w": "the configuration of the demo search; a small one stands in for it",
    "rich": "the display of the demo search",
    "psutil": "the doctor's check of memory",
    "packaging": "the doctor's check of versions",
}
"""Package -> what is not measured without it."""

STAND_INS: Final = Path(__file__).parent / "stand_ins"


def missing() -> dict[str, str]:
    """Those of `NEEDED` that are not here, and what for; imports nothing heavy."""
    return {name: why for name, why in NEEDED.items() if not _is_here(name)}


def stand_in() -> None:
    """Has the path lead to stand-ins of what is not here, for processes begun here too.

    Nothing can be installed where this may have to run.
    """
    folders = [
        str(folder)
        for folder in sorted(STAND_INS.iterdir())
        if folder.name.isidentifier() and not _is_here(folder.name)
    ]
    sys.path[:0] = folders
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [*folders, *([before] if before else [])]
    )
    importlib.invalidate_caches()


def _is_here(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # of a module that is hidden
        return False
    if spec is None:
        return False
    return not str(spec.origin).startswith(str(STAND_INS))
