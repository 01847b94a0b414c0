"""All that carries out jobs in one process: side by side, or one by itself."""

import heapq
import itertools
import math
import time

from workers.job.evaluation import Evaluation
from workers.job.job import Job
from workers.machine.runtime import DEFAULT_BESIDE, prepare, start_backend
from workers.side_by_side.queue import SideBySide, Waiting
from workers.training.evaluator import Evaluator


class Station:
    """Carries out jobs: what can share a program side by side, the rest alone.

    Making one prepares the process and starts JAX; see `Evaluator`.

    Args:
        lanes: Settings in one program, at most; None: the platform's default.
        beside: Cells that are trained side by side, at most; 0: none; None: the
            platform's default.

    Attributes:
        platform: What it computes on: `cpu`, `gpu` or `tpu`.
        beside: Cells that are trained side by side, at most; 0: none.
        numerics: The class of its results.
    """

    def __init__(self, *, lanes: int | None = None, beside: int | None = None) -> None:
        prepare()
        self.platform = start_backend()
        self.beside = DEFAULT_BESIDE[self.platform] if beside is None else beside
        self._evaluator = Evaluator(lanes=lanes, beside=self.beside)
        self.numerics = self._evaluator.numerics
        self._shared = SideBySide(self.beside, lanes)
        self._waiting: list[Waiting] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        """Jobs submitted and not yet returned."""
        return len(self._waiting) + len(self._shared)

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = math.inf,
        cost_s: float = 0.0,
    ) -> None:
        """Adds a job; see `Pool.submit`."""
        row = (priority, next(self._numbers), job, deadline_s)
        heapq.heappush(self._waiting, row)

    def cancel(self) -> None:
        """Drops what waits."""
        self._waiting.clear()

    def shares(self, job: Job) -> bool:
        """Whether a job can be trained beside others here."""
        return bool(self.beside) and self._shared.fits(job)

    def alone(self, job: Job, *, deadline_s: float = math.inf) -> Evaluation:
        """Carries out a job by itself, whatever else waits or is under way."""
        return self._evaluator.evaluate(job, deadline_s=deadline_s)

    def next(self) -> tuple[Job, Evaluation]:
        """Carries out jobs until one is over; there has to be one.

        Whatever shares a program is under way at once; the rest comes after it.
        """
        if not self._shared.ready:
            self._begin()
        if len(self._shared):
            return self._shared.next()
        _, _, job, deadline_s = self._waiting[0]
        evaluation = self.alone(job, deadline_s=deadline_s)
        heapq.heappop(self._waiting)
        return job, evaluation

    def turn(self, seconds: float) -> list[tuple[Job, Evaluation]]:
        """Goes on side by side until a job is over, or for a while; what is over."""
        until = time.monotonic() + seconds
        self._begin()
        while len(self._shared) and not self._shared.ready:
            self._shared.step()
            if time.monotonic() >= until:
                break
        over = []
        while self._shared.ready:
            over.append(self._shared.next())
        return over

    def _begin(self) -> None:
        """Begins what waits and can share a program, as far as there is room."""
        if self.beside:
            self._waiting = self._shared.take(self._waiting)
