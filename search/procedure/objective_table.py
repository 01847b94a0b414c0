"""The table `[objective]` of a document: how cells are compared, and their finals."""

import dataclasses
from enum import StrEnum
from typing import Any, Final

from cells import unknown_name
from search.errors import UserError
from search.procedure.document import Document
from search.procedure.objective import NO_FINALS, Finals, Fitness, NominalCost, Paired
from search.procedure.typed import check_keys, check_table, fields, like
from workers import Setting

RATIO: Final = "ratio"
PAIRED: Final = "paired"
OBJECTIVES: Final = (RATIO, PAIRED)
"""The paper's, by the ratio of bests to the baseline's; and that by common runs."""

_KEYS: Final = ("name", *(field.name for field in dataclasses.fields(Paired)))
_SETTING: Final = Setting(1.0, 1.0, 1.0, 1, 1)
_NEEDED: Final = ("scale", "rate", "clip", "num_layers", "parameters")


def read_objective(table: Document) -> Paired | None:
    """The objective of a table; None: the paper's.

    Raises:
        UserError: Names the key, what came and what is allowed.
    """
    name = like(table.get("name", RATIO), "", "objective.name")
    if name not in OBJECTIVES:
        raise UserError(unknown_name("objective", name, OBJECTIVES))
    if name == RATIO:
        for key in table:
            if key != "name" and key in _KEYS:
                raise UserError(
                    f"objective.{key} is for objective.name={PAIRED}, got {RATIO}"
                )
        check_keys(table, ("name",), "objective.")
        return None
    check_keys(table, _KEYS, "objective.")
    if "panel" not in table:
        raise UserError("objective needs panel: a list of settings")
    own = dict(table)
    own.pop("name")
    fitness = Fitness(_one_of(Fitness, own, "fitness"))
    cost = NominalCost(_one_of(NominalCost, own, "cost"))
    panel = _panel(own.pop("panel"), "objective.panel")
    finals = _finals(own.pop("finals", {}))
    plain = {
        key: like(value, _SAMPLE[key], f"objective.{key}") for key, value in own.items()
    }
    try:
        return Paired(panel=panel, fitness=fitness, cost=cost, finals=finals, **plain)
    except UserError as error:
        raise UserError(f"objective: {error}") from None


def _one_of(names: type[StrEnum], table: Document, key: str) -> str:
    """One of some names, taken out of a table; the first of them if it is not there."""
    valid = [one.value for one in names]
    name: str = like(table.pop(key, valid[0]), "", f"objective.{key}")
    if name not in valid:
        raise UserError(unknown_name(f"objective.{key}", name, valid))
    return name


_SAMPLE: Final = {"rungs": (1,), "error": 0.1, "most_seeds": 1, "floor": 0.1}


def objective_table(objective: Paired) -> Document:
    """The reverse of `read_objective`.

    No cost is not said, so that runs from before there was any are the same.
    """
    finals, cost = objective.finals, objective.cost
    return {
        "name": PAIRED,
        "panel": [setting.to_dict() for setting in objective.panel],
        "rungs": list(objective.rungs),
        "error": objective.error,
        "most_seeds": objective.most_seeds,
        "fitness": objective.fitness.value,
        **({} if cost is NominalCost.NONE else {"cost": cost.value}),
        "floor": objective.floor,
        "finals": {
            "cells": finals.cells,
            "seeds": finals.seeds,
            "panel": [setting.to_dict() for setting in finals.panel],
            "tasks": list(finals.tasks),
        },
    }


def _finals(table: Any) -> Finals:
    check_table(table, "objective.finals")
    own = dict(table)
    panel = _panel(own.pop("panel", ()), "objective.finals.panel")
    tasks = like(own.pop("tasks", ()), ("",), "objective.finals.tasks")
    finals: Finals = fields(NO_FINALS, own, "objective.finals")
    return dataclasses.replace(finals, panel=panel, tasks=tasks)


def _panel(rows: Any, path: str) -> tuple[Setting, ...]:
    """Settings, each a table."""
    if not isinstance(rows, list | tuple):
        raise UserError(f"{path} must be a list of tables, got {rows!r}")
    return tuple(
        fields(_SETTING, row, f"{path}[{number}]", _NEEDED)
        for number, row in enumerate(rows)
    )
