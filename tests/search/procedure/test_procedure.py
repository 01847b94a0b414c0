"""The paper's rules one by one, with moves and metrics that are made by hand."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from cells import TRANSFORMATIONS, ZOO, canonical, dead, digest, parse, to_text
from search.errors import UserError
from search.loop.tally import Tally
from search.procedure.config import Config, Plan
from search.procedure.members import Member
from search.procedure.moves import FILTER, Decision, Move, Order, Reject
from search.procedure.procedure import Procedure
from search.procedure.racing import Racing
from search.procedure.settings import Inheritance
from tests.support.instant import CONSTANT, GRID, config
from workers import BUDGET, Result, Schedule, Setting, Status
from workers.job.schedule import PASSED

ONE_SHAPE = dataclasses.replace(GRID, num_layers=(1,))
"""12 settings."""

PLANS = {
    "arithmetic": Plan(ONE_SHAPE, 90, CONSTANT),
    "xml": Plan(ONE_SHAPE, 150, CONSTANT),
    "jsb": Plan(ONE_SHAPE, 30, CONSTANT),
}
YES, NO = 0.99, 0.5
"""A filter's metric when it is passed, and when it is not."""

NEAR = parse("def near(x, h):\n    return tanh(x + h)\n")
FAR = parse("def far(x, h):\n    return tanh(x - h)\n")
PAIR: dict[str, Any] = {
    "seeds": (("near", NEAR),),
    "baseline": "near",
    "ops": ("add", "subtract"),
    "weights": tuple((name, 0.0) for name in TRANSFORMATIONS if name != "elementwise"),
    "rounds": (1, 1),
    "max_redraws": 3,
}
"""A search in which there are two cells, each a mutant of the other."""


def named(name: str) -> str:
    """The digest of a cell of the zoo."""
    return digest(ZOO[name])


class Play:
    """A search whose moves and results a test makes by hand.

    Cells are those of the zoo, by name, or made up, by a number. Jobs have all the
    settings of a round.
    """

    def __init__(self, **changes: Any) -> None:
        options = {"plans": PLANS, "settings_per_job": 100, **changes}
        self.config: Config = config(**options)
        self.procedure = Procedure(self.config)

    def open(self, **values: float | None) -> list[Order]:
        """Evaluates seeds and references: by name, a metric for all their settings."""
        cells = dict((*self.config.seeds, *self.config.references))
        of = {digest(cells[name]): value for name, value in values.items()}
        orders = [*self.opening()]
        for order in orders:  # to which the next rungs of a race are added
            orders += self.tell(order, of[order.digest])
        return orders

    def opening(self) -> Iterable[Order]:
        while not self.procedure.past_opening:
            yield from self.start(self.procedure.decide(0.0))

    def start(self, decision: Decision) -> list[Order]:
        """Makes a move; the jobs that are due with it."""
        self.procedure.start(decision)
        return self.due()

    def move(self, kind: str, cell: str | int, parent: str = "gru") -> list[Order]:
        made_up = isinstance(cell, int)
        own = f"{cell:032x}" if made_up else named(str(cell))
        text = "" if made_up else to_text(canonical(ZOO[str(cell)]))
        of = "" if kind == "reexamine" else named(parent)
        number = self.procedure.decisions
        return self.start(Decision(number, Move(kind), 0.0, own, of, text, (), ()))

    def due(self) -> list[Order]:
        found = []
        while (order := self.procedure.next_order()) is not None:
            found.append(order)
        return found

    def tell(self, order: Order, value: float | dict[Setting, Any] | None) -> Any:
        """Answers a job: one metric for all of its settings, or one for each."""
        each = (
            value if isinstance(value, dict) else dict.fromkeys(order.settings, value)
        )
        results = [self.result(order, setting, each[setting]) for setting in each]
        self.procedure.tell(order, results)
        return self.due()

    @staticmethod
    def result(order: Order, setting: Setting, value: float | None) -> Result:
        if value is None:
            return Result(setting, Status.DIVERGED, updates=1, ended="too high")
        passes = order.task == FILTER and value >= 0.95
        ended = PASSED if passes else BUDGET
        return Result(setting, Status.OK, value, order.budget, ended)

    def answer(self, orders: Sequence[Order], *values: float | None) -> list[Order]:
        """Answers a job, the one that is due then, and so on."""
        for value in values:
            [order] = orders
            orders = self.tell(order, value)
        return list(orders)

    def join(self, cell: str | int, value: float, parent: str = "gru") -> Member:
        """Proposes a cell that passes the filter and has this metric on all tasks."""
        orders = self.move("propose", cell, parent)
        count = len(self.config.tasks)
        assert self.answer(orders, YES, *[value] * count) == []
        return self.member(cell)

    def member(self, cell: str | int) -> Member:
        own = f"{cell:032x}" if isinstance(cell, int) else named(cell)
        return self.procedure.population.members[own]

    @property
    def best(self) -> list[str]:
        return [member.name for member in self.procedure.population.best]

    def draws(self, count: int = 300) -> list[Decision]:
        """What so many moves would be, if each were the next."""
        start, found = self.procedure.decisions, []
        for number in range(start, start + count):
            self.procedure.decisions = number
            found.append(self.procedure.decide(0.0))
        self.procedure.decisions = start
        return found


