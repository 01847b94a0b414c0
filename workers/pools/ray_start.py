"""Ray, started on this machine or joined where it runs."""

import contextlib
import inspect
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from workers.errors import MachineError, one_line
from workers.machine.runtime import available_cores
from workers.pools.packages import own_folders
from workers.pools.ray_checks import (
    INLINE,
    STORE_BYTES,
    check_address,
    check_local,
)
from workers.pools.ray_running import RunningRay, children, end

ATTEMPTS: Final = 2
"""How often Ray is started that is not ready in time: a machine may be busy."""

_QUIET: Final[dict[str, Any]] = {
    "log_to_driver": False,
    "logging_level": logging.CRITICAL,
}


def start_ray(workers: int | None, address: str | None) -> RunningRay:
    """Ray, started or joined here unless this process has it already.

    Workers of a Ray started here have the priority of this process, not Ray's 15 steps
    less (`nice`), with which they starve beside anything else that computes, and miss
    deadlines; `RAY_worker_niceness` in the environment says otherwise. A cluster's own
    setting, made where its nodes were started, stays.

    Args:
        workers: CPUs of a Ray of this machine's own; None: all that it has.
        address: Of a cluster; its nodes are sent this project's packages.

    Raises:
        JobError: That is no address.
        MachineError: There is no cluster at that address, or Ray cannot start here.
    """
    # Read when Ray is imported: no second environment under `uv run`, and no warning
    # about accelerators of actors that ask for none.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    import ray.exceptions

    # Whoever started Ray in this process also stops it.
    if ray.is_initialized():
        return RunningRay(ray, owned=False)
    return _start(ray, workers) if address is None else _join(ray, address)


def _start(ray: Any, workers: int | None) -> RunningRay:
    """Ray as processes of this one."""
    check_local()
    os.environ.setdefault("RAY_worker_niceness", "0")  # read by what `init` starts
    cores = workers or len(available_cores()) or os.cpu_count()
    before = children()
    for attempt in range(ATTEMPTS):
        try:
            with _own_signals(), _silence(), _without_watchers(ray):
                context = ray.init(
                    "local",
                    num_cpus=cores,
                    include_dashboard=False,
                    object_store_memory=STORE_BYTES,
                    **_QUIET,
                )
            break
        except Exception as error:  # noqa: BLE001 - whatever it is, a person is told
            _leave(ray)
            end(one for one in children() if one not in before)
            if "timed out" in str(error) and attempt + 1 < ATTEMPTS:
                continue
            raise MachineError(
                f"Ray does not start on this machine: {one_line(error)}; `cellsearch "
                f"doctor` looks for the cause, and {INLINE}"
            ) from None
    _quieten()
    folder = context.address_info.get("session_dir")
    started = [one for one in children() if one not in before]
    return RunningRay(ray, True, "", started, Path(folder) if folder else None)


def _join(ray: Any, address: str) -> RunningRay:
    """Ray of a cluster."""
    check_address(address)
    # Nodes of a cluster have the libraries, and are sent our code.
    modules = {"py_modules": list(own_folders().values())}
    try:
        with _own_signals(), _silence():
            ray.init(address=address, runtime_env=modules, **_QUIET)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person is told
        _leave(ray)
        raise MachineError(
            f"no Ray cluster at {address}: {one_line(error)}; its nodes and this "
            "machine, which has to be one of them, need one version of Ray and Python"
        ) from None
    _quieten()
    return RunningRay(ray, True, address)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps what this process does on SIGTERM, which `ray.init` would have abort."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """What Ray says to its developers is nothing for a person who searches."""
    logger = logging.getLogger("ray")
    before = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        except BaseException:
            logger.setLevel(before)
            raise


_WATCHERS: Final = {"no_monitor": True, "include_log_monitor": False}
"""What of Ray's own parameters starts no process that has nothing to do here."""


@contextlib.contextmanager
def _without_watchers(ray: Any) -> Iterator[None]:
    """Has `ray.init` start neither autoscaler nor log monitor.

    The one adds nodes to clusters, and the other prints what workers write, which is
    not wanted here. Without them Ray starts in three quarters of the time. `ray start`
    has options for both and `ray.init` has none, so that its parameters are given
    them; a version that has no such parameters starts both.
    """
    kind: Any = getattr(ray._private.parameter, "RayParams", object)
    made = kind.__init__
    if not _WATCHERS.keys() <= inspect.signature(made).parameters.keys():
        yield
        return

    def make(self: Any, *args: Any, **options: Any) -> None:
        made(self, *args, **(_WATCHERS | options))

    kind.__init__ = make
    try:
        yield
    finally:
        kind.__init__ = made


def _quieten() -> None:
    """Keeps Ray from printing what happens to its processes: that is in `news`.

    It prints a thousand letters for each worker that dies, whatever `log_to_driver`
    says, through this function; a version without it prints them.
    """
    module = sys.modules.get("ray._private.worker")
    if hasattr(module, "print_to_stdstream"):
        vars(module)["print_to_stdstream"] = _nothing


def _nothing(*_: object, **__: object) -> None:
    pass


def _leave(ray: Any) -> None:
    with contextlib.suppress(Exception):
        ray.shutdown()
