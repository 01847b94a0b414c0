"""Configurations as TOML: what a person writes, and what a run folder keeps."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cells import ZOO, Cell, CellError, load_op, parse_named, to_text
from search.errors import UserError, at_least, unknown
from search.procedure.config import (
    BASELINE,
    SEARCH_PRESETS,
    SEEDS,
    Config,
    Named,
    make_config,
    search_plan,
)
from search.procedure.filter import FILTERS, Filter
from search.procedure.presets import Plan
from search.procedure.racing import Racing
from search.procedure.rules import Rules
from search.procedure.settings import Inheritance
from workers import SCHEDULES, JobError, Schedule, Training

KEYS: Final = (
    *("preset", "seed", "seeds", "references", "baseline", "tasks", "own_ops"),
    *("rules", "filter", "training", "plans", "cells"),
)

_OF_JOBS: Final = ("schedule", "test")
"""Fields of `Training` that are not for a person to choose here."""

_TRAINING: Final = tuple(
    field.name for field in dataclasses.fields(Training) if field.name not in _OF_JOBS
)

Document = dict[str, Any]


def assign(document: Document, assignment: str) -> None:
    """Carries out `table.key=value`, as `--set` has it; the value is TOML.

    Raises:
        UserError: There is no `=`, or a table is expected where a value is.
    """
    key, equals, text = assignment.partition("=")
    try:
        *tables, name = _path(tomllib.loads(f"{key} = 0" if equals else ""))
    except ValueError:
        raise UserError(
            f"--set takes KEY=VALUE, such as rules.gate=0.8, got {assignment!r}"
        ) from None
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a word without quotes
    place = document
    for table in tables:
        place = place.setdefault(table, {})
        if not isinstance(place, dict):
            raise UserError(f"--set {assignment}: {table} is no table")
    place[name] = value


def _path(nested: Any) -> list[str]:
    """The keys of tables of which each has one entry.

    Raises:
        ValueError: There are more, or none.
    """
    if not isinstance(nested, dict):
        return []
    [(name, inner)] = nested.items()
    return [name, *_path(inner)]


def to_document(config: Config) -> Document:
    """A configuration with everything said: `from_document` gives it back."""
    cells = (*config.seeds, *config.references)
    return {
        "preset": config.preset,
        "seed": config.seed,
        "seeds": [name for name, _ in config.seeds],
        "references": [name for name, _ in config.references],
        "baseline": config.baseline,
        "tasks": [stage.name for stage in config.tasks],
        "own_ops": list(config.own_ops),
        "rules": _rules_table(config.rules),
        "training": _plain(dataclasses.asdict(config.training), drop=_OF_JOBS),
        "filter": _filter_table(config),
        "plans": {stage.name: _plan_table(stage.plan) for stage in config.tasks},
        "cells": {name: to_text(cell, name) for name, cell in cells},
    }


def from_document(document: Document, *, candidates: int | None = None) -> Config:
    """The configuration of a document; what it does not say is the preset's.

    Args:
        document: Tables as in `to_document`, any of them missing.
        candidates: How many are planned; see `make_config`.

    Raises:
        UserError: Names the key, what came and what is allowed.
    """
    _check_keys(document, KEYS, "")
    preset = _like(document.get("preset", "small"), "", "preset")
    if preset not in SEARCH_PRESETS:
        raise UserError(unknown("preset", preset, SEARCH_PRESETS))
    own_ops = _names(document, "own_ops", ())
    for spec in own_ops:
        load_op(spec)
    tasks = _names(document, "tasks", SEARCH_PRESETS[preset].tasks)
    table = _table(document, "training")
    _check_keys(table, _TRAINING, "training.")
    training = _overlay(Training(), table, "training")
    filter_name, chosen = _filter(document, preset)
    config = make_config(
        preset,
        seed=_like(document.get("seed", 0), 0, "seed"),
        candidates=candidates,
        rules=lambda rules: _read_rules(rules, _table(document, "rules")),
        seeds=_cells(document, "seeds", SEEDS),
        references=_cells(document, "references", ()),
        baseline=_like(document.get("baseline", BASELINE), "", "baseline"),
        tasks=tasks,
        plans=_plans(document, preset, tasks),
        filter_name=filter_name,
        training=training,
        own_ops=own_ops,
    )
    return dataclasses.replace(config, filter=chosen)


def differences(stored: Document, wanted: Document, path: str = "") -> list[str]:
    """What differs between two documents: `rules.gate is 0.8, was 0.9`."""
    found = []
    for key in sorted({*stored, *wanted}):
        old, new = stored.get(key), wanted.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{path}{key}.")
        elif old != new:
            found.append(f"{path}{key} is {new!r}, was {old!r}")
    return found


# Tables that are written


def _rules_table(rules: Rules) -> Document:
    table: Document = _plain(dataclasses.asdict(rules))
    table["weights"] = dict(rules.weights)
    table.setdefault("racing", False)
    return table


def _filter_table(config: Config) -> Document:
    chosen = config.filter
    if chosen is None:
        return {"name": "off"}
    return {
        "name": config.filter_name,
        "budget": chosen.budget,
        "target": chosen.target,
        "give_up": [list(pair) for pair in chosen.give_up],
    }


def _plan_table(plan: Plan) -> Document:
    schedule = {name: _plain(value) for name, value in plan.schedule.options}
    grid = {
        name: list(values)
        for name, values in dataclasses.asdict(plan.grid).items()
        if values != (None,)
    }
    return {
        "budget": plan.budget,
        "schedule": {"name": plan.schedule.name, **schedule},
        "task": dict(plan.overrides),
        "grid": grid,
    }


def _plain(value: Any, drop: Sequence[str] = ()) -> Any:
    """TOML values: lists for tuples, nothing for None."""
    if isinstance(value, Mapping):
        return {
            key: _plain(one)
            for key, one in value.items()
            if one is not None and key not in drop
        }
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else value


# Tables that are read


def _read_rules(rules: Rules, table: Document) -> Rules:
    table = dict(table)
    changes: dict[str, Any] = {}
    if "racing" in table:
        racing = table.pop("racing")
        if racing is not False:
            start = Racing() if racing is True else _racing(racing)
            changes["racing"] = start
        else:
            changes["racing"] = None
    if "inheritance" in table:
        inherited = _overlay(
            Inheritance(), table.pop("inheritance"), "rules.inheritance"
        )
        changes["inheritance"] = inherited
    if "weights" in table:
        weights = table.pop("weights")
        _check_table(weights, "rules.weights")
        changes["weights"] = tuple(
            (name, _like(weight, 1.0, f"rules.weights.{name}"))
            for name, weight in sorted(weights.items())
        )
    if isinstance(table.get("ops"), str):
        table["ops"] = [table["ops"]]
    rules = _overlay(rules, table, "rules")
    return dataclasses.replace(rules, **changes)


def _racing(table: Any) -> Racing:
    _check_table(table, "rules.racing")
    found: Racing = _overlay(Racing(), table, "rules.racing")
    return found


def _filter(document: Document, preset: str) -> tuple[str, Filter | None]:
    table = dict(_table(document, "filter"))
    name = _like(table.pop("name", SEARCH_PRESETS[preset].filter), "", "filter.name")
    if name not in (*FILTERS, "off"):
        raise UserError(unknown("filter", name, (*FILTERS, "off")))
    _check_keys(table, ("name", "budget", "target", "give_up"), "filter.")
    if name == "off":
        return name, None
    changes: dict[str, Any] = {}
    if "give_up" in table:
        changes["give_up"] = _pairs(table.pop("give_up"), "filter.give_up")
    chosen = _overlay(FILTERS[name], table, "filter")
    at_least("filter.budget", chosen.budget, 1)
    return name, dataclasses.replace(chosen, **changes)


def _plans(document: Document, preset: str, tasks: Sequence[str]) -> dict[str, Plan]:
    tables = _table(document, "plans")
    _check_keys(tables, tasks, "plans.")
    return {
        task: _plan(search_plan(preset, task), table, f"plans.{task}")
        for task, table in tables.items()
    }


def _plan(plan: Plan, table: Document, path: str) -> Plan:
    _check_table(table, path)
    _check_keys(table, ("budget", "schedule", "task", "grid"), f"{path}.")
    if "budget" in table:
        budget = _like(table["budget"], 1, f"{path}.budget")
        at_least(f"{path}.budget", budget, 1)
        plan = dataclasses.replace(plan, budget=budget)
    if "schedule" in table:
        schedule = _schedule(plan.schedule, table["schedule"], f"{path}.schedule")
        plan = dataclasses.replace(plan, schedule=schedule)
    if "task" in table:
        _check_table(table["task"], f"{path}.task")
        for key, value in table["task"].items():
            where = f"{path}.task.{key}"
            if key in ("name", "size", "spec"):
                raise UserError(f"{where} is no option of a task")
            if not isinstance(value, int | float | str):
                raise UserError(f"{where} must be one value, got {value!r}")
            _check_number(value, where)
        overrides = {**dict(plan.overrides), **table["task"]}
        plan = dataclasses.replace(plan, overrides=tuple(sorted(overrides.items())))
    if "grid" in table:
        grid = _overlay(plan.grid, table["grid"], f"{path}.grid")
        plan = dataclasses.replace(plan, grid=grid)
    return plan


def _schedule(schedule: Schedule, table: Document, path: str) -> Schedule:
    """A schedule by its name, with its options; those not named are its defaults."""
    _check_table(table, path)
    options = dict(table)
    name = _like(options.pop("name", schedule.name), "", f"{path}.name")
    if name not in SCHEDULES:
        raise UserError(unknown("schedule", name, SCHEDULES))
    defaults = SCHEDULES[name].options
    _check_keys(options, tuple(defaults), f"{path}.")
    pairs = tuple(
        (key, _pairs(value, where))
        if isinstance(defaults[key], tuple)
        else (key, _like(value, 0.0, where))
        for key, value in options.items()
        if (where := f"{path}.{key}")
    )
    return Schedule(name, pairs)


def _cells(document: Document, key: str, default: Sequence[str]) -> tuple[Named, ...]:
    """Cells by name: of the document's own texts, or of the zoo; nothing is opened."""
    texts = _table(document, "cells")
    found = []
    for name in _names(document, key, default):
        if name not in texts and name not in ZOO:
            near = unknown("cell", name, (*texts, *ZOO))
            raise UserError(f"{key}: {near}")
        found.append((name, _read(name, texts) if name in texts else ZOO[name]))
    return tuple(found)


