"""A search's configuration as TOML: every option counts, and mistakes are one line."""

import contextlib
import copy
import functools
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cells import OPS, ZOO, CellError, to_text
from search.commands.cli import main
from search.commands.run import read_setting
from search.errors import UserError
from search.loop import pools
from search.procedure.document import Document, assign, differences, overlay
from search.procedure.presets import search_names
from search.procedure.reader import make_config
from search.procedure.rules import Rules
from search.procedure.writer import to_document
from search.store.document_file import write_document
from tasks import TaskError
from tests.support.fake_search import history, make_pool, results
from workers import JobError

# A small search in which every rule has something to decide.
BASE: Document = {
    "preset": "tiny",
    "references": ["tanh"],
    "rules": {
        "list_size": 8,
        "settings": 3,
        "max_redraws": 3,
        "reexamine": 0.2,
        "inheritance": {"many": 3, "best": 3},
        "weights": {"remove": 2},
        "racing": {"eta": 2.0, "first": 0.25},
    },
    "filter": {"give_up": [[300, 1.5]]},
    "plans": {"xml": {"schedule": {"name": "search", "patience": 2}}},
}
FIRST = {"scale": 2.0, "rate": 0.5, "clip": 2.5, "num_layers": 1, "parameters": 6_000}
"""A setting of the filter of `tiny`."""

CHANGED: dict[str, Any] = {
    "preset": "small",
    "size": "paper",
    "seed": 1,
    "seeds": ["gru", "lstm"],
    "references": ["tanh", "mut1"],
    "baseline": "lstm",
    "tasks": ["xml", "arithmetic"],
    "rules.list_size": 1,
    "rules.settings": 2,
    "rules.baseline_settings": 5,
    "rules.gate": 1.02,
    "rules.reexamine": 0.5,
    "rules.rounds": [2, 3],
    "rules.edits": [1, 2],
    "rules.recurrent": 1,
    "rules.widest": 1.01,
    "rules.largest": 2.0,
    "rules.faintest": 0.5,
    "rules.parents": "seeds",
    "rules.crossover": 1.0,
    "rules.ops": ["extended"],
    "rules.weights": {},
    "rules.weights.remove": 0,
    "rules.max_nodes": 12,
    "rules.max_redraws": 1,
    "rules.inheritance.many": 420,
    "rules.inheritance.best": 1,
    "rules.racing": False,
    "rules.racing.eta": 4.0,
    "rules.racing.first": 0.5,
    "rules.settings_per_job": 1,
    "rules.slots": 2,
    "rules.in_flight": 1,
    "training.optimizer": "adam",
    "training.products": "bfloat16",
    "training.divergence": 3,
    "training.block": "residual",
    "training.memory_limit_bytes": 10**9,
    "filter.name": "off",
    "filter.budget": 500,
    "filter.target": 0.9,
    "filter.give_up": [],
    "filter.task.letters": 9,
    "filter.first": FIRST,
    "cells.lstm": to_text(ZOO["mut2"]),
    "cells.gru": to_text(ZOO["mut2"]),
    "cells.tanh": to_text(ZOO["mut2"]),
    "plans.arithmetic.budget": 500,
    "plans.arithmetic.schedule.name": "search",
    "plans.arithmetic.task.digits": 2,
    "plans.arithmetic.task.distractors": 1,
    "plans.xml.budget": 500,
    "plans.xml.schedule.name": "fixed",
    "plans.xml.schedule.patience": 1,
}
for task in ("arithmetic", "xml"):
    for split in ("train", "valid", "test"):
        CHANGED[f"plans.{task}.task.{split}_tokens"] = 14_000
    CHANGED |= {
        f"plans.{task}.grid.scale": [0.5, 1],
        f"plans.{task}.grid.rate": [0.3, 1],
        f"plans.{task}.grid.clip": [1, 3],
        f"plans.{task}.grid.num_layers": [1, 2],
        f"plans.{task}.grid.parameters": [5000],
        f"plans.{task}.grid.dropout": [0, 0.5],
        f"plans.{task}.grid.decay": [0.5, 0.6],
        f"plans.{task}.grid.constant_epochs": [4],
    }
ELSEWHERE = {"own_ops"}
"""What alone decides nothing: it is used by cells and `rules.ops`, see below."""

UNSAID = {
    *("rules.weights", "rules.racing", "training.memory_limit_bytes", "size"),
    "training.block",
    *("filter.task.letters", "filter.first"),
    *(f"plans.{t}.grid.{n}" for t in ("xml", "arithmetic") for n in ("decay",)),
    *(f"plans.{t}.grid.constant_epochs" for t in ("xml", "arithmetic")),
}
"""What `to_document` leaves out if it is not set, and tables as a whole."""


