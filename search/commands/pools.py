"""Who carries out jobs, as the command line has it."""

import argparse
import math

from search.errors import UserError
from workers import LEAST_MEMORY_BYTES, PoolOptions


def add_pool_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares who carries out jobs."""
    add = parser.add_argument
    add(
        "--workers",
        default="auto",
        metavar="N",
        help="worker processes; auto: one a core (or GPU, see --per-gpu); inline: "
        "none, in this process (auto)",
    )
    add(
        "--address",
        metavar="RAY",
        help="a Ray cluster: auto, HOST:PORT or ray://HOST:PORT",
    )
    add(
        "--per-gpu",
        type=int,
        metavar="K",
        help="K workers on each GPU; 0: one a core (one on each GPU that JAX can use)",
    )
    add(
        "--memory",
        type=float,
        metavar="GB",
        help="what a worker may allocate (a core's share of the machine's)",
    )
    add(
        "--mixed",
        action="store_true",
        help="allow results of machines that compute other bits",
    )


def pool_options(options: argparse.Namespace) -> PoolOptions:
    """The workers that a person asks for with `add_pool_arguments`.

    Raises:
        UserError: No such memory; says what is allowed.
        JobError: There can be no such workers otherwise.
    """
    text, memory = options.workers, options.memory
    least = LEAST_MEMORY_BYTES / 1e9
    if memory is not None and not least <= memory < math.inf:
        raise UserError(
            f"`memory` must be a number, at least {least:g} GB, which a small cell "
            f"takes, got {memory:g}"
        )
    return PoolOptions(
        workers=int(text) if text.isdecimal() else text,
        address=options.address,
        per_gpu=options.per_gpu,
        memory_bytes=None if memory is None else int(memory * 1e9),
        mixed=options.mixed,
    )
