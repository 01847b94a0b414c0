"""Pools as the command line has them: this process, or Ray actors near and far."""

import argparse
import math
import re
from typing import Final, Self

import workers
from search.errors import UserError
from workers import JobError, Pool, PoolOptions

FLAGS: Final = {
    "workers": "--workers",
    "address": "--address",
    "per_gpu": "--per-gpu",
    "memory_bytes": "--memory",
}
"""Fields of `PoolOptions`, and what a person writes for them."""


def add_pool_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares who carries out jobs."""
    add = parser.add_argument
    add(
        "--workers",
        default="auto",
        metavar="N",
        help="worker processes; auto: one a core (or share of a GPU); inline: none, "
        "in this process (auto)",
    )
    add("--address", metavar="RAY", help="a Ray cluster, such as auto or ray://HOST")
    add(
        "--per-gpu",
        type=int,
        default=0,
        metavar="K",
        help="K workers on each GPU instead of one a core",
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


def check_workers(options: argparse.Namespace) -> None:
    """Refuses workers that there cannot be; see `pool_options`."""
    pool_options(options)


def pool_options(options: argparse.Namespace) -> PoolOptions:
    """The workers that a person asks for with `add_pool_arguments`.

    Raises:
        UserError: There can be no such workers; says what is allowed.
    """
    text, memory = options.workers, options.memory
    if memory is not None and not 0 < memory < math.inf:
        raise UserError(f"--memory must be a number above 0, got {memory}")
    try:
        return PoolOptions(
            workers=int(text) if text.isdecimal() else text,
            address=options.address,
            per_gpu=options.per_gpu,
            memory_bytes=None if memory is None else int(memory * 1e9),
            mixed=options.mixed,
        )
    except JobError as error:
        raise UserError(re.sub("|".join(FLAGS), _flag, str(error))) from None


def _flag(match: re.Match[str]) -> str:
    return FLAGS[match[0]]


def make_pool(options: argparse.Namespace, numerics: str | None = None) -> Pool:
    """The pool that a person asks for; see `workers.make_pool`."""
    return workers.make_pool(pool_options(options), numerics)


class Workers:
    """Makes the pool when it is first needed, and closes it in the end."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Of a person's options, checked."""
        self._options = options
        self._pool: Pool | None = None

    def pool(self, numerics: str | None = None) -> Pool:
        """The pool; see `make_pool`."""
        if self._pool is None:
            self._pool = make_pool(self._options, numerics)
        return self._pool

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the pool, if there is one."""
        if self._pool is not None:
            self._pool.close()


def platform_of(pool: Pool) -> str:
    """What a pool's workers compute on: `cpu`, `gpu` or `tpu`."""
    return str(pool.workers()[0]["numerics"]["platform"])
