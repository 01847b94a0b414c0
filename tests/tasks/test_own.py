"""A person's own task: a class on the path, an installed package, names refused."""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks import ACCURACY, TASKS, TaskError, list_tasks, make_task, resolve_task
from tasks.registry import task_names

PACKAGE = '''
"""A person's package."""

from dataclasses import dataclass

import numpy as np

from tasks import Stream, TokenTask


@dataclass(frozen=True, kw_only=True)
class Parity(TokenTask):
    name = "parity"
    summary = "Whether an even number of ones was read."
    length: int = 70
    SIZES = {"small": {"length": 70}, "paper": {"length": 700}}

    @property
    def symbols(self):
        return "01"

    def stream(self, split, epoch, seed):
        names = ["train", "valid", "test"]
        rng = np.random.default_rng([seed, names.index(split)])
        inputs = rng.integers(0, 2, (self.batch_size, self.length), np.int32)
        reset = np.zeros(inputs.shape, bool)
        reset[:, 0] = True
        targets = (inputs.cumsum(axis=1) % 2).astype(np.int32)
        return Stream(inputs, targets, ~np.zeros_like(reset), reset)


class Nothing:
    pass


class Fails:
    def __init__(self):
        raise KeyError("no such\\nthing")


VALUE = 3
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package `person_N.work` on the path; a new name for each test."""
    name = f"person_{tmp_path.name.strip('_')}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "work.py").write_text(PACKAGE)
    (tmp_path / name / "broken.py").write_text("import a_module_that_is_nowhere\n")
    (tmp_path / name / "wrong.py").write_text("def f(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def install(monkeypatch: pytest.MonkeyPatch, points: Mapping[str, str]) -> None:
    """Makes entry points appear as those of installed packages."""
    group = "cellsearch.tasks"
    made = [importlib.metadata.EntryPoint(n, v, group) for n, v in points.items()]

    def entry_points(*, group: str) -> list[importlib.metadata.EntryPoint]:
        return [point for point in made if point.group == group]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


def message_of(caught: pytest.ExceptionInfo[TaskError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_persons_class_is_found_by_module_and_name(package: str) -> None:
    task = resolve_task(f"{package}.work:Parity")
    assert (task.name, task.num_inputs, task.metric) == ("parity", 2, ACCURACY)
    assert task.stream("valid", 0, 0).inputs.shape == (20, 70)
    assert resolve_task(f"{package}.work:Parity", "paper").config()["length"] == 700
    assert resolve_task(f"{package}.work:Parity", length=35).config()["length"] == 35


def test_a_persons_task_is_checked_once_per_process(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    monkeypatch.setattr("tasks.registry.check_task", lambda t: checked.append(t.name))
    for _ in range(3):
        resolve_task(f"{package}.work:Parity")
    resolve_task(f"{package}.work:Parity", length=105)
    assert checked == ["parity", "parity"]


def test_an_installed_task_is_found_by_its_entry_point(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, {"parity": f"{package}.work:Parity", "arithmetic": "x:Y"})
    assert resolve_task("parity").name == "parity"
    assert type(resolve_task("arithmetic")) is TASKS["arithmetic"]  # the box wins
    assert task_names() == [*TASKS, "parity"]
    rows = {row["name"]: row for row in list_tasks()}
    assert rows["parity"]["sizes"]["paper"]["config"]["length"] == 700


def test_a_broken_installed_task_does_not_break_the_list(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, {"bad": f"{package}.broken:Task"})
    row = list_tasks()[-1]
    assert row["name"] == "bad"
    assert "a_module_that_is_nowhere" in row["error"]


def test_two_packages_with_one_name_are_a_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [
        importlib.metadata.EntryPoint("same", value, "cellsearch.tasks")
        for value in ("one:A", "two:B")
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    with pytest.raises(TaskError, match="one:A and two:B"):
        resolve_task("same")


UNKNOWN = {
    "arithmetics": "unknown task 'arithmetics'; did you mean 'arithmetic'?",
    "memorisation": "did you mean 'memorization'?",
    "piano": "unknown task 'piano'; did you mean 'piano_midi'?",
    "zzz": "unknown task 'zzz'; there are adding, arithmetic, ",
    "": "unknown task ''; there are",
    "PACKAGE.work:Pairity": "unknown class 'Pairity'; did you mean 'Parity'?",
    "PACKAGE.work:VALUE": "unknown class 'VALUE'",
    "PACKAGE.work:": "unknown class ''",
    "PACKAGE.wrok:Parity": "cannot import",
    "PACKAGE.broken:Task": "No module named 'a_module_that_is_nowhere'",
    "PACKAGE.wrong:Task": "SyntaxError",
    "PACKAGE.work:Fails": "KeyError: 'no such",
    "PACKAGE.work:Nothing": "Nothing: name is missing",
    "tex:README.md": "did you mean 'text'?",
    ":Class": "cannot import ''",
    "text:": "names no file; write text:path/to/file.txt",
}


@pytest.mark.parametrize("spec", UNKNOWN)
def test_an_unknown_task_is_one_line_that_helps(package: str, spec: str) -> None:
    with pytest.raises(TaskError, match=re.escape(UNKNOWN[spec])) as caught:
        resolve_task(spec.replace("PACKAGE", package))
    message_of(caught)


def test_names_and_types_of_fields_are_checked() -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"digit": 3}, "unknown field 'digit'; did you mean 'digits'?"),
        ({"digits": "3"}, "digits must be int, got '3'"),
        ({"digits": 3.5}, "digits must be int, got 3.5"),
        ({"digits": True}, "digits must be int, got True"),
        ({"fresh": 1}, "fresh must be bool, got 1"),
        ({"size": "tiny"}, "unknown size 'tiny'; there are paper, small"),
        ({"size": "papper"}, "unknown size 'papper'; did you mean 'paper'?"),
    ]
    for overrides, words in wrong:
        with pytest.raises(TaskError, match=re.escape(words)) as caught:
            make_task("arithmetic", **overrides)
        assert "task 'arithmetic': " in message_of(caught)
    with pytest.raises(TaskError, match="folder must be"):
        make_task("ptb", folder=3)
    assert make_task("ptb", folder=None) == make_task("ptb")


def test_importing_tasks_is_cheap() -> None:
    code = "import sys, tasks; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for heavy in ("jax", "ray", "flax", "pooch", "rich", "requests"):
        assert heavy not in loaded
