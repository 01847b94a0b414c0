"""Imports point down only, and stay cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.house import components, imports, read

ROOT = Path(__file__).parents[1]
BELOW = {
    "cells": set(),
    "tasks": set(),
    "workers": {"cells", "tasks"},
    "search": {"cells", "tasks", "workers"},
    "benchmarks": {"cells", "tasks", "workers", "search"},
}
GROUND = {
    "cells": {
        *("ir", "ops", "own_ops", "tanh", "check", "size", "json_form", "graph"),
        "wording",
    },
    "workers": {"errors"},
    "search": {"errors"},
}
"""Files that every room of their folder may import."""

ROOMS = {
    "cells": {
        "notation": set(),
        "identity": set(),
        "scan": {"state_class"},
        "tables": {"scan"},
        "picture": {"notation"},
        "zoo": {"identity", "notation"},
        "export": {"identity", "notation", "scan", "state_class", "zoo"},
        "crossover": {"zoo"},
        "untrained": set(),
        "liveness": {"identity"},
        "state_class": {"identity"},
        "mutate": set(),
        "ablation": {"identity", "liveness", "notation", "zoo"},
    },
    "workers": {
        "job": set(),
        "machine": set(),
        "training": {"job", "machine"},
        "side_by_side": {"job", "machine", "training"},
        "pools": {"job", "machine", "training", "side_by_side"},
    },
    "search": {
        "procedure": set(),
        "store": {"procedure"},
        "loop": {"procedure", "store"},
        "contest": {"procedure", "store"},
        "output": {"procedure", "store", "loop", "contest"},
        "scoring": {"procedure", "store", "loop", "contest"},
        "checks": {"procedure", "store"},
        "api": {"procedure", "store", "loop", "contest", "output", "scoring"},
        "commands": {
            "procedure",
            "store",
            "loop",
            "contest",
            "output",
            "scoring",
            "checks",
            "api",
        },
        "__main__": {"commands"},
    },
}
"""The rooms of a folder, and those of the same folder that each may import."""

IMPURE = ("argparse", "sqlite3", "time", "datetime", "pathlib", "os", "io", "signal")
"""What `search.procedure` must do without."""

FILES = [
    path.relative_to(ROOT)
    for folder in BELOW
    for path in sorted((ROOT / folder).rglob("*.py"))
]
IN_ROOMS = [
    path for path in FILES if path.parts[0] in ROOMS and path.name != "__init__.py"
]
HEAVY = ("ray", "flax", "optax", "pooch", "matplotlib", "torch", "altair", "jinja2")


def imported(path: Path) -> list[str]:
    """Every module a file imports, wherever in it."""
    found = []
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(node.module or "")
    return found


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_only_from_folders_below_its_own(path: Path) -> None:
    own = path.parts[0]
    for module in imported(path):
        folder = module.split(".")[0]
        if folder in BELOW and folder != own:
            assert folder in BELOW[own], f"{path} imports {module}"
            if own != "benchmarks":
                assert module == folder, f"{path}: import from {folder}, not {module}"


@pytest.mark.parametrize("path", IN_ROOMS, ids=str)
def test_a_file_imports_only_from_rooms_below_its_own(path: Path) -> None:
    folder, room = path.parts[0], path.parts[1].removesuffix(".py")
    allowed = {room, *GROUND[folder], *ROOMS[folder].get(room, set())}
    for module in imported(path):
        parts = module.split(".")
        if parts[0] == folder:
            assert parts[1:], f"{path} imports {folder}, which imports it"
            assert parts[1] in allowed, f"{path} imports {module}"


def test_every_room_is_in_the_table() -> None:
    for folder, rooms in ROOMS.items():
        there = {
            path.parts[1].removesuffix(".py")
            for path in IN_ROOMS
            if path.parts[0] == folder
        }
        assert there == {*rooms, *GROUND[folder]}


def test_no_file_imports_itself_through_others() -> None:
    groups = components(imports(read(ROOT)))
    assert [sorted(group) for group in groups if len(group) > 1] == []


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parts[:2] == ("search", "procedure")]
)
def test_the_procedure_knows_no_file_clock_or_command_line(path: Path) -> None:
    for module in imported(path):
        assert module.split(".")[0] not in IMPURE, f"{path} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_workers_and_benchmarks_import_ray(path: Path) -> None:
    if path.parts[0] not in ("workers", "benchmarks"):
        assert not any(m.split(".")[0] == "ray" for m in imported(path))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_file_says_in_one_sentence_what_it_holds(path: Path) -> None:
    text = ast.get_docstring(ast.parse((ROOT / path).read_text()))
    assert text
    assert text.splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize(
    "package", ["cells", "tasks", "workers", "search.commands.cli"]
)
def test_importing_a_package_imports_nothing_heavy(package: str) -> None:
    code = (
        f"import sys, {package}\n"
        f"print([m for m in {(*HEAVY, 'jax')!r} if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "[]"
