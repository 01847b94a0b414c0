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

MAPS: Final = Path("/proc/sys/vm/max_map_count")


def sent_by_value(ray: Any) -> None:
    """Has Ray send this file's code itself, and not the name that it has here."""
    for module in (sys.modules[__name__], packages):
        ray.cloudpickle.register_pickle_by_value(module)


class Worker:
    """One long-lived process that carries out jobs one at a time.

    Making one prepares the process, then starts JAX.

    Args:
        packages: Where this project's packages are, see `pin`; None: where they are.
        own_core: Whether it claims a core; see `claim_core`.
        memory_bytes: See `limit_memory`; on CPU only.
        platforms: See `prepare`.
        memory_share: See `prepare`.
        lanes: See `Evaluator`.
    """

    def __init__(
        self,
        packages: Mapping[str, tuple[str, str]] | None = None,
        own_core: bool = False,
        memory_bytes: int | None = None,
        platforms: str | None = None,
        memory_share: float | None = None,
        lanes: int | None = None,
    ) -> None:
        if packages is not None:
            pin(packages)
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

        code = os.path.dirname(str(sys.modules["workers"].__file__))
        return {
            "machine": platform.node(),
            "node": ray.get_runtime_context().get_node_id(),
            "address": ray.util.get_node_ip_address(),
            "pid": os.getpid(),
            "core": None if self._claim is None else self._claim.core,
            "numerics": self._evaluator.numerics.to_dict(),
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