def opened(**changes: Any) -> Play:
    """A search after its opening: the baseline, GRU, has 1 on everything."""
    play = Play(**changes)
    play.open(tanh=0.5, gru=1.0)
    return play


# The list


def test_the_list_starts_with_the_seeds() -> None:
    play = opened()
    assert play.best == ["gru", "tanh"]
    members = play.procedure.population.best
    assert [member.fitness for member in members] == [1.0, 0.5]
    assert [member.depth for member in members] == [0, 0]


def test_a_seed_is_given_all_settings_of_every_task() -> None:
    play = Play(baseline_settings=0, references=(("mut1", ZOO["mut1"]),))
    orders = play.open(tanh=0.5, gru=1.0, mut1=1.0)
    asked = {(order.digest, order.task): order for order in orders}
    assert len(asked) == len(orders) == 6
    for (_, task), order in asked.items():
        assert set(order.settings) == set(ONE_SHAPE)
        assert order.budget == (90, 150)[task]


def test_a_seed_is_given_the_number_of_settings_that_is_wanted_all_the_same() -> None:
    play = Play(baseline_settings=5, references=(("mut1", ZOO["mut1"]),))
    orders = play.open(tanh=0.5, gru=1.0, mut1=1.0)
    for task in (0, 1):
        given = [order.settings for order in orders if order.task == task]
        assert len(given) == 3
        assert len(set(given)) == 1
        assert len(given[0]) == 5
    assert len({order.settings for order in orders}) == 2


def test_nothing_is_proposed_before_all_seeds_and_references_are_known() -> None:
    play = Play(references=(("mut1", ZOO["mut1"]),))
    *orders, last = play.opening()
    for order in orders:
        play.tell(order, 1.0)
    assert not play.procedure.may_decide
    assert play.best == []
    play.tell(last, 1.0)
    assert play.procedure.may_decide
    assert play.best == ["tanh", "gru"]


def test_the_list_keeps_its_size_and_the_worst_are_displaced() -> None:
    play = opened(list_size=3)
    play.join("mut1", 1.1)
    assert play.best == ["cell_1", "gru", "tanh"]
    play.join("mut2", 1.05)
    assert play.best == ["cell_1", "cell_2", "gru"]
    play.join("mut3", 0.95)
    assert play.best == ["cell_1", "cell_2", "gru"]
    assert len(play.procedure.population.ranked) == 5


def test_of_equal_cells_the_older_keeps_its_place() -> None:
    play = opened(list_size=1)
    play.join("mut1", 1.0)
    assert play.best == ["gru"]
    play.join("mut2", 1.1)
    play.join("mut3", 1.1)
    assert play.best == ["cell_2"]


def test_fitness_is_the_least_ratio_over_the_tasks() -> None:
    play = opened()
    play.answer(play.move("propose", "mut1"), YES, 1.5, 1.25)
    assert play.member("mut1").fitness == 1.25


# A mutant


