"""How far a run is, what it spent, saved and lost, and who works on it."""

import time
from typing import Any

from search.loop.engine import Engine
from search.loop.runs import OpenRun, metadata
from search.output.stages import stages
from search.store.inbox import Inbox
from search.store.locks import holder
from workers import Cause


def run_facts(run: OpenRun, engine: Engine) -> dict[str, Any]:
    """What there is to say of a run, as JSON values.

    What a search has not is None or empty: its filter, or stages; how many proposals
    are `waiting` is there if any are. Times and machines
    are under keys of their own, `seconds` and `machine`: all the rest is the same for
    the same search.

    Args:
        run: The run, open.
        engine: Its search, replayed.
    """
    procedure, tally = engine.procedure, engine.tally
    filters = {"runs": tally.filtered, "passed": tally.passed}
    # Before the baseline has been trained there is no fitness, and so no best.
    ranked = procedure.population.ranked
    known = procedure.population.members
    waiting = sum(one not in known for one in Inbox(run.folder).digests())
    best = {"name": ranked[0].name, "fitness": ranked[0].fitness} if ranked else None
    return {
        "run": str(run.folder),
        "preset": run.config.preset,
        "seed": run.config.seed,
        "candidates": {"proposed": procedure.proposed, "limit": run.candidates},
        "decisions": dict(tally.decisions),
        "under_way": [visit.member.name for visit in procedure.visits],
        **({"waiting": waiting} if waiting else {}),
        "filter": None if run.config.filter is None else filters,
        "stages": [stage._asdict() for stage in stages(procedure)],
        "settings": tally.settings,
        "population": len(ranked),
        "best": best,
        "rejects": dict(tally.rejects),
        "failures": dict(tally.failures),
        "causes": {cause.value: tally.causes[cause.value] for cause in Cause},
        "saved": {
            "filters": None if run.config.filter is None else tally.saved_filters,
            "trainings": tally.saved_settings,
            "dead": tally.dead,
        },
        "faults": tally.faults,
        "seconds": _seconds(run),
        "machine": {
            **metadata(run),
            "in_use_by": holder(run.folder),
            "workers": _workers(run),
        },
    }


def _seconds(run: OpenRun) -> dict[str, float | None]:
    spent, last = run.store.results.spent(), run.store.history.last_result()
    return {
        "compilation": spent.compile_s,
        "training": spent.train_s,
        "since_last_result": _ago(last),
    }


def _workers(run: OpenRun) -> dict[str, Any]:
    """Who works by node, or worked last, and how many seconds ago that was noted."""
    noted = run.store.history.get("workers") or {}
    return {"seen_s": _ago(noted.get("at")), "nodes": noted.get("nodes", [])}


def _ago(at: float | None) -> float | None:
    """Seconds since then; a clock that was set back makes none of them negative."""
    return None if at is None else max(0.0, time.time() - at)
