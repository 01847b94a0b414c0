"""Configurations as documents, which `make_config` reads."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from cells import to_text
from search.procedure.config import Config, Plan
from search.procedure.document import Document
from search.procedure.filter import Filter
from search.procedure.objective_table import objective_table
from search.procedure.presets import preset_document
from search.procedure.reader import OF_JOBS, preset_filter
from search.procedure.rules import Rules
from search.procedure.settings import Grid
from workers import PLAIN, Training


def to_document(config: Config) -> Document:
    """A configuration with everything said: `make_config` gives it back.

    Size, and what the filter's name stands for, are said where they differ from it; a
    block, where there is one.
    """
    cells = (*config.seeds, *config.references)
    document: Document = {
        "preset": config.preset,
        "seed": config.seed,
        "seeds": [name for name, _ in config.seeds],
        "references": [name for name, _ in config.references],
        "baseline": config.baseline,
        "tasks": [stage.name for stage in config.tasks],
        "own_ops": list(config.own_ops),
        "rules": _rules_table(config.rules),
        "training": _training_table(config.training),
        "filter": _filter_table(config.filter),
        "plans": {stage.name: _plan_table(stage.plan) for stage in config.tasks},
        "cells": {name: to_text(cell, name) for name, cell in cells},
    }
    if config.objective is not None:
        document["objective"] = objective_table(config.objective)
    size = config.tasks[0].task.size
    if size != preset_document(config.preset)["size"]:
        document["size"] = size
    return document


def _rules_table(rules: Rules) -> Document:
    table: Document = _plain(dataclasses.asdict(rules))
    table["weights"] = dict(rules.weights)
    table.setdefault("racing", False)
    return table


def _training_table(training: Training) -> Document:
    # The paper's model is not said, so that runs from before there was another are the
    # same configuration.
    drop = OF_JOBS if training.block != PLAIN.block else (*OF_JOBS, "block")
    table: Document = _plain(dataclasses.asdict(training), drop=drop)
    return table


def _filter_table(chosen: Filter | None) -> Document:
    if chosen is None:
        return {"name": "off"}
    table = {
        "name": chosen.name,
        "budget": chosen.budget,
        "target": chosen.target,
        "give_up": [list(pair) for pair in chosen.give_up],
    }
    preset = preset_filter(chosen.name)
    if chosen.task.size != preset.task.size:
        table["size"] = chosen.task.size
    if chosen.task.overrides != preset.task.overrides:
        table["task"] = dict(chosen.task.overrides)
    if (chosen.first, chosen.grid) != (preset.first, preset.grid):
        table["first"] = _plain(dataclasses.asdict(chosen.first))
        table["grid"] = _grid_table(chosen.grid)
    return table


def _plan_table(plan: Plan) -> Document:
    schedule = {name: _plain(value) for name, value in plan.schedule.options}
    return {
        "budget": plan.budget,
        "schedule": {"name": plan.schedule.name, **schedule},
        "task": dict(plan.overrides),
        "grid": _grid_table(plan.grid),
    }


def _grid_table(grid: Grid) -> Document:
    columns = dataclasses.asdict(grid).items()
    return {name: list(values) for name, values in columns if values != (None,)}


def _plain(value: Any, drop: Sequence[str] = ()) -> Any:
    """TOML values: lists for tuples, nothing for None."""
    if isinstance(value, Mapping):
        return {
            key: _plain(one)
            for key, one in value.items()
            if one is not None and key not in drop
        }
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else value
