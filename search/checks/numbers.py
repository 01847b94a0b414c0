"""Whether the numbers are right, and what decides their bits."""

import os
from collections.abc import Iterator
from typing import Final

from search.checks import processes
from search.checks.finding import Finding, error, ok, warning
from workers import PoolOptions

UNTOLD: Final = "changes how JAX computes, and the numerics class does not tell"
CHANGING: Final = {
    "JAX_DEBUG_INFS": UNTOLD,
    "JAX_DEBUG_NANS": UNTOLD,
    "JAX_DEFAULT_DTYPE_BITS": UNTOLD,
    "JAX_DEFAULT_PRNG_IMPL": UNTOLD,
    "JAX_DISABLE_JIT": UNTOLD,
    "JAX_ENABLE_X64": UNTOLD,
    "JAX_NUMPY_DTYPE_PROMOTION": UNTOLD,
    "JAX_NUMPY_RANK_PROMOTION": UNTOLD,
    "JAX_RANDOM_SEED_OFFSET": UNTOLD,
    "JAX_THREEFRY_PARTITIONABLE": UNTOLD,
    "LIBTPU_INIT_ARGS": UNTOLD,
    "NVIDIA_TF32_OVERRIDE": UNTOLD,
    "XLA_FLAGS": "makes a numerics class of its own: results are not shared with "
    "machines without it",
    "JAX_COMPILATION_CACHE_DIR": "has every candidate leave a program there, and one "
    "compiled on another CPU may give other bits",
}
"""Variables of the environment that change numbers, and how."""


def check_environment(options: PoolOptions) -> Iterator[Finding]:
    """Variables that change numbers."""
    seen = {name: os.environ[name] for name in CHANGING if os.environ.get(name)}
    for name, value in seen.items():
        yield warning(f"{name}={value} {CHANGING[name]}", f"unset {name}")
    if not seen:
        yield ok("no variable changes numbers")


def check_numbers(options: PoolOptions) -> Iterator[Finding]:
    """Programs that a wrong compiler is known by, and what decides their bits."""
    # JAX keeps the threads it has started with, and a wrong one may crash: not in here.
    try:
        (facts,) = processes.ask("workers.machine.probe", "probe")
    except processes.ProcessError as reason:
        todo = "python -c 'import jax; jax.devices()' shows all; unset XLA_FLAGS"
        yield error(f"JAX does not start on CPU: {reason}", todo)
        return
    for line in facts["wrong"]:
        todo = "install another jaxlib, and let nothing of this one into a run"
        yield error(f"wrong numbers: {line}", todo)
    if not facts["wrong"]:
        own = facts["numerics"]
        yield ok(
            f"compiled programs give NumPy's numbers; numerics class {own['key']}: "
            f"{own['device']}, {own['flags'] or 'no flags'}"
        )
    yield _judge_threads(facts["threads"])


def _judge_threads(threads: int | None) -> Finding:
    """One thread to an operation, or results depend on the number of cores."""
    if threads == 1:
        return ok("workers compute with one thread")
    if threads is None:
        return warning(
            "how many threads workers compute with cannot be counted on this system",
            "compare results of two machines before you rely on equal bits",
        )
    return error(
        f"workers compute with {threads} threads in spite of NPROC=1: results depend "
        "on the number of cores",
        "use a jax that the tests have been run with (see README)",
    )
