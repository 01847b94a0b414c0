"""Documents as configurations: what a search is, and how cells are scored without one.

What a document does not say is its preset's. Seeds and references are texts of its
`[cells]`, or cells of the zoo: nothing is opened here.
"""

import dataclasses
from typing import Any, Final

from cells import ZOO, CellError, load_op, parse_named, unknown_name
from search.errors import UserError, at_least
from search.procedure.config import (
    Config,
    Named,
    Plan,
    Scoring,
    make_stage,
    no_plan,
)
from search.procedure.document import Document, overlay
from search.procedure.filter import Filter
from search.procedure.objective_table import read_objective
from search.procedure.presets import preset_document, search_names
from search.procedure.racing import Racing
from search.procedure.rules import Rules, default_in_flight, default_slots
from search.procedure.settings import Grid, Inheritance
from search.procedure.typed import (
    check_keys,
    check_number,
    check_table,
    fields,
    like,
    names,
    pairs,
    subtable,
)
from workers import SCHEDULES, Schedule, Setting, TaskSpec, Training

PRESET: Final = "quick"
"""The preset of a document that names none."""

KEYS: Final = (
    "summary",
    "preset",
    "candidates",
    "seed",
    "seeds",
    "references",
    "baseline",
    "tasks",
    "size",
    "own_ops",
    "objective",
    "rules",
    "training",
    "filter",
    "plans",
    "evaluate",
    "cells",
)
ALL: Final = "*"
"""What all plans have that do not say otherwise; of an unnamed task it is the plan."""

OF_JOBS: Final = ("schedule", "test", "biases")
"""Fields of `Training` that are not for a person to choose here."""

_TRAINING: Final = tuple(
    field.name for field in dataclasses.fields(Training) if field.name not in OF_JOBS
)
_SHAPE: Final = ("scale", "rate", "clip", "num_layers", "parameters")
"""What every setting has, and so every grid."""

_SETTING: Final = Setting(1.0, 1.0, 1.0, 1, 1)
_GRID: Final = Grid(
    scale=(1.0,), rate=(1.0,), clip=(1.0,), num_layers=(1,), parameters=(1,)
)


def make_config(document: Document) -> Config:
    """The search that a document asks for.

    Args:
        document: Tables as in a preset, any of them missing. `candidates` decides
            `rules.in_flight` and so `rules.slots`, unless it has them.

    Raises:
        UserError: Names the key, what came and what is allowed.
        TaskError: A task is unknown, or has no such option.
        CellError: An own op cannot be loaded.
    """
    whole = _whole_search(document)
    own_ops = names(whole, "own_ops")
    for spec in own_ops:
        load_op(spec)  # before a text or a rule names it

    # Of training a person chooses what is common to all tasks, filter included.
    table = subtable(whole, "training")
    check_keys(table, _TRAINING, "training.")
    training: Training = fields(Training(), table, "training")

    # Plans of tasks that are not searched are no mistake: a preset has some of all.
    seed, size = like(whole["seed"], 0, "seed"), like(whole["size"], "", "size")
    tasks = names(whole, "tasks")
    named = preset_document(whole["preset"])["plans"]
    check_keys(subtable(whole, "plans"), (*tasks, *named), "plans.")
    stages = [
        make_stage(task, size, seed, _plan(whole, task), training) for task in tasks
    ]
    return Config(
        preset=whole["preset"],
        seed=seed,
        seeds=_cells(whole, "seeds"),
        references=_cells(whole, "references"),
        baseline=like(whole["baseline"], "", "baseline"),
        tasks=tuple(stages),
        filter=read_filter(subtable(whole, "filter")),
        rules=_rules(subtable(whole, "rules"), planned(whole)),
        training=training,
        own_ops=own_ops,
        objective=read_objective(subtable(whole, "objective")),
    )


def planned(document: Document) -> int:
    """How many candidates a document's search has unless a limit is set.

    Raises:
        UserError: It is no such number.
    """
    count: int = like(_whole_search(document)["candidates"], 1, "candidates")
    at_least("candidates", count, 1)
    return count


