"""The card of a cell as Markdown, for a person to read."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from search.output.card import Card, safe_name


def render_card(card: Card) -> str:
    """The card as Markdown."""
    name = safe_name(card["name"])
    lines = [
        f"# {name}",
        "",
        "![its graph](cell.png)",
        "",
        f"{card['nearest']['words']}.",
    ]
    if "fitness" in card:
        run = card["run"]
        lines += [
            "",
            f"Fitness {card['fitness']:.4f} (least ratio to "
            f"{safe_name(run['baseline'])}), rank {card['rank']} of {card['of']} after "
            f"{run['candidates']:,} candidates.",
            "",
            *_score_table(card),
        ]
    lines += [
        "",
        *_sizes(card),
        "",
        "```",
        *card["text"].rstrip().split("\n"),
        "```",
        "",
    ]
    lines += ["## Equations", "", "```", *card["equations"], "```"]
    if "fitness" in card:
        lines += ["", "## Lineage", "", *_lineage_table(card["lineage"])]
        lines += ["", "## Run", "", *_run_lines(card["run"])]
    return "\n".join(lines) + "\n"


def _score_table(card: Card) -> list[str]:
    fresh = card["fresh"]
    head = ["task", "metric", "best", "ratio", "draws", "quartiles of draws", "setting"]
    if fresh:
        head.insert(5, "fresh seeds")
    lines = [_row(head), _row(["---"] * len(head))]
    for task, score in card["tasks"].items():
        setting = score["setting"] or {}
        cells = [
            safe_name(task),
            score["metric"],
            _shown(score["best"]),
            _shown(score["ratio"]),
            str(score["draws"]),
            " / ".join(map(_shown, score["quartiles"])),
            ", ".join(f"{key} {value}" for key, value in setting.items() if value),
        ]
        if fresh:
            cells.insert(5, _interval(fresh.get(task)))
        lines.append(_row(cells))
    lines += [
        "",
        "`best` is the best of the draws, and so optimistic"
        + (
            "; fresh seeds: mean and 95 % confidence interval of the best setting."
            if fresh
            else "; `cellsearch evaluate` scores with fresh seeds."
        ),
    ]
    return lines


def _interval(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return "-"
    if score["low"] is None:
        return _shown(score["mean"])
    half = (score["high"] - score["low"]) / 2
    return f"{_shown(score['mean'])} ±{half:.4f} ({score['repeats']})"


def _sizes(card: Card) -> list[str]:
    states = "state" if card["states"] == 1 else "states"
    return [
        f"{card['states']} {states}, {card['nodes']} nodes, {card['linears']} of them "
        f"matrices; at width {card['width']} {card['parameters']:,} parameters, "
        f"{card['flops']:,} FLOPs a step forward and {card['training_flops']:,} in "
        f"training. Digest `{card['digest']}`."
    ]


def _lineage_table(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [_row(["cell", "by", "fitness", "gain"]), _row(["---"] * 4)]
    for step in steps:
        gain = "" if step["gain"] is None else f"{step['gain']:+.4f}"
        by = ", ".join(step["transformations"]) or "seed"
        lines.append(_row([safe_name(step["name"]), by, _shown(step["fitness"]), gain]))
    return lines


def _run_lines(run: Mapping[str, Any]) -> list[str]:
    document = run["configuration"]
    versions = ", ".join(f"{name} {found}" for name, found in run["versions"].items())
    lines = [
        f"Preset {safe_name(str(document.get('preset')))}, seed "
        f"{document.get('seed')}, {run['candidates']:,} candidates; {versions}. The "
        "whole configuration is in `card.json`."
    ]
    if run["mixed"]:
        lines.append(
            "Machines of several numerics classes: not reproducible to the bit."
        )
    return lines


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _shown(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.4f}"
