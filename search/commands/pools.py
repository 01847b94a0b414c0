"""Pools as the command line has them: this process, or Ray actors near and far."""

import argparse
from typing import Final, Self

from search.errors import UserError
from workers import InlinePool, Pool, RayPool

INLINE: Final = "inline"


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
    """Refuses workers that there cannot be.

    Raises:
        UserError: Says what is allowed.
    """
    text = options.workers
    if text not in (INLINE, "auto") and not (text.isdigit() and int(text)):
        raise UserError(f"--workers must be 1 or more, auto or inline, got {text!r}")
    if text == INLINE and (options.address or options.per_gpu):
        raise UserError("--workers inline has no use for --address and --per-gpu")
    if options.memory is not None and not options.memory > 0:
        raise UserError(f"--memory must be above 0, got {options.memory}")
    if options.per_gpu < 0:
        raise UserError(f"--per-gpu must be at least 0, got {options.per_gpu}")


def make_pool(options: argparse.Namespace, numerics: str | None = None) -> Pool:
    """The pool that a person asks for.

    Args:
        options: Those of `add_pool_arguments`, checked.
        numerics: Key of the class that workers must have; None: any, but one.

    Raises:
        JobError: No worker starts, or none may.
    """
    if options.workers == INLINE:
        return InlinePool()  # before JAX starts
    count = options.workers if options.workers == "auto" else int(options.workers)
    return RayPool(
        count,
        address=options.address,
        per_gpu=options.per_gpu,
        memory_bytes=None if options.memory is None else int(options.memory * 1e9),
        numerics=numerics,
        mixed=options.mixed,
    )


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