def make_scoring(document: Document) -> Scoring:
    """How cells are scored without a search.

    Args:
        document: Tables as in a preset, any of them missing.

    Raises:
        UserError: Names the key, what came and what is allowed.
    """
    whole = _whole(document)
    table = subtable(whole, "evaluate")
    check_keys(table, ("settings", "repeats", "racing", "plans"), "evaluate.")
    settings = like(table["settings"], 1, "evaluate.settings")
    repeats = like(table["repeats"], 1, "evaluate.repeats")
    at_least("evaluate.settings", settings, 1)
    at_least("evaluate.repeats", repeats, 0)

    # More updates than a search has: here it matters what a cell is worth in the end.
    own = {"plans": subtable(table, "plans", "evaluate.")}
    whole = overlay(whole, own)
    plans = {task: _plan(whole, task) for task in whole["plans"] if task != ALL}
    return Scoring(
        name=whole["preset"],
        size=like(whole["size"], "", "size"),
        plans=plans,
        other=_plan(whole, ALL) if ALL in whole["plans"] else None,
        settings=settings,
        repeats=repeats,
        racing=_racing(table["racing"], "evaluate.racing"),
    )


def read_filter(table: Document) -> Filter | None:
    """The filter of a table; what it does not say is that of the preset it names.

    Raises:
        UserError: Names the key, what came and what is allowed.
    """
    name = like(table.get("name", ""), "", "filter.name")
    valid = (*search_names(), "off")
    if name not in valid:
        raise UserError(unknown_name("filter", name, valid))
    keys = ("name", "size", "task", "budget", "target", "give_up", "first", "grid")
    check_keys(table, keys, "filter.")
    if name == "off":
        return None

    # All of it is checked before a cell is trained, as of the tasks.
    whole = overlay(preset_document(name)["filter"], table)
    budget = like(whole["budget"], 1, "filter.budget")
    at_least("filter.budget", budget, 1)
    task = TaskSpec(
        "memorization",
        like(whole["size"], "", "filter.size"),
        _overrides(whole.get("task", {}), "filter.task"),
    )
    try:
        return Filter(
            name=name,
            task=task,
            grid=_grid(whole["grid"], "filter.grid"),
            first=fields(_SETTING, whole["first"], "filter.first", _SHAPE),
            budget=budget,
            target=like(whole["target"], 1.0, "filter.target"),
            give_up=pairs(whole["give_up"], "filter.give_up"),
        )
    except ValueError as error:
        raise UserError(f"filter: {error}") from None


def preset_filter(name: str) -> Filter:
    """The filter of a preset.

    Raises:
        UserError: There is no such preset, or it has none.
    """
    chosen = read_filter({"name": name})
    if chosen is None:
        raise UserError(f"filter {name} lets everything pass")
    return chosen


def _whole_search(document: Document) -> Document:
    """A document with all that its preset says and it does not."""
    whole = _whole(document)
    valid = search_names()
    if whole["preset"] not in valid:
        raise UserError(
            f"preset {whole['preset']} scores cells and is no search; there are "
            f"{', '.join(valid)}"
        )
    check_keys(whole, KEYS, "")
    return whole


def _whole(document: Document) -> Document:
    name = like(document.get("preset", PRESET), "", "preset")
    return overlay(preset_document(name), {**document, "preset": name})


def _cells(document: Document, key: str) -> tuple[Named, ...]:
    """Cells by name: of the document's own texts, or of the zoo."""
    texts = subtable(document, "cells")
    found = []
    for name in names(document, key):
        if name in texts:
            text = like(texts[name], "", f"cells.{name}")
            try:
                found.append((name, parse_named(text)[1]))
            except CellError as error:
                raise UserError(f"cells.{name}: {error}") from None
        elif name in ZOO:
            found.append((name, ZOO[name]))
        else:
            raise UserError(f"{key}: {unknown_name('cell', name, (*texts, *ZOO))}")
    return tuple(found)