def test_a_mutant_is_given_the_filter_and_then_one_task_after_another() -> None:
    play = opened(settings=4)
    [filtering] = play.move("propose", "mut1")
    chosen = play.config.filter
    assert chosen is not None
    assert filtering.task == FILTER
    assert filtering.settings == (chosen.first,)
    assert filtering.budget == chosen.budget
    [first] = play.tell(filtering, YES)
    assert (first.task, first.budget, len(first.settings)) == (0, 90, 4)
    [second] = play.tell(first, 1.0)
    assert (second.task, second.budget, len(second.settings)) == (1, 150, 4)
    assert play.tell(second, 1.0) == []
    assert play.best == ["gru", "cell_1", "tanh"]
    assert play.procedure.visits == ()


def test_the_next_task_begins_as_soon_as_one_setting_is_above_the_gate() -> None:
    play = opened(settings=5, settings_per_job=2)
    orders = play.tell(*play.move("propose", "mut1"), YES)
    assert [len(order.settings) for order in orders] == [2, 2, 1]
    assert play.tell(orders[2], 0.9) == []
    following = play.tell(orders[0], 1.0)
    assert [order.task for order in following] == [1, 1, 1]
    for order in following:
        assert play.tell(order, 1.0) == []
    assert not play.member("mut1").complete  # a job of the first task is still open
    assert play.tell(orders[1], 0.1) == []
    assert play.member("mut1").complete
    assert play.procedure.visits == ()


def test_a_cell_whose_settings_all_miss_a_gate_ends_there() -> None:
    play = opened(settings=5, settings_per_job=2)
    for order in play.tell(*play.move("propose", "mut1"), YES):
        assert play.tell(order, 0.5) == []
    assert play.procedure.visits == ()
    assert not play.member("mut1").complete


def test_settings_of_two_shapes_are_never_in_one_job() -> None:
    play = Play(
        plans={task: Plan(GRID, 30, Schedule()) for task in PLANS}, baseline_settings=0
    )
    for order in play.open(tanh=0.5, gru=1.0):
        assert len(order.settings) == 12
        assert len({setting.shape for setting in order.settings}) == 1


def test_a_mutant_that_does_not_learn_the_filters_task_is_discarded() -> None:
    play = opened()
    assert play.answer(play.move("propose", "mut1"), NO) == []
    assert play.procedure.visits == ()
    assert play.best == ["gru", "tanh"]
    assert len(play.member("mut1").trials_on(0)) == 0


def test_without_a_filter_the_first_task_comes_first() -> None:
    play = opened(filter=None)
    assert [order.task for order in play.move("propose", "mut1")] == [0]


@pytest.mark.parametrize(
    ("value", "passes"), [(0.9, False), (0.899, False), (0.9000000000000001, True)]
)
@pytest.mark.parametrize("task", [0, 1])
def test_a_gate_is_passed_strictly_above_it(
    task: int, value: float, passes: bool
) -> None:
    """The last gate is the one before the list."""
    play = opened()
    orders = play.answer(play.move("propose", "mut1"), YES, *[1.0] * task, value)
    assert (len(orders) == 1) == (passes and task == 0)
    assert play.member("mut1").complete == (passes and task == 1)
    assert ("cell_1" in play.best) == (passes and task == 1)


def test_the_best_of_a_round_decides_the_gate() -> None:
    play = opened(settings=3)
    [order] = play.answer(play.move("propose", "mut1"), YES)
    low, high, failed = order.settings
    [following] = play.tell(order, {low: 0.1, high: 0.95, failed: None})
    assert following.task == 1


def test_a_mutant_all_of_whose_settings_fail_is_discarded() -> None:
    play = opened()
    assert play.answer(play.move("propose", "mut1"), YES, None) == []
    assert not play.member("mut1").complete
    assert play.member("mut1").trials_on(0).rounds == 1


