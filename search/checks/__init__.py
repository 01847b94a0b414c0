"""Checks of a machine or cluster, one function each, in a table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from search.checks import cluster, data, machine, numbers, software
from search.checks.finding import ERROR, OK, WARNING, Asked, Finding, error

__all__ = ["CHECKS", "ERROR", "OK", "WARNING", "Asked", "Line", "diagnose"]

Check = Callable[[Asked], Iterable[Finding]]

CHECKS: Final[Mapping[str, Check]] = {
    "python": software.check_python,
    "packages": software.check_packages,
    "jaxlib": software.check_jaxlib,
    "cores": machine.check_cores,
    "memory": machine.check_memory,
    "maps": machine.check_maps,
    "files": machine.check_files,
    "disk": machine.check_disk,
    "temporary": machine.check_temporary,
    "shared": machine.check_shared,
    "environment": numbers.check_environment,
    "numbers": numbers.check_numbers,
    "numerics": numbers.check_numerics,
    "threads": numbers.check_threads,
    "devices": numbers.check_devices,
    "data": data.check_data,
    "cache": data.check_cache,
    "ray": cluster.check_ray,
}
"""Name -> check, the quick ones first."""


class Line(NamedTuple):
    """A finding with the name of its check; see `Finding`."""

    check: str
    status: str
    text: str
    todo: str


def diagnose(asked: Asked, checks: Mapping[str, Check] = CHECKS) -> Iterator[Line]:
    """Carries out all checks; their findings, as they come.

    A check that raises is an error of its own, and hides no other.
    """
    for name, check in checks.items():
        try:
            for finding in check(asked):
                yield Line(name, *finding)
        except Exception as raised:  # noqa: BLE001 - whatever it is, a person wants to know
            reason = " ".join(str(raised).split())[:300]
            text = f"this check failed: {type(raised).__name__}: {reason}"
            yield Line(name, *error(text, "report it with the output of --json"))
