"""`cellsearch report`: all there is to see of a run, as one page that opens offline."""

import argparse
import sys
from pathlib import Path
from typing import Final

from search.commands.own_code import add_own_code
from search.output.report.file import DRAWN, FILE, write_report
from search.output.watching import while_running

EVERY_S: Final = 30
"""Seconds between two pages at least, and after which a browser reads it again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="the run's folder")
    add("--out", type=Path, metavar="FILE.html", help=f"the page (RUN/{FILE})")
    add("--force", action="store_true", help="overwrite the page, if it is there")
    add("-k", type=int, metavar="K", help=f"how many cells are drawn ({DRAWN})")
    add("--watch", action="store_true", help="write it anew while the run goes on")
    add(
        "--measure",
        action="store_true",
        help="measure what a step of the first cells takes here (a minute or two)",
    )
    add_own_code(parser)


def run(options: argparse.Namespace) -> int:
    """Writes the page; returns the exit status."""
    count = DRAWN if options.k is None else options.k
    if options.watch:
        _watch(options, count)
    if options.measure:
        print("measuring the first cells beside published ones", flush=True)
    page = write_report(
        options.run,
        options.out,
        count,
        force=options.force,
        measure=options.measure,
    )
    if options.k is not None and count > page.listed:
        print(
            f"note: -k asked for {count} cells, the table has {page.listed}",
            file=sys.stderr,
        )
    megabytes = page.num_bytes / 1e6
    print(f"wrote {page.path} ({megabytes:.1f} MB); it opens in a browser, offline")
    return 0


def _watch(options: argparse.Namespace, count: int) -> None:
    """Writes the page every half minute, as one that reloads itself; see `run`.

    The last page, which does not, is written when the run has ended, or by Ctrl-C.
    """

    told = False

    def renew() -> None:
        nonlocal told
        page = write_report(
            options.run, options.out, count, force=options.force, reload_s=EVERY_S
        )
        if not told:
            print(f"{page.path} is renewed while the run goes on", flush=True)
        told = options.force = True  # the page that is there is this one's own

    while_running(options.run, EVERY_S, renew)
