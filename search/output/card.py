"""The card of a cell: what it is, how it scored, and where it comes from."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from cells import Cell, name_values, to_text
from search.loop.engine import Engine
from search.loop.runs import Run, metadata
from search.output.cell import cell_facts
from search.output.leaderboard import WIDTH, Row
from search.output.lineage import Step, lineage
from search.procedure.document import to_document

Card = dict[str, Any]
"""JSON values."""


def safe_name(name: str) -> str:
    """A name as a file's or an identifier: letters, digits and underscores."""
    kept = re.sub(r"\W", "_", name, flags=re.ASCII)[:60].strip("_") or "cell"
    return kept if not kept[0].isdigit() else f"cell_{kept}"


def describe_cell(name: str, cell: Cell) -> Card:
    """What there is to say of a cell by itself; sizes at width `WIDTH`."""
    names = name_values(cell, safe_name(name))
    facts = cell_facts(safe_name(name), cell, WIDTH).to_dict()
    for key in ("flow", "canonical_nodes", "equals"):
        del facts[key]
    return {
        **facts,
        "name": name,
        "text": names.text(cell),
        "equations": list(names.equations(cell)),
    }


def describe_member(
    run: Run, engine: Engine, row: Row, fresh: Mapping[str, Any] | None = None
) -> Card:
    """The card of a cell of a run.

    Args:
        run: The run.
        engine: Its search, replayed.
        row: Of its table.
        fresh: What `fresh_scores` has of the cell.
    """
    population = engine.procedure.population
    facts = metadata(run)
    return {
        **describe_cell(row.member.name, row.member.cell()),
        "fitness": row.fitness,
        "rank": row.rank,
        "of": len(population.ranked),
        "tasks": _tasks(engine, row),
        "fresh": dict(fresh) if fresh else None,
        "lineage": [_step(step) for step in lineage(population, row.member)],
        "run": {
            "baseline": run.config.baseline,
            "candidates": engine.procedure.proposed,
            "versions": facts["versions"],
            "numerics": facts["numerics"],
            "mixed": bool(facts["mixed"]),
            "configuration": to_document(run.config),
        },
    }


def fresh_scores(document: Any) -> dict[str, dict[str, Any]]:
    """Scores with confidence intervals, by digest and task.

    Args:
        document: What `cellsearch evaluate --json` prints.

    Raises:
        ValueError: It is something else.
    """
    try:
        return {
            str(row["digest"]): {
                str(task): {
                    "mean": _number(score["mean"]),
                    "low": _number(score["low"]),
                    "high": _number(score["high"]),
                    "repeats": int(score["repeats"]),
                    "draws": int(score["runs"]) - int(score["repeats"]),
                }
                for task, score in row["tasks"].items()
                if score["mean"] is not None
            }
            for row in document["cells"]
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"no output of `cellsearch evaluate --json`: {error}"
        ) from None


def to_json(card: Card) -> str:
    """The card as text of JSON; what is not finite is null."""
    return json.dumps(_finite(card), indent=2, ensure_ascii=False) + "\n"


def _tasks(engine: Engine, row: Row) -> dict[str, Any]:
    procedure = engine.procedure
    found = {}
    for task, stage in enumerate(procedure.config.tasks):
        score = row.scores[stage.name]
        values = np.asarray(row.member.trials_on(task).values)
        values = values[~np.isnan(values)]
        quartiles: list[float | None] = [None, None, None]
        if values.size:
            quartiles = [float(v) for v in np.quantile(values, (0.25, 0.5, 0.75))]
        found[stage.name] = {
            "metric": stage.metric.name,
            "higher_is_better": stage.metric.higher_is_better,
            "best": score.metric,
            "ratio": score.ratio,
            "draws": score.draws,
            "failed": score.draws - int(values.size),
            "quartiles": quartiles,
            "setting": score.setting.to_dict() if score.setting else None,
        }
    return found


def _step(step: Step) -> dict[str, Any]:
    member = step.member
    return {
        "name": member.name,
        "digest": member.digest,
        "transformations": list(member.rules),
        "fitness": step.fitness,
        "gain": step.gain,
        "text": to_text(member.cell(), safe_name(member.name)),
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _finite(value: Any) -> Any:
    """The same with None for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
