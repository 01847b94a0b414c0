"""Tasks by name: those in the box, installed ones, a person's class, or a text file."""

import dataclasses
import difflib
import functools
import importlib
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.arithmetic import Arithmetic
from tasks.base import Task, TaskError, Value, reason_of
from tasks.check import PERSONS_ERRORS, check_task
from tasks.memorization import Memorization
from tasks.music import JsbChorales, Nottingham, PianoMidi
from tasks.pack import PACK
from tasks.ptb import PennTreebank
from tasks.text import TEXT_KINDS
from tasks.xml import Xml

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "cellsearch.tasks"
SIZE_NAMES = ("small", "paper")

TASKS: Mapping[str, Callable[..., Task]] = types.MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Memorization,
            Arithmetic,
            Xml,
            PennTreebank,
            Nottingham,
            PianoMidi,
            JsbChorales,
            *PACK,
        )
    }
)


_LOADED: set[str] = set()


def make_task(name: str, size: str = "small", **overrides: Value) -> Task:
    """A task of the box in a named size, with single fields set otherwise.

    Args:
        name: a key of `TASKS`.
        size: `small` (for CPUs) or `paper`.
        **overrides: fields of the task's class; they win over the size.

    Raises:
        TaskError: an unknown name, size or field (the nearest valid one is named), or
            a value that does not fit.
    """
    if name not in TASKS:
        raise TaskError(unknown("task", name, TASKS))
    return build(name, TASKS[name], size, overrides)


def resolve_task(spec: str, size: str = "small", **overrides: Value) -> Task:
    """The task that a person names, wherever a task is named.

    Args:
        spec: a key of `TASKS`; `text:FILE` or `words:FILE`; `module:Class`; or a name
            of the entry point group `cellsearch.tasks`. Names of the box come first.
        size: `small` or `paper`.
        **overrides: fields of the task's class; they win over the size.

    Returns:
        The task. One that is not of the box has been checked by `check_task`.

    Raises:
        TaskError: nothing has that name, or what has it is no task.
    """
    if spec in TASKS:
        return make_task(spec, size, **overrides)
    kind, colon, rest = spec.partition(":")
    if colon and kind in TEXT_KINDS:
        if not rest:
            raise TaskError(f"{spec!r} names no file; write {kind}:path/to/file.txt")
        if "path" in overrides:
            raise TaskError(f"{spec!r} names the file; leave out path")
        path = str(Path(rest).expanduser().absolute())  # workers may run elsewhere
        return build(spec, TEXT_KINDS[kind], size, {**overrides, "path": path})
    maker = import_class(spec) if colon else installed(spec)
    return build_checked(spec, maker, size, json.dumps(overrides))


@functools.lru_cache(maxsize=64)
def build_checked(spec: str, maker: Any, size: str, overrides: str) -> Task:
    """A person's task, checked by `check_task` once per process; overrides as JSON."""
    task = build(spec, maker, size, json.loads(overrides))
    check_task(task)
    return task


def task_names() -> list[str]:
    """The names of the box, then those of installed packages."""
    return [*TASKS, *sorted(set(entry_points()) - set(TASKS))]


def entry_points() -> dict[str, "EntryPoint"]:
    """The entry points of the group `cellsearch.tasks`; nothing is imported.

    Raises:
        TaskError: two packages use one name.
    """
    from importlib import metadata  # here: it takes as long to import as the rest

    found: dict[str, EntryPoint] = {}
    for point in metadata.entry_points(group=ENTRY_POINTS):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise TaskError(
                f"two installed packages name a task {point.name!r}: {other.value} "
                f"and {point.value}; name the class itself instead"
            )
    return found


def installed(name: str) -> Callable[..., Task]:
    """The class behind an entry point.

    Raises:
        TaskError: there is none of that name, or it cannot be imported.
    """
    points = entry_points()
    if name not in points:
        raise TaskError(unknown("task", name, [*TASKS, *points, "text:", "words:"]))
    return import_class(points[name].value)


def loaded_classes() -> frozenset[str]:
    """The classes that have been imported by name in this process: `module:Class`."""
    return frozenset(_LOADED)


def import_class(spec: str) -> Callable[..., Task]:
    """The class that `module:Class` names.

    Raises:
        TaskError: the module cannot be imported, or has no such class.
    """
    # Importing runs a person's code, which may raise anything; they asked for it.
    module_name, _, class_name = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
    except PERSONS_ERRORS as error:
        reason = reason_of(error)
        hint = nearest(module_name, TEXT_KINDS)
        raise TaskError(
            f"task {spec!r}: cannot import {module_name!r} ({type(error).__name__}: "
            f"{reason}); install it or put its folder on PYTHONPATH{hint}"
        ) from error
    # A class may stand inside another one.
    maker: object = module
    for part in class_name.split("."):
        maker = getattr(maker, part, None)
    if not isinstance(maker, type):
        classes = [
            key for key, value in vars(module).items() if isinstance(value, type)
        ]
        raise TaskError(f"task {spec!r}: " + unknown("class", class_name, classes))
    _LOADED.add(spec)
    return maker


def build(spec: str, maker: Any, size: str, overrides: Mapping[str, Value]) -> Task:
    """An instance of a class: the fields of its size, then the overrides.

    A class without `SIZES` has no named sizes and takes its defaults.

    Raises:
        TaskError: an unknown size or field, or a value that does not fit.
    """
    if size not in SIZE_NAMES:
        raise TaskError(f"task {spec!r}: " + unknown("size", size, SIZE_NAMES))
    sizes: Mapping[str, Mapping[str, Value]] = getattr(maker, "SIZES", {})
    values = {**sizes.get(size, {}), **overrides}
    try:
        if dataclasses.is_dataclass(maker):
            check_fields(spec, maker, overrides)
        task: Task = maker(**values)
    except TaskError:
        raise
    except PERSONS_ERRORS as error:
        reason = reason_of(error)
        raise TaskError(f"task {spec!r}: {type(error).__name__}: {reason}") from error
    return task


def check_fields(spec: str, maker: Any, overrides: Mapping[str, Value]) -> None:
    """Checks names and types of the fields that a person sets.

    Raises:
        TaskError: names the field, its type, and the nearest field.
    """
    hints = typing.get_type_hints(maker)
    names = [field.name for field in dataclasses.fields(maker) if field.init]
    for name, value in overrides.items():
        if name not in names:
            raise TaskError(f"task {spec!r}: " + unknown("field", name, names))
        if not fits(value, hints[name]):
            wanted = getattr(hints[name], "__name__", str(hints[name]))
            raise TaskError(f"task {spec!r}: {name} must be {wanted}, got {value!r}")


def fits(value: Value, hint: Any) -> bool:
    """Whether a configured value is of a field's type; 1 is no bool, but is a float."""
    choices = typing.get_args(hint) or (hint,)
    if isinstance(value, bool):
        return bool in choices
    if isinstance(value, int) and float in choices:
        return True
    return any(
        isinstance(choice, type) and isinstance(value, choice) for choice in choices
    )


def unknown(what: str, name: str, valid: Iterable[str]) -> str:
    """`unknown WHAT 'NAME'; did you mean ...?`, or all there is if nothing is near."""
    names = sorted(set(valid))
    hint = nearest(name, names) or f"; there are {', '.join(names)}"
    return f"unknown {what} {name!r}{hint}"


def nearest(name: str, valid: Iterable[str]) -> str:
    """`; did you mean ...?`, or nothing."""
    close = difflib.get_close_matches(name, list(valid), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
