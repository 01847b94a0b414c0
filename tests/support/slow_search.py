"""The paper's search once more, in the plainest and slowest way, to compare with.

Nothing is stored, kept in order or remembered for speed. At each turn free slots are
filled, then the job that ends first is looked for, and its results are applied.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from cells import (
    Cell,
    CellError,
    canonical,
    crossover,
    dead,
    digest,
    growth,
    mutate,
    recurrent_linears,
    signal,
    to_text,
)
from search.procedure.config import Config
from search.procedure.filter import passed
from search.procedure.racing import by_shape, due
from search.procedure.settings import draw, inherit, inheritance_parts
from workers import Job, Result, Setting, make_job, model_width, nominal_cost

FILTER = -1


class Wanted(NamedTuple):
    """Settings of a stage with their budgets; repeats have a seed of their own."""

    stage: int
    settings: Sequence[tuple[Setting, int]]
    repeat: int = 0


Track = Iterator[Sequence[Wanted]]
"""Yields what is to be trained; goes on when all of it has been told."""


@dataclass(eq=False)
class Known:
    """A cell; `results` are by stage, setting and budget, in order of arrival."""

    digest: str
    cell: Cell
    name: str
    origin: str
    parent: str = ""
    mate: str = ""
    rules: tuple[str, ...] = ()
    depth: int = 0
    passed: bool = True
    complete: bool = False
    rounds: dict[int, int] = field(default_factory=dict)
    results: dict[tuple[int, Setting, int], Result] = field(default_factory=dict)

    def on(self, stage: int) -> list[Result]:
        return [result for key, result in self.results.items() if key[0] == stage]

    def had(self, stage: int) -> list[Setting]:
        return list(dict.fromkeys(result.setting for result in self.on(stage)))


@dataclass(eq=False)
class Part:
    """A job: of which move, and of which of its tracks."""

    move: int
    known: Known
    track: Track
    stage: int
    settings: tuple[Setting, ...]
    budget: int
    repeat: int


class SlowSearch:
    """A whole search.

    Attributes:
        decisions: As rows of `fake_search.history`; so are `rejected` and `issued`.
        trained: Results by run id and budget.
        known: All cells, the oldest first.
        states: After each application, what `state` says.
    """

    def __init__(
        self, config: Config, answer: Callable[[Job, Setting], Result], candidates: int
    ) -> None:
        self.config, self.rules, self.answer = config, config.rules, answer
        self.candidates, self.drain, self.fruitless, self.now = candidates, 0, 0, 0.0
        self.decisions: list[tuple[Any, ...]] = []
        self.rejected: list[tuple[Any, ...]] = []
        self.issued: list[tuple[Any, ...]] = []
        self.trained: dict[tuple[str, int], Result] = {}
        self.known: list[Known] = []
        self.states: list[Any] = []
        self.stage: dict[int, int] = {}
        self.waiting: list[Part] = []
        self.flying: list[tuple[float, int, Part]] = []
        self.opening = [("seed", *named) for named in config.seeds]
        self.opening += [("reference", *named) for named in config.references]
        while True:
            while len(self.flying) < self.rules.slots:
                if not self.waiting and not self.move():
                    break
                for part in self.waiting[:1]:
                    self.issue(part)
            if not self.flying:
                break
            first = min(self.flying, key=lambda one: one[:2])
            self.flying.remove(first)
            self.now = first[0]
            self.apply(first[2])
            self.states.append(self.state())

    # Jobs

    def job(self, part: Part) -> Job:
        seed, known = self.config.seed, part.known
        if part.stage == FILTER:
            assert self.config.filter is not None
            job = self.config.filter.job(known.cell, len(known.had(FILTER)), seed)
            assert (job.settings, job.budget) == (part.settings, part.budget)
            return replace(job, task=replace(job.task, seed=seed))
        one = self.config.tasks[part.stage]
        options = {"seed": seed, "training": one.training}
        return make_job(known.cell, one.task, part.settings, part.budget, **options)

    def cost(self, part: Part) -> float:
        return nominal_cost(self.job(part))

    def issue(self, part: Part) -> None:
        """Starts a job, which ends after its nominal cost."""
        self.waiting.remove(part)
        number, end = len(self.issued), self.now + self.cost(part)
        name = self.config.tasks[part.stage].name if part.stage >= 0 else "filter"
        row = (number, part.move, part.known.digest, name, part.stage)
        self.issued.append((*row, len(part.settings), self.now, end, self.drain))
        self.flying.append((end, number, part))

    def under_way(self) -> list[Part]:
        return [*self.waiting, *(one[2] for one in self.flying)]

    def apply(self, part: Part) -> None:
        """Applies the results of a job, and goes on with what it was part of."""
        job, known = self.job(part), part.known
        for setting in job.settings:
            result = self.answer(job, setting)
            self.trained[job.run_id(setting), job.budget] = result
            self.observe(part, result)
        if all(other.track is not part.track for other in self.under_way()):
            self.go_on(part.move, known, part.track)
        if part.move in self.stage:
            self.pass_gates(part.move, known)

    def observe(self, part: Part, result: Result) -> None:
        part.known.results[part.stage, result.setting, part.budget] = result
        if part.stage == FILTER:
            part.known.passed = passed([result])

    def go_on(self, move: int, known: Known, track: Track) -> None:
        """Has the jobs that are next wait behind those of older moves."""
        size = self.rules.settings_per_job
        for stage, wanted, repeat in next(track, ()):
            for budget in dict.fromkeys(budget for _, budget in wanted):
                for group in by_shape(one for one, most in wanted if most == budget):
                    for first in range(0, len(group), size):
                        some = sorted(group[first : first + size], key=lambda s: s.text)
                        part = Part(
                            move, known, track, stage, tuple(some), budget, repeat
                        )
                        self.waiting.append(part)
        self.waiting.sort(key=lambda part: part.move)

    # Moves

    def move(self) -> bool:
        """Makes the next move; returns whether there may be another."""
        number, moves = len(self.decisions), {part.move for part in self.under_way()}
        if number < len(self.opening):
            kind, name, cell = self.opening[number]
            known = Known(digest(cell), canonical(cell), name, kind)
            known.complete = kind == "seed"
            self.known.append(known)
            self.decide(kind, known, [])
            self.start(number, known, self.openings(known))
            return True
        candidates = [m for m in moves if self.decisions[m][1] != "reexamine"]
        if (
            not self.opened
            or len(candidates) >= self.rules.in_flight
            or self.fruitless == 10
        ):
            return False
        if sum(known.origin == "mutant" for known in self.known) >= self.candidates:
            self.drain = 1
            return False
        rng = np.random.default_rng([1, self.config.seed, number])
        if rng.random() < self.rules.reexamine:
            free = self.examinable()
            if free:
                known = free[int(rng.integers(len(free)))]
                self.decide("reexamine", known, [])
                self.start(number, known, self.examination(known))
                return True
        return self.propose(number, rng)

    def start(self, move: int, known: Known, tracks: list[Track]) -> None:
        for track in tracks:
            self.go_on(move, known, track)

    def decide(
        self, kind: str, known: Known | None, rejects: list[tuple[str, str, str]]
    ) -> None:
        number, new = len(self.decisions), kind in ("seed", "reference", "propose")
        of_mutant = known if known and kind in ("propose", "again") else None
        cell = known and bytes.fromhex(known.digest)
        parent = bytes.fromhex(of_mutant.parent) if of_mutant else None
        text = known and to_text(known.cell)
        rules = json.dumps(of_mutant.rules) if of_mutant and of_mutant.rules else None
        row = (number, kind, self.now, cell, parent, text, rules, int(new), 0)
        self.decisions.append(row)
        self.fruitless = 0
        for draw_number, (reason, parent_digest, own) in enumerate(rejects):
            self.rejected.append((number, draw_number, reason, parent_digest, own))

    def propose(self, number: int, rng: np.random.Generator) -> bool:
        rules, rejects = self.rules, []
        seeds = [one for one in self.known if one.origin == "seed"]
        parents = seeds if rules.parents == "seeds" else self.best
        while len(rejects) < rules.max_redraws:
            parent = parents[int(rng.integers(len(parents)))]
            child, made, mate = self.crossed(parent, parents, rng)
            if child is None:
                try:
                    child, made, mate = *self.mutant(parent, rng), ""
                except CellError:
                    rejects.append(("no mutant", parent.digest, ""))
                    continue
            cell, own = canonical(child), digest(child)
            old = self.find(own)
            reason = self.against(cell, old)
            if reason:
                rejects.append((reason, parent.digest, own))
                continue
            count = sum(one.origin == "mutant" for one in self.known) + 1
            name, filtered = f"cell_{count}", self.config.filter is None
            drawn = Known(own, cell, name, "mutant", parent.digest, mate, made)
            self.decide("again" if old else "propose", drawn, rejects)
            if not old:
                drawn.depth, drawn.passed = parent.depth + 1, filtered
                self.known.append(drawn)
            self.take(number, old or drawn)
            return True
        fruitless = self.fruitless
        self.decide("none", None, rejects)
        self.fruitless = fruitless + (not self.under_way())
        return not self.under_way()

    def mutant(
        self, parent: Known, rng: np.random.Generator
    ) -> tuple[Cell, tuple[str, ...]]:
        rules = self.rules
        mutant = mutate(
            parent.cell,
            rng,
            ops=rules.ops,
            rounds=rules.rounds,
            edits=rules.edit_bounds,
            max_nodes=rules.max_nodes,
            weights=dict(rules.weights),
        )
        return mutant.cell, mutant.rules

    def crossed(
        self, parent: Known, parents: list[Known], rng: np.random.Generator
    ) -> tuple[Cell | None, tuple[str, ...], str]:
        """A cell between two, its rule and its other parent; None: there is none."""
        nothing = None, (), ""
        if self.rules.crossover == 0 or rng.random() >= self.rules.crossover:
            return nothing
        others = [one for one in parents if one.digest != parent.digest]
        if not others:
            return nothing
        mate = others[int(rng.integers(len(others)))]
        cell = crossover(parent.cell, mate.cell, rng)
        if cell is None or len(cell.nodes) > self.rules.max_nodes:
            return nothing
        if digest(cell) in (parent.digest, mate.digest):
            return nothing
        return cell, ("crossover",), mate.digest

    def against(self, cell: Cell, old: Known | None) -> str:
        """Why a mutant is not taken."""
        if old is None:
            return self.against_new(cell)
        if self.is_under_way(old):
            return "under way"
        if old.passed:
            return "" if self.has_work(old) else "all settings tried"
        assert self.config.filter is not None
        failed = len(old.had(FILTER)) == len(self.config.filter.grid)
        return "all attempts failed" if failed else ""

    def against_new(self, cell: Cell) -> str:
        found = dead(cell)
        if found is not None:
            return f"ignores {found.missing}"
        if recurrent_linears(cell) < self.rules.recurrent:
            return "few recurrent matrices"
        most = self.rules.widest * self.width(self.config.baseline_cell)
        if most and self.width(cell) > most:
            return "too wide"
        largest = self.rules.largest
        if largest and growth(cell) > largest:
            return "grows without bound"
        own = self.config.filter
        scale = own.first.scale if own else self.config.settings(0)[0].scale
        return "forgets at once" if signal(cell, scale) < self.rules.faintest else ""

    def width(self, cell: Cell) -> int:
        """On the first task; 0: none fits."""
        shape, block = self.config.settings(0)[0].shape, self.config.training.block
        try:
            return model_width(cell, shape, self.config.tasks[0].task.task, block)
        except CellError:
            return 0

    def has_work(self, known: Known) -> bool:
        """Whether a mutant that is drawn again would get a setting."""
        for task in self.tasks:
            if len(known.had(task)) < len(self.grid(task)):
                return True
            if not self.ratio(known, task) > self.rules.gate:
                return False
        return False

    def may_examine(self, known: Known) -> bool:
        left = [len(self.grid(t)) - len(known.had(t)) for t in self.tasks]
        return any(left) and not self.is_under_way(known)

    def examinable(self) -> list[Known]:
        return [one for one in self.best if self.may_examine(one)]

    def is_under_way(self, known: Known) -> bool:
        return any(part.known is known for part in self.under_way())

    # What a move gives a cell

    def openings(self, known: Known) -> list[Track]:
        """Of a seed or reference."""
        return [self.first(known, task) for task in self.tasks]

    def examination(self, known: Known) -> list[Track]:
        """Of a cell of the list."""
        return [self.more(known, task) for task in self.tasks]

    def take(self, move: int, known: Known) -> None:
        """A mutant is given the filter, then what follows."""
        self.stage[move] = FILTER
        if not known.passed:
            self.start(move, known, [self.learn(known)])
        self.pass_gates(move, known)

    def learn(self, known: Known) -> Track:
        """The filter's task."""
        chosen = self.config.filter
        assert chosen is not None
        setting = chosen.setting(known.digest, len(known.had(FILTER)))
        yield [Wanted(FILTER, [(setting, chosen.budget)])]

    def pass_gates(self, move: int, known: Known) -> None:
        """Has a mutant begin each task that it has come to, and join the list."""
        while known.passed:
            stage = self.stage[move]
            if stage >= 0 and not self.ratio(known, stage) > self.rules.gate:
                return
            if stage == self.tasks[-1]:
                known.complete |= all(part.move != move for part in self.under_way())
                return
            self.stage[move] = stage + 1
            self.go_on(move, known, self.more(known, stage + 1))

    def first(self, known: Known, task: int) -> Track:
        """All settings of a seed or reference, or the number of them that is wanted."""
        grid = self.config.tasks[task].plan.grid
        rng = np.random.default_rng([3, self.config.seed, task])
        count = self.rules.baseline_settings or len(grid)
        yield from self.race(known, task, draw(grid, count, rng))

    def more(self, known: Known, task: int) -> Track:
        """Settings that a cell has not had, by inheritance."""
        seeds = [one for one in self.known if one.origin == "seed"]
        parts = inheritance_parts(
            self.grid(task),
            self.by_merit([self.find(known.parent) or known], task),
            self.by_merit(seeds, task),
            self.rules.inheritance,
        )
        number = known.rounds.get(task, 0)
        known.rounds[task] = number + 1
        words = [2, self.config.seed, int(known.digest, 16), task, number]
        rng = np.random.default_rng(words)
        had = set(known.had(task))
        yield from self.race(known, task, inherit(parts, self.rules.settings, rng, had))

    def race(self, known: Known, task: int, settings: Sequence[Setting]) -> Track:
        stage = self.config.tasks[task]
        most, metric = stage.plan.budget, stage.metric
        while True:
            told = {
                key[1:]: one for key, one in known.results.items() if key[0] == task
            }
            wanted = due(self.rules.racing, settings, most, told, metric)
            if not wanted:
                return
            yield [Wanted(task, wanted)]

    # Cells

    @property
    def opened(self) -> bool:
        """Whether all seeds and references have been evaluated."""
        opening = len(self.opening)
        under_way = any(part.move < opening for part in self.under_way())
        return len(self.decisions) >= opening and not under_way

    def state(self) -> list[Any]:
        """The list and its fitnesses."""
        if not self.opened:
            return []
        best = self.best
        return [[one.digest for one in best], [self.fitness(one) for one in best]]

    @property
    def tasks(self) -> range:
        return range(len(self.config.tasks))

    def grid(self, task: int) -> tuple[Setting, ...]:
        return self.config.tasks[task].plan.grid.settings

    def upwards(self, task: int) -> bool:
        return self.config.tasks[task].metric.higher_is_better

    def find(self, own: str) -> Known | None:
        """A cell of the search; references are none."""
        cells = [one for one in self.known if one.origin != "reference"]
        return next((one for one in cells if one.digest == own), None)

    @property
    def best(self) -> list[Known]:
        """The list, best first; of equal ones the older is first."""
        found = [one for one in self.known if one.complete]
        return sorted(found, key=lambda one: -self.fitness(one))[: self.rules.list_size]

    def by_merit(self, cells: Sequence[Known], task: int) -> tuple[Setting, ...]:
        """Settings that cells have had, by the best that any of them reached there."""
        grid, sign = self.grid(task), 1 if self.upwards(task) else -1
        merits: dict[Setting, float] = {}
        for result in (one for cell in cells for one in cell.on(task)):
            merit = -float("inf") if result.best is None else sign * result.best
            merits[result.setting] = max(merit, merits.get(result.setting, merit))
        return tuple(sorted(merits, key=lambda s: (-merits[s], grid.index(s))))

    def winner(self, known: Known, task: int) -> Result | None:
        """The best result of a cell on a task; the first of equal ones."""
        found = [one for one in known.on(task) if one.best is not None]
        sign = 1 if self.upwards(task) else -1
        return max(found, key=lambda one: sign * (one.best or 0.0), default=None)

    def ratio(self, known: Known, task: int) -> float:
        """Its best in units of the baseline's; of losses the other way round."""
        own = digest(self.config.baseline_cell)
        baseline = next(one for one in self.known if one.digest == own)
        best, base = self.winner(known, task), self.winner(baseline, task)
        if best is None or best.best is None:
            return 0.0
        assert base is not None
        assert base.best is not None
        upwards = self.upwards(task)
        return best.best / base.best if upwards else base.best / best.best

    def fitness(self, known: Known) -> float:
        return min(self.ratio(known, task) for task in self.tasks)

    def table(self) -> list[dict[str, Any]]:
        """The list, with what `Row.to_dict` has of it."""
        return [self.row(rank, one) for rank, one in enumerate(self.best, 1)]

    def row(self, rank: int, known: Known) -> dict[str, Any]:
        scores = {
            self.config.tasks[task].name: self.score(known, task) for task in self.tasks
        }
        return {
            "rank": rank,
            "digest": known.digest,
            "name": known.name,
            "text": to_text(known.cell),
            "fitness": self.fitness(known),
            "tasks": scores,
            "born": self.known.index(known),
            "parent": known.parent,
            "depth": known.depth,
            "origin": known.origin,
            "rules": list(known.rules),
        }

    def score(self, known: Known, task: int) -> dict[str, Any]:
        """How it does on a task, as tables have it."""
        winner = self.winner(known, task)
        return {
            "metric": winner and winner.best,
            "ratio": self.ratio(known, task),
            "setting": winner and winner.setting.to_dict(),
            "draws": len(known.had(task)),
        }
