"""`cellsearch run`: mutate, filter, score, rank, in this process."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from cells import ZOO, Cell, canonical, dead, digest, mutate, to_text
from search.contest import Contest
from search.errors import UserError
from search.presets import Plan, Preset, get_preset
from search.progress import Notes, Progress
from search.results import Results
from search.scores import ratio
from search.settings import draw
from search.tournament import Entry, Tournament, settings_per_job
from workers import (
    FILTER_TARGET,
    InlinePool,
    Pool,
    Schedule,
    TaskSpec,
    Training,
    numerics_class,
)

HELP = "search for cells: mutate, filter, score, and print the ranked table"

SEEDS: Final = ("gru", "lstm")
"""The first cells of the table; the first of them is the baseline."""

TASKS: Final = ("arithmetic",)
FILTER: Final = "memorization"
FILTER_SCHEDULE: Final = Schedule("filter")
GATE: Final = 0.9
"""Share of the baseline that a cell must reach on a task to be given the next one."""

PARENTS: Final = 10
"""The best so many cells have mutants."""


@dataclass(frozen=True)
class Candidate:
    """A cell that was scored, and its ratio to the baseline on each task it saw."""

    name: str
    cell: Cell
    ratios: tuple[float, ...]

    @property
    def fitness(self) -> float:
        """The least ratio; nothing for a cell that was stopped at a gate."""
        return min(self.ratios) if len(self.ratios) == len(TASKS) else 0.0


@dataclass(frozen=True)
class Scorer:
    """Trains cells as a preset says, `size` settings a job, and keeps the results."""

    preset: Preset
    seed: int
    results: Results
    pool: Pool
    progress: Progress
    size: int

    def best(self, name: str, cell: Cell, task: str, plan: Plan, count: int) -> float:
        """The best metric over some settings; 0 if all of them failed."""
        rng = np.random.default_rng([self.seed, *task.encode()])
        contest = Contest(
            cell=cell,
            task=TaskSpec(task, self.preset.size, plan.overrides),
            settings=draw(plan.grid, count, rng),
            budget=plan.budget,
            seed=self.seed,
            repeats=0,
            training=Training(schedule=plan.schedule),
            racing=self.preset.racing,
        )
        tournament = Tournament([Entry(task, name, contest)], self.results)
        tournament.play(self.pool, self.progress, self.size)
        winner = contest.outcome(self.results.of).winner
        return 0.0 if winner is None else float(winner.best or 0.0)

    def passes(self, name: str, cell: Cell) -> bool:
        """Whether a cell learns memorization with one setting."""
        plan = replace(self.preset.plan(FILTER), schedule=FILTER_SCHEDULE)
        return self.best(name, cell, FILTER, plan, 1) >= FILTER_TARGET

    def score(self, name: str, cell: Cell) -> Candidate:
        """A cell's ratios to the baseline, task by task until one is below the gate."""
        found: list[float] = []
        for task in TASKS:
            plan, count = self.preset.plan(task), self.preset.settings
            base = self.best(SEEDS[0], ZOO[SEEDS[0]], task, plan, count)
            own = self.best(name, cell, task, plan, count)
            found.append(ratio(own, base, higher_is_better=True))
            if found[-1] < GATE:
                break
        return Candidate(name, cell, tuple(found))


def search(scorer: Scorer, candidates: int) -> list[Candidate]:
    """The scored cells, best first, after so many mutants; a function of the seed."""
    rng = np.random.default_rng(scorer.seed)
    table = [scorer.score(name, ZOO[name]) for name in SEEDS]
    seen = {digest(row.cell) for row in table}
    born = 0
    while born < candidates:
        parent = table[int(rng.integers(min(PARENTS, len(table))))]
        cell = canonical(mutate(parent.cell, rng).cell)
        if digest(cell) in seen or dead(cell):
            continue
        seen.add(digest(cell))
        born += 1
        name, said = f"cell_{born}", f"does not learn {FILTER}"
        if scorer.passes(name, cell):
            row = scorer.score(name, cell)
            said = f"reaches {min(row.ratios):.3f} of {SEEDS[0]}"
            table = sorted([*table, row], key=lambda row: -row.fitness)
        scorer.progress.note(f"{born} of {candidates}: {name} {said}")
    return table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("--preset", default="demo", choices=("demo",), help="sizes and grids (demo)")
    add("--candidates", type=int, default=12, metavar="N", help="mutants to try (12)")
    add("--seed", type=int, default=0, metavar="N", help="seed of everything (0)")
    add("--out", type=Path, metavar="DIR", help="where results are kept (runs/PRESET)")


def run(options: argparse.Namespace) -> int:
    """Searches and prints the ranked table; returns the exit status."""
    preset = get_preset(options.preset)
    for name, least in (("candidates", 1), ("seed", 0)):
        if getattr(options, name) < least:
            value = getattr(options, name)
            raise UserError(f"--{name} must be at least {least}, got {value}")
    pool = InlinePool()
    size = settings_per_job(numerics_class().platform)
    out = options.out or Path("runs") / preset.name
    with Results(out) as results:
        scorer = Scorer(preset, options.seed, results, pool, Notes(), size)
        table = search(scorer, options.candidates)
    for rank, row in enumerate(table, start=1):
        print(f"{rank:>4}  {row.fitness:.3f}  {digest(row.cell)[:8]}  {row.name}")
    print(f"\n{to_text(table[0].cell, table[0].name)}")
    return 0
