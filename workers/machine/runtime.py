"""How a process computes: threads, cores, devices, flags, and what they decide."""

import hashlib
import json
import os
import platform
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from workers.errors import MachineError, one_line
from workers.machine.compiling import compiler_options
from workers.machine.device_memory import allowance, share_memory

DEFAULT_LANES: Final[Mapping[str, int]] = {"cpu": 1, "gpu": 20, "tpu": 20}
"""Settings trained side by side in one program, at most; see `training/fitting.py`.

20 settings are a round of the paper, and no job has more. On CPU lanes are slower than
one setting after the other; elsewhere a time step costs its launches, however many
lanes it has.
"""

DEFAULT_BESIDE: Final[Mapping[str, int]] = {"cpu": 0, "gpu": 256, "tpu": 256}
"""Different cells trained side by side in one program, at most; 0: each has its own.

A GPU takes longer to compile a cell than to train it, and its time steps cost their
launches: measured on an H100, 256 cells are trained at nine tenths of the speed of
1,024, without compiling any (`benchmarks/README.md`).
"""

ARITHMETIC: Final = "optimizers=rules weights=packed"
"""What has changed in our own arithmetic, so that results of before are told apart."""

UNFIT: Final = (
    ("JAX_DISABLE_JIT", r"^(y|yes|t|true|on|1)$", "has JAX compile nothing"),
    ("JAX_NUM_CPU_DEVICES", r"^(?!-?1?$)", "makes several devices of one core"),
    (
        "XLA_FLAGS",
        r"--xla_force_host_platform_device_count=(?!1\b)",
        "makes several devices of one core",
    ),
)
"""Variables of the environment, the values nothing can be trained with, and why."""

CLAIM: Final = "cellsearch-core-"
MACHINE: Final = "pid:[4026531836]"
"""How Linux names the space of processes that is the machine's own: always the same."""

_ISA: Final = ("sse4", "avx", "fma", "f16c", "amx", "bf16", "asimd", "sve")


def prepare(
    *,
    core: int | None = None,
    platforms: str | None = None,
    memory_share: float | None = None,
) -> None:
    """Makes this process fit to evaluate; called before JAX starts a backend.

    Results depend on the number of threads that share a matrix product, so there is
    one. A repeated call changes nothing but the core.

    Args:
        core: The CPU core to stay on; None leaves the choice to the system.
        platforms: JAX's platforms, as in `JAX_PLATFORMS`; `cpu` hides accelerators.
        memory_share: See `share_memory`.

    Raises:
        MachineError: A variable of the environment has JAX compute otherwise.
        RuntimeError: JAX has started already, with another number of threads or on
            other platforms.
    """
    check_environment()
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    if backend_started():
        _check_started(platforms)
        return
    os.environ["NPROC"] = "1"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    share_memory(memory_share)
    if platforms is not None:
        os.environ["JAX_PLATFORMS"] = platforms
        if "jax" in sys.modules:  # it read the environment when it was imported
            sys.modules["jax"].config.update("jax_platforms", platforms)


def check_environment() -> None:
    """Refuses what would fail every training, or have it give other bits.

    Raises:
        MachineError: Names the variable and what to do.
    """
    for name, wrong, why in UNFIT:
        value = os.environ.get(name, "")
        if re.search(wrong, value, re.IGNORECASE):
            raise MachineError(
                f"{name}={value} in the environment {why}; remove it and start again"
            )


def start_backend() -> str:
    """What JAX computes on, `cpu`, `gpu` or `tpu`; starts it.

    Raises:
        MachineError: It does not start; names what was asked for.
    """
    import jax

    try:
        return str(jax.default_backend())
    except (AssertionError, RuntimeError) as error:
        asked = os.environ.get("JAX_PLATFORMS")
        what = f"JAX_PLATFORMS={asked}: " if asked else ""
        raise MachineError(
            f"{what}JAX does not start: {one_line(error)}; JAX_PLATFORMS=cpu needs no "
            "accelerator"
        ) from None


def backend_started() -> bool:
    """Whether JAX has started in this process, so that its threads are as they are."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bool(bridge.backends_are_initialized())


def _check_started(platforms: str | None) -> None:
    import jax

    threads = compute_threads()
    if threads not in (None, 1):
        raise RuntimeError(
            f"JAX has started with {threads} threads before `prepare` was called: "
            "set NPROC=1 in the environment, or call `prepare` first"
        )
    running = jax.default_backend()
    if platforms is not None and running not in platforms.replace("cuda", "gpu"):
        raise RuntimeError(
            f"JAX has started on {running} before `prepare` asked for {platforms}: "
            f"set JAX_PLATFORMS={platforms} in the environment"
        )


def available_cores() -> list[int]:
    """The cores this process may use; empty where the system does not say."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


@dataclass
class Claim:
    """A core that this process alone has claimed, until it ends."""

    core: int
    held: socket.socket


