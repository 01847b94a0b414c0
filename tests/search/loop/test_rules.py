"""Every rule of a search changes what comes of it."""

import dataclasses
import functools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from search.procedure.racing import Racing
from search.procedure.rules import Rules
from search.procedure.settings import Inheritance
from tests.support.instant import config, everything, run

OTHERS: dict[str, Any] = {
    "list_size": 2,
    "settings": 19,
    "baseline_settings": 23,
    "gate": 1.05,
    "reexamine": 0.5,
    "rounds": (2, 3),
    "edits": (1, 2),
    "recurrent": 1,
    "widest": 1.01,
    "largest": 1.0,
    "faintest": 0.1,
    "crossover": 0.9,
    "parents": "seeds",
    "ops": ("extended",),
    "weights": (("insert", 2.0),),
    "max_nodes": 10,
    "max_redraws": 1,
    "inheritance": Inheritance(many=10),
    "racing": Racing(),
    "settings_per_job": 2,
    "slots": 31,
    "in_flight": 7,
}
"""For each field of `Rules` a value that is not its default."""


@functools.cache
def outcome_of(rules: Rules) -> list[list[Any]]:
    """What a short search by these rules comes to."""
    with TemporaryDirectory() as folder:
        _, engine = run(Path(folder, "run"), config(rules), 12)
        return everything(Path(folder, "run"), engine)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Rules)])
def test_every_rule_changes_the_search(name: str) -> None:
    other = outcome_of(dataclasses.replace(Rules(), **{name: OTHERS[name]}))
    changed = other != outcome_of(Rules())
    assert changed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inheritance", Inheritance(best=2)),
        ("racing", Racing(eta=2.0)),
        ("racing", Racing(first=1 / 3)),
    ],
)
def test_every_number_of_inheritance_and_racing_changes_the_search(
    name: str, value: Any
) -> None:
    one, other = (
        dataclasses.replace(Rules(), **{name: one}) for one in (value, type(value)())
    )
    changed = outcome_of(one) != outcome_of(other)
    assert changed
