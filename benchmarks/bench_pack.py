"""How hard the tasks of the pack are for published cells, and what they cost.

    python -m benchmarks.bench_pack [TASK ...] [--cells gru,lstm,ugrnn,tanh]
        [--optimizers adam,sgd] [--seeds 2] [--updates 600,1000] [--parameters 10000]
        [--no-facts]

Every cell has the same settings: Adam .01 and SGD .5, both at scale 2. Printed are the
validation loss after so many updates, mean over seeds, as a share of the loss of a
uniform guess among the symbols that can be due; seconds of this process for 1,000
updates and for compiling, which each cell and optimizer does once for all tasks; and
what is known of larger sizes and holds here too. Losses are the same on every run.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from cells import ZOO
from tasks import PACK, PackTask, Value
from workers import Evaluator, Job, Schedule, Setting, TaskSpec, Training, make_job

RATES: Final = {"adam": 0.01, "sgd": 0.5}
SCALE, CLIP, PARAMETERS = 2.0, 2.5, 10_000
CONSTANT: Final = Schedule("fixed")


class Trained(NamedTuple):
    """What one cell came to on one task with one optimizer.

    Attributes:
        shares: of the loss of a guess, for each number of updates.
        seconds: of this process, for each training.
        compiled: programs compiled for it.
        updates: of each training.
    """

    shares: list[float]
    seconds: list[float]
    compiled: int
    updates: int


class Fact(NamedTuple):
    """What was published of a task, and holds at a size that a small machine can reach.

    Attributes:
        words: what is known, and from where.
        cell: of the zoo; trained with Adam.
        task: what it is trained on.
        updates: of training.
        scored: what it is scored on.
        least: accuracy that is reached at least.
        most: accuracy that is not exceeded.
    """

    words: str
    cell: str
    task: TaskSpec
    updates: int
    scored: TaskSpec
    least: float = 0.0
    most: float = 1.0

    def holds(self, accuracy: float) -> bool:
        """Whether an accuracy agrees."""
        return self.least <= accuracy <= self.most


def spec(name: str, **fields: Value) -> TaskSpec:
    """A task of the pack with some fields set otherwise."""
    return TaskSpec(name, overrides=tuple(sorted(fields.items())))


PARITY: Final = spec("group", group="Z2", letters=0)
LONG_PARITY: Final = spec("group", group="Z2", letters=0, stretch=12)


def flip_flop(ignore: float, stretch: int = 1) -> TaskSpec:
    """The flip-flop language; training ignores .8."""
    fields = {"registers": 1, "values": 2, "stretch": stretch}
    return spec("registers", ignore=ignore, **fields)


ADDING: Final = spec(
    "adding",
    base=10,
    terms=2,
    every=80,
    num_steps=200,
    train_tokens=800_000,
    valid_tokens=96_000,
)
FLIP_FLOP: Final = flip_flop(0.8)
BAI, LIU = "Bai et al. 2018", "Liu et al. 2023"
DELETANG, MERRILL = "Deletang et al. 2022", "Merrill et al. 2024"

# fmt: off
FACTS: Final = (
    Fact(f"parity is learned ({MERRILL})", "lstm", PARITY, 400, PARITY, 1),
    Fact(f"and holds at length 384 ({DELETANG})", "lstm", PARITY, 400, LONG_PARITY, 1),
    Fact(f"a flip-flop is learned ({LIU})", "lstm", FLIP_FLOP, 400, FLIP_FLOP, 1),
    Fact("and holds at length 384", "lstm", FLIP_FLOP, 400, flip_flop(0.8, 12), 1),
    Fact("even with .98 ignored", "lstm", FLIP_FLOP, 400, flip_flop(0.98, 12), 1),
    Fact("or with .1 ignored", "lstm", FLIP_FLOP, 400, flip_flop(0.1, 12), 1),
    Fact(f"adding over 200 steps is learned ({BAI})", "gru", ADDING, 800, ADDING, 0.95),
    Fact("but hardly", "lstm", ADDING, 800, ADDING, 0, 0.9),
)
# fmt: on


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; returns 1 if a fact does not hold."""
    parser = argparse.ArgumentParser(description="How hard the tasks of the pack are.")
    names = [kind.name for kind in PACK]
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="default: all")
    parser.add_argument("--cells", default="gru,lstm,ugrnn,tanh")
    parser.add_argument("--optimizers", default="adam,sgd")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--updates", default="600,1000")
    parser.add_argument("--parameters", type=int, default=PARAMETERS)
    parser.add_argument("--no-facts", action="store_true")
    options = parser.parse_args(arguments)
    updates = [int(number) for number in options.updates.split(",")]
    for optimizer in options.optimizers.split(","):
        columns = {
            cell: measure(cell, optimizer, options.tasks or names, updates, options)
            for cell in options.cells.split(",")
        }
        print("\n".join(table(optimizer, updates, columns)), flush=True)
    return 0 if options.no_facts else report_facts()


