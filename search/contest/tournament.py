"""Carries out contests on a pool, all cells evenly, and tells how far they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from search.contest.contest import Attempt, Contest, Due
from search.contest.ledger import Ledger
from search.contest.spectator import Label, Overview, Spectator
from search.procedure.racing import ranked
from workers import Job, Pool, Result

SETTINGS_PER_JOB: Final = {"cpu": 4}
"""By platform. One after another on CPU, where a job should not take long: what a
killed process loses is what it was carrying out."""

SIDE_BY_SIDE: Final = 20
"""Settings of a job on all other platforms: they are trained in one program."""

AHEAD: Final = 1
"""Jobs that wait in the pool, so that no worker waits for one."""

TICK_S: Final = 0.5
"""Seconds after which a spectator is told that time has passed."""


def settings_per_job(platform: str) -> int:
    """How many settings a job has at most on a platform."""
    return SETTINGS_PER_JOB.get(platform, SIDE_BY_SIDE)


@dataclass
class Tournament:
    """Several contests whose results are kept in one place.

    Attributes:
        contests: Task by task; the order decides what is done first.
        ledger: What is known, and where new results are stored as they arrive.
    """

    contests: Sequence[Contest]
    ledger: Ledger
    _flying: dict[str, Label] = field(default_factory=dict)
    _started: set[tuple[str, int]] = field(default_factory=set)
    _due: dict[int, Due] = field(default_factory=dict)
    _left: dict[int, float] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether nothing is left to be trained."""
        return not any(
            self._next(index).attempts for index in range(len(self.contests))
        )

    def play(self, pool: Pool, spectator: Spectator, size: int) -> None:
        """Carries out all that is due until nothing is.

        Args:
            pool: Carries out jobs.
            spectator: Is told.
            size: How many settings a job has at most.
        """
        spectator.update(self.overview(pool.capacity))
        while True:
            # No worker waits for a job.
            while len(pool) < pool.capacity + AHEAD:
                job = self._start(size)
                if job is None:
                    break
                pool.submit(job)
                spectator.update(self.overview(pool.capacity))

            # Without an answer, time is up or nothing is left to be answered.
            answer = pool.next(TICK_S)
            if answer is None:
                if not len(pool):
                    return
                spectator.update(self.overview(pool.capacity))
                continue

            job, evaluation = answer
            self.ledger.add(job, evaluation)
            label = self._flying.pop(job.id)
            self._forget(job)
            spectator.update(self.overview(pool.capacity))
            spectator.finished(label, evaluation)

    def overview(self, capacity: int) -> Overview:
        """How far everything has come, with at most `capacity` jobs under way."""
        for index, contest in enumerate(self.contests):
            if index not in self._left:
                self._left[index] = contest.remaining(self.ledger.trainings)
        left = sum(self._left.values())
        return Overview(
            done=1.0 if not left else 1 - left / self._whole,
            running=tuple(self._flying.values())[:capacity],
            best=tuple(self._bests()),
        )

    @cached_property
    def _whole(self) -> float:
        """Nominal core-seconds of everything, were nothing known."""
        return sum(contest.remaining(_nothing) for contest in self.contests)

    def _next(self, index: int) -> Due:
        """What is due in a contest, less what has been started."""
        if index not in self._due:
            self._due[index] = self.contests[index].due(self.ledger.trainings)
        stage, attempts = self._due[index]
        contest = self.contests[index]
        waiting = (one for one in attempts if _key(contest, one) not in self._started)
        return Due(stage, tuple(waiting))

    def _start(self, size: int) -> Job | None:
        """The next job: the earliest stage of the first task with anything due.

        So that all cells come equally far, and the programs of a task's cells are in
        use together.
        """
        # Who is due: task by task as they were named, and rung by rung.
        tasks = list(dict.fromkeys(contest.task.name for contest in self.contests))
        waiting = [
            (tasks.index(contest.task.name), due.stage, index, due.attempts)
            for index, contest in enumerate(self.contests)
            if (due := self._next(index)).attempts
        ]
        if not waiting:
            return None
        _, stage, index, attempts = min(waiting, key=lambda row: row[:3])

        # Its first job is under way from now on, and not due again.
        contest = self.contests[index]
        job = next(contest.jobs(attempts, size))
        self._started.update((job.run_id(s), job.budget) for s in job.settings)
        self._flying[job.id] = Label(
            task=contest.task.name,
            cell=contest.name,
            stage=contest.stage_name(stage),
            settings=len(job.settings),
            budget=job.budget,
        )
        return job

    def _forget(self, job: Job) -> None:
        """Has the contests looked at again that a job belongs to."""
        for index, contest in enumerate(self.contests):
            if contest.digest == job.digest:
                self._due.pop(index, None)
                self._left.pop(index, None)

    def _bests(self) -> Iterator[tuple[str, str, float]]:
        """For each task, who has the best result so far, of any budget."""
        bests: dict[str, tuple[str, Result]] = {}
        for contest in self.contests:
            task, best = contest.task.name, contest.best_so_far(self.ledger.trainings)
            if best is None:
                continue
            if task in bests:
                other = bests[task][1]
                if ranked([best, other], contest.metric)[0] is other:
                    continue
            bests[task] = (contest.name, best)
        for task, (cell, result) in bests.items():
            yield task, cell, float(result.best or 0.0)


def _nothing(run_id: str) -> Mapping[int, Result]:
    return {}


def _key(contest: Contest, attempt: Attempt) -> tuple[str, int]:
    return contest.run_id(attempt), attempt.budget