def test_of_a_loss_the_gate_is_the_baselines_share_of_the_cells() -> None:
    play = Play(tasks=("jsb",))
    play.open(tanh=4.0, gru=1.8)
    assert play.best == ["gru", "tanh"]
    play.answer(play.move("propose", "mut1"), YES, 2.0)  # 1.8 / 2 = 0.9
    play.answer(play.move("propose", "mut2"), YES, 1.99)
    play.answer(play.move("propose", "mut3"), YES, 0.9)
    assert play.best == ["cell_3", "gru", "cell_2", "tanh"]
    assert play.member("mut3").fitness == 2


@pytest.mark.parametrize("task", ["arithmetic", "jsb"])
@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "reaches 0 on"), (None, "reaches nothing but failures")]
)
def test_a_baseline_that_learns_nothing_ends_the_search_in_words(
    task: str, value: float | None, said: str
) -> None:
    play = Play(tasks=(task,))
    with pytest.raises(UserError, match=said):
        play.open(tanh=0.5, gru=value)


def test_a_seed_that_learns_nothing_is_last() -> None:
    play = Play()
    play.open(tanh=None, gru=1.0)
    assert play.best == ["gru", "tanh"]
    assert play.member("tanh").fitness == 0


# A cell that comes again


def test_a_discarded_cell_that_comes_again_gets_another_setting_of_the_filter() -> None:
    play = opened()
    chosen = play.config.filter
    assert chosen is not None
    given = []
    for kind in ("propose", *["again"] * (chosen.attempts - 1)):
        [order] = play.move(kind, "mut1")
        given += order.settings
        play.tell(order, NO)
    assert set(given) == set(chosen.grid)
    assert len(given) == len(set(given)) == play.member("mut1").attempts
    assert play.procedure.proposed == 1


def test_a_discarded_cell_that_passes_at_last_goes_on_to_the_tasks() -> None:
    play = opened()
    play.answer(play.move("propose", "mut1"), NO)
    assert play.answer(play.move("again", "mut1"), YES, 1.0, 1.0) == []
    assert play.best == ["gru", "cell_1", "tanh"]


def test_a_cell_that_passed_skips_the_filter_and_gets_settings_it_has_not_had() -> None:
    play = opened(settings=5)
    [first] = play.answer(play.move("propose", "mut1"), YES)
    assert play.tell(first, 0.5) == []  # it misses the gate
    [second] = play.move("again", "mut1")
    assert second.task == 0
    assert len(second.settings) == 5
    assert not set(first.settings) & set(second.settings)
    play.tell(second, 0.5)
    [third] = play.move("again", "mut1")
    assert {*first.settings, *second.settings, *third.settings} == set(ONE_SHAPE)
    assert len(third.settings) == 2


def test_results_of_earlier_rounds_count_at_the_gate() -> None:
    play = opened()
    [first] = play.answer(play.move("propose", "mut1"), YES, 1.0)
    play.tell(first, 0.5)  # passes the first gate, but not the second
    again, second = play.move("again", "mut1")
    assert (again.task, second.task) == (0, 1)
    assert not set(second.settings) & set(first.settings)
    play.tell(second, 1.0)
    play.tell(again, 0.25)
    assert play.member("mut1").complete


def test_a_task_of_which_all_settings_were_had_is_passed_over() -> None:
    play = opened(settings=12)
    [first] = play.answer(play.move("propose", "mut1"), YES, 1.0)
    play.tell(first, 0.5)
    assert len(play.member("mut1").trials_on(1)) == 12
    assert play.move("again", "mut1") == []
    assert play.procedure.visits == ()


def test_what_was_not_trained_again_is_counted_at_most_a_round_a_task() -> None:
    play, tally = opened(settings=3), Tally()
    play.join("mut1", 1.0)
    reject = Reject("under way", named("gru"), named("mut1"))
    dead_one = Reject("ignores past", named("gru"), 32 * "0")
    none = Reject("no mutant", named("gru"), "")
    again = Decision(3, Move.AGAIN, 0.0, named("mut1"), "", "", (), (reject,))
    tally.decided(again, play.procedure)
    assert (tally.saved_filters, tally.saved_settings) == (2, 2 * 2 * 3)
    for order in play.move("reexamine", "mut1"):
        play.tell(order, 1.0)
    nothing = Decision(4, "none", 0.0, "", "", "", (), (reject, dead_one, none))
    tally.decided(nothing, play.procedure)
    assert (tally.saved_filters, tally.saved_settings) == (3, 3 * 2 * 3)
    assert tally.dead == 1
    assert tally.rejects == {"under way": 2, "ignores past": 1, "no mutant": 1}


