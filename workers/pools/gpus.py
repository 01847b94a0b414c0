"""Whether workers use the GPUs that Ray has, where nobody has said."""

from typing import Any, Final, NamedTuple

from workers.machine.device_memory import MEMORY_SHARE
from workers.pools.options import PoolOptions
from workers.pools.packages import own_packages
from workers.pools.worker import gpu_facts, sent_by_value

ASK_S: Final = 60.0
"""Seconds that a process on a GPU is given to say what JAX computes on there."""


class GpuUse(NamedTuple):
    """How workers use GPUs.

    Attributes:
        per_gpu: Workers that share one; 0: each has a core instead.
        note: A line for a person; empty: there is nothing to say.
    """

    per_gpu: int
    note: str = ""


def use_of_gpus(
    ray: Any,
    options: PoolOptions,
    numerics: str | None = None,
    lanes: int | None = None,
    beside: int | None = None,
) -> GpuUse:
    """How workers use GPUs: as a person says, or else one has a GPU where that works.

    It works if Ray has a GPU for each worker that is asked for, JAX computes on it, and
    a run that has been begun was begun on such a one: what was begun on cores goes on
    there. To find out, a process is started on one GPU and ends again.

    Args:
        ray: The module; it is initialized.
        options: What a person says.
        numerics: Key of the class that workers must have; None: any.
        lanes: See `Worker`.
        beside: See `Worker`.
    """
    if options.per_gpu is not None:
        return GpuUse(options.per_gpu)
    gpus = int(ray.cluster_resources().get("GPU", 0))
    if not gpus or (options.count or 1) > gpus:
        return GpuUse(0)
    have = f"Ray has {gpus} GPU{'s' if gpus > 1 else ''}"
    cores = "so each worker has a core"
    try:
        own = _ask(ray, lanes, beside)
    except (TimeoutError, ray.exceptions.RayError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        return GpuUse(0, f"{have}, but JAX does not start there ({said[-1]}), {cores}")
    if (there := own["platform"]) != "gpu":
        return GpuUse(0, f"{have}, but JAX there computes on {there}, {cores}")
    if numerics not in (None, own["key"]):
        return GpuUse(0, f"{have}, but the run was begun on other devices, {cores}")
    return GpuUse(1, f"{have}, so each worker has one; per_gpu 0 would give it a core")


def _ask(ray: Any, lanes: int | None, beside: int | None) -> dict[str, Any]:
    """The numerics class of a worker on a GPU.

    Raises:
        TimeoutError: No GPU was free, or nothing was said in time.
        RayError: It has failed.
    """
    sent_by_value(ray)
    # No CPU, so that it runs beside workers that have them all; one call a process, so
    # that the GPU is free for a worker afterwards.
    remote = ray.remote(num_cpus=0, num_gpus=1, max_retries=0, max_calls=1)(gpu_facts)
    asked = remote.remote(own_packages(), MEMORY_SHARE, lanes, beside)
    ready, _ = ray.wait([asked], timeout=ASK_S)
    if not ready:
        ray.cancel(asked, force=True)
        raise TimeoutError(f"no answer in {ASK_S:g} s")
    facts: dict[str, Any] = ray.get(asked)
    return facts