def claim_core() -> Claim | None:
    """A core of this machine that no other worker process has; None: there is none.

    Ray keeps workers to a number of CPUs, and not to any CPU. A claim is a name in the
    network of the machine (an abstract socket): all its users see it, nobody has to
    write anywhere, and it vanishes with the process however that ends. In a container
    others may not see it, and so nothing is claimed there: two workers that are kept to
    one core while another idles lose more than is won.
    """
    if sys.platform != "linux" or not _sees_the_machine():
        return None
    for core in available_cores():
        held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            held.bind(f"\0{CLAIM}{core}")
        except OSError:  # another process has it
            held.close()
            continue
        return Claim(core, held)
    return None


def _sees_the_machine() -> bool:
    """Whether this process is in no container, or in one that sees all processes."""
    try:
        return os.readlink("/proc/self/ns/pid") == MACHINE
    except OSError:
        return False


def limit_memory(limit_bytes: int | None = None) -> int | None:
    """Has this process fail with a `MemoryError` before the machine runs out.

    Without it a candidate that allocates without end takes its neighbours along.

    Args:
        limit_bytes: What it may allocate from now on; None: this core's share of the
            machine's memory.

    Returns:
        The limit; None where the system has none.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    held = [
        int(line.split()[1]) * 1024
        for line in _read(Path("/proc/self/status")).splitlines()
        if line.startswith("VmData:")
    ]
    if not held:
        return None
    # The limit is on all data, and JAX holds some already: what counts is what comes.
    if limit_bytes is None:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        limit_bytes = pages // (os.cpu_count() or 1)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (held[0] + limit_bytes, hard))
    return limit_bytes


def process_facts(pid: int | None = None) -> dict[str, int]:
    """Bytes of memory and number of memory maps of a process; 0 where unknown.

    Args:
        pid: Its id; None: this one.
    """
    folder = Path("/proc") / str(pid or "self")
    pages = (_read(folder / "statm").split() or ["0", "0"])[1]
    maps = _read(folder / "maps").count("\n")
    size = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
    return {"rss_bytes": int(pages) * size, "maps": maps}


def compute_threads() -> int | None:
    """Threads that share an operation on CPU, as counted; None where unknown.

    JAX must have started. They are told by their name, on Linux only.
    """
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return None
    names = [_read(task / "comm") for task in tasks.iterdir()]
    return sum(name.startswith("tf_XLAEigen") for name in names) or None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # a thread that has just ended
        return ""


@dataclass(frozen=True)
class Numerics:
    """What decides the bits of a result, beside the job.

    Attributes:
        jax: Version.
        jaxlib: Version.
        platform: `cpu`, `gpu` or `tpu`.
        device: Model of the processor that computes.
        instructions: Its vector instruction sets, on CPU.
        threads: Threads that share an operation, on CPU; 0 where unknown.
        lanes: Settings in one program, at most.
        flags: `XLA_FLAGS`, the compiler options, and what else decides how programs
            are made: on an accelerator the allowance of bytes for lanes.
    """

    jax: str
    jaxlib: str
    platform: str
    device: str
    instructions: str
    threads: int
    lanes: int
    flags: str

    @property
    def key(self) -> str:
        """16 hexadecimal digits: equal keys, equal bits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, the key among them."""
        return {"key": self.key, **asdict(self)}


@lru_cache(maxsize=8)
def numerics_class(lanes: int | None = None, beside: int = 0) -> Numerics:
    """The numerics class of this process; starts JAX.

    Args:
        lanes: Settings in one program, at most; None: the platform's default.
        beside: Cells in one program, at most, where different ones are trained side by
            side.
    """
    from importlib.metadata import version

    import jax

    from cells import ScanForm

    # On CPU the model decides which code XLA writes, beside the instructions; of an
    # accelerator its kind is all that there is to know.
    name = start_backend()
    kind = jax.devices()[0].device_kind
    on_cpu = name == "cpu"
    model, instructions = cpu_model() if on_cpu else (kind, "")
    # Flags in order, so that the same ones make the same class however they are set.
    options = " ".join(f"{k}={v}" for k, v in sorted(compiler_options(name).items()))
    if (form := ScanForm.default()) is not ScanForm.LOOP:
        options += f" scan={form}"
    options += f" {ARITHMETIC}"
    if (memory := allowance()) is not None:
        options += f" lane_memory={memory}"
    if beside:
        options += f" side_by_side={beside} rows=sparse"
    return Numerics(
        jax=jax.__version__,
        jaxlib=version("jaxlib"),
        platform=name,
        device=model,
        instructions=instructions,
        threads=(compute_threads() or 0) if on_cpu else 0,
        lanes=lanes or DEFAULT_LANES[name],
        flags=" ".join([*sorted(os.environ.get("XLA_FLAGS", "").split()), options]),
    )


def cpu_model() -> tuple[str, str]:
    """Model and vector instruction sets of this CPU, as the system names them."""
    lines = _read(Path("/proc/cpuinfo")).partition("\n\n")[0].splitlines()
    facts = {
        k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)
    }
    named = ("vendor_id", "cpu family", "model", "model name", "CPU part")
    model = " / ".join(facts[name] for name in named if facts.get(name))
    flags = facts.get("flags", facts.get("Features", "")).split()
    instructions = sorted(f for f in flags if any(isa in f for isa in _ISA))
    fallback = f"{platform.machine()} {platform.processor()}".strip()
    return model or fallback, " ".join(instructions)
