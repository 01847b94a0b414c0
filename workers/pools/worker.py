"""What runs in the process of a Ray actor: text of a job in, of an evaluation out."""

import json
import math
import os
import platform
from typing import Any


class Worker:
    """One long-lived process that carries out jobs one at a time.

    Making one prepares the process, then starts JAX.

    Args:
        own_core: Whether it claims a core; see `claim_core`.
        memory_bytes: See `limit_memory`; on CPU only.
        platforms: See `prepare`.
        memory_share: See `prepare`.
        lanes: See `Evaluator`.
    """

    def __init__(
        self,
        own_core: bool = False,
        memory_bytes: int | None = None,
        platforms: str | None = None,
        memory_share: float | None = None,
        lanes: int | None = None,
    ) -> None:
        from workers.machine.runtime import claim_core, limit_memory, prepare

        self._claim = claim_core() if own_core else None
        core = None if self._claim is None else self._claim.core
        prepare(core=core, platforms=platforms, memory_share=memory_share)
        from workers.training.evaluator import Evaluator

        self._evaluator = Evaluator(lanes=lanes)
        if self._evaluator.platform == "cpu":
            limit_memory(memory_bytes)

    def evaluate(self, job: str, deadline_s: float = math.inf) -> str:
        """Carries out a job; both sides are JSON text.

        Returns:
            `evaluation`, as text, and `process`: what the process has come to hold.
        """
        from workers.job.job import Job
        from workers.machine.runtime import process_facts

        evaluation = self._evaluator.evaluate(Job.from_json(job), deadline_s=deadline_s)
        return json.dumps(
            {"evaluation": evaluation.to_json(), "process": process_facts()}
        )

    def about(self) -> dict[str, Any]:
        """Machine, Ray's node, its address, process id, core and numerics class."""
        import ray

        return {
            "machine": platform.node(),
            "node": ray.get_runtime_context().get_node_id(),
            "address": ray.util.get_node_ip_address(),
            "pid": os.getpid(),
            "core": None if self._claim is None else self._claim.core,
            "numerics": self._evaluator.numerics.to_dict(),
            "code": os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        }