def _read(name: str, texts: Document) -> Cell:
    text = _like(texts[name], "", f"cells.{name}")
    try:
        return parse_named(text)[1]
    except CellError as error:
        raise UserError(f"cells.{name}: {error}") from None


def _overlay(base: Any, table: Any, path: str) -> Any:
    """A dataclass with the fields that a table has, of the types they have."""
    _check_table(table, path)
    names = [field.name for field in dataclasses.fields(base)]
    _check_keys(table, names, f"{path}.")
    changes = {
        name: _like(value, getattr(base, name), f"{path}.{name}")
        for name, value in table.items()
    }
    try:
        return dataclasses.replace(base, **changes)
    except (ValueError, JobError) as error:
        raise UserError(f"{path}: {error}") from None


def _like(value: Any, sample: Any, path: str) -> Any:
    """A value in the type of a sample, or a mistake."""
    _check_number(value, path)
    if isinstance(sample, float) and isinstance(value, int) and not _is_bool(value):
        return float(value)
    if isinstance(sample, tuple):
        if not isinstance(value, list | tuple):
            raise UserError(f"{path} must be a list, got {value!r}")
        part = sample[0] if sample else None
        return tuple(_like(one, part, path) for one in value)
    wanted = type(sample) if sample is not None else (int, float)
    if not isinstance(value, wanted) or _is_bool(value) != _is_bool(sample):
        raise UserError(f"{path} must be {_TYPES[type(sample)]}, got {value!r}")
    return value


