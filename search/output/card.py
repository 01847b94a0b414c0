"""The card of a cell: what it is, how it scored, and where it comes from."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cells import Cell, StateClass, name_values, to_text
from search.loop.engine import Engine
from search.loop.runs import OpenRun, metadata
from search.output.card_scores import final_card, score_parts, task_cards
from search.output.cell import cell_facts
from search.output.leaderboard import WIDTH, LeaderboardRow
from search.output.lineage import Lineages, LineageStep
from search.output.markdown import Card, safe_name, shown, table
from search.output.terms import terms_of
from search.procedure.writer import to_document
from workers import PLAIN


def describe_cell(name: str, cell: Cell, block: str = PLAIN.block) -> Card:
    """What there is to say of a cell by itself; sizes at width `WIDTH`.

    Args:
        name: What it is called.
        cell: The cell.
        block: What stands around it in a layer; a plain one is not mentioned.
    """
    names = name_values(cell, safe_name(name))
    facts = cell_facts(safe_name(name), cell, WIDTH).to_dict()
    for key in ("flow", "canonical_nodes", "equals"):
        del facts[key]
    return {
        **facts,
        "name": name,
        "text": names.text(cell),
        "equations": list(names.equations(cell)),
        **({} if block == PLAIN.block else {"block": block}),
    }


def describe_member(
    run: OpenRun,
    engine: Engine,
    row: LeaderboardRow,
    fresh: Mapping[str, Any] | None = None,
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
        **describe_cell(row.member.name, row.member.cell(), run.config.training.block),
        "fitness": row.fitness,
        "rank": row.rank,
        "of": len(population.ranked),
        "tasks": task_cards(run, engine, row),
        "fresh": dict(fresh) if fresh else None,
        "finals": final_card(run, row.member.digest),
        "lineage": [
            _ancestor(step) for step in Lineages(engine.procedure).of(row.member)
        ],
        "run": {
            "fitness": terms_of(run.config).fitness,
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


def render_card(card: Card) -> str:
    """The card as Markdown, for a person to read.

    A name is shown as an identifier only: it may be a stranger's, and Markdown may
    hold HTML.
    """
    parts = [f"# {safe_name(card['name'])}", "![its graph](cell.png)"]
    nearest = card["nearest"]["words"]  # which ends in an ellipsis where it is long
    parts.append(nearest if nearest.endswith(".") else f"{nearest}.")
    # What a search knows of the cell; a cell by itself has none of it.
    ranked = "fitness" in card
    if ranked:
        parts += [_rank(card), *score_parts(card)]
    parts.append(_sizes(card))
    if "block" in card:
        parts.append(_around(card["block"]))
    parts.append(_listing(card["text"].rstrip().split("\n")))
    parts += ["## Equations", _listing(card["equations"])]
    if ranked:
        parts += ["## Lineage", _lineage_table(card["lineage"])]
        parts += ["## Run", "\n".join(_run_lines(card["run"]))]
    return "\n\n".join(parts) + "\n"


def _ancestor(step: LineageStep) -> dict[str, Any]:
    member = step.member
    return {
        "name": member.name,
        "digest": member.digest,
        "transformations": list(member.rules),
        **({"mate": step.mate} if step.mate else {}),
        "fitness": step.fitness,
        "gain": step.gain,
        "half": step.half,
        "edit": step.edit,
        "difference": step.to_dict()["difference"],
        "text": to_text(member.cell(), safe_name(member.name)),
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _finite(value: Any) -> Any:
    """The same with None for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _rank(card: Card) -> str:
    run = card["run"]
    return (
        f"Fitness {card['fitness']:.4f} ({run['fitness']} "
        f"{safe_name(run['baseline'])}), rank {card['rank']} of {card['of']} after "
        f"{run['candidates']:,} candidates."
    )


def _sizes(card: Card) -> str:
    states = "state" if card["states"] == 1 else "states"
    return (
        f"{card['states']} {states}, {card['nodes']} nodes, {card['linears']} of them "
        f"matrices; at width {card['width']} {card['parameters']:,} parameters, "
        f"{card['state_bytes']:,} bytes of state, {card['flops']:,} FLOPs a step "
        f"forward and {card['training_flops']:,} in training. Class: "
        f"{StateClass(card['state_class']).words}. Digest `{card['digest']}`."
    )


def _around(block: str) -> str:
    return (
        f"In {block} blocks: `flax_blocks.py` and `torch_blocks.py` are layers of them "
        "around the cell. The sizes above are the cell's alone."
    )


def _lineage_table(steps: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for step in steps:
        gain = "" if step["gain"] is None else f"{step['gain']:+.4f}"
        gain += "" if step["half"] is None else f" ±{step['half']:.4f}"
        by = step["edit"] or "seed"
        rows.append([safe_name(step["name"]), by, shown(step["fitness"]), gain])
    return table(["cell", "edit", "fitness", "gain"], rows)


def _run_lines(run: Mapping[str, Any]) -> Iterator[str]:
    document = run["configuration"]
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    yield (
        f"Preset {safe_name(str(document.get('preset')))}, seed "
        f"{document.get('seed')}, {run['candidates']:,} candidates; {versions}. The "
        "whole configuration is in `card.json`."
    )
    if run["mixed"]:
        yield "Machines of several numerics classes: not reproducible to the bit."


def _listing(lines: Sequence[str]) -> str:
    return "\n".join(["```", *lines, "```"])
