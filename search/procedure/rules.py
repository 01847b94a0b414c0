"""The numbers of the search's procedure; their defaults are the paper's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cells import MAX_NODES, TRANSFORMATIONS, CellError, op_names, unknown_name
from search.errors import UserError, at_least
from search.procedure.parents import PARENTS
from search.procedure.racing import Racing
from search.procedure.settings import Inheritance

INHERITANCE: Final = Inheritance()
"""The paper's numbers."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a search proceeds (Jozefowicz et al. 2015, sections 3.1 to 3.4).

    Attributes:
        list_size: How many of the best cells have mutants and are examined again.
        settings: Settings of a round: a cell is given so many on each task.
        baseline_settings: Settings of each seed and reference on each task; 0: all
            that are allowed.
        gate: Share of the baseline's best that a cell must exceed on a task to be
            given the next one, and on the last one to join the population.
        reexamine: Probability that a move examines a cell of the list again instead
            of proposing a mutant (ours: the paper does not say; its 230,000 runs for
            10,000 cells make it about one in five).
        rounds: Fewest and most rounds of mutation of a proposal.
        edits: Fewest and most single edits of a proposal, instead of rounds; none: the
            paper's rounds.
        recurrent: Fewest matrices of a proposal that read something of the past.
        widest: Width of a proposal's model, in widths of the baseline's, above which it
            is not trained: with few matrices a budget of weights makes it wide, and
            dear; 0: any.
        largest: Output of a proposal within some steps at the start of training, above
            which it is not taken, as it would diverge; 0: any is. See `cells.growth`.
        faintest: Share of a difference of inputs that a proposal's output shows some
            steps later at the start of training, below which it is not taken, as it
            would learn nothing; 0: any is. See `cells.signal`.
        parents: Whose mutants are proposed: those of the `list` (the paper's), or by
            another row of `parents.PARENTS`.
        crossover: Probability that a proposal is tried to be between two parents, half
            of the way along the edits from one to the other (Qiu and Miikkulainen
            2023), and not a mutant of one. See `cells.crossover`.
        ops: Sets or names of the ops that a mutation may write.
        weights: Relative frequency of transformations that differ from the default.
        max_nodes: Mutants of more nodes are drawn again.
        max_redraws: Draws of one proposal that are not taken before it is given up.
        inheritance: Where the settings of a mutant come from.
        racing: How the settings of a round compete; None: all are trained to the end.
        settings_per_job: Most settings of a job; jobs are what workers share.
        slots: Logical slots: jobs in flight by the logical clock.
        in_flight: Most candidates under way at once; cells of the list that are
            examined again do not count.
    """

    list_size: int = 100
    settings: int = 20
    baseline_settings: int = 0
    gate: float = 0.9
    reexamine: float = 0.2
    rounds: tuple[int, int] = (1, 3)
    edits: tuple[int, ...] = ()
    recurrent: int = 0
    widest: float = 0.0
    largest: float = 0.0
    faintest: float = 0.0
    parents: str = "list"
    crossover: float = 0.0
    ops: tuple[str, ...] = ("paper",)
    weights: tuple[tuple[str, float], ...] = ()
    max_nodes: int = 60
    max_redraws: int = 100
    inheritance: Inheritance = INHERITANCE
    racing: Racing | None = None
    settings_per_job: int = 1
    slots: int = 32
    in_flight: int = 8

    def __post_init__(self) -> None:
        """Refuses numbers that no search can have.

        Raises:
            UserError: Names the option, what came and what is allowed.
        """
        for name, bound in _LEAST.items():
            at_least(name, getattr(self, name), bound)
        at_least("inheritance.many", self.inheritance.many, 0)
        at_least("inheritance.best", self.inheritance.best, 1)
        if self.max_nodes > MAX_NODES:
            raise UserError(
                f"max_nodes must be at most {MAX_NODES}, got {self.max_nodes}"
            )
        if not 0 <= self.reexamine < 1:
            raise UserError(f"reexamine must be in [0, 1), got {self.reexamine}")
        if not 0 <= self.crossover <= 1:
            raise UserError(f"crossover must be in [0, 1], got {self.crossover}")
        if len(self.rounds) != 2 or not 1 <= self.rounds[0] <= self.rounds[1]:
            raise UserError(
                f"rounds must be two numbers, 1 or more, in order, got {self.rounds}"
            )
        if self.edits and (
            len(self.edits) != 2 or not 1 <= self.edits[0] <= self.edits[1]
        ):
            raise UserError(
                "edits must be none or two numbers, 1 or more, in order, "
                f"got {self.edits}"
            )

        if self.parents not in PARENTS:
            raise UserError(unknown_name("rules.parents", self.parents, PARENTS))

        # What a mutation does: ops that there are, and some transformation at least.
        _check_weights(dict(self.weights))
        try:
            op_names(self.ops)
        except CellError as error:
            raise UserError(f"ops: {error}") from None

    @property
    def edit_bounds(self) -> tuple[int, int] | None:
        """What `mutate` takes as `edits`."""
        return (self.edits[0], self.edits[1]) if self.edits else None


_LEAST: Final = {
    "list_size": 1,
    "settings": 1,
    "baseline_settings": 0,
    "max_nodes": 3,
    "max_redraws": 1,
    "settings_per_job": 1,
    "slots": 1,
    "in_flight": 1,
    "gate": 0,
    "recurrent": 0,
    "widest": 0,
    "largest": 0,
    "faintest": 0,
}
"""What these numbers must be at least."""


def _check_weights(own: Mapping[str, float]) -> None:
    for name, weight in own.items():
        if name not in TRANSFORMATIONS:
            raise UserError(unknown_name("transformation", name, TRANSFORMATIONS))
        at_least(f"weight of {name}", weight, 0)
    if not any(own.get(name, row.weight) for name, row in TRANSFORMATIONS.items()):
        raise UserError("weights: at least one must be above 0")


def default_in_flight(candidates: int) -> int:
    """Most candidates under way at once in a search of so many.

    More of them fill more workers, and leave less time to evolve: a cell can have
    mutants only when it is done. Those under way are mostly the few that have passed
    the filter, which takes little time: where one in ten passes, 42 of them are what
    becomes of several hundred. So it is few: see `benchmarks.bench_clock`, by which
    10,000 candidates keep 1,000 workers busy, also where their speeds differ by 30 %,
    and reach a mean depth above 4.
    """
    return max(8, candidates // 238)


def default_slots(in_flight: int) -> int:
    """Logical slots for so many candidates under way: enough for all their jobs.

    Nothing but `in_flight` is to limit how much is under way: a job that waits for a
    slot is one that no idle worker can do. See `benchmarks.bench_clock`.
    """
    return 100 * in_flight
