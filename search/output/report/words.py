"""What a report says in words: the state of a run, and what came out, with numbers."""

import math
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from search.contest.finals import FinalTable
from search.output.report.data import Report
from search.output.words import counted, duration


def state(report: Report) -> str:
    """Whether a run is going on, is done, or was stopped."""
    facts = report.facts
    user, candidates = facts["machine"]["in_use_by"], facts["candidates"]
    if user:
        return f"running: {user}"
    if candidates["proposed"] >= candidates["limit"] and not facts["under_way"]:
        return "finished: all candidates are done"
    moves = counted(len(facts["under_way"]), "move")
    return f"not running: stopped with {moves} under way"


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
    finals = [f"cellsearch final {run}"] if report.finalists else []
    return (
        f"cellsearch top {run} -k {max(10, len(report.rows))} --text",
        *finals,
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
    if report.finals is not None:
        yield _beaten(report.finals)
    seconds = facts["seconds"]
    spent = seconds["compilation"] + seconds["training"]
    if spent:
        yield (
            f"Workers spent {duration(spent)} in all, "
            f"{seconds['compilation'] / spent:.0%} of it compiling; from the first to "
            f"the last result {duration(clock_s(report))} passed."
        )


def _results(report: Report) -> Iterator[str]:
    mutants = [cell for cell in report.cells if cell.member.is_candidate]
    yield f"{counted(len(mutants), 'mutant')} {report.terms.complete}."
    others = [f"{name} {fitness:.4f}" for name, fitness in report.lines]
    held = f" ({_listed(others)})" if others else ""
    best = report.cells[0]
    said = f"{best.member.name}, fitness {best.fitness:.4f}{held}"
    if best.member.is_candidate:
        yield f"The best cell is {said}."
        return
    yield f"The best cell is still {said}."
    if mutants and math.isfinite(mutants[0].fitness):
        first = mutants[0]
        yield f"The best mutant is {first.member.name}, fitness {first.fitness:.4f}."


def _beaten(finals: FinalTable) -> str:
    names = [row.name for row in finals.rows if row.beats]
    who = f"{_listed(names)} {'are' if names[1:] else 'is'}" if names else "none is"
    return (
        f"In finals, on runs that took no part in the search, {who} better than "
        f"{finals.baseline} on every task searched."
    )


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
