"""`cellsearch status`: how far a run is, what it spent, saved and lost."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search.commands.own_code import add_own_code, note_missing
from search.loop.runs import open_run, replay
from search.output.stages import Stage, render_stages
from search.output.status import run_facts
from search.output.stored import print_counts
from search.output.words import (
    counted,
    duration,
    render_counts,
    render_rows,
    saved_words,
)
from search.procedure.own_code import UnnamedCodeError
from workers import SLOW


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    add_own_code(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the status; returns the exit status."""
    try:
        with open_run(options.run, reading=True) as run:
            facts = run_facts(run, replay(run))
    except UnnamedCodeError as error:
        print_counts(options.run, as_json=options.json)
        note_missing(error)
        return 0
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        print(render(facts))
    return 0


def render(facts: dict[str, Any]) -> str:
    """The facts as text for a terminal."""
    candidates, seconds, best = facts["candidates"], facts["seconds"], facts["best"]
    user = facts["machine"]["in_use_by"]
    state = f"running: {user}" if user else "not running"
    if not user and candidates["proposed"] >= candidates["limit"]:
        state += ", all candidates done" if not facts["under_way"] else ", stopped"
    # A run under way says by its last result whether it hangs.
    idle = seconds["since_last_result"]
    spent = seconds["compilation"] + seconds["training"]
    moves = counted(len(facts["under_way"]), "move")
    rows = [
        ("run", f"{facts['run']} (preset {facts['preset']}, seed {facts['seed']})"),
        ("state", state + (f", last result {duration(idle)} ago" if idle else "")),
        (
            "candidates",
            f"{candidates['proposed']:,} of {candidates['limit']:,}, {moves} under way",
        ),
        *_way_rows(facts),
        ("population", f"{facts['population']:,}"),
        ("best", f"{best['name']}, fitness {best['fitness']:.4f}" if best else "-"),
        ("moves", render_counts(facts["decisions"]) or "-"),
        ("rejects", render_counts(facts["rejects"]) or "-"),
        ("failures", render_counts(facts["failures"]) or "-"),
        ("causes", causes(facts["causes"])),
        ("saved", saved_words(**facts["saved"])),
        (
            "work",
            f"{duration(spent)} in workers, "
            f"{seconds['compilation'] / spent if spent else 0:.0%} of it compiling",
        ),
    ]
    # What only some runs have comes last, so that all others look alike.
    if facts.get("waiting"):
        said = counted(facts["waiting"], "proposal") + ", until a move is free"
        rows.append(("waiting", said))
    rows += node_rows(facts["machine"])
    if facts["faults"]:
        rows.append(
            ("faults", f"{facts['faults']}: another run may differ, see failures")
        )
    if facts["machine"]["mixed"]:
        rows.append(("mixed", "several numerics classes: not reproducible to the bit"))
    return render_rows(rows)


def _way_rows(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """How far mutants came, and of how many trainings that is known."""
    applied = f"{facts['settings']:,} applied"
    if facts["filter"]:
        runs, passed = facts["filter"]["runs"], facts["filter"]["passed"]
        yield "filter", f"{passed} of {runs} passed"
    if not facts["stages"]:
        yield "settings", applied
        return
    found = [Stage(**stage) for stage in facts["stages"]]
    yield "reached", render_stages(found)
    yield "runs", applied


def causes(counts: dict[str, int]) -> str:
    """Whose doing failures seem to be; the program's own stop a run, and are none."""
    named = {f"the {cause}'s own": count for cause, count in counts.items() if count}
    return render_counts(named) or "-"


def node_rows(machine: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A row for each node that workers were ready on in the last process."""
    ago = duration(machine["workers"]["seen_s"] or 0.0)
    for node in machine["workers"]["nodes"]:
        names = (node["machine"], node["address"], node["node"][:8])
        count, lost = len(node["pids"]), render_counts(node["losses"])
        state = f"{count or 'no'} worker{'' if count == 1 else 's'}"
        state += f", {node['busy']} busy" if machine["in_use_by"] else ""
        slow = node.get("slowness") or 0.0  # runs of before do not have it
        state += f", {slow:.1f} times as slow as usual" if slow > SLOW else ""
        state += f"; {lost}" if lost else ""
        state += "" if machine["in_use_by"] else f"; last seen {ago} ago"
        yield "node", f"{' '.join(filter(None, names))}: {state}"
