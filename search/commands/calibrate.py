"""`cellsearch calibrate`: whether tasks tell cells apart, and the cheapest panel."""

import argparse
import json
import sys
from pathlib import Path

from search.commands.common_runs import add_common_runs, common_runs
from search.commands.own_code import add_own_code
from search.commands.pools import add_pool_arguments, pool_options
from search.loop.sources import read_cells
from search.output.progress import told
from search.output.tables import print_calibration
from search.scoring.calibrating import (
    CELLS,
    FOLDER,
    RELIABILITY,
    SEEDS,
    calibrate,
    plan_calibration,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("cells", nargs="*", metavar="CELL", help="cells (a dozen of the zoo)")
    add_common_runs(parser, seeds=SEEDS)
    add(
        "--reliability",
        type=float,
        default=RELIABILITY,
        metavar="R",
        help=f"what the cheapest panel is to reach ({RELIABILITY})",
    )
    add("--out", type=Path, default=Path(FOLDER), metavar="DIR", help=f"({FOLDER})")
    add_pool_arguments(parser)
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Trains the panel and prints what it is worth; returns the exit status."""
    plan = plan_calibration(
        read_cells(options.cells or CELLS),
        common_runs(options),
        reliability=options.reliability,
        ops=options.op,
    )
    found = calibrate(plan, options.out, pool_options(options), told)
    if options.json:
        print(json.dumps(found.to_dict(), indent=2))
        return 0
    print_calibration(found, sys.stdout)
    import tomli_w

    print("\n# the cheapest panel, to begin a configuration with:")
    print(tomli_w.dumps(plan.document(found)))
    return 0