def measure(
    cell: str,
    optimizer: str,
    tasks: Sequence[str],
    updates: Sequence[int],
    options: argparse.Namespace,
) -> dict[str, Trained]:
    """One cell with one optimizer on all tasks, in one process and one program."""
    evaluator, parameters = Evaluator(programs=1), options.parameters
    columns = {}
    for name in tasks:
        jobs = [
            job(cell, optimizer, spec(name), max(updates), seed, parameters)
            for seed in range(options.seeds)
        ]
        columns[name] = train(evaluator, jobs, updates)
    return columns


def job(
    cell: str,
    optimizer: str,
    task: TaskSpec,
    updates: int,
    seed: int = 0,
    parameters: int = PARAMETERS,
) -> Job:
    """One training of one setting."""
    setting = Setting(SCALE, RATES[optimizer], CLIP, 1, parameters)
    training = Training(optimizer, schedule=CONSTANT)
    return make_job(ZOO[cell], task, (setting,), updates, seed=seed, training=training)


def train(evaluator: Evaluator, jobs: Sequence[Job], updates: Sequence[int]) -> Trained:
    """Trains each job; a training that failed counts as a guess."""
    task = jobs[0].task.task
    assert isinstance(task, PackTask)
    losses: dict[int, list[float]] = {mark: [] for mark in updates}
    seconds, compiled = [], 0
    for one in jobs:
        start = time.process_time()
        evaluation = evaluator.evaluate(one)
        seconds.append(time.process_time() - start)
        compiled += evaluation.compiled
        curve = {p.updates: p.valid_loss for p in evaluation.results[0].curve}
        for mark in updates:
            losses[mark].append(curve.get(mark, task.guess_loss) / task.guess_loss)
    shares = [statistics.fmean(losses[mark]) for mark in updates]
    return Trained(shares, seconds, compiled, max(updates))


def table(
    optimizer: str, updates: Sequence[int], columns: Mapping[str, dict[str, Trained]]
) -> Iterator[str]:
    """Losses of all cells with one optimizer, then what they took."""
    marks, rate = " / ".join(f"{mark:,}" for mark in updates), RATES[optimizer]
    width = 7 * len(updates)
    yield f"{optimizer} {rate}, scale {SCALE}: loss after {marks} updates; 1: a guess"
    yield f"{'':12}" + "".join(f"{cell:>{width}}" for cell in columns)
    for name in next(iter(columns.values())):
        shares = [share for one in columns.values() for share in one[name].shares]
        yield f"{name:12}" + "".join(f"{share:7.3f}" for share in shares)
    for words, cost in COSTS.items():
        costs = (f"{cost(column):>{width}.1f}" for column in columns.values())
        yield f"{words:12}" + "".join(costs)
    yield ""


def second_s(column: Mapping[str, Trained]) -> float:
    """Seconds of 1,000 updates with validation: the median of all but the first."""
    rest = [s / one.updates for one in column.values() for s in one.seconds][1:]
    return 1_000 * statistics.median(rest) if rest else float("nan")


def compile_s(column: Mapping[str, Trained]) -> float:
    """Seconds that the first training took longer than usual."""
    first = next(iter(column.values()))
    return first.seconds[0] - second_s(column) * first.updates / 1_000


def compiled(column: Mapping[str, Trained]) -> int:
    """Programs compiled for all tasks together: training and validation."""
    return sum(one.compiled for one in column.values())


COSTS: Final[Mapping[str, Callable[[Mapping[str, Trained]], float]]] = {
    "s / 1,000": second_s,
    "compile s": compile_s,
    "compiled": compiled,
}
"""What is printed below the losses: words, and what it is of all of a cell's tasks."""


def report_facts() -> int:
    """Prints each fact with the accuracy reached; 1 if one does not hold."""
    evaluator, failed = Evaluator(), False
    for fact in FACTS:
        accuracy = reached(evaluator, fact)
        failed |= not fact.holds(accuracy)
        verdict = "holds" if fact.holds(accuracy) else "DOES NOT HOLD"
        line = f"{fact.cell:6}{fact.task.name:11}{accuracy:8.4f}  {verdict}: "
        print(line + fact.words, flush=True)
    return int(failed)


def reached(evaluator: Evaluator, fact: Fact) -> float:
    """The accuracy at the end of training; 0 where training failed."""
    learn = job(fact.cell, "adam", fact.task, fact.updates)
    (point,) = evaluator.score_on(learn, fact.scored).values()
    return point.metric if point else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