_TYPES: Final = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    type(None): "a number",
}


def _check_number(value: Any, path: str) -> None:
    """Refuses numbers that no run folder can keep."""
    if isinstance(value, int | float) and not abs(value) < 2**63:
        raise UserError(f"{path} must be a number below 2**63, got {value}")


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _names(document: Document, key: str, default: Sequence[str]) -> tuple[str, ...]:
    """A list of texts."""
    names: tuple[str, ...] = _like(document.get(key, default), ("",), key)
    return names


def _pairs(value: Any, path: str) -> tuple[tuple[float, float], ...]:
    pairs = _like(value, ((0.0,),), path)
    if any(len(pair) != 2 for pair in pairs):
        raise UserError(f"{path} must be pairs of numbers, got {value!r}")
    return tuple(pairs)


def _table(document: Document, key: str) -> Document:
    table = document.get(key, {})
    _check_table(table, key)
    found: Document = table
    return found


def _check_table(table: Any, path: str) -> None:
    if not isinstance(table, dict):
        raise UserError(f"{path} must be a table, got {table!r}")


def _check_keys(table: Document, valid: Sequence[str], path: str) -> None:
    for key in table:
        if key not in valid:
            raise UserError(
                unknown("option", f"{path}{key}", [f"{path}{v}" for v in valid])
            )
