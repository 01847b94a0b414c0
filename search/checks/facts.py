"""Facts of this machine, each read by a small function of its own."""

import functools
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from search.checks import cgroups
from workers import available_cores

PROBE_S: Final = 60.0
"""Seconds until JAX in a process of its own counts as hanging."""

SURVEY_S: Final = 40.0
"""The same for Ray."""

CONNECT_S: Final = 5.0
"""The same for a connection, which Ray tries for longer than a minute."""

DISTRIBUTION: Final = "cellsearch"


class ProcessError(RuntimeError):
    """A process that was asked for facts has failed; the message is its last line."""


class Cores(NamedTuple):
    """CPU cores: of the machine, allowed to this process, and its quota of time."""

    machine: int
    allowed: int
    quota: float | None


class Memory(NamedTuple):
    """Bytes of memory; a control group's where that is less."""

    machine: int
    total: int
    left: int


class Accelerator(NamedTuple):
    """An accelerator that the system shows, and the extra of jax that drives it."""

    name: str
    extra: str


def python_version() -> tuple[int, int, int]:
    """Of this process."""
    return sys.version_info[:3]


def environment() -> Mapping[str, str]:
    """The environment variables of this process."""
    return os.environ


def requirements() -> list[str] | None:
    """What the installed distribution requires; None: it is not installed."""
    try:
        return importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None


def installed(name: str) -> str | None:
    """The version of a distribution; None: it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def cores() -> Cores:
    """See `Cores`."""
    machine = os.cpu_count() or 1
    return Cores(machine, len(available_cores()) or machine, cgroups.cpu_quota())


def memory() -> Memory:
    """See `Memory`."""
    import psutil

    seen = psutil.virtual_memory()
    limit = cgroups.memory_left() or (seen.total, seen.available)
    total, left = min(seen.total, limit[0]), min(seen.available, limit[1])
    return Memory(seen.total, total, left)


def max_map_count() -> int | None:
    """Memory maps that a process may have; None: the system has no such limit."""
    return _number(Path("/proc/sys/vm/max_map_count"))


def open_files() -> tuple[int, int] | None:
    """Files that a process may have open, now and at most; None where unknown."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def disk(folder: Path) -> tuple[int, int] | None:
    """Bytes of a folder's disk, and those free; None: there is no such folder."""
    if not folder.is_dir():
        return None
    usage = shutil.disk_usage(folder)
    return usage.total, usage.free


def writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, or the folder itself could be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def accelerator(root: Path = cgroups.ROOT) -> Accelerator | None:
    """What the system shows, whether or not JAX can use it; Linux only."""
    devices = root / "dev"
    if any(devices.glob("nvidia[0-9]*")):
        return Accelerator("an NVIDIA GPU", _cuda(root))
    if (devices / "kfd").exists():
        return Accelerator("an AMD GPU", "rocm7-local")
    if any(devices.glob("accel[0-9]*")):
        return Accelerator("a TPU", "tpu")
    return None


def _cuda(root: Path) -> str:
    """CUDA 13 needs driver 580 or newer."""
    driver = _text(root / "sys/module/nvidia/version").partition(".")[0]
    return "cuda13" if driver.isdigit() and int(driver) >= 580 else "cuda12"


def reachable(address: str) -> bool:
    """Whether something listens at `[ray://]HOST:PORT`; other addresses: taken so."""
    import socket

    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return True
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError):
        return False
    return True


@functools.cache
def probe(platforms: str) -> dict[str, Any]:
    """What `workers.machine.probe` says in a process of its own; asked once.

    Args:
        platforms: As in `JAX_PLATFORMS`; empty leaves it to JAX.

    Raises:
        ProcessError: JAX does not start.
    """
    words = [platforms] if platforms else []
    try:
        done = subprocess.run(
            _command("workers.machine.probe", *words),
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=PROBE_S,
        )
    except subprocess.TimeoutExpired:
        raise ProcessError(f"no answer in {PROBE_S:g} s") from None
    if done.returncode:
        raise ProcessError(_reason(done.stderr, done.returncode))
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def survey(
    address: str | None, workers: int | None
) -> Generator[dict[str, Any], None, None]:
    """What `workers.pools.survey` says in a process of its own, row by row.

    Args:
        address: Of a Ray cluster; None: Ray is started on this machine.
        workers: CPUs of that Ray; None: all.

    Raises:
        ProcessError: Ray does not start, is not there, or hangs.
    """
    import threading

    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            _command("workers.pools.survey", address or "", str(workers or 0)),
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        late = threading.Timer(SURVEY_S, process.terminate)
        late.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("{"):
                    yield json.loads(line)
            code = process.wait()
        finally:
            timed_out = not late.is_alive()
            late.cancel()
            _end(process)
        if timed_out:
            raise ProcessError(f"no answer in {SURVEY_S:g} s")
        if code:
            errors.seek(0)
            raise ProcessError(_reason(errors.read(), code))


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a process that may have children of its own to end."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _command(module: str, *arguments: str) -> list[str]:
    code = f"from {module} import main; main()"
    return [sys.executable, "-P", "-c", code, *arguments]


def _environment() -> dict[str, str]:
    """This one, and the same modules as here."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path}


def _reason(errors: str, code: int) -> str:
    """The line in which a failed process says why."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("F0", "F1")) and "]" in line]
    if fatal:  # what XLA says before it aborts; the lines after it are a stack
        return fatal[-1].partition("] ")[2][:300]
    return lines[-1][:300] if lines else f"exit status {code}"


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # another system
        return ""
