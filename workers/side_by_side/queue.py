"""Jobs of different cells that are under way at once in this process."""

import platform
from collections import deque

from tasks import TaskError
from workers.errors import MachineError, one_line
from workers.job.evaluation import Evaluation
from workers.job.job import Job
from workers.machine.device_memory import allowance, out_of_memory
from workers.machine.runtime import numerics_class, start_backend
from workers.side_by_side.kinds import Kind, kind_of
from workers.side_by_side.trainer import Ended, LaneTrainer
from workers.training.data import DataCache

Waiting = tuple[float, int, Job, float]
"""Priority, number, job and deadline: the smallest is the most urgent."""

DATA_BYTES = 128 << 20


class SideBySide:
    """Takes jobs as they come, and returns each as soon as it is over.

    What a job comes to does not depend on which others are beside it, nor on when it
    was taken: tests hold it to that here, and part h of `benchmarks.bench_device` does
    on the device. Deadlines do not count: all lanes go on together.

    Args:
        beside: Jobs of a kind at once, at most; how many there are is said by
            `workers.training.fitting`.
        lanes: Settings in one program of one cell, at most, in this process; None: the
            platform's default. It is part of the numerics class.
    """

    def __init__(self, beside: int, lanes: int | None = None) -> None:
        self._beside, self._lanes = beside, lanes
        self._platform, self._allowance = start_backend(), allowance()
        self._data = DataCache(DATA_BYTES)
        self._trainers: dict[Kind, LaneTrainer] = {}
        self._over: deque[Ended] = deque()
        self._kinds: dict[str, Kind | None] = {}
        self._passed: dict[Kind, int] = {}

    @property
    def ready(self) -> bool:
        """Whether some job is over and has not been returned."""
        return bool(self._over)

    def __len__(self) -> int:
        """Jobs taken and not yet returned."""
        return len(self._over) + sum(map(len, self._trainers.values()))

    def fits(self, job: Job) -> bool:
        """Whether it can be trained beside others; if not, it needs its own program."""
        return self._kind(job) is not None

    def take(self, waiting: list[Waiting]) -> list[Waiting]:
        """Begins those that there is room for, the most urgent first.

        Returns:
            The others, as a heap.
        """
        left: list[Waiting] = []
        taken: dict[Kind, list[Job]] = {}
        for row in sorted(waiting):
            kind = self._kind(row[2])
            if kind is None:
                left.append(row)
                continue
            if kind not in self._trainers:
                self._trainers[kind] = LaneTrainer(
                    kind, self._beside, self._platform, self._data, self._allowance
                )
            mine = taken.setdefault(kind, [])
            if len(mine) < self._trainers[kind].free:
                mine.append(row[2])
            else:
                left.append(row)
        for kind, jobs in taken.items():
            self._trainers[kind].add(jobs)
        return left

    def _step(self, kind: Kind) -> list[Ended]:
        """An epoch of all lanes of a kind, of fewer where memory runs out.

        A cell is data here: whatever else fails would fail with any other cell too.
        """
        trainer = self._trainers[kind]
        while True:
            try:
                return trainer.step()
            except TaskError:
                raise
            except Exception as error:
                if not out_of_memory(error):
                    jobs, lanes = len(trainer), trainer.count
                    raise MachineError(
                        f"cells side by side ({jobs} for {lanes} lanes) cannot be "
                        f"trained: {one_line(error)}"
                    ) from error
                cause = one_line(error)
            # Here the error is gone, and with it all that it held.
            if trainer.count == 1:
                return trainer.fail(cause)
            trainer.halve()

    def _urgency(self, kind: Kind) -> int:
        """Lanes cost as much when they are empty: few jobs wait, but not for ever."""
        return len(self._trainers[kind]) * (1 + self._passed.get(kind, 0))

    def _kind(self, job: Job) -> Kind | None:
        """The kind of a job; remembered, since jobs that wait are asked again."""
        if job.id not in self._kinds:
            self._kinds[job.id] = kind_of(job, self._data)
        return self._kinds[job.id]

    def step(self) -> None:
        """Trains the lanes of one kind for an epoch; there has to be a job.

        Raises:
            MachineError: The machine or this program failed, and not the cell.
        """
        kind = max(self._trainers, key=self._urgency)
        self._over.extend(self._step(kind))
        self._passed = {k: n + 1 for k, n in self._passed.items()} | {kind: 0}

    def next(self) -> tuple[Job, Evaluation]:
        """Trains until a job is over; there has to be one.

        Raises:
            MachineError: The machine or this program failed, and not the cell.
        """
        while not self._over:
            self.step()
        job, result, compile_s, train_s, most = self._over.popleft()
        self._kinds.pop(job.id, None)
        evaluation = Evaluation(
            job_id=job.id,
            results=(result,),
            compile_s=compile_s,
            train_s=train_s,
            numerics=numerics_class(self._lanes, most).key,
            machine=platform.node(),
        )
        return job, evaluation
