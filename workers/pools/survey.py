"""What every node of a Ray cluster says of itself, and of the workers it would have."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

from workers.machine.versions import versions
from workers.pools.packages import own_packages
from workers.pools.ray_start import start_ray
from workers.pools.worker import node_facts, sent_by_value

ANSWER_S: Final = 20.0
"""Seconds that the nodes have together to answer."""


def survey(address: str | None, workers: int | None) -> Iterator[dict[str, Any]]:
    """Starts or joins Ray, asks every node that has a CPU, and leaves Ray again.

    Args:
        address: Of a Ray cluster, as `ray.init` takes it; None: one of this machine.
        workers: CPUs of a Ray of this machine's own; None: all that it has.

    Yields:
        First `versions` of this process and `nodes`: `id, name, cpus, gpus` of each;
        then a row a node as it answers: its `id` with what `node_facts` says, or with
        an `error`.

    Raises:
        JobError: There is no cluster at that address, or Ray cannot start here.
    """
    running = start_ray(workers, address)
    ray = running.module
    try:
        nodes = [_node(row) for row in ray.nodes() if row["Alive"]]
        yield {"versions": versions(), "nodes": nodes}
        yield from _ask(ray, [node["id"] for node in nodes if node["cpus"]])
    finally:
        running.stop()


def _node(row: dict[str, Any]) -> dict[str, Any]:
    resources = row["Resources"]
    return {
        "id": row["NodeID"],
        "name": row["NodeManagerHostname"],
        "cpus": int(resources.get("CPU", 0)),
        "gpus": int(resources.get("GPU", 0)),
    }


def _ask(ray: Any, nodes: list[str]) -> Iterator[dict[str, Any]]:
    """The answers; a process of its own on each node, beside what may run there."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # No CPU, so that it runs beside workers that have them all; one call a process,
    # so that the next survey finds the node as it is then.
    sent_by_value(ray)
    code = own_packages()
    remote = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(node_facts)
    asked = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        asked[remote.options(scheduling_strategy=there).remote(code)] = node
    # One at a time, as they come: a person sees the first while the last is asked.
    until = time.monotonic() + ANSWER_S
    while asked:
        left = max(0.0, until - time.monotonic())
        ready, _ = ray.wait(list(asked), timeout=left)
        if not ready:
            break
        (reference,) = ready
        try:
            facts = json.loads(ray.get(reference))
        except ray.exceptions.RayError as error:
            lines = str(error).strip().splitlines()
            facts = {"error": lines[-1] if lines else type(error).__name__}
        yield {"id": asked.pop(reference), **facts}
    # A node that hangs is a finding, too.
    for node in asked.values():
        yield {"id": node, "error": f"no answer in {ANSWER_S:g} s"}
