"""Common runs as the command line has them: which tasks, settings and seeds."""

import argparse

from search.procedure.reader import PRESET
from search.scoring.common_runs import CommonRuns
from workers import BLOCKS, PLAIN


def add_common_runs(parser: argparse.ArgumentParser, *, seeds: int) -> None:
    """Declares which runs all cells are given.

    Args:
        parser: Of a command.
        seeds: Of each setting, unless a person says otherwise.
    """
    add = parser.add_argument
    add("--tasks", metavar="A,B", help="tasks, separated by commas (the preset's)")
    add("--preset", default=PRESET, help=f"a search by common runs ({PRESET})")
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


def common_runs(options: argparse.Namespace) -> CommonRuns:
    """The runs that a person asks for with `add_common_runs`."""
    return CommonRuns(
        seeds=options.seeds,
        preset=options.preset,
        tasks=split(options.tasks or None),
        seed=options.seed,
        block=options.block,
    )


def split(text: str | None) -> tuple[str, ...] | None:
    """The words of an option that has commas between them; None if it is not given."""
    return None if text is None else tuple(text.split(","))
