"""Carries out contests on a pool, all cells evenly, and tells how far they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

from cells import digest
from search.contest.contest import Contest, Due, Run
from search.contest.progress import Label, Progress, Standing
from search.procedure.racing import ranked
from search.store.results import Results
from workers import Job, Pool, Result

SETTINGS_PER_JOB: Final = {"cpu": 4}
"""By platform. One after another on CPU, where a job should not take long: what a
killed process loses is what it was carrying out."""

SIDE_BY_SIDE: Final = 20
"""Settings of a job on all other platforms: they are trained in one program."""

AHEAD: Final = 1
"""Jobs that wait in the pool, so that no worker waits for one."""


def settings_per_job(platform: str) -> int:
    """How many settings a job has at most on a platform."""
    return SETTINGS_PER_JOB.get(platform, SIDE_BY_SIDE)


class Entry(NamedTuple):
    """A contest and what it is called."""

    task: str
    cell: str
    contest: Contest


@dataclass
class Tournament:
    """Several contests whose results are kept in one place.

    Attributes:
        entries: Task by task; the order decides what is done first.
        results: What is known, and where new results are stored as they arrive.
    """

    entries: Sequence[Entry]
    results: Results
    _flying: dict[str, Label] = field(default_factory=dict)
    _started: set[tuple[str, int]] = field(default_factory=set)
    _due: dict[int, Due] = field(default_factory=dict)
    _left: dict[int, float] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether nothing is left to be trained."""
        return all(not self._next(index).runs for index in range(len(self.entries)))

    def play(self, pool: Pool, progress: Progress, size: int) -> None:
        """Carries out all that is due until nothing is.

        Args:
            pool: Carries out jobs.
            progress: Is told.
            size: How many settings a job has at most.
        """
        progress.update(self.standing(pool.capacity))
        while True:
            while len(pool) < pool.capacity + AHEAD:
                job = self._start(size)
                if job is None:
                    break
                pool.submit(job)
                progress.update(self.standing(pool.capacity))
            answer = pool.next()
            if answer is None:
                return
            job, evaluation = answer
            self.results.add(job, evaluation)
            label = self._flying.pop(job.id)
            self._forget(job)
            progress.update(self.standing(pool.capacity))
            progress.finished(label, evaluation)

    def standing(self, capacity: int) -> Standing:
        """How far everything has come, with at most `capacity` jobs under way."""
        for index, entry in enumerate(self.entries):
            if index not in self._left:
                self._left[index] = entry.contest.remaining(self.results.trainings)
        left = sum(self._left.values())
        return Standing(
            done=1.0 if not left else 1 - left / self._whole,
            running=tuple(self._flying.values())[:capacity],
            best=tuple(self._bests()),
        )

    @cached_property
    def _whole(self) -> float:
        """Nominal core-seconds of everything, were nothing known."""
        return sum(entry.contest.remaining(_nothing) for entry in self.entries)

    def _next(self, index: int) -> Due:
        """What is due in a contest, less what has been started."""
        if index not in self._due:
            self._due[index] = self.entries[index].contest.due(self.results.trainings)
        stage, runs = self._due[index]
        contest = self.entries[index].contest
        waiting = (run for run in runs if _key(contest, run) not in self._started)
        return Due(stage, tuple(waiting))

    def _start(self, size: int) -> Job | None:
        """The next job: the earliest stage of the first task with anything due.

        So that all cells come equally far, and the programs of a task's cells are in
        use together.
        """
        order = {entry.task: n for n, entry in reversed([*enumerate(self.entries)])}
        due = [(self._next(index), index) for index in range(len(self.entries))]
        waiting = [
            (order[self.entries[index].task], found.stage, index, found.runs)
            for found, index in due
            if found.runs
        ]
        if not waiting:
            return None
        _, stage, index, runs = min(waiting, key=lambda row: row[:3])
        entry = self.entries[index]
        job = next(entry.contest.jobs(runs, size))
        self._started.update((job.run_id(s), job.budget) for s in job.settings)
        self._flying[job.id] = Label(
            task=entry.task,
            cell=entry.cell,
            stage=entry.contest.stage_name(stage),
            settings=len(job.settings),
            budget=job.budget,
        )
        return job

    def _forget(self, job: Job) -> None:
        """Has the contests looked at again that a job belongs to."""
        for index, entry in enumerate(self.entries):
            if digest(entry.contest.cell) == job.digest:
                self._due.pop(index, None)
                self._left.pop(index, None)

    def _bests(self) -> Iterator[tuple[str, str, float]]:
        """For each task, who has the best result so far, of any budget."""
        found: dict[str, tuple[str, Result]] = {}
        for task, cell, contest in self.entries:
            best = contest.best_so_far(self.results.trainings)
            if best is None:
                continue
            if task in found:
                other = found[task][1]
                if ranked([best, other], contest.metric)[0] is other:
                    continue
            found[task] = (cell, best)
        for task, (cell, result) in found.items():
            yield task, cell, float(result.best or 0.0)


def _nothing(run_id: str) -> Mapping[int, Result]:
    return {}


def _key(contest: Contest, run: Run) -> tuple[str, int]:
    return contest.run_id(run), run.budget
