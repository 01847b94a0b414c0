"""Checks of a machine or cluster, one function each, in a table."""

from collections.abc import Iterator, Mapping
from typing import Final

from search.checks import cluster, machine, numbers, round_trip, software
from search.checks.finding import Check, Finding, Severity, error
from workers import PoolOptions

__all__ = ["CHECKS", "RAY", "Finding", "Severity", "diagnose"]

RAY: Final = "ray"

CHECKS: Final[Mapping[str, Check]] = {
    "packages": software.check_packages,
    "data": software.check_data,
    "cores": machine.check_cores,
    "memory": machine.check_memory,
    "maps": machine.check_maps,
    "disk": machine.check_disk,
    "environment": numbers.check_environment,
    "numbers": numbers.check_numbers,
    "round trip": round_trip.check_round_trip,
    RAY: cluster.check_ray,
}
"""Name -> check, the quick ones first."""


def diagnose(
    options: PoolOptions, checks: Mapping[str, Check] = CHECKS
) -> Iterator[tuple[str, Finding]]:
    """Carries out checks; yields their names and findings, as they come.

    A check that raises is an error of its own, and hides no other.

    Args:
        options: Who is to carry out jobs.
        checks: Some of `CHECKS`.
    """
    for name, check in checks.items():
        try:
            for finding in check(options):
                yield name, finding
        except Exception as raised:  # noqa: BLE001 - whatever it is, a person wants to know
            reason = " ".join(str(raised).split())[:300]
            text = f"this check failed: {type(raised).__name__}: {reason}"
            yield name, error(text, "report it with the output of --json")
