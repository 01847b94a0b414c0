"""`cellsearch doctor`: what is wrong with this machine or cluster, and what to do."""

import argparse
import json
from collections import Counter

from search.checks import CHECKS, RAY, Finding, Severity, diagnose
from search.commands.pools import pool_options
from search.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.epilog = "Exit status: 0 without an error, 1 with one."
    parser.set_defaults(per_gpu=None, memory=None, mixed=False)
    add = parser.add_argument
    add("--address", metavar="RAY", help="check a Ray cluster, such as auto")
    add(
        "--workers",
        default="auto",
        metavar="N",
        help="worker processes that are to run; inline: none, without Ray (auto)",
    )
    add("--quick", action="store_true", help="leave out Ray")
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints findings as they come; returns 0, or 1 if there is an error."""
    if options.quick and options.address:
        raise UserError("`quick` leaves out Ray, so that `address` has no use")
    checks = {
        name: check
        for name, check in CHECKS.items()
        if not (options.quick and name == RAY)
    }
    # A line at a time: the later checks take seconds, and a cluster may hang.
    rows, counts = [], Counter[Severity]()
    for name, finding in diagnose(pool_options(options), checks):
        rows.append({"check": name, **finding._asdict()})
        counts[finding.status] += 1
        if not options.json:
            print(render(name, finding), flush=True)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"\n{summary(counts)}")
    return int(counts[Severity.ERROR] > 0)


def render(check: str, finding: Finding) -> str:
    """A finding as text; what to do about it is on a line of its own."""
    text = f"{finding.status:<8} {check:<12} {finding.text}"
    return f"{text}\n{'':<21} -> {finding.todo}" if finding.todo else text


def summary(counts: Counter[Severity]) -> str:
    """How many findings there are of each kind."""
    errors, warnings = counts[Severity.ERROR], counts[Severity.WARNING]
    return (
        f"{errors} error{'' if errors == 1 else 's'}, "
        f"{warnings} warning{'' if warnings == 1 else 's'}, {counts[Severity.OK]} ok"
    )
