"""What runs in the process of a Ray actor: text of a job in, of an evaluation out."""

import math
import os
import platform
from typing import Any


class Worker:
    """One long-lived process that carries out jobs one at a time."""

    def __init__(
        self,
        core: int | None = None,
        platforms: str | None = None,
        memory_share: float | None = None,
        lanes: int | None = None,
    ) -> None:
        """Prepares the process, then starts JAX; see `prepare` and `Evaluator`."""
        from workers.runtime import prepare

        prepare(core=core, platforms=platforms, memory_share=memory_share)
        from workers.evaluator import Evaluator

        self._evaluator = Evaluator(lanes=lanes)

    def evaluate(self, job: str, deadline_s: float = math.inf) -> str:
        """Carries out a job; both sides are JSON text."""
        from workers.job import Job

        evaluation = self._evaluator.evaluate(Job.from_json(job), deadline_s=deadline_s)
        return evaluation.to_json()

    def about(self) -> dict[str, Any]:
        """Machine, process id and numerics class of this process."""
        return {
            "machine": platform.node(),
            "pid": os.getpid(),
            "numerics": self._evaluator.numerics.to_dict(),
        }