def _rules(table: Document, candidates: int) -> Rules:
    """The numbers of the procedure; two have defaults that depend on how long it is."""
    in_flight = default_in_flight(candidates)
    rules = Rules(in_flight=in_flight, slots=default_slots(in_flight))
    table = dict(table)
    changes: dict[str, Any] = {}

    # Tables in the table are values of their own; all else is numbers and names.
    if "racing" in table:
        changes["racing"] = _racing(table.pop("racing"), "rules.racing")
    if "inheritance" in table:
        own = table.pop("inheritance")
        changes["inheritance"] = fields(Inheritance(), own, "rules.inheritance")
    if "weights" in table:
        weights = table.pop("weights")
        check_table(weights, "rules.weights")
        changes["weights"] = tuple(
            (name, like(weight, 1.0, f"rules.weights.{name}"))
            for name, weight in sorted(weights.items())
        )
    if isinstance(table.get("ops"), str):
        table["ops"] = [table["ops"]]
    plain: Rules = fields(rules, table, "rules")
    return dataclasses.replace(plain, **changes)


def _racing(value: Any, path: str) -> Racing | None:
    """How settings compete: a table, true for its defaults, false for not at all."""
    if value is False:
        return None
    racing: Racing = fields(Racing(), {} if value is True else value, path)
    return racing


def _plan(document: Document, task: str) -> Plan:
    """How a task is trained.

    Raises:
        UserError: Names the key, or the tasks that there is a plan for.
    """
    tables, path = document["plans"], f"plans.{task}"
    common, own = tables.get(ALL, {}), tables.get(task, {})
    check_table(common, f"plans.{ALL}")
    check_table(own, path)
    table = overlay(common, own)
    check_keys(table, ("budget", "schedule", "task", "grid"), f"{path}.")

    # A preset may be for some tasks alone.
    missing = [key for key in ("budget", "schedule", "grid") if key not in table]
    if missing:
        preset = document["preset"]
        known = preset_document(preset)["plans"]
        said = f", whose plan lacks {', '.join(missing)}" if own else ""
        raise UserError(no_plan(preset, known, task) + said)
    budget = like(table["budget"], 1, f"{path}.budget")
    at_least(f"{path}.budget", budget, 1)
    return Plan(
        grid=_grid(table["grid"], f"{path}.grid"),
        budget=budget,
        schedule=_schedule(table["schedule"], f"{path}.schedule"),
        overrides=_overrides(table.get("task", {}), f"{path}.task"),
    )


def _grid(table: Any, path: str) -> Grid:
    grid: Grid = fields(_GRID, table, path, _SHAPE)
    return grid


def _overrides(table: Any, path: str) -> tuple[tuple[str, Any], ...]:
    """Fields of a task that differ from its size; the task checks their names."""
    check_table(table, path)
    for key, value in table.items():
        where = f"{path}.{key}"
        if key in ("name", "size", "spec"):
            raise UserError(f"{where} is no option of a task")
        if not isinstance(value, int | float | str):
            raise UserError(f"{where} must be one value, got {value!r}")
        check_number(value, where)
    return tuple(sorted(table.items()))


def _schedule(table: Any, path: str) -> Schedule:
    """A schedule by its name, with its options; those not named are its defaults."""
    check_table(table, path)
    options = dict(table)
    name = like(options.pop("name", ""), "", f"{path}.name")
    if name not in SCHEDULES:
        raise UserError(unknown_name("schedule", name, SCHEDULES))
    defaults = SCHEDULES[name].options
    check_keys(options, tuple(defaults), f"{path}.")
    chosen = []
    for key, value in options.items():
        where = f"{path}.{key}"
        wants_pairs = isinstance(defaults[key], tuple)
        read = pairs(value, where) if wants_pairs else like(value, 0.0, where)
        chosen.append((key, read))
    return Schedule(name, tuple(chosen))
