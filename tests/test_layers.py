"""Imports point down only, and stay cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {
    "cells": set(),
    "tasks": set(),
    "workers": {"cells", "tasks"},
    "search": {"cells", "tasks", "workers"},
    "benchmarks": {"cells", "tasks", "workers", "search"},
}
FILES = [
    path.relative_to(ROOT)
    for folder in BELOW
    for path in sorted((ROOT / folder).rglob("*.py"))
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
