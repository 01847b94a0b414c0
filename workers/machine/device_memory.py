"""Memory of an accelerator: what decides how many lanes programs have; its end."""

import os
from typing import Final

MEMORY_SHARE: Final = 0.9
"""Share of an accelerator's memory that the processes on it have together."""

MOST_BYTES: Final = 16 << 30
"""The largest allowance: so many workers of a large device are of one class, whoever
shares it. 256 lanes of a million weights took 5 GiB on an H100."""

_VARIABLES: Final = ("XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION")


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, the device's or this process's."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def share_memory(share: float | None) -> None:
    """Sets what share of an accelerator's memory JAX may have; before it starts.

    Args:
        share: The share; None: `MEMORY_SHARE`, unless the environment has another.
    """
    if share is None:
        if any(name in os.environ for name in _VARIABLES):
            return
        share = MEMORY_SHARE
    os.environ.pop(_VARIABLES[1], None)
    os.environ[_VARIABLES[0]] = f"{share:.3f}"


def allowance() -> int | None:
    """Bytes that a program of several lanes may need here; see `allowance_of`.

    It is part of the numerics class. Starts JAX.
    """
    return allowance_of(device_bytes())


def allowance_of(held: int) -> int | None:
    """Bytes that a program of several lanes may need; None: as many as it likes.

    Half of what a process may have on its device, for data, states and other programs
    need room too, rounded down to a power of two, and `MOST_BYTES` at most. So devices
    of one kind have the same, whose drivers keep a little more or less for themselves,
    and what is free at the moment decides nothing.

    Args:
        held: Bytes that the process may have; 0: unknown.
    """
    half = held // 2
    return min(MOST_BYTES, 1 << half.bit_length() - 1) if half else None


def device_bytes() -> int:
    """Bytes that this process may have on its accelerator; 0: it has none, or unknown.

    Starts JAX.
    """
    import jax

    device = jax.devices()[0]
    stats = None if device.platform == "cpu" else device.memory_stats()
    return int((stats or {}).get("bytes_limit", 0))