# Examined again


def test_a_cell_that_is_examined_again_gets_all_tasks_at_once_without_gates() -> None:
    play = opened(settings=4)
    orders = play.move("reexamine", "tanh")
    assert [(order.task, len(order.settings)) for order in orders] == [(0, 4), (1, 4)]
    had = {play.procedure.setting(play.member("tanh"), task) for task in (0, 1)}
    for order in orders:
        assert not had & set(order.settings)
        play.tell(order, 2.0)
    assert play.procedure.visits == ()
    assert play.best == ["tanh", "gru"]


def test_examined_again_a_cell_never_gets_a_setting_that_it_had() -> None:
    play, given = opened(settings=4, baseline_settings=6), []
    for _ in range(3):
        orders = play.move("reexamine", "gru")
        given += [(order.task, s) for order in orders for s in order.settings]
        for order in orders:
            play.tell(order, 0.5)
    assert len(given) == len(set(given)) == 2 * 6
    assert all(len(play.member("gru").trials_on(task)) == 12 for task in (0, 1))


def test_a_better_baseline_lowers_the_fitness_of_all_others() -> None:
    play = opened()
    play.join("mut1", 1.5)
    assert play.member("mut1").fitness == 1.5
    for order in play.move("reexamine", "gru"):
        play.tell(order, 3.0)
    assert play.best == ["gru", "cell_1", "tanh"]
    assert play.member("mut1").fitness == 0.5


# What is drawn


def test_every_cell_of_the_list_and_no_other_is_a_parent() -> None:
    play = opened(list_size=3)
    play.join("mut1", 1.5)
    play.join("mut2", 0.95)
    proposals = [one for one in play.draws() if one.kind == "propose"]
    parents = Counter(one.parent for one in proposals)
    assert set(parents) == {named(name) for name in ("mut1", "gru", "mut2")}
    assert min(parents.values()) > len(proposals) / 4


def test_a_move_examines_a_cell_of_the_list_again_with_the_stated_probability() -> None:
    play = opened(reexamine=0.3, list_size=2)
    play.join("mut1", 1.5)
    draws = play.draws()
    again = Counter(one.digest for one in draws if one.kind == "reexamine")
    assert set(again) == {named("mut1"), named("gru")}
    assert 0.25 < again.total() / len(draws) < 0.35
    assert "reexamine" not in {one.kind for one in opened(reexamine=0.0).draws()}


def test_a_decision_is_a_function_of_its_number_and_changes_nothing() -> None:
    play, other = opened(), opened()
    first = play.draws(5)
    assert play.draws(5) == first == other.draws(5)
    assert len({one.digest for one in first}) == 5
    assert len(play.procedure.population.members) == 2
    assert opened(seed=2).draws(5) != first


def test_what_is_under_way_is_not_examined_again() -> None:
    play = opened(reexamine=0.5)
    play.move("reexamine", "gru")
    again = {one.digest for one in play.draws(60) if one.kind == "reexamine"}
    assert again == {named("tanh")}
    play.move("reexamine", "tanh")
    assert {one.kind for one in play.draws(60)} == {"propose"}


def test_what_has_had_all_settings_is_not_examined_again() -> None:
    play = Play(reexamine=0.5, baseline_settings=0)
    play.open(tanh=0.5, gru=1.0)
    assert {one.kind for one in play.draws(60)} == {"propose"}


def test_references_are_scored_but_have_no_mutants() -> None:
    play = Play(references=(("mut1", ZOO["mut1"]),), reexamine=0.5)
    play.open(tanh=0.5, gru=1.0, mut1=9.0)
    reference = play.procedure.population.references[named("mut1")]
    assert play.procedure.population.ratio_of(reference, 0) == 9
    assert play.best == ["gru", "tanh"]
    seeds = {named("tanh"), named("gru")}
    draws = play.draws(100)
    assert {one.parent for one in draws if one.kind == "propose"} == seeds
    assert {one.digest for one in draws if one.kind == "reexamine"} == seeds


