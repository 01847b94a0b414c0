"""How far mutants came by common runs: rung by rung, the first one task by task."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from search.output.words import counted
from search.procedure.members import Member
from search.procedure.procedure import Procedure


class Stage(NamedTuple):
    """One step on the way to the whole panel.

    Attributes:
        runs: On each task, after which a mutant may be dropped.
        task: On which of them; empty: on all at once.
        reached: Mutants that had a run of it.
        dropped: Those of them that came no further.
    """

    runs: int
    task: str
    reached: int
    dropped: int

    @property
    def label(self) -> str:
        """`2 runs on each task`."""
        return f"{counted(self.runs, 'run')} on {self.task or 'each task'}"


def stages(procedure: Procedure) -> list[Stage]:
    """The stages of a search by common runs, in order; none of one by ratios."""
    config = procedure.config
    if config.objective is None:
        return []
    rungs, tasks = config.objective.rungs, [stage.name for stage in config.tasks]
    steps = [(rungs[0], task) for task in tasks] + [(runs, "") for runs in rungs[1:]]
    last: Counter[int] = Counter()
    dropped: Counter[int] = Counter()
    for member in procedure.population.members.values():
        if member.is_candidate:
            step = _last_step(member, rungs, len(tasks))
            last[step] += 1
            dropped[step] += not (member.complete or member.under_way)
    return [
        Stage(runs, task, sum(last[k] for k in range(step, len(steps))), dropped[step])
        for step, (runs, task) in enumerate(steps)
    ]


def render_stages(found: Sequence[Stage]) -> str:
    """`1 run: adding 9, stack 8; 2 runs: 6`: how many mutants reached what."""
    parts: dict[int, list[str]] = {}
    for one in found:
        parts.setdefault(one.runs, []).append(f"{one.task} {one.reached:,}".strip())
    return "; ".join(
        f"{counted(runs, 'run')}: {', '.join(counts)}" for runs, counts in parts.items()
    )


def _last_step(member: Member, rungs: Sequence[int], tasks: int) -> int:
    """The last step of which it had a run; -1: none yet."""
    runs = [len(member.trials_on(task)) for task in range(tasks)]
    if max(runs) <= rungs[0]:
        return sum(count > 0 for count in runs) - 1
    # Of a cell that was examined again there are more than the whole panel.
    return tasks - 1 + min(bisect_left(rungs, max(runs)), len(rungs) - 1)
