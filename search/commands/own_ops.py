"""Ops of a person's own, as the command line has them."""

import argparse

from cells import load_op


def add_op_argument(parser: argparse.ArgumentParser) -> None:
    """Declares which ops are to be imported."""
    parser.add_argument(
        "--op",
        action="append",
        default=[],
        metavar="MODULE:OP",
        help="import an op of your own that a text uses; may be repeated",
    )


def load_ops(options: argparse.Namespace) -> None:
    """Imports them: before a text is read that uses one.

    Raises:
        CellError: There is no such op.
    """
    for spec in options.op:
        load_op(spec)
