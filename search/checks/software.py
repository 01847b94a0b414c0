"""Packages and data sets: what is here against what is required."""

import importlib.metadata
import sys
from collections.abc import Iterator
from typing import Final

from search.checks.finding import Finding, error, ok, warning
from tasks import DATA_SETS, FOLDER_VARIABLE, TaskError
from workers import PoolOptions, installed, versions

DISTRIBUTION: Final = "cellsearch"

NEWEST: Final = (3, 13)
"""The latest version of Python that the tests are run with."""

WRONG_JAXLIB: Final = {
    "0.10.2": "compiles some products to wrong numbers on x86 CPUs",
    "0.11.0": "can crash on x86 CPUs",
}
"""Versions that must not be used, whatever is required (jax-ml/jax#39103, #39257)."""


def check_packages(options: PoolOptions) -> Iterator[Finding]:
    """Installed versions against those that are required, tried and known as wrong."""
    findings = [*_unmet(), *_untried()]
    yield from findings
    if not findings:
        own = ", ".join(f"{name} {number}" for name, number in versions().items())
        yield ok(f"{own}, as required")


def check_data(options: PoolOptions) -> Iterator[Finding]:
    """Every data set, by the task that needs it; nothing is downloaded."""
    for name, data in DATA_SETS.items():
        try:
            path = data.look()
        except TaskError as reason:
            todo = f"set {FOLDER_VARIABLE} to a folder, or unset it"
            yield error(str(reason).partition(": ")[2], todo)
            return
        if path is None:
            yield warning(
                f"{data.source.title} is not here; task {name} downloads it when it is "
                "used",
                f"offline: put {data.source.needed} into a folder, and set "
                f"{FOLDER_VARIABLE} to it",
            )
            continue
        # By digest: an altered file would make results that nobody can compare.
        try:
            data.check(path)
        except TaskError as reason:
            todo = f"delete {path}, or replace it by the file from {data.source.url}"
            yield error(f"task {name}: {reason}", todo)
        else:
            yield ok(f"{data.source.title} for task {name} is right: {path}")


def _unmet() -> Iterator[Finding]:
    """What the installed distribution requires, its extras aside, and is not here."""
    from packaging.requirements import Requirement

    try:
        required = map(Requirement, importlib.metadata.requires(DISTRIBUTION) or [])
    except importlib.metadata.PackageNotFoundError:
        text = "cellsearch is not installed, so that versions cannot be compared"
        yield warning(text, "pip install -e . in the checkout")
        return
    # An extra is for those who asked for it: pip has held its versions already.
    for need in required:
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        number, todo = (
            installed(need.name),
            f"pip install '{need.name}{need.specifier}'",
        )
        if number is None:
            yield error(f"{need.name} is not installed", todo)
        elif not need.specifier.contains(number, prereleases=True):
            text = f"{need.name} {number} is installed, required is {need.specifier}"
            yield error(text, todo)


def _untried() -> Iterator[Finding]:
    """Versions that nobody has tried, or that somebody has."""
    if sys.version_info[:2] > NEWEST:
        newest = ".".join(map(str, NEWEST))
        text = f"Python {versions()['python']} is untried"
        yield warning(text, f"make an environment with Python {newest}")
    jaxlib = installed("jaxlib")
    if jaxlib in WRONG_JAXLIB:
        todo = f"pip install 'jax!={',!='.join(WRONG_JAXLIB)}'"
        yield error(f"jaxlib {jaxlib} {WRONG_JAXLIB[jaxlib]}", todo)