def test_a_reference_can_be_the_baseline() -> None:
    play = Play(references=(("mut1", ZOO["mut1"]),), baseline="mut1")
    play.open(tanh=0.5, gru=1.0, mut1=2.0)
    assert [one.fitness for one in play.procedure.population.best] == [0.5, 0.25]


def test_no_more_candidates_are_under_way_than_are_allowed() -> None:
    play = opened(in_flight=2)
    for cell in ("mut1", "mut2"):
        assert play.procedure.may_decide
        play.move("propose", cell)
    assert not play.procedure.may_decide
    assert len(play.procedure.visits) == 2


def test_cells_that_are_examined_again_are_no_candidates_under_way() -> None:
    play = opened(in_flight=1)
    play.move("reexamine", "gru")
    assert play.procedure.may_decide
    play.move("propose", "mut1")
    assert not play.procedure.may_decide


def test_dead_mutants_are_dropped_and_the_next_is_taken() -> None:
    draws = opened(rounds=(3, 3)).draws(60)
    rejects = [reject for one in draws for reject in one.rejects]
    assert {one.reason for one in rejects} == {"ignores input", "ignores past"}
    assert all(dead(parse(one.text)) is None for one in draws if one.text)
    assert {one.kind for one in draws} == {"propose", "reexamine"}


def test_the_only_possible_mutant_comes_again_until_it_has_had_everything() -> None:
    play = Play(**PAIR, settings=12, reexamine=0.0, baseline_settings=0)
    play.open(near=1.0)
    first = play.procedure.decide(0.0)
    assert (first.kind, first.digest, first.rejects) == ("propose", digest(FAR), ())
    [order] = play.start(first)
    under_way = play.procedure.decide(0.0)
    assert under_way.kind == "none"
    assert {one.reason for one in under_way.rejects} == {"under way"}
    assert len(under_way.rejects) == 3
    play.tell(order, NO)
    [order] = play.start(play.procedure.decide(0.0))
    orders = play.tell(order, YES)
    assert play.answer(orders, 1.0, 1.0) == []
    assert {one.kind for one in play.draws(20)} == {"none"}
    [reason] = {one.reason for one in play.procedure.decide(0.0).rejects}
    assert reason == "all settings tried"


def test_a_cell_that_cannot_pass_the_filter_any_more_is_not_taken() -> None:
    play = Play(**PAIR, reexamine=0.0)
    play.open(near=1.0)
    chosen = play.config.filter
    assert chosen is not None
    for _ in range(chosen.attempts):
        play.answer(play.start(play.procedure.decide(0.0)), NO)
    [reason] = {one.reason for one in play.procedure.decide(0.0).rejects}
    assert reason == "all attempts failed"


def test_a_cell_that_had_all_settings_before_a_gate_it_misses_is_not_taken() -> None:
    play = Play(**PAIR, settings=12, reexamine=0.0)
    play.open(near=1.0)
    play.answer(play.start(play.procedure.decide(0.0)), YES, 0.5)
    assert len(play.procedure.population.members[digest(FAR)].trials) == 1
    assert {one.kind for one in play.draws(20)} == {"none"}


def test_where_no_mutant_is_possible_the_proposal_is_given_up() -> None:
    play = Play(**{**PAIR, "ops": ("add",)}, reexamine=0.0)
    play.open(near=1.0)
    nothing = play.procedure.decide(0.0)
    assert (nothing.kind, nothing.digest, nothing.text) == ("none", "", "")
    assert [one.reason for one in nothing.rejects] == ["no mutant"] * 3
    assert play.start(nothing) == []
    assert (play.procedure.decisions, play.procedure.proposed) == (2, 0)


# Where settings come from


def inherited(play: Play, count: int = 600) -> Counter[Setting]:
    """The settings that mutants of GRU are given first, how often each."""
    found: Counter[Setting] = Counter()
    for _ in range(count):
        [order] = play.move("propose", play.procedure.decisions)
        found.update(order.settings)
    return found


