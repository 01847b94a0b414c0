"""Ray, started on this machine or joined where it runs."""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

from workers.errors import JobError
from workers.machine.runtime import available_cores
from workers.pools.packages import own_folders


def start_ray(workers: int | None, address: str | None) -> tuple[Any, bool]:
    """Ray, and whether it was started or joined here.

    Workers of a Ray started here have the priority of this process, not Ray's 15 steps
    less (`nice`), with which they starve beside anything else that computes, and miss
    deadlines; `RAY_worker_niceness` in the environment says otherwise. A cluster's own
    setting, made where its nodes were started, stays.

    Args:
        workers: CPUs of a Ray of this machine's own; None: all that it has.
        address: Of a cluster; its nodes are sent this project's packages.

    Raises:
        JobError: There is no cluster at that address.
    """
    # Read when Ray is imported: no second environment under `uv run`, and no warning
    # about accelerators of actors that ask for none.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    import ray.exceptions

    # Whoever started Ray in this process also stops it.
    if ray.is_initialized():
        return ray, False
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        os.environ.setdefault("RAY_worker_niceness", "0")  # read by what `init` starts
        cores = workers or len(available_cores()) or os.cpu_count()
        with _own_signals():
            ray.init("local", num_cpus=cores, include_dashboard=False, **options)
        return ray, True
    # Nodes of a cluster have the libraries, and are sent our code.
    modules = {"py_modules": list(own_folders().values())}
    try:
        with _own_signals():
            ray.init(address=address, runtime_env=modules, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise JobError(f"no Ray cluster at {address}: {reason}") from None
    return ray, True


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps what this process does on SIGTERM, which `ray.init` would have abort."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
