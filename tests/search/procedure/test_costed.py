"""A search with a cost: what counts, who is in the list, what is refused."""

import dataclasses
import math
from typing import Any

import pytest

from cells import ZOO, canonical, digest, parse, to_text
from search.errors import UserError
from search.procedure.config import Config
from search.procedure.costed import DEAREST, CostedPopulation
from search.procedure.costs import MEASURES, cell_cost
from search.procedure.document import assign
from search.procedure.front import Point
from search.procedure.members import Member, Origin
from search.procedure.objective import NominalCost
from search.procedure.reader import make_config
from search.procedure.writer import to_document
from workers import Setting, model_width

COSTED = [one for one in NominalCost if one is not NominalCost.NONE]
QUICK = make_config({"preset": "quick"})


def chosen(**options: Any) -> Config:
    document: dict[str, Any] = {"preset": "quick"}
    for key, value in options.items():
        assign(document, f"objective.{key}", value)
    return make_config(document)


class Play(CostedPopulation):
    """Fitness and cost of a member are what its name says: `0.5 at 3`."""

    def __init__(self, *names: str, size: int = 3, seeds: int = 2) -> None:
        assert QUICK.objective is not None
        super().__init__(QUICK.tasks, size, "s0", QUICK.objective)
        self.add(self.make("0 at 4", "s0", Origin.SEED))
        if seeds == 2:
            self.add(self.make("-1 at 2", "s1", Origin.SEED))
        for seed in self.seeds:
            self.join(seed)
        for name in names:
            member = self.make(name, name)
            self.add(member)
            self.join(member)

    def make(self, name: str, own: str, origin: Origin = Origin.MUTANT) -> Member:
        return Member(own, name, origin, len(self.members))

    def fitness_of(self, member: Member) -> float:
        return float(member.name.split(" at ")[0])

    def cost_of(self, member: Member) -> float:
        return float(member.name.split(" at ")[1])

    def repeats(self, member: Member) -> int:
        return len(member.rules)

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.best]


def test_the_list_has_whole_fronts_and_of_the_next_the_least_crowded() -> None:
    play = Play("3 at 9", "2 at 8", "1 at 6", "0.9 at 5.9", "2 at 9", size=5)
    assert [one.name for one in play.front] == [
        *("3 at 9", "2 at 8", "1 at 6", "0.9 at 5.9", "0 at 4", "-1 at 2")
    ]
    # Both ends stay, and whoever has a near neighbour goes first.
    assert play.names == ["3 at 9", "2 at 8", "1 at 6", "0 at 4", "-1 at 2"]
    assert [one.name for one in play.chosen(7)] == [
        *(one.name for one in play.front),
        "2 at 9",
    ]


def test_what_is_worse_than_the_worst_seed_is_in_no_front() -> None:
    play = Play("-2 at 1", "-3 at 1", "5 at inf", size=4)
    assert [one.name for one in play.front] == ["0 at 4", "-1 at 2"]
    assert play.names == ["0 at 4", "-1 at 2", "5 at inf", "-2 at 1"]
    assert [one.name for one in play.table] == [*play.names, "-3 at 1"]


@pytest.mark.parametrize(
    ("size", "name", "bar"),
    [
        (3, "? at 9", 3.0),  # dominated by 3 at 8 wherever it is worse
        (3, "? at 7", 0.0),
        (3, "? at 3", -1.0),
        (3, "? at 1", -1.0),  # none is as cheap: the worst seed's
        (3, "? at inf", math.inf),
        (4, "? at 9", 2.0),  # the second front is let in, too: 2 at 8 is its best
        (4, "? at 7", -1.0),
        (9, "? at 9", -1.0),  # there is room for all
    ],
)
def test_the_bar_of_a_cell_goes_by_its_cost(size: int, name: str, bar: float) -> None:
    play = Play("3 at 8", "2 at 8", size=size)
    assert play.bar_for(play.make(name, "new")) == bar


def test_those_of_the_front_with_the_fewest_seeds_are_examined_first() -> None:
    play = Play("3 at 9", "2 at 9", "1 at 5", size=9)
    names = {one.name: one for one in play.best}
    names["3 at 9"].rules = ("", "")
    names["0 at 4"].rules = names["-1 at 2"].rules = ("",)
    assert [one.name for one in play.undecided(play.best)] == ["1 at 5"]
    names["1 at 5"].rules = ("",)
    found = [one.name for one in play.undecided(play.best)]
    assert found == ["1 at 5", "0 at 4", "-1 at 2"]
    assert play.undecided([names["2 at 9"]]) == [names["2 at 9"]]