@functools.cache
def whole() -> Document:
    """`BASE` with everything said; nobody changes it."""
    return to_document(make_config(BASE))


def leaves(document: Document, path: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}{key}.")
        else:
            yield path + key


def replaced(document: Document, key: str, value: Any) -> Document:
    """A copy with another value; tables that depend on it are left to the preset."""
    document = copy.deepcopy(document)
    place = document
    *tables, name = key.split(".")
    for table in tables:
        place = place.setdefault(table, {})
    place[name] = value
    if key == "preset":
        return {"preset": value, "seed": document["seed"]}
    if key.endswith("schedule.name"):
        place.pop("patience", None)
    return document


def outcome(document: Document, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The table of a search of 12 candidates, and all that it decides and finds."""
    monkeypatch.setattr(pools, "make_pool", make_pool)
    folder.mkdir()
    write_document(folder / "mine.toml", document)
    words = (str(folder / "mine.toml"), "--candidates", "12", "--json")
    with contextlib.redirect_stdout(io.StringIO()) as table:
        assert main(["run", *words, "--out", str(folder / "run")]) == 0
    return table.getvalue(), history(folder / "run"), results(folder / "run")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return outcome(whole(), tmp_path_factory.mktemp("base") / "a", monkeypatch)


def test_the_same_configuration_gives_the_same_search(
    base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcome(BASE, tmp_path / "a", monkeypatch) == base


def test_every_option_has_a_row_here() -> None:
    assert set(leaves(whole())) == set(CHANGED) - UNSAID | ELSEWHERE


PLAIN = (
    *("edits", "recurrent", "widest", "largest", "faintest", "parents", "crossover"),
    "racing",
)


@pytest.mark.parametrize("name", search_names())
@pytest.mark.parametrize("rule", PLAIN)
def test_a_rule_of_a_preset_that_is_undone_stays_undone(name: str, rule: str) -> None:
    value = False if rule == "racing" else getattr(Rules(), rule)
    config = make_config(replaced({"preset": name}, f"rules.{rule}", value))
    assert getattr(config.rules, rule) == (value or getattr(Rules(), rule))
    assert make_config(to_document(config)) == config


@pytest.mark.parametrize("key", CHANGED)
def test_every_option_changes_the_search(
    key: str, base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = replaced(whole(), key, CHANGED[key])
    assert outcome(document, tmp_path / "a", monkeypatch) != base


def test_own_ops_may_be_named_by_cells_and_rules() -> None:
    with pytest.raises(UserError, match="raising"):
        make_config({"rules": {"ops": ["paper", "raising"]}})
    try:
        config = make_config(
            {
                "own_ops": ["tests.support.bad_ops:raising"],
                "rules": {"ops": ["paper", "raising"]},
                "seeds": ["gru", "mine"],
                "cells": {"mine": "def mine(x, h):\n    return raising(linear(h + x))"},
            }
        )
        assert make_config(to_document(config)) == config
    finally:
        OPS.pop("raising", None)


@pytest.mark.parametrize("preset", search_names())
def test_a_document_says_everything(preset: str) -> None:
    config = make_config({"preset": preset, "seed": 3, "candidates": 1000})
    assert make_config(to_document(config)) == config


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, []),
        ({"name": "small"}, []),
        ({"size": "paper"}, ["size"]),
        ({"task": {"letters": 9}}, ["task"]),
        ({"first": FIRST}, ["first", "grid"]),
        ({"grid": {"clip": [2.5, 5]}}, ["first", "grid"]),
    ],
)
def test_of_a_filter_is_said_what_its_name_does_not_say(
    table: Document, said: list[str]
) -> None:
    config = make_config({"preset": "tiny", "filter": table})
    document = to_document(config)
    assert make_config(document) == config
    keys = ["name", "budget", "target", "give_up", *said]
    assert list(document["filter"]) == keys


def test_a_filter_of_another_name_is_another_filter() -> None:
    named = make_config({"preset": "tiny", "filter": {"name": "small"}})
    assert named.filter == make_config({"preset": "small"}).filter


def test_what_is_laid_over_counts_and_the_rest_stays() -> None:
    base: Document = {"a": {"b": 1, "c": [1]}, "schedule": {"name": "x", "d": 1}}
    change: Document = {"a": {"c": [2]}, "schedule": {"e": 2}}
    merged = overlay(base, change)
    assert merged == {
        "a": {"b": 1, "c": [2]},
        "schedule": {"name": "x", "d": 1, "e": 2},
    }
    merged["a"]["b"] = 3
    assert base["a"] == {"b": 1, "c": [1]}
    assert overlay(base, {"schedule": {"name": "y"}})["schedule"] == {"name": "y"}
    assert overlay(base, {"a": 3})["a"] == 3
    assert overlay({"a": 3}, {"a": {"b": {}}}) == {"a": {"b": {}}}


def test_cells_are_texts_or_of_the_zoo_and_nothing_else_is_opened(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine"
    path.write_text(to_text(ZOO["tanh"], "mine"))
    for source in (str(path), "mine", "runs/a:1", "-"):
        with pytest.raises(UserError, match=r"^references: unknown cell"):
            make_config({"references": [source]})
    with pytest.raises(UserError, match="seeds: unknown cell 'gruu'; did you mean"):
        make_config({"seeds": ["gruu"]})
    config = make_config({"references": ["mine"], "cells": {"mine": path.read_text()}})
    assert config.references == (("mine", ZOO["tanh"]),)


def test_what_differs_is_named_with_both_values() -> None:
    other = replaced(whole(), "rules.racing.eta", 3.0)
    other["filter"].pop("give_up")
    assert differences(whole(), copy.deepcopy(whole())) == []
    assert differences(whole(), other) == [
        "filter.give_up is None, was [[300.0, 1.5]]",
        "rules.racing.eta is 3.0, was 2.0",
    ]


SET = {
    "rules.gate=0.8": {"rules": {"gate": 0.8}},
    "rules.gate = 1": {"rules": {"gate": 1}},
    'tasks=["xml"]': {"tasks": ["xml"]},
    "preset=tiny": {"preset": "tiny"},
    "filter.name=a=b": {"filter": {"name": "a=b"}},
    'plans."text:a.txt".budget=3': {"plans": {"text:a.txt": {"budget": 3}}},
    "plans.xml.grid.rate=[0.5, 1]": {"plans": {"xml": {"grid": {"rate": [0.5, 1]}}}},
}


@pytest.mark.parametrize("assignment", SET)
def test_set_assigns_toml_values_or_plain_words(assignment: str) -> None:
    document: Document = {}
    assign(document, *read_setting(assignment))
    assert document == SET[assignment]


def test_set_keeps_its_neighbours_and_the_last_one_counts() -> None:
    document: Document = {"rules": {"gate": 0.5, "slots": 3}, "seed": 1}
    assign(document, "rules.gate", 0.6)
    assign(document, "rules.gate", 0.7)
    assert document == {"rules": {"gate": 0.7, "slots": 3}, "seed": 1}


MISTAKES = {
    "rules.gat=1": "unknown option 'rules.gat'; did you mean 'rules.gate'?",
    "rule.gate=1": "unknown option 'rule'; did you mean 'rules'?",
    "plans.xlm.budget=1": "unknown option 'plans.xlm'; did you mean 'plans.xml'?",
    "plans.xml.budgt=1": "did you mean 'plans.xml.budget'?",
    "plans.xml.grid.rates=[1]": "did you mean 'plans.xml.grid.rate'?",
    "plans.xml.task.leters=3": "did you mean 'letters'?",
    "plans.xml.task.name=3": "plans.xml.task.name is no option of a task",
    "plans.xml.schedule.name=fixd": "did you mean 'fixed'?",
    "plans.xml.schedule.patience=3": "'plans.xml.schedule.patience'",
    "plans.xml.grid.scale=[0]": "grid of xml: scale of a setting must be above 0",
    "plans.xml.grid.parameters=[30]": "lstm on xml: no width fits a budget of 30",
    "plans.xml.grid.rate=[]": "rate of a grid needs at least one value",
    "training.schedule=3": "unknown option 'training.schedule'",
    "training.optimizer=adm": "optimizer must be one of sgd, adam, adamw, momentum, ",
    "training.block=resdual": "training: unknown block 'resdual'; did you mean 'resid",
    "training.block=1": "training.block must be a text, got 1",
    "filter.name=smal": "unknown filter 'smal'; did you mean 'small'?",
    "filter.budget=0": "filter.budget must be at least 1, got 0",
    "filter.give_up=[[1]]": "filter.give_up must be pairs of numbers, got [[1]]",
    "preset=smal": "unknown preset 'smal'; did you mean 'small'?",
    "preset=[1]": "preset must be a text, got [1]",
    "tasks=xml": "tasks must be a list, got 'xml'",
    'tasks=["xml","xml"]': "tasks has 'xml' twice",
    'tasks=["xmll"]': "preset tiny is for memorization, arithmetic, xml, not for",
    "tasks=[]": "tasks needs at least one task",
    'seeds=["gruu"]': "'gruu' is neither a cell of the zoo nor a file",
    "seeds=[]": "seeds needs at least one cell",
    'references=["lstm"]': "seeds and references: 'lstm' is there twice",
    "baseline=mut1": "unknown baseline 'mut1'; there are lstm, gru",
    "cells.gru=3": "cells.gru must be a text, got 3",
    'cells.gru="def f(x, h): return g"': "cells.gru: ",
    'own_ops=["nowhere:op"]': "cannot import 'nowhere'",
    'own_ops=[""]': "op '': cannot import ''",
    "seed=-1": "seed must be at least 0, got -1",
    "seed=1.5": "seed must be a whole number, got 1.5",
    "seed=true": "seed must be a whole number, got True",
    "seed=99999999999999999999": "seed must be a number below 2**63",
    "rules=3": "rules must be a table, got 3",
    "rules.gate=nan": "rules.gate must be a number below 2**63, got nan",
    "rules.gate=high": "rules.gate must be a number, got 'high'",
    "rules.rounds=[1]": "rounds must be two numbers, 1 or more, in order, got (1,)",
    "rules.rounds=[3,1]": "rounds must be two numbers, 1 or more, in order",
    "rules.settings=9": "settings must be at most 8, the size of the grid of",
    "rules.racing.eta=1": "rules.racing: eta of a race must be above 1, got 1.0",
    "rules.weights.insrt=1": "unknown transformation 'insrt'; did you mean 'insert'?",
    "rules.weights.insert=-1": "weight of insert must be at least 0, got -1.0",
    "rules.ops=papr": "ops: ",
    "rules.max_nodes=1001": "max_nodes must be at most 1000, got 1001",
    "rules.inheritance.best=0": "inheritance.best must be at least 1, got 0",
    "rules.gate": "--set takes KEY=VALUE, such as rules.gate=0.8, got 'rules.gate'",
    "=3": "a key of a configuration is such as rules.gate, got ",
    "a b=3": "a key of a configuration is such as rules.gate, got ",
    "preset.name=3": "preset.name: preset is no table",
}


@pytest.mark.parametrize("assignment", MISTAKES)
def test_a_mistake_in_the_configuration_is_one_line_and_makes_no_folder(
    assignment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pools, "make_pool", make_pool)
    words = ("--preset", "tiny", "--set", assignment, "--out", "run")
    assert main(["run", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("cellsearch run: ")
    assert error.count("\n") == 1
    assert MISTAKES[assignment] in error
    assert list(tmp_path.iterdir()) == []


WRONG: tuple[Any, ...] = (
    *(-1, 0, 10**30, 2.5, float("nan"), float("inf"), "", "x", True),
    *([], [1], [1, 2, 3], ["x"], [[1]], [["a", "b"]], [{}], {}, {"name": 1}, {"x": 1}),
)


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_value_of_any_type_anywhere_is_taken_or_refused_in_one_line(
    value: Any,
) -> None:
    keys = [*leaves(whole()), *UNSAID, "plans", "plans.xml", "plans.xml.grid"]
    keys += ["filter", "training", "rules", "cells", "plans.xml.task", "own_ops"]
    keys += ["candidates", "summary", "evaluate", "plans.*", "filter.task"]
    keys += ["filter.first.scale", "filter.grid.clip", "plans.*.grid"]
    messages = []
    for key in keys:
        try:
            config = make_config(replaced(whole(), key, value))
        except (UserError, CellError, TaskError, JobError) as error:
            messages.append(str(error))
        else:
            assert make_config(to_document(config)) == config, key
    assert len(messages) > 10
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "mine.toml: cannot be read (No such file or directory)"),
        ("seed = ", "mine.toml: not TOML: "),
        (b"seed = 1\xff", "mine.toml: cannot be read ("),
        ("sed = 1", "unknown option 'sed'; did you mean 'seed'?"),
        ("[rules]\ngate = '1'", "rules.gate must be a number, got '1'"),
        ("seed = 1979-05-27", "seed must be a whole number, got datetime.date"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_line(
    text: str | bytes | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pools, "make_pool", make_pool)
    if text is not None:
        Path("mine.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    assert main(["run", "mine.toml", "--out", "run"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert not Path("run").exists()
