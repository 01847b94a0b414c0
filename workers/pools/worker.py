"""What runs in the process of a Ray actor: text of a job in, of an evaluation out.

It is sent to the process by value; see `workers.pools.packages`. So nothing of this
project is imported here but what is sent along, before `pin` has said where it is.
"""

import json
import math
import os
import platform
import sys
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
        lanes: See `Station`.
        beside: See `Station`.
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
        from workers.machine.runtime import claim_core, limit_memory, prepare

        self._claim = claim_core() if own_core else None
        core = None if self._claim is None else self._claim.core
        prepare(core=core, platforms=platforms, memory_share=memory_share)
        from workers.side_by_side.station import Station

        self._station = Station(lanes=lanes, beside=beside)
        if self._station.platform == "cpu":
            limit_memory(memory_bytes)

    def evaluate(self, job: str, deadline_s: float = math.inf) -> str:
        """Carries out a job; both sides are JSON text.

        Returns:
            `evaluation`, as text; `nominal_s`, see `done_cost`; and `process`: what the
            process has come to hold.
        """
        from workers.job.cost import done_cost
        from workers.job.job import Job
        from workers.machine.runtime import process_facts

        asked = Job.from_json(job)
        evaluation = self._station.alone(asked, deadline_s=deadline_s)
        updates = sum(result.updates for result in evaluation.results)
        return json.dumps(
            {
                "evaluation": evaluation.to_json(),
                "nominal_s": done_cost(asked, updates),
                "process": process_facts(),
            }
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

        asked = [Job.from_json(text) for text in jobs]
        own = [job.id for job in asked if not self._station.shares(job)]
        # Lanes may still have jobs that somebody else has answered: others wait here.
        for job in asked:
            if job.id not in own:
                self._station.submit(job)
        over = self._station.turn(TURN_S)
        return json.dumps(
            {
                "evaluations": [evaluation.to_json() for _, evaluation in over],
                "own": own,
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
            "numerics": self._station.numerics.to_dict(),
            "beside": self._station.beside,
            "code": os.path.dirname(os.path.abspath(code)),
        }


def gpu_facts(
    packages: Mapping[str, tuple[str, str]] | None,
    memory_share: float,
    lanes: int | None,
    beside: int | None,
) -> dict[str, Any]:
    """The numerics class of a worker in this process; arguments as `Worker` has them.

    Ray says by the environment which GPU the process may use.
    """
    worker = Worker(packages, memory_share=memory_share, lanes=lanes, beside=beside)
    numerics: dict[str, Any] = worker.about()["numerics"]
    return numerics


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
