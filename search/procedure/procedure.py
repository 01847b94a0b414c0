"""The paper's procedure as ask and tell: pure, without clock, files or workers.

Jozefowicz, Zaremba and Sutskever 2015, sections 3.1 to 3.4. The list starts with the
seeds. Each move either examines a cell of the list again, or proposes a mutant of one,
which must learn the filter's task, and then pass a gate on one task after another.
What a decision draws is a function of (seed, its number) and of the results applied
before it; which settings a cell is given is one of (seed, cell, task, round) and those.
"""

import heapq
from collections.abc import MutableMapping, Sequence
from typing import Final

import numpy as np
from cachetools import LRUCache

from cells import Cell, CellError, canonicalize, dead, digest, mutate, to_text
from search.procedure.config import Config
from search.procedure.filter import passed
from search.procedure.moves import FILTER, Decision, Order, Reject
from search.procedure.population import Grids, Member, Population, best_first
from search.procedure.settings import Source, draw, inherit, inheritance_sources
from search.procedure.visits import Round, Visit
from workers import Result, Setting

DECISION: Final = 1
SETTINGS: Final = 2
OPENING: Final = 3
"""What a generator is for: no two uses share a seed."""

CELLS: Final = 500
"""Cells that are kept as such, and not as text alone."""

IN_PARALLEL: Final = ("seed", "reference", "reexamine")
"""Moves that give a cell all tasks at once, without gates."""


