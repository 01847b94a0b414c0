"""Which settings a cell is trained with next, as rounds: drawn, or inherited.

Jozefowicz et al. 2015, section 3.4. The settings of a round are a function of (seed,
cell, task, number of the round) and of the results so far.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from search.procedure.config import Config
from search.procedure.members import Member, best_first
from search.procedure.moves import FILTER
from search.procedure.population import Population
from search.procedure.settings import (
    Grids,
    Part,
    draw,
    inherit,
    inheritance_parts,
)
from search.procedure.visits import Round
from workers import Setting

SETTINGS: Final = 2
OPENING: Final = 3
"""What a generator is for; 1 is `proposals.DECISION`: no two uses share a seed."""


class Rounds:
    """Makes the rounds of a search.

    Args:
        config: What is searched, and how.
        population: What settings are inherited from.
        grids: The settings of each task.
    """

    def __init__(self, config: Config, population: Population, grids: Grids) -> None:
        self._config = config
        self._population = population
        self._grids = grids
        self._ranking: dict[int, tuple[int, ...]] = {}

    def filter(self, member: Member) -> Round:
        """The filter: one setting, another one at each attempt."""
        chosen = self._config.filter
        assert chosen is not None
        setting = chosen.setting(member.digest, member.attempts)
        return Round(FILTER, (setting,), chosen.budget, None, chosen.task.task.metric)

    def opening(self) -> list[Round]:
        """Every task for a seed or reference: all settings, or the same random ones."""
        return [self._opening(task) for task in range(len(self._config.tasks))]

    def fresh(self, member: Member, task: int) -> Round:
        """Settings that a cell has not had, from the inheritance distribution."""
        trials = self._population.trials(member, task)
        words = [SETTINGS, self._config.seed, int(member.digest, 16), task]
        rng = np.random.default_rng([*words, trials.rounds])
        chosen = inherit(
            self._parts(member, task),
            self._config.rules.settings,
            rng,
            set(trials.indices),
        )
        trials.rounds += 1
        settings = self._grids.settings[task]
        return self._round(task, tuple(settings[index] for index in chosen))

    def forget(self, task: int) -> None:
        """A seed has a result on a task: which settings are its best is found anew."""
        self._ranking.pop(task, None)

    def _opening(self, task: int) -> Round:
        stage = self._config.tasks[task]
        count = self._config.rules.baseline_settings or len(stage.plan.grid)
        rng = np.random.default_rng([OPENING, self._config.seed, task])
        return self._round(task, draw(stage.plan.grid, count, rng))

    def _round(self, task: int, settings: tuple[Setting, ...]) -> Round:
        stage, racing = self._config.tasks[task], self._config.rules.racing
        return Round(task, settings, stage.plan.budget, racing, stage.metric)

    def _parts(self, member: Member, task: int) -> tuple[Part[int], ...]:
        """Section 3.4: from the parent, from the seeds, at random; by index."""
        parent = self._population.members.get(member.parent, member)
        return inheritance_parts(
            range(len(self._grids.settings[task])),
            self._best_first([parent], task),
            self._seeds_best(task),
            self._config.rules.inheritance,
        )

    def _seeds_best(self, task: int) -> tuple[int, ...]:
        """The best settings of all seeds; kept until a seed has a result."""
        if task not in self._ranking:
            best = self._best_first(self._population.seeds, task)
            self._ranking[task] = best[: self._config.rules.inheritance.best]
        return self._ranking[task]

    def _best_first(self, members: Sequence[Member], task: int) -> tuple[int, ...]:
        return best_first(
            [member.trials_on(task) for member in members],
            self._config.tasks[task].metric,
        )
