"""What JAX is in a fresh process: devices, class, threads, and right numbers or not."""

import json
import sys
from typing import Any, Final

from workers.machine.runtime import (
    COMPILER_OPTIONS,
    compute_threads,
    numerics_class,
    prepare,
)

TOLERANCE: Final = 1e-4
"""Relative; float32 is right to 1e-6 here, the known wrong numbers are off by 2e-3."""


def main() -> None:
    """Prints `probe` as JSON; the first argument names JAX's platforms, if any."""
    print(json.dumps(probe(sys.argv[1] if len(sys.argv) > 1 else None)))


def probe(platforms: str | None) -> dict[str, Any]:
    """Prepares this process as a worker's, starts JAX, and says what came of it.

    Args:
        platforms: JAX's platforms, as in `JAX_PLATFORMS`; None leaves it to JAX.

    Returns:
        `devices`: platform -> models; `numerics`: see `Numerics.to_dict`; `threads`;
        `wrong`: see `wrong_numbers`.
    """
    prepare(platforms=platforms)
    import jax

    devices: dict[str, list[str]] = {}
    for device in jax.devices():
        devices.setdefault(device.platform, []).append(device.device_kind)
    return {
        "devices": devices,
        "numerics": numerics_class().to_dict(),
        "threads": compute_threads(),
        "wrong": wrong_numbers(),
    }


def wrong_numbers() -> list[str]:
    """Compiled programs that differ from NumPy, a line each; none: all are right.

    The first is jaxlib 0.10.2's fault on x86 CPUs (jax-ml/jax#39103), the second a
    recurrent step as cells have it; each is compiled as JAX does it by itself and as
    workers do. Accelerators round products on purpose, and are not asked.
    """
    import jax

    if jax.default_backend() != "cpu":
        return []
    found = []
    for name, function, arguments, wanted in (_squares(), _step()):
        lowered = jax.jit(function).lower(*arguments)
        own: dict[str, str | bool] = {**COMPILER_OPTIONS["cpu"]}
        for options in (None, own):
            got = lowered.compile(options)(*arguments)
            off = float(abs(got / wanted - 1).max())
            if not off <= TOLERANCE:  # NaN is wrong, too
                how = "with the workers' options" if options else "by default"
                found.append(f"{name}, compiled {how}, is off by {off:.1e}")
    return found


def _squares() -> tuple[str, Any, tuple[Any, ...], Any]:
    import jax
    import jax.numpy as jnp
    import numpy as np

    matrix = jnp.eye(3, dtype=jnp.float32)
    rows = np.zeros((32_769, 3), np.float32)
    rows[:, 0] = np.arange(1, 32_770)  # no zeros: errors are relative
    function = jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2))
    wanted = np.sum(rows.astype(np.float64) ** 2, axis=1)
    return "a product and its squares", function, (rows,), wanted


def _step() -> tuple[str, Any, tuple[Any, ...], Any]:
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)
    x, h = rng.uniform(0.1, 1.0, (2, 20, 48)).astype(np.float32)
    w, u = rng.uniform(0.0, 0.01, (2, 48, 48)).astype(np.float32)
    wanted = np.tanh(x.astype(np.float64) @ w + h.astype(np.float64) @ u)
    return "a recurrent step", lambda *a: _recur(jnp.tanh, *a), (x, h, w, u), wanted


def _recur(tanh: Any, x: Any, h: Any, w: Any, u: Any) -> Any:
    return tanh(x @ w + h @ u)
