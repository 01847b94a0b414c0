"""What happened in a search, counted: work, duplicates, rejects, failures, time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from search.procedure.filter import passed
from search.procedure.moves import FILTER, Decision, Move, Order
from search.procedure.procedure import Procedure
from search.store.rows import FAULTS
from workers import Evaluation, Job, Result, Status


@dataclass
class Tally:
    """Counts since the search began, but `reused`, `new_settings`, `compile_s` and
    `train_s`: those are of this process.

    Attributes:
        decisions: Moves by kind.
        rejects: Mutants that were drawn and not taken, by reason.
        filtered: Filter runs that were applied.
        passed: Those that were passed.
        settings: Settings of tasks whose results were applied.
        failures: Trainings that ended otherwise than OK, by status and cause.
        causes: The same, by whose doing they seem to be, the cell's or the machine's.
        faults: Those of them that say more of a machine than of the cell.
        saved_filters: Filter runs that would have been made for cells known already.
        saved_settings: Settings that would have been trained for them.
        dead: Mutants that were recognised as dead, and never trained.
        reused: Trainings taken from another run, or made before a limit was raised or
            the search was stopped.
        new_settings: Trainings made by this process.
        compile_s: Seconds of compilation in workers.
        train_s: Other seconds in workers.
    """

    decisions: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    filtered: int = 0
    passed: int = 0
    settings: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    saved_filters: int = 0
    saved_settings: int = 0
    dead: int = 0
    reused: int = 0
    new_settings: int = 0
    compile_s: float = 0.0
    train_s: float = 0.0

    def decided(self, decision: Decision, procedure: Procedure) -> None:
        """Counts a move, before it is made."""
        self.decisions[decision.kind] += 1
        for reject in decision.rejects:
            self.rejects[reject.reason] += 1
            if reject.reason.startswith("ignores"):
                self.dead += 1
            elif reject.digest in procedure.population.members:
                self._saved(reject.digest, procedure)
        if decision.kind is Move.AGAIN:
            self._saved(decision.digest, procedure)

    def applied(self, order: Order, results: Sequence[Result]) -> None:
        """Counts results that were applied."""
        if order.task == FILTER:
            self.filtered += 1
            self.passed += passed(results)
        else:
            self.settings += len(results)
        for result in results:
            if result.cause is not None:
                self.failures[failure(result)] += 1
                self.causes[result.cause.value] += 1
            self.faults += result.status in FAULTS

    def looked_up(self, count: int, replaying: bool) -> None:
        """Counts results that were found in the store."""
        if not replaying:
            self.reused += count

    def trained(self, job: Job, evaluation: Evaluation) -> None:
        """Counts the work of an evaluation."""
        self.new_settings += len(job.settings)
        self.compile_s += evaluation.compile_s
        self.train_s += evaluation.train_s

    def _saved(self, digest: str, procedure: Procedure) -> None:
        """Counts what the cell has had already, at most a round or panel a task."""
        member, config = procedure.population.members[digest], procedure.config
        most = config.rules.settings
        if config.objective is not None:
            most = config.objective.rungs[-1]
        self.saved_filters += min(1, member.attempts)
        self.saved_settings += sum(min(most, len(t)) for t in member.trials)


def failure(result: Result) -> str:
    """Status and cause in a few words: `DIVERGED`, `CRASHED: ValueError`."""
    if result.status is Status.DIVERGED:
        return result.status.value
    return f"{result.status.value}: {result.ended.partition(':')[0][:60]}"