def test_a_reference_point_is_the_worst_seed_and_a_multiple_of_the_baseline() -> None:
    assert Play("3 at 9").reference == Point(-1.0, DEAREST * 4)


def test_a_cell_that_falls_leaves_the_front() -> None:
    play = Play("3 at 9", "2 at 9")
    first = play.best[0]
    assert first.name == "3 at 9"
    first.name = "1 at 9"
    play.update(first)
    assert play.names[0] == "2 at 9"
    assert first not in play.front


# Costs


@pytest.mark.parametrize("kind", COSTED)
def test_costs_are_means_over_tasks_and_settings_at_their_weights(
    kind: NominalCost,
) -> None:
    assert set(MEASURES) == set(COSTED)
    small, large = (
        Setting(1.0, 1.0, 1.0, layers, weights)
        for layers, weights in ((1, 3_000), (2, 30_000))
    )
    tasks = QUICK.tasks
    for cell in (ZOO["gru"], ZOO["lstm"]):
        each = [
            cell_cost(cell, kind, [task], [setting])
            for task in tasks
            for setting in (small, large)
        ]
        found = cell_cost(cell, kind, tasks, [small, large])
        assert found == pytest.approx(sum(each) / len(each))
        assert each[0] < each[1]


def test_what_is_counted_is_what_its_name_says() -> None:
    lstm, setting = ZOO["lstm"], Setting(1.0, 1.0, 1.0, 2, 20_000)
    stage = QUICK.tasks[0]
    width = model_width(lstm, setting.shape, stage.task.task)
    kinds = {kind: cell_cost(lstm, kind, [stage], [setting]) for kind in COSTED}
    assert kinds[NominalCost.STATE_BYTES] == 2 * 2 * width * 4
    assert kinds[NominalCost.MATRICES] == 2 * 8
    products = 8 * 2 * width**2
    assert 2 * products < kinds[NominalCost.FLOPS] < 2 * products + 2 * 60 * width
    longer = dataclasses.replace(
        stage, plan=dataclasses.replace(stage.plan, budget=2 * stage.plan.budget)
    )
    twice = cell_cost(lstm, NominalCost.TRAINING, [longer], [setting])
    assert twice == 2 * kinds[NominalCost.TRAINING]


@pytest.mark.parametrize("kind", COSTED)
def test_a_cell_that_no_width_fits_is_dearer_than_all(kind: NominalCost) -> None:
    assert cell_cost(ZOO["lstm"], kind, QUICK.tasks, [_tiny()]) == math.inf


def _tiny() -> Setting:
    return Setting(1.0, 1.0, 1.0, 1, 3)


def test_a_member_costs_what_its_cell_does() -> None:
    config = chosen(cost="flops")
    assert config.objective is not None
    known = CostedPopulation(config.tasks, 3, "base", config.objective)
    cell = canonical(parse("def f(x, h):\n    return tanh(linear(x) + linear(h))\n"))
    member = Member(digest(cell), "f", Origin.SEED, 0, text=to_text(cell))
    wanted = cell_cost(cell, NominalCost.FLOPS, config.tasks, config.objective.panel)
    assert known.cost_of(member) == wanted
    member.text = ""  # it is found once
    assert known.cost_of(member) == wanted


# Documents


@pytest.mark.parametrize("kind", NominalCost)
def test_a_configuration_comes_back_with_its_cost(kind: NominalCost) -> None:
    config = chosen(cost=kind.value)
    assert config.objective is not None
    assert config.objective.cost is kind
    document = to_document(config)
    assert make_config(document) == config
    assert to_document(make_config(document)) == document
    # Runs from before there was a cost are the same configuration.
    assert ("cost" in document["objective"]) == (kind is not NominalCost.NONE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cost": "speed"}, "unknown objective.cost 'speed'; there are none, flops, "),
        ({"cost": "flop"}, "unknown objective.cost 'flop'; did you mean 'flops'?"),
        ({"cost": 3}, "objective.cost must be a text, got 3"),
        ({"name": "ratio", "cost": "flops"}, "objective.cost is for objective.name="),
    ],
)
def test_what_is_no_cost_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said.replace(".", r"\.").replace("?", r"\?")):
        chosen(**options)
