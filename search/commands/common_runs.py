"""Common runs as the command line has them: which tasks, settings and seeds."""

import argparse
import sys
from typing import Final

from search.errors import UserError, at_least
from search.procedure.config import Config
from search.procedure.objective import Paired
from search.procedure.presets import preset_document, search_names
from search.procedure.reader import make_config
from workers import BLOCKS, PLAIN

STEP: Final = 20
"""Trainings between two notes of how far they are."""


def add_common_runs(parser: argparse.ArgumentParser, *, seeds: int) -> None:
    """Declares which runs all cells are given.

    Args:
        parser: Of a command.
        seeds: Of each setting, unless a person says otherwise.
    """
    add = parser.add_argument
    add("--tasks", metavar="A,B", help="tasks, separated by commas (the preset's)")
    add("--preset", default="quick", help="a search by common runs (quick)")
    add(
        "--seeds",
        type=int,
        default=seeds,
        metavar="N",
        help=f"seeds of each setting ({seeds})",
    )
    add("--seed", type=int, default=0, metavar="N", help="the first of them (0)")
    add_block(parser)


def add_block(
    parser: argparse.ArgumentParser, default: str | None = PLAIN.block
) -> None:
    """Declares what stands around the cell in each layer.

    Args:
        parser: Of a command.
        default: What the option is where nobody names it.
    """
    parser.add_argument(
        "--block",
        default=default,
        metavar="NAME",
        help=f"what stands around the cell in each layer: {', '.join(BLOCKS)} "
        f"({PLAIN.block})",
    )


def common_runs(options: argparse.Namespace) -> tuple[Config, Paired]:
    """The search whose runs they are, and how it compares cells.

    Raises:
        UserError: The preset compares by ratios, or there are too few seeds.
        TaskError: There is no such task.
    """
    at_least("`seeds`", options.seeds, 2)
    changes = {
        "preset": options.preset,
        "seed": options.seed,
        "training": {"block": options.block},
    }
    if options.tasks:
        changes["tasks"] = options.tasks.split(",")
    config = make_config(changes)
    if config.objective is None:
        others = (n for n in search_names() if "objective" in preset_document(n))
        raise UserError(
            f"preset {options.preset} has no common runs; those of {', '.join(others)} "
            "have"
        )
    return config, config.objective


def told(done: int, whole: int, what: str = "") -> None:
    """Says how far trainings are, now and then, and `what` they are for."""
    if done % STEP == 0 or done == whole:
        print(f"{what}{done} of {whole} trainings", file=sys.stderr)