def near(count: float, share: float, of: int = 600) -> bool:
    """Whether a count is within four standard deviations of what it should be."""
    return abs(count - share * of) < 4 * (of * share * (1 - share)) ** 0.5


def test_a_third_comes_each_from_the_parent_the_seeds_and_all_settings() -> None:
    rule = Inheritance(many=4, best=1)
    play = Play(settings=1, filter=None, inheritance=rule, baseline_settings=4)
    tried = play.open(tanh=0.5, gru=1.0)[0].settings
    order, _ = play.move("reexamine", "tanh")
    play.tell(order, 2.0)
    [best] = order.settings  # of the seeds; the parent has not had it
    found, every = inherited(play), 1 / 3 / 12
    assert near(found.pop(best), 1 / 3 + every)
    assert near(sum(found.pop(setting) for setting in tried), 1 / 3 + 4 * every)
    assert near(found.total(), 7 * every)
    assert len(found) == 7


def test_a_parent_with_more_settings_than_many_hands_on_its_best() -> None:
    rule = Inheritance(many=3, best=1)
    play = Play(settings=1, filter=None, inheritance=rule, baseline_settings=4)
    orders = [*play.opening()]
    best = orders[0].settings[2]
    for order in orders:
        play.tell(order, {one: 1.0 + (one == best) for one in order.settings})
    found, every = inherited(play), 0.2 / 12
    assert near(found.pop(best), 0.8 + every)
    assert near(found.total(), 11 * every)


# Races


def test_the_settings_of_a_round_race_and_losers_are_not_trained_on() -> None:
    play = Play(settings=9, racing=Racing(), baseline_settings=1)
    assert [one.budget for one in play.open(tanh=0.5, gru=1.0)][:4] == [10, 17, 10, 17]
    [first] = play.answer(play.move("propose", "mut1"), YES)
    assert (first.budget, len(first.settings)) == (10, 9)
    merits = {one: 0.1 * n for n, one in enumerate(first.settings)}
    *_, c, b, a = first.settings
    [second] = play.tell(first, merits)
    assert (second.budget, set(second.settings)) == (30, {a, b, c})
    [third] = play.tell(second, {a: 0.6, b: 0.85, c: None})
    assert (third.task, third.budget, third.settings) == (0, 90, (b,))
    [following] = play.tell(third, 0.95)
    assert (following.task, following.budget) == (1, 17)
    trials = play.member("mut1").trials_on(0)
    assert (trials.best, len(trials)) == (0.95, 9)
    assert play.procedure.setting(play.member("mut1"), 0) == b


def test_without_a_race_all_settings_are_trained_to_the_end() -> None:
    play = opened(settings=9)
    [order] = play.answer(play.move("propose", "mut1"), YES)
    assert (order.budget, len(order.settings)) == (90, 9)


def test_what_a_seed_reaches_at_the_end_of_a_race_decides_what_is_inherited() -> None:
    """Also when a candidate has asked in the middle of the race."""
    rules = {"racing": Racing(first=1 / 3), "inheritance": Inheritance(best=1)}
    play = Play(filter=None, baseline_settings=1, **rules)
    play.open(tanh=0.5, gru=1.0)
    order, _ = play.move("reexamine", "tanh")
    first, *others = order.settings
    [last] = play.tell(order, {first: 1.5, **dict.fromkeys(others, 1.2)})
    assert inherited(play, 60).most_common(1)[0][0] == first
    order, _ = play.move("reexamine", "gru")
    [last] = play.tell(order, dict.fromkeys(order.settings, 1.0))
    assert inherited(play, 60).most_common(1)[0][0] == first
    play.tell(last, 2.0)
    assert inherited(play, 60).most_common(1)[0][0] in last.settings


def test_mutants_are_numbered_on_from_seeds_that_were_mutants() -> None:
    play = Play(**{**PAIR, "seeds": (("cell_7", NEAR),), "baseline": "cell_7"})
    play.open(cell_7=0.9)
    play.start(play.procedure.decide(0.0))
    names = [member.name for member in play.procedure.population.members.values()]
    assert names == ["cell_7", "cell_8"]
