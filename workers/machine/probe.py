"""What JAX is in a fresh process: class, threads, and right numbers or not."""

from collections.abc import Iterator
from typing import Any, Final

from workers.machine.compiling import compile_lowered, compiler_options
from workers.machine.runtime import (
    compute_threads,
    numerics_class,
    prepare,
)

TOLERANCE: Final = 1e-4
"""Relative; float32 is right to 1e-6 here, the known wrong numbers are off by 2e-3."""


def probe() -> Iterator[dict[str, Any]]:
    """Prepares this process as that of a worker on a core, and says what came of it.

    Yields:
        One row. `numerics`: see `Numerics.to_dict`; `threads`; `wrong`: see
        `wrong_numbers`.
    """
    prepare(platforms="cpu")
    yield {
        "numerics": numerics_class().to_dict(),
        "threads": compute_threads(),
        "wrong": wrong_numbers(),
    }


def wrong_numbers() -> list[str]:
    """Compiled programs that differ from NumPy, a line each; none: all are right.

    The program is that of jaxlib 0.10.2's fault on x86 CPUs (jax-ml/jax#39103),
    compiled as JAX does it by itself and as workers do. Accelerators round products on
    purpose, and are not asked.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    if jax.default_backend() != "cpu":
        return []
    matrix = jnp.eye(3, dtype=jnp.float32)
    rows = np.zeros((32_769, 3), np.float32)
    rows[:, 0] = np.arange(1, 32_770)  # no zeros: errors are relative
    right = np.sum(rows.astype(np.float64) ** 2, axis=1)
    program = jax.jit(jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2))).lower(rows)
    # Both ways: the fault may be in what workers ask for, or only without it.
    lines = []
    for how, options in (
        ("by default", {}),
        ("as workers do", compiler_options("cpu")),
    ):
        off = float(abs(compile_lowered(program, options)(rows) / right - 1).max())
        if not off <= TOLERANCE:  # NaN is wrong, too
            lines.append(
                f"a product and its squares, compiled {how}, is off by {off:.1e}"
            )
    return lines
