"""What a report says in words: the state of a run, and what came out, with numbers."""

import math
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from search.output.report.data import Report
from search.output.words import duration


def state(report: Report) -> str:
    """Whether a run is going on, is done, or was stopped."""
    facts = report.facts
    user, candidates = facts["machine"]["in_use_by"], facts["candidates"]
    if user:
        return f"running: {user}"
    if candidates["proposed"] >= candidates["limit"] and not facts["under_way"]:
        return "finished: all candidates are done"
    return f"not running: stopped with {len(facts['under_way'])} moves under way"


def summary(report: Report) -> str:
    """One paragraph: what was searched, what came out and what it took."""
    return " ".join(_sentences(report))


def clock_s(report: Report) -> int:
    """Seconds from the first to the last result of this run."""
    if not report.work:
        return 0
    first = min(work.first for work in report.work)
    return max(work.last for work in report.work) - first


def last_result(report: Report) -> str:
    """When the last result was stored, in UTC."""
    if not report.work:
        return "-"
    at = datetime.fromtimestamp(max(work.last for work in report.work), UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def workers(report: Report) -> str:
    """How many workers each node had when last heard of; empty: nobody was."""
    nodes = report.facts["machine"]["workers"]["nodes"]
    counts = [f"{len(node['pids'])} on {node['machine']}" for node in nodes]
    return _listed(counts) if counts else ""


def commands(report: Report) -> tuple[str, ...]:
    """What to type to see more of the run, to go on with it, and to make it again."""
    run = shlex.quote(report.facts["run"])
    limit = report.facts["candidates"]["limit"]
    return (
        f"cellsearch top {run} -k {max(10, len(report.rows))} --text",
        f"cellsearch resume {run}",
        f"cellsearch run {run}/config.toml --candidates {limit} --out NEW",
    )


def _sentences(report: Report) -> Iterator[str]:
    facts = report.facts
    proposed, limit = facts["candidates"]["proposed"], facts["candidates"]["limit"]
    tasks = _listed([name for name, _ in report.tasks])
    yield (
        f"This search (preset {facts['preset']}, seed {facts['seed']}) has proposed "
        f"{proposed:,} of {limit:,} candidates on {tasks}."
    )
    # What came out; a search that has just begun has nothing to say of it.
    if not report.cells:
        yield (
            "Nothing has been evaluated to the end yet: the cells that it starts from "
            "are still being trained, so there is no table."
        )
    else:
        yield from _results(report)
    seconds = facts["seconds"]
    spent = seconds["compilation"] + seconds["training"]
    if spent:
        yield (
            f"Workers spent {duration(spent)} in all, "
            f"{seconds['compilation'] / spent:.0%} of it compiling; from the first to "
            f"the last result {duration(clock_s(report))} passed."
        )


def _results(report: Report) -> Iterator[str]:
    mutants = [cell for cell in report.cells if cell.member.origin == "mutant"]
    passed = f"{len(mutants):,} mutant{'' if len(mutants) == 1 else 's'}"
    yield f"{passed} passed all gates."
    others = [f"{name} {fitness:.4f}" for name, fitness in report.lines]
    held = f" ({_listed(others)})" if others else ""
    best = report.cells[0]
    said = f"{best.member.name}, fitness {best.fitness:.4f}{held}"
    if best.member.origin == "mutant":
        yield f"The best cell is {said}."
        return
    yield f"The best cell is still {said}."
    if mutants and math.isfinite(mutants[0].fitness):
        first = mutants[0]
        yield f"The best mutant is {first.member.name}, fitness {first.fitness:.4f}."


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
