"""What runs in the process of a Ray actor: text of a job in, of an evaluation out.

It is sent to the process by value; see `workers.pools.packages`. So nothing of this
project is imported here but what is sent along, before `pin` has said where it is.
"""

import json
import math
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from workers.pools import packages
from workers.pools.packages import pin

TURN_S: Final = 1.0
"""Seconds after which a worker with lanes takes what has come meanwhile."""

MAPS: Final = Path("/proc/sys/vm/max_map_count")


def sent_by_value(ray: Any) -> None:
    """Has Ray send this file's code itself, and not the name that it has here."""
    for module in (sys.modules[__name__], packages):
        ray.cloudpickle.register_pickle_by_value(module)


class Worker:
    """One long-lived process that carries out jobs one at a time, or side by side.

    Making one prepares the process, then starts JAX.

    Args:
        packages: Where this project's packages are, see `pin`; None: where they are.
        own_core: Whether it claims a core; see `claim_core`.
        memory_bytes: See `limit_memory`; on CPU only.
        platforms: See `prepare`.
        memory_share: See `prepare`.
        lanes: See `Evaluator`.
        beside: Cells that it trains side by side; 0: none; None: as many as the
            platform has by default.
    """

    def __init__(
        self,
        packages: Mapping[str, tuple[str, str]] | None = None,
        own_core: bool = False,
        memory_bytes: int | None = None,
        platforms: str | None = None,
        memory_share: float | None = None,
        lanes: int | None = None,
        beside: int | None = None,
    ) -> None:
        if packages is not None:
            pin(packages)
        from workers.machine.runtime import (
            DEFAULT_BESIDE,
            claim_core,
            limit_memory,
            numerics_class,
            prepare,
        )

        self._claim = claim_core() if own_core else None
        core = None if self._claim is None else self._claim.core
        prepare(core=core, platforms=platforms, memory_share=memory_share)
        from workers.training.evaluator import Evaluator

        self._evaluator = Evaluator(lanes=lanes)
        default = DEFAULT_BESIDE[self._evaluator.platform]
        self._beside = default if beside is None else beside
        # Who trains some jobs side by side is of another class in all of them.
        self._numerics = numerics_class(lanes, self._beside)
        self._shared: Any = None  # a `SideBySide`, and what waits for its lanes
        self._waiting: list[Any] = []
        self._taken = 0
        if self._evaluator.platform == "cpu":
            limit_memory(memory_bytes)

    def evaluate(self, job: str, deadline_s: float = math.inf) -> str:
        """Carries out a job; both sides are JSON text.

        Returns:
            `evaluation`, as text, and `process`: what the process has come to hold.
        """
        from dataclasses import replace

        from workers.job.job import Job
        from workers.machine.runtime import process_facts

        evaluation = self._evaluator.evaluate(Job.from_json(job), deadline_s=deadline_s)
        evaluation = replace(evaluation, numerics=self._numerics.key)
        return json.dumps(
            {"evaluation": evaluation.to_json(), "process": process_facts()}
        )

    def evaluate_beside(self, jobs: list[str]) -> str:
        """Takes jobs, and goes on with all that it has until one is over, or a while.

        Args:
            jobs: Further ones, as text; `about` says how many it has room for.

        Returns:
            `evaluations`, as text, of those that are over; `own`, ids of those of
            `jobs` that it has not taken, for each needs a program of its own; and
            `process`, as `evaluate` has it. JSON text.
        """
        from workers.job.job import Job
        from workers.machine.runtime import process_facts
        from workers.side_by_side.queue import SideBySide

        if self._shared is None:
            self._shared = SideBySide(self._beside, self._numerics.key)
        asked = [Job.from_json(text) for text in jobs]
        fitting = {job.id: self._shared.fits(job) for job in asked}
        rows = [(0.0, self._taken + n, job, math.inf) for n, job in enumerate(asked)]
        self._taken += len(rows)
        # Lanes may still have jobs that somebody else has answered: others wait here.
        self._waiting += [row for row in rows if fitting[row[2].id]]
        self._waiting = self._shared.take(self._waiting)
        until = time.monotonic() + TURN_S
        while len(self._shared) and not self._shared.ready:
            self._shared.step()
            if time.monotonic() >= until:
                break
        over = []
        while self._shared.ready:
            over.append(self._shared.next())
        return json.dumps(
            {
                "evaluations": [evaluation.to_json() for _, evaluation in over],
                "own": [job.id for job in asked if not fitting[job.id]],
                "process": process_facts(),
            }
        )

    def about(self) -> dict[str, Any]:
        """Machine, Ray's node, its address, process id, core, numerics class, lanes."""
        import ray

        code = os.path.dirname(str(sys.modules["workers"].__file__))
        return {
            "machine": platform.node(),
            "node": ray.get_runtime_context().get_node_id(),
            "address": ray.util.get_node_ip_address(),
            "pid": os.getpid(),
            "core": None if self._claim is None else self._claim.core,
            "numerics": self._numerics.to_dict(),
            "beside": self._beside,
            "code": os.path.dirname(os.path.abspath(code)),
        }


def node_facts(packages: Mapping[str, tuple[str, str]] | None = None) -> str:
    """What a worker on this node would be; JSON text.

    Args:
        packages: See `Worker`.

    Returns:
        `about`: see `Worker.about`; `versions`; `wrong`: see `wrong_numbers`; `maps`:
        memory maps that a process may have, None where unknown.
    """
    about = Worker(packages, platforms="cpu").about()
    from workers.machine.probe import wrong_numbers
    from workers.machine.versions import versions

    maps = int(MAPS.read_text()) if MAPS.exists() else None
    return json.dumps(
        {
            "about": about,
            "versions": versions(),
            "wrong": wrong_numbers(),
            "maps": maps,
        }
    )
