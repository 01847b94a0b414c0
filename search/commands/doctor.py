"""`cellsearch doctor`: what is wrong with this machine or cluster, and what to do."""

import argparse
import json
from collections.abc import Sequence

from search.checks import ERROR, OK, WARNING, Asked, Line, diagnose
from search.commands.pools import check_workers
from search.errors import UserError
from workers import INLINE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.epilog = "Exit status: 0 without an error, 1 with one."
    parser.set_defaults(per_gpu=0, memory=None, mixed=False)
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
    check_workers(options)
    if options.quick and options.address:
        raise UserError("--quick leaves out Ray, so that --address has no use")
    asked = Asked(
        address=options.address,
        workers=int(options.workers) if options.workers.isdigit() else None,
        inline=options.workers == INLINE,
        quick=options.quick,
    )
    lines = []
    for line in diagnose(asked):
        lines.append(line)
        if not options.json:
            print(render(line), flush=True)
    if options.json:
        print(json.dumps([line._asdict() for line in lines], indent=2))
    else:
        print(summary(lines))
    return int(any(line.status == ERROR for line in lines))


def render(line: Line) -> str:
    """A finding as text; what to do about it is on a line of its own."""
    text = f"{line.status:<8} {line.check:<12} {line.text}"
    return f"{text}\n{'':<21} -> {line.todo}" if line.todo else text


def summary(lines: Sequence[Line]) -> str:
    """How many findings there are of each kind."""
    counts = {
        status: sum(line.status == status for line in lines)
        for status in (ERROR, WARNING, OK)
    }
    words = [
        f"{count} {status}{'s' if count != 1 and status != OK else ''}"
        for status, count in counts.items()
    ]
    return f"\n{', '.join(words)}"
