"""A pool that answers at once, from a formula: for tests of who asks for what."""

from collections.abc import Callable

from workers import BUDGET, Evaluation, Job, Point, Result, Setting, Status

Reached = Callable[[Job, Setting], float | None]


def noisy(job: Job, setting: Setting) -> float:
    """More budget and a scale near 1 are better; the rest is noise of the run."""
    noise = int(job.run_id(setting)[-6:], 16) / 16**6 / 20
    return 0.5 - abs(setting.scale - 1) / 10 - 5 / (10 + job.budget) + noise


class FakePool:
    """Answers the job submitted last (or first: 0) of those it has; remembers all.

    Attributes:
        together: Whether further answers are there at once, beside one awaited.
    """

    capacity = 2
    together = False

    def __init__(
        self, metric: Reached = noisy, stop_after: int | None = None, answers: int = -1
    ) -> None:
        self.jobs: list[Job] = []
        self._queue: list[Job] = []
        self._metric = metric
        self._stop_after = stop_after
        self._answers = answers

    def __len__(self) -> int:
        return len(self._queue)

    def submit(
        self,
        job: Job,
        *,
        priority: float = 0.0,
        deadline_s: float = 0.0,
        cost_s: float = 0.0,
    ) -> None:
        self._queue.append(job)

    def next(self, timeout_s: float | None = None) -> tuple[Job, Evaluation] | None:
        if not self._queue or (timeout_s == 0 and not self.together):
            return None
        if self._stop_after == len(self.jobs):
            raise KeyboardInterrupt
        job = self._queue.pop(self._answers)
        self.jobs.append(job)
        return job, self.evaluation(job)

    def evaluation(self, job: Job) -> Evaluation:
        results = tuple(self._result(job, setting) for setting in job.settings)
        return Evaluation(job.id, results, 1.0, 2.0, numerics="fake", machine="fake")

    def _result(self, job: Job, setting: Setting) -> Result:
        metric = self._metric(job, setting)
        if metric is None:
            return Result(setting, Status.DIVERGED, updates=1, ended="too high")
        return Result(
            setting=setting,
            status=Status.OK,
            best=metric,
            updates=job.budget,
            ended=BUDGET,
            curve=(Point(job.budget, 1.0, 2.5 - metric, metric),),
            width=10,
            num_params=900,
            test=metric - 0.01 if job.training.test else None,
        )

    def workers(self):
        return []

    def nodes(self):
        return []

    def news(self):
        return []

    def cancel(self) -> None:
        self._queue.clear()

    def close(self) -> None:
        self._queue.clear()

    def trainings(self) -> list[tuple[str, int]]:
        """Every training that was asked for."""
        return [(j.run_id(s), j.budget) for j in self.jobs for s in j.settings]
