"""Python and the packages: what is installed against what is required."""

from collections.abc import Iterator
from typing import Final

from search.checks import facts
from search.checks.finding import Asked, Finding, error, ok, warning

OLDEST: Final = (3, 11)
NEWEST: Final = (3, 13)
"""Versions of Python that the tests are run with."""

WRONG_JAXLIB: Final = {
    "0.10.2": "compiles some products to wrong numbers on x86 CPUs",
    "0.11.0": "can crash on x86 CPUs",
}
"""Versions that must not be used, whatever is required (jax-ml/jax#39103, #39257)."""

MAIN: Final = ("jax", "jaxlib", "flax", "optax", "numpy", "ray", "scipy")
OPTIONAL: Final = ("torch", "pandas")


def check_python(asked: Asked) -> Iterator[Finding]:
    """A version that the project supports."""
    found = facts.python_version()
    own = ".".join(map(str, found))
    supported = f"{'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
    todo = f"make an environment with Python {supported}"
    if found[:2] < OLDEST:
        yield error(f"Python {own} is too old, supported is {supported}", todo)
    elif found[:2] > NEWEST:
        yield warning(f"Python {own} is untried, supported is {supported}", todo)
    else:
        yield ok(f"Python {own}, supported is {supported}")


def check_packages(asked: Asked) -> Iterator[Finding]:
    """Installed versions against the requirements of the installed distribution."""
    required = facts.requirements()
    if required is None:
        yield warning(
            "cellsearch is not installed, so that versions cannot be compared",
            "pip install -e . in the checkout",
        )
    seen, bad = list[str](), False
    for finding, name in _compared(required or []):
        seen.append(name)
        if finding is not None:
            bad = True
            yield finding
    missing = [n for n in MAIN if n not in seen and facts.installed(n) is None]
    for name in missing:
        yield error(f"{name} is not installed", f"pip install {name}")
    if not bad and not missing:
        versions = ", ".join(f"{name} {facts.installed(name)}" for name in MAIN)
        yield ok(versions + ("" if required is None else ", all as required"))
    optional = ", ".join(f"{n} {facts.installed(n) or 'absent'}" for n in OPTIONAL)
    yield ok(f"optional: {optional}")


def _compared(required: list[str]) -> Iterator[tuple[Finding | None, str]]:
    """What is wrong with each requirement, if anything, and its name.

    One of an extra counts only when it is installed and named in `OPTIONAL`.
    """
    from packaging.requirements import Requirement

    for text in required:
        need = Requirement(text)
        found = facts.installed(need.name)
        extra = need.marker is not None and not need.marker.evaluate({"extra": ""})
        if extra and (found is None or need.name not in OPTIONAL):
            continue
        wanted = f"{need.name}{need.specifier}"
        todo = f"pip install '{wanted}'"
        if found is None:
            finding: Finding | None = error(f"{need.name} is not installed", todo)
        elif need.specifier.contains(found, prereleases=True):
            finding = None
        else:
            text = f"{need.name} {found} is installed, required is {need.specifier}"
            finding = warning(text, todo) if extra else error(text, todo)
        yield finding, need.name


def check_jaxlib(asked: Asked) -> Iterator[Finding]:
    """No version that is known to be wrong."""
    found = facts.installed("jaxlib")
    if found is None:
        return  # said by `check_packages`
    if found in WRONG_JAXLIB:
        yield error(
            f"jaxlib {found} {WRONG_JAXLIB[found]}",
            f"pip install 'jax!={',!='.join(WRONG_JAXLIB)}'",
        )
    else:
        yield ok(f"jaxlib {found} is none of those known to be wrong")
