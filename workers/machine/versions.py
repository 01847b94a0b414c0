"""Versions of Python and of the libraries that decide results."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

LIBRARIES: Final = ("ray", "jax", "jaxlib", "flax", "optax", "numpy")
"""What a worker computes with; nodes of a cluster should have one version of each."""


def versions() -> dict[str, str]:
    """Python's version and those of `LIBRARIES` that are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        if number := installed(name):
            found[name] = number
    return found


def installed(name: str) -> str | None:
    """The version of a package; None: it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
