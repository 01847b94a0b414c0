"""Presets: every document is whole, explained, and what the paper says."""

import dataclasses
from importlib.resources import files

import pytest

from search.errors import UserError
from search.procedure.document import Document, overlay
from search.procedure.presets import (
    preset_document,
    preset_names,
    preset_text,
    search_names,
)
from search.procedure.reader import make_config, make_scoring, planned
from search.procedure.rules import Rules
from search.procedure.writer import to_document
from tasks import PACK
from tasks.registry import task_names


def leaves(table: Document, path: str = "") -> set[str]:
    """All keys, those of tables in tables with dots."""
    found = set()
    for key, value in table.items():
        inner = leaves(value, f"{path}{key}.") if isinstance(value, dict) else None
        found |= inner or {path + key}
    return found


def test_every_file_is_a_preset_and_every_preset_a_file() -> None:
    there = files("search.procedure.presets").iterdir()
    names = {path.name.removesuffix(".toml") for path in there if ".toml" in path.name}
    assert names == set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_knows_its_name_and_has_a_sentence(name: str) -> None:
    document = preset_document(name)
    assert document["preset"] == make_scoring({"preset": name}).name == name
    assert len(document["summary"]) > 20
    assert "#" in preset_text(name)


def test_a_preset_is_the_same_whatever_is_done_to_its_document() -> None:
    document = preset_document("small")
    document["rules"]["gate"] = 0.1
    document["tasks"].append("ptb")
    assert preset_document("small") != document
    assert make_config({}).rules.gate == 0.9


@pytest.mark.parametrize("name", search_names())
def test_a_preset_says_everything_but_what_has_a_formula(name: str) -> None:
    document = preset_document(name)
    config = make_config(document)
    assert config == make_config({"preset": name})
    plans = {**document["plans"]}
    common = plans.pop("*", {})
    whole = {**document, "plans": {t: overlay(common, p) for t, p in plans.items()}}
    said = {key for key in leaves(to_document(config)) if not key.startswith("cells.")}
    formula = {"rules.in_flight", "rules.slots", "rules.weights"}
    unsaid = {key for key in said - leaves(whole) if ".dropout" not in key} - formula
    # Tasks that a preset has no lines for are trained by those of "*".
    named = {f"plans.{task}." for task in plans}
    unsaid = {key for key in unsaid if key[: key.rindex(".") + 1] in named or not plans}
    if plans:
        assert unsaid <= {f"plans.{task}.task" for task in document["tasks"]}


@pytest.mark.parametrize("name", search_names())
def test_how_long_a_search_is_decides_how_much_is_under_way(name: str) -> None:
    count = preset_document(name)["candidates"]
    assert planned({"preset": name}) == count
    if (said := preset_document(name)["rules"].get("in_flight")) is not None:
        assert make_config({"preset": name}).rules.in_flight == said
        return
    assert make_config({"preset": name}).rules.in_flight == max(8, count // 238)
    longer = make_config({"preset": name, "candidates": 55_000}).rules
    assert (longer.in_flight, longer.slots) == (231, 23_100)
    chosen = {"preset": name, "candidates": 55_000, "rules": {"in_flight": 3}}
    assert make_config(chosen).rules == dataclasses.replace(longer, in_flight=3)


def test_the_rules_of_the_paper_are_the_defaults() -> None:
    rules, plain = make_config({"preset": "paper"}).rules, Rules()
    assert rules == dataclasses.replace(
        plain, slots=rules.slots, in_flight=rules.in_flight
    )


def test_a_search_of_small_has_half_the_updates_that_scoring_has() -> None:
    scoring = make_scoring({"preset": "small"})
    names = [*task_names(), "tests.support.tiny_frames:TinyFrames"]
    for name in names:
        config = make_config({"preset": "small", "tasks": [name]})
        [stage] = config.tasks
        whole = scoring.plan(name)
        assert stage.plan == dataclasses.replace(whole, budget=whole.budget // 2)


def test_small_and_paper_have_a_plan_for_every_task_of_the_box() -> None:
    own = {kind.name for kind in PACK}  # no task of the paper, nor drawn as its are
    for name, other in (("small", set()), ("paper", own)):
        scoring = make_scoring({"preset": name})
        assert set(task_names()) - other <= set(scoring.plans)
        assert scoring.plan("somebody:Else") is scoring.other


@pytest.mark.parametrize("name", preset_names())
def test_every_grid_has_the_settings_that_its_preset_draws(name: str) -> None:
    scoring = make_scoring({"preset": name})
    assert all(scoring.settings <= len(plan.grid) for plan in scoring.plans.values())


def test_small_compiles_one_program_for_a_cell_and_a_task() -> None:
    plans = make_scoring({"preset": "small"}).plans
    assert all(plan.grid.shapes == 1 for plan in plans.values())


def test_the_paper_does_not_race_and_searches_with_its_own_schedule() -> None:
    paper = make_scoring({"preset": "paper"})
    assert paper.racing is None
    assert paper.settings == 20
    schedules = {task: plan.schedule.name for task, plan in paper.plans.items()}
    assert schedules["arithmetic"] == schedules["xml"] == schedules["ptb"] == "search"
    assert schedules["nottingham"] == schedules["piano_midi"] == "music"
    table_3 = make_scoring({"preset": "table3_10m"})
    assert table_3.plan("ptb").schedule.name == "treebank"


def test_unknown_presets_and_tasks_are_refused_by_name() -> None:
    with pytest.raises(UserError, match="did you mean 'small'"):
        preset_document("smal")
    with pytest.raises(UserError, match="table3_10m is for ptb, not for 'xml'"):
        make_scoring({"preset": "table3_10m"}).plan("xml")
    with pytest.raises(UserError, match="table3_5m scores cells and is no search"):
        make_config({"preset": "table3_5m"})
    said = "not for 'ptb', whose plan lacks schedule, grid"
    plans = {"ptb": {"budget": 3}}
    with pytest.raises(UserError, match=said):
        make_config({"preset": "tiny", "tasks": ["ptb"], "plans": plans})
