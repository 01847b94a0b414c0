"""What holds for every Python that is admitted, whichever runs the tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "cells", "search", "tasks", "tests", "workers")
POSSESSIVE = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\})\+|\(\?>")


def texts() -> Iterator[tuple[str, str]]:
    """Every text in the project's code, with its place."""
    for path in sorted(file for name in FOLDERS for file in (ROOT / name).rglob("*")):
        if path.suffix == ".template":
            yield str(path), path.read_text(encoding="utf-8")
        if path.suffix != ".py" or path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def test_no_regular_expression_has_a_possessive_group() -> None:
    # `re` of Python 3.11.0 to 3.11.4 mishandles them: with one, 2.0 was read as `2.`.
    assert [place for place, text in texts() if POSSESSIVE.search(text)] == []


@pytest.mark.parametrize(
    "text", [r"(?:a|b)*+", r"(ab)++", r"(a)?+", "(a){2,}+", "(?>a)"]
)
def test_possessive_groups_are_found(text: str) -> None:
    assert POSSESSIVE.search(text)


@pytest.mark.parametrize("text", [r"[ab]*+", r"\)++", r"a?+", "(a)+", "(a){2}"])
def test_what_is_no_possessive_group_is_not(text: str) -> None:
    assert not POSSESSIVE.search(text)