class Procedure:
    """A search in progress: who is known, who is under way, what comes next.

    Attributes:
        config: What is searched, and how.
        population: All cells and what is known of them.
        proposed: Mutants so far, each a cell that was not known.
        decisions: Moves so far.
    """

    def __init__(self, config: Config) -> None:
        """Nothing has happened yet."""
        self.config = config
        self.population = Population(
            config.tasks, config.rules.list_size, digest(config.baseline_cell)
        )
        self.proposed = 0
        self.decisions = 0
        self._grids = Grids(config.tasks)
        self._visits: dict[int, Visit] = {}
        self._ready: list[int] = []  # a heap of the decisions that have jobs to issue
        self._names: dict[str, str] = {}  # of seeds and references, by digest
        self._opening = self._opening_decisions()
        self._first = len(self._opening)
        self._opened = False
        self._candidates = 0  # under way
        self._cells: MutableMapping[str, Cell] = LRUCache(CELLS)
        self._ranking: dict[int, tuple[int, ...]] = {}

    @property
    def visits(self) -> Sequence[Visit]:
        """Moves under way, the oldest first."""
        return tuple(self._visits.values())

    @property
    def opened(self) -> bool:
        """Whether all seeds and references have been evaluated."""
        return self._opened

    @property
    def may_decide(self) -> bool:
        """Whether another move may start now."""
        if self.decisions < self._first:
            return True
        return self._opened and self._candidates < self.config.rules.in_flight

    @property
    def past_opening(self) -> bool:
        """Whether the next move would be one of the search, not of its opening."""
        return self.decisions >= self._first

    def next_order(self) -> Order | None:
        """The next job of the moves under way, the oldest move first."""
        while self._ready:
            visit = self._visits.get(self._ready[0])
            order = None if visit is None else visit.next_order()
            if order is not None:
                return order
            heapq.heappop(self._ready)
        return None

    def decide(self, at: float) -> Decision:
        """Draws the next move; changes nothing. Takes milliseconds: it mutates.

        Args:
            at: Logical time.
        """
        number = self.decisions
        if number < self._first:
            return self._opening[number]._replace(at=at)
        rng = np.random.default_rng([DECISION, self.config.seed, number])
        again = rng.random() < self.config.rules.reexamine
        if again:
            free = self._free_to_examine()
            if free:
                member = free[int(rng.integers(len(free)))]
                return Decision(number, "reexamine", at, member.digest, "", "", (), ())
        return self._propose(number, at, rng)

    def possible(self, decision: Decision) -> bool:
        """Whether a move that was drawn before fits what is known of its cell."""
        member = self.population.members.get(decision.digest)
        if decision.kind in ("again", "reexamine"):
            return member is not None and not member.under_way
        kind = "propose" if decision.digest else "none"
        return member is None and decision.kind == kind

    def start(self, decision: Decision) -> Visit | None:
        """Makes the move; None if it is none.

        Args:
            decision: What `decide` returned here, or in an earlier life of this run.
        """
        self.decisions += 1
        if decision.kind == "none":
            return None
        member = self._member(decision)
        member.under_way = True
        visit = Visit(
            decision.number, decision.kind, member, self.config.rules.settings_per_job
        )
        self._visits[visit.decision] = visit
        self._candidates += visit.kind not in IN_PARALLEL
        if decision.kind in IN_PARALLEL:
            visit.task = 0
            visit.begin(self._all_tasks(visit))
        else:
            self._go_on(visit)
        if visit.ready:
            heapq.heappush(self._ready, visit.decision)
        self._close(visit)
        return visit

    def tell(self, order: Order, results: Sequence[Result]) -> None:
        """Applies the results of a job.

        Raises:
            UserError: The baseline has learned nothing.
        """
        visit = self._visits[order.decision]
        member = visit.member
        if order.task == FILTER:
            member.attempts += 1
            member.filtered = passed(results)
        else:
            for result in results:
                index = self._grids.index(order.task, result.setting)
                self.population.observe(member, order.task, index, result.best)
            if member.origin == "seed":
                self._ranking.pop(order.task, None)
        was_ready = visit.ready
        visit.tell(order, results)
        if visit.kind not in IN_PARALLEL:
            self._go_on(visit)
        if visit.ready and not was_ready:
            heapq.heappush(self._ready, visit.decision)
        self._close(visit)

    def member(self, order: Order) -> Member:
        """The cell of an order whose move is under way."""
        return self._visits[order.decision].member

    def cell(self, member: Member) -> Cell:
        """The canonical cell of a member."""
        if member.digest not in self._cells:
            self._cells[member.digest] = member.cell()
        return self._cells[member.digest]

    def setting(self, member: Member, task: int) -> Setting | None:
        """The best setting of a member on a task."""
        index = member.trials_on(task).best_index
        return None if index < 0 else self._grids.settings[task][index]

    # Decisions

    def _opening_decisions(self) -> list[Decision]:
        """Seeds and references, the baseline among them."""
        found: list[Decision] = []
        for kind, named in (
            ("seed", self.config.seeds),
            ("reference", self.config.references),
        ):
            for name, cell in named:
                form = canonicalize(cell)
                text = to_text(form.cell)
                number = len(found)
                self._names[form.digest] = name
                found.append(Decision(number, kind, 0.0, form.digest, "", text, (), ()))
        return found

    def _free_to_examine(self) -> list[Member]:
        return [
            member
            for member in self.population.best
            if not member.under_way and not self._exhausted(member)
        ]

    def _exhausted(self, member: Member) -> bool:
        """Whether a member has had all settings of every task."""
        return all(
            len(member.trials_on(task)) == len(settings)
            for task, settings in enumerate(self._grids.settings)
        )

    def _propose(self, number: int, at: float, rng: np.random.Generator) -> Decision:
        """A mutant of a random cell of the list that is new, or may be tried again."""
        rules, population = self.config.rules, self.population
        rejects: list[Reject] = []
        while len(rejects) < rules.max_redraws:
            parent = population.ranked[int(rng.integers(population.list_length))]
            try:
                mutant = mutate(
                    self.cell(parent),
                    rng,
                    ops=rules.ops,
                    rounds=rules.rounds,
                    max_nodes=rules.max_nodes,
                    weights=dict(rules.weights),
                )
            except CellError:  # none within the rules: another parent may have one
                rejects.append(Reject("no mutant", parent.digest, ""))
                continue
            form = canonicalize(mutant.cell)
            own = form.digest
            known = population.members.get(own)
            reason = self._reason_against(form.cell, known)
            if reason:
                rejects.append(Reject(reason, parent.digest, own))
                continue
            self._cells[own] = form.cell
            return Decision(
                number,
                "propose" if known is None else "again",
                at,
                own,
                parent.digest,
                to_text(form.cell),
                mutant.rules,
                tuple(rejects),
            )
        return Decision(number, "none", at, "", "", "", (), tuple(rejects))

    def _reason_against(self, cell: Cell, known: Member | None) -> str:
        """Why a mutant is not taken; empty if it is."""
        if known is None:
            reason = dead(cell)
            return "" if reason is None else f"ignores {reason.missing}"
        if known.under_way:
            return "under way"
        if known.filtered:
            return "" if self._has_work(known) else "all settings tried"
        allowed = self.config.filter
        if allowed is not None and known.attempts >= allowed.attempts:
            return "all attempts failed"
        return ""

    def _has_work(self, member: Member) -> bool:
        """Whether a member that is drawn again as a mutant would be given a setting."""
        for task, settings in enumerate(self._grids.settings):
            if len(member.trials_on(task)) < len(settings):
                return True
            if not self._passes(member, task):
                return False
        return False

    # Moves

    def _member(self, decision: Decision) -> Member:
        """The cell of a move; a new one is added."""
        named = decision.kind in ("seed", "reference")
        known = self.population.members.get(decision.digest)
        if known is not None and not named:
            known.text = known.text or decision.text
            return known
        parent = self.population.members.get(decision.parent)
        if not named:
            self.proposed += 1
        member = Member(
            digest=decision.digest,
            name=self._names[decision.digest] if named else f"cell_{self.proposed}",
            origin=decision.kind if named else "mutant",
            birth=len(self.population.members) + len(self.population.references),
            number=0 if named else self.proposed,
            parent=decision.parent,
            rules=decision.rules,
            depth=0 if parent is None else parent.depth + 1,
            text=decision.text,
            filtered=named or self.config.filter is None,
        )
        self.population.add(member)
        return member

    def _go_on(self, visit: Visit) -> None:
        """Gives a mutant what comes next: the filter, or each task with an open gate.

        A gate is open as soon as one setting is above it: no other can close it again.
        So the next task need not wait until all settings of the last are trained.
        """
        member = visit.member
        if not member.filtered:
            if not visit.tried:
                visit.tried = True
                visit.begin([self._filter_round(member)])
            return
        last = len(self.config.tasks) - 1
        while visit.task == FILTER or self._passes(member, visit.task):
            if visit.task == last:
                if visit.over:
                    self.population.join(member)
                return
            visit.task += 1
            visit.begin([self._task_round(member, visit.task)])

    def _passes(self, member: Member, task: int) -> bool:
        """Whether a member is above the gate of a task."""
        return self.population.ratio_of(member, task) > self.config.rules.gate

    def _close(self, visit: Visit) -> None:
        """Ends a move of which nothing is left."""
        if not visit.over:
            return
        member = self._visits.pop(visit.decision).member
        self._candidates -= visit.kind not in IN_PARALLEL
        member.under_way = False
        if self._opened:
            if not member.complete:
                member.text = ""  # it comes back only if it is drawn again
            return
        if self.decisions >= self._first and not self._visits:
            for seed in self.population.seeds:
                self.population.join(seed)
            self._opened = True

    def _filter_round(self, member: Member) -> Round:
        chosen = self.config.filter
        assert chosen is not None
        setting = chosen.setting(member.digest, member.attempts)
        metric = chosen.task.task.metric
        return Round(FILTER, (setting,), chosen.budget, None, metric)

    def _all_tasks(self, visit: Visit) -> list[Round]:
        if visit.kind == "reexamine":
            return [
                self._task_round(visit.member, task)
                for task in range(len(self.config.tasks))
            ]
        return [self._opening_round(task) for task in range(len(self.config.tasks))]

    def _opening_round(self, task: int) -> Round:
        """Settings of a seed or reference: all, or the same random ones for each."""
        stage, rules = self.config.tasks[task], self.config.rules
        count = rules.baseline_settings or len(stage.plan.grid)
        rng = np.random.default_rng([OPENING, self.config.seed, task])
        return self._round(task, draw(stage.plan.grid, count, rng))

    def _task_round(self, member: Member, task: int) -> Round:
        """Fresh settings of a mutant, from the inheritance distribution."""
        trials = self.population.trials(member, task)
        words = [SETTINGS, self.config.seed, int(member.digest, 16), task]
        rng = np.random.default_rng([*words, trials.rounds])
        chosen = inherit(
            self._sources(member, task),
            self.config.rules.settings,
            rng,
            set(trials.indices),
        )
        trials.rounds += 1
        settings = self._grids.settings[task]
        return self._round(task, tuple(settings[index] for index in chosen))

    def _round(self, task: int, settings: tuple[Setting, ...]) -> Round:
        stage = self.config.tasks[task]
        return Round(
            task,
            settings,
            stage.plan.budget,
            self.config.rules.racing,
            stage.metric,
        )

    def _sources(self, member: Member, task: int) -> tuple[Source[int], ...]:
        """Section 3.4: from the parent, from the seeds, at random; by index."""
        parent = self.population.members.get(member.parent, member)
        return inheritance_sources(
            range(len(self._grids.settings[task])),
            self._best_first([parent], task),
            self._seeds_best(task),
            self.config.rules.inheritance,
        )

    def _seeds_best(self, task: int) -> tuple[int, ...]:
        """The best settings of all seeds; forgotten when a seed has a result."""
        if task not in self._ranking:
            best = self._best_first(self.population.seeds, task)
            self._ranking[task] = best[: self.config.rules.inheritance.best]
        return self._ranking[task]

    def _best_first(self, members: Sequence[Member], task: int) -> tuple[int, ...]:
        return best_first(
            [member.trials_on(task) for member in members],
            self.config.tasks[task].metric,
        )
