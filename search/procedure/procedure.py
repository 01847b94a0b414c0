"""The paper's procedure as ask and tell: pure, without clock, files or workers.

Jozefowicz, Zaremba and Sutskever 2015, sections 3.1 to 3.4. The list starts with the
seeds. Each move either examines a cell of the list again, or proposes a mutant of one,
which must learn the filter's task, and then pass a gate on one task after another.
What a decision draws is a function of (seed, its number) and of the results applied
before it; which settings a cell is given is one of (seed, cell, task, round) and those.
"""

import heapq
import re
from collections.abc import Callable, Collection, Iterable, Sequence

from cells import Canonical, Cell, digest
from search.procedure.config import Config
from search.procedure.costed import CostedPopulation
from search.procedure.course import Course
from search.procedure.earlier import Born, Earlier
from search.procedure.gated import Gated
from search.procedure.members import Member, Origin
from search.procedure.moves import CANDIDATES, UNGATED, Decision, Move, Order
from search.procedure.objective import NominalCost
from search.procedure.paired import PairedPopulation
from search.procedure.population import Population
from search.procedure.proposals import Proposals, opening
from search.procedure.staged import Staged
from search.procedure.visits import Visit
from workers import Result, Setting


class Procedure:
    """A search in progress: who is known, who is under way, what comes next.

    Args:
        config: What is searched, and how.

    Attributes:
        config: What is searched, and how.
        population: All cells and what is known of them.
        proposed: Candidates so far, each a cell that was not known.
        decisions: Moves so far.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.population, course = _make_course(config)
        self.proposed = 0
        self.decisions = 0
        self._course = course
        self._proposals = Proposals(config, self.population, course)
        self._opening = opening(config)
        self._names = {  # of seeds and references, by digest
            decision.digest: name
            for decision, (name, _) in zip(
                self._opening, (*config.seeds, *config.references), strict=True
            )
        }
        self._named = _last_number(self._names.values())
        self._opened = False
        self._visits: dict[int, Visit] = {}
        self._ready: list[int] = []  # a heap of the decisions that have jobs to issue
        self._candidates = 0  # under way

    @property
    def visits(self) -> Sequence[Visit]:
        """Moves under way, the oldest first."""
        return tuple(self._visits.values())

    @property
    def opened(self) -> bool:
        """Whether all seeds and references have been evaluated."""
        return self._opened

    @property
    def past_opening(self) -> bool:
        """Whether the next move would be one of the search, not of its opening."""
        return self.decisions >= len(self._opening)

    @property
    def may_decide(self) -> bool:
        """Whether another move may start now."""
        if not self.past_opening:
            return True
        return self._opened and self._candidates < self.config.rules.in_flight

    @property
    def course(self) -> Course:
        """What is done with cells that are known."""
        return self._course

    def meet(
        self, born: Born, recall: Callable[[Member], None], under_way: Collection[str]
    ) -> None:
        """Takes the cells of earlier moves, without making the moves.

        Those that have come after the opening are made when they are asked for.

        Args:
            born: The moves that brought new cells.
            recall: Is given each as it is made, and tells it what was learned of it.
            under_way: Digests of those that are being evaluated.

        Raises:
            ValueError: These cannot be the moves of a search.
        """
        first = min(len(self._opening), len(born.digests))
        later = {own: first + n for n, own in enumerate(born.digests[first:])}
        self.proposed = len(born.digests) - first
        if not CANDIDATES.issuperset(born.kinds[first:]) or len(later) < self.proposed:
            raise ValueError("these are no cells of a search")

        earlier = Earlier(born, self.new_member, first, recall, under_way)
        for birth in range(first):
            self.population.add(earlier.make(birth, None))
        self.population.members.expect(later, earlier)

    def take_up(self, decisions: int, visits: Sequence[Visit], *, opened: bool) -> None:
        """Goes on where another one was, whose cells are here.

        Args:
            decisions: Moves so far.
            visits: Those under way, the oldest first.
            opened: See `opened`.
        """
        self.decisions, self._opened = decisions, opened
        self._visits = {visit.decision: visit for visit in visits}
        self._ready = sorted(one.decision for one in visits if one.ready)
        self._candidates = sum(one.kind not in UNGATED for one in visits)
        for visit in visits:
            visit.member.under_way = True

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
        if not self.past_opening:
            return self._opening[self.decisions]._replace(at=at)
        return self._proposals.draw(self.decisions, at)

    def outside(self, form: Canonical, by: str, at: float) -> Decision:
        """The next move, if it is for a cell of somebody else's; changes nothing.

        Args:
            form: The canonical cell, new, against which there is no reason.
            by: Who has proposed it.
            at: Logical time.
        """
        return self._proposals.outside(self.decisions, at, form, by)

    def reason_against(self, cell: Cell) -> str:
        """Why a new cell of somebody else's is not taken; empty if it is.

        Args:
            cell: Canonical.
        """
        if len(cell.nodes) > self.config.rules.max_nodes:
            return f"over {self.config.rules.max_nodes} nodes"
        return self._proposals.reason_against(cell)

    def possible(self, decision: Decision) -> bool:
        """Whether a move that was drawn before fits what is known of its cell."""
        member = self.population.members.get(decision.digest)
        if decision.kind in (Move.AGAIN, Move.REEXAMINE):
            return member is not None and not member.under_way
        kinds = CANDIDATES if decision.digest else (Move.NONE,)
        return member is None and decision.kind in kinds

    def start(self, decision: Decision) -> Visit | None:
        """Makes the move; None if it is none.

        Args:
            decision: What `decide` returned here, or in an earlier life of this run.
        """
        self.decisions += 1
        if decision.kind == Move.NONE:
            return None
        member = self._member(decision)
        member.under_way = True
        visit = Visit(
            decision.number, decision.kind, member, self.config.rules.settings_per_job
        )
        self._visits[visit.decision] = visit
        self._candidates += visit.kind not in UNGATED
        self._course.begin(visit)
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
        self._course.observe(visit.member, order, results)

        # A move ends only if nothing follows from its last results.
        was_ready = visit.ready
        visit.tell(order, results)
        self._course.go_on(visit)
        if visit.ready and not was_ready:
            heapq.heappush(self._ready, visit.decision)
        self._close(visit)

    def member(self, order: Order) -> Member:
        """The cell of an order whose move is under way."""
        return self._visits[order.decision].member

    def cell(self, member: Member) -> Cell:
        """The canonical cell of a member."""
        return self._proposals.cell(member)

    def setting(self, member: Member, task: int) -> Setting | None:
        """The best setting of a member on a task."""
        index = member.trials_on(task).best_index
        settings = self.config.settings(task)
        return None if index < 0 else settings[index % len(settings)]

    def _member(self, decision: Decision) -> Member:
        """The cell of a move; a new one is added."""
        named = decision.kind in (Move.SEED, Move.REFERENCE)
        known = self.population.members.get(decision.digest)
        if known is not None and not named:
            known.text = known.text or decision.text
            return known
        if not named:
            self.proposed += 1
        birth = len(self.population.members) + len(self.population.references)
        parent = self.population.members.get(decision.parent)
        member = self.new_member(decision, birth, self.proposed, parent)
        self.population.add(member)
        return member

    def new_member(
        self, decision: Decision, birth: int, number: int, parent: Member | None
    ) -> Member:
        """The cell of a move that brings one, which is not added.

        Args:
            decision: The move.
            birth: How many cells there are before it.
            number: Candidates with it, if it is one.
            parent: Its parent; None: it has none.
        """
        named = decision.kind in (Move.SEED, Move.REFERENCE)
        outside = decision.kind == Move.OUTSIDE
        return Member(
            digest=decision.digest,
            name=(
                self._names[decision.digest]
                if named
                else f"cell_{self._named + number}"
            ),
            origin=Origin(decision.kind) if named or outside else Origin.MUTANT,
            birth=birth,
            number=0 if named else number,
            parent=decision.parent,
            rules=decision.rules,
            depth=0 if parent is None else parent.depth + 1,
            text=decision.text,
            filtered=named or self.config.filter is None,
            by=decision.by,
            mate=decision.mate,
        )

    def _close(self, visit: Visit) -> None:
        """Ends a move of which nothing is left."""
        if not visit.over:
            return
        member = self._visits.pop(visit.decision).member
        self._candidates -= visit.kind not in UNGATED
        member.under_way = False
        if self._opened:
            if not member.complete:
                member.text = ""  # it comes back only if it is drawn again
            return
        if self.past_opening and not self._visits:
            self._course.opened()
            for seed in self.population.seeds:
                self.population.join(seed)
            self._opened = True


def _last_number(names: Iterable[str]) -> int:
    """The highest number of seeds that were mutants of another run; 0: none was.

    Mutants are numbered on from it: no two cells of a run have one name.
    """
    found = (re.fullmatch(r"cell_(\d{1,9})", name) for name in names)
    return max((int(one[1]) for one in found if one), default=0)


def _make_course(config: Config) -> tuple[Population, Course]:
    """What is known of cells and what is done with them, by the objective."""
    about = (config.tasks, config.rules.list_size, digest(config.baseline_cell))
    if config.objective is None:
        gated = Population(*about)
        return gated, Gated(config, gated)
    costed = config.objective.cost is not NominalCost.NONE
    kind = CostedPopulation if costed else PairedPopulation
    paired = kind(*about, config.objective)
    return paired, Staged(config, config.objective, paired)
