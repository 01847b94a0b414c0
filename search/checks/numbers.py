"""Whether the numbers are right, and what decides their bits."""

from collections.abc import Iterator
from typing import Any, Final

from search.checks import facts
from search.checks.finding import Asked, Finding, error, ok, warning

OUTSIDE: Final = (
    "JAX_DEBUG_INFS",
    "JAX_DEBUG_NANS",
    "JAX_DEFAULT_DTYPE_BITS",
    "JAX_DEFAULT_PRNG_IMPL",
    "JAX_DISABLE_JIT",
    "JAX_ENABLE_X64",
    "JAX_NUMPY_DTYPE_PROMOTION",
    "JAX_NUMPY_RANK_PROMOTION",
    "JAX_RANDOM_SEED_OFFSET",
    "JAX_THREEFRY_PARTITIONABLE",
    "LIBTPU_INIT_ARGS",
    "NVIDIA_TF32_OVERRIDE",
)
"""Variables that change numbers, stop jobs or slow them, and that no class knows of."""

HARMLESS: Final = ("JAX_PLATFORMS", "NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that workers set for themselves, or whose numbers are none of JAX's."""

CACHE: Final = "JAX_COMPILATION_CACHE_DIR"
START: Final = (
    "python -c 'import jax; jax.devices()' shows all; XLA_FLAGS and JAX_PLATFORMS are "
    "the usual causes"
)


def check_numbers(asked: Asked) -> Iterator[Finding]:
    """The programs that a wrong compiler is known by, run here."""
    found = _on_cpu()
    if isinstance(found, Finding):
        yield found
        return
    todo = "install another jaxlib, and let nothing of this one into a run"
    for line in found["wrong"]:
        yield error(f"wrong numbers: {line}", todo)
    if not found["wrong"]:
        yield ok("compiled programs give NumPy's numbers on CPU")


def check_numerics(asked: Asked) -> Iterator[Finding]:
    """The class whose members give the same bits."""
    found = _on_cpu()
    if not isinstance(found, Finding):
        own = found["numerics"]
        yield ok(
            f"numerics class {own['key']}: {own['device']}, jax {own['jax']}, jaxlib "
            f"{own['jaxlib']}, {own['flags'] or 'no flags'}"
        )


def check_threads(asked: Asked) -> Iterator[Finding]:
    """One thread to an operation, or results depend on the number of cores."""
    found = _on_cpu()
    if isinstance(found, Finding):
        return
    if found["threads"] == 1:
        yield ok("workers compute with one thread")
    elif found["threads"] is None:
        yield warning(
            "how many threads workers compute with cannot be counted on this system",
            "compare results of two machines before you rely on equal bits",
        )
    else:
        yield error(
            f"workers compute with {found['threads']} threads in spite of NPROC=1: "
            "results depend on the number of cores",
            "use a jax that the tests have been run with (see README)",
        )


def check_environment(asked: Asked) -> Iterator[Finding]:
    """Variables that change numbers."""
    seen = {name: value for name, value in facts.environment().items() if value}
    for name in OUTSIDE:
        if name in seen:
            yield warning(
                f"{name}={seen[name]} changes how JAX computes, and the numerics class "
                "does not tell",
                f"unset {name}",
            )
    if "XLA_FLAGS" in seen:
        yield warning(
            f"XLA_FLAGS={seen['XLA_FLAGS']} makes a numerics class of its own: results "
            "are not shared with machines without it",
            "unset XLA_FLAGS, or set it alike everywhere",
        )
    if CACHE in seen:
        yield warning(
            f"{CACHE}={seen[CACHE]}: a program compiled on another CPU may give other "
            "bits, and every candidate leaves one there",
            f"unset {CACHE}",
        )
    known = ", ".join(f"{name}={seen[name]}" for name in HARMLESS if name in seen)
    if not any(name in seen for name in (*OUTSIDE, "XLA_FLAGS", CACHE)):
        yield ok(
            "no variable changes numbers" + (f" ({known} do not)" if known else "")
        )


def check_devices(asked: Asked) -> Iterator[Finding]:
    """What JAX can compute on, and what it leaves idle."""
    shown = facts.accelerator()
    try:
        devices = facts.probe("")["devices"]
    except facts.ProcessError as reason:
        yield error(f"JAX does not start: {reason}", START)
        return
    text = "JAX sees " + "; ".join(
        f"{len(models)} {name}" + ("" if models[0] == name else f" ({models[0]})")
        for name, models in devices.items()
    )
    hidden = facts.environment().get("JAX_PLATFORMS")
    if shown is None or set(devices) != {"cpu"}:
        gpus = {"gpu", "cuda", "rocm"} & set(devices)
        yield ok(text + ("; --per-gpu K puts K workers on each" if gpus else ""))
    elif hidden:
        yield warning(
            f"{text}; {shown.name} is hidden by JAX_PLATFORMS={hidden}",
            "unset JAX_PLATFORMS to use it",
        )
    else:
        yield warning(
            f"{text}; there is {shown.name}, but jaxlib is for CPUs only",
            f"pip install 'jax[{shown.extra}]=={facts.installed('jax')}' to use it",
        )


def _on_cpu() -> dict[str, Any] | Finding:
    """What a CPU worker's process says, or why there can be none."""
    try:
        return facts.probe("cpu")
    except facts.ProcessError as reason:
        return error(f"JAX does not start on CPU: {reason}", START)
