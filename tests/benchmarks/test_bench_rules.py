"""Simulated searches by common runs: worlds are as said, and searches repeat."""

import dataclasses
import statistics

import pytest

from benchmarks.bench_rules import LANDSCAPES, NOTHING, PAPER, RANDOM, report, simulate
from benchmarks.children import Child, Children, completed
from benchmarks.paired_world import SPREADS, Landscape, Pieces, Planted
from cells import ZOO, canonicalize
from search.procedure.population import Member, Origin

MGU = Planted("mgu")


def worth(landscape: Landscape, name: str) -> tuple[float, ...]:
    form = canonicalize(ZOO[name])
    member = Member(form.digest, name, Origin.SEED, 0)
    return landscape.worths(member, form.cell, None)


def test_no_cell_is_better_than_the_hidden_one_and_near_ones_are_better() -> None:
    means = {name: statistics.mean(worth(MGU, name)) for name in ZOO}
    assert worth(MGU, "mgu") == (0.0,) * len(SPREADS)
    assert max(means, key=means.__getitem__) == "mgu"
    assert means["ugrnn"] > means["gru"] > means["lstm"] > means["nascell"]


def test_in_every_world_of_pieces_they_have_other_values() -> None:
    assert worth(Pieces(0), "gru") != worth(Pieces(1), "gru")
    assert worth(Pieces(1), "gru") == worth(Pieces(1), "gru")


def test_a_child_is_its_parent_and_what_a_recorded_mutant_gained() -> None:
    world, zero = Children(), (0.0,) * len(SPREADS)
    gains = set()
    for number in range(40):
        member = Member(f"{number:032x}", "", Origin.MUTANT, number, rules=("a", "b"))
        own = world.worths(member, ZOO["gru"], zero)
        assert own == world.worths(member, ZOO["gru"], zero)
        gains.add(own)
    assert len(gains) > 10
    assert min(map(min, gains)) < 0 < max(map(max, gains))


def test_what_is_unknown_is_that_of_the_most_alike() -> None:
    known = [Child(1, 0.0, (0.0, 1.0)), Child(1, 0.0, (5.0, 2.0))]
    assert completed(Child(1, 0.0, (4.0, None)), known) == (4.0, 2.0)
    assert completed(Child(1, 0.0, (4.0, 3.0)), known) == (4.0, 3.0)


def test_equal_searches_are_equal_and_a_search_climbs() -> None:
    one, again, other = (simulate(MGU, PAPER, seed, 60) for seed in (0, 0, 1))
    assert one == again
    assert one != dataclasses.replace(other, seed=0)
    assert one.at(0) == NOTHING < one.mean <= one.at(one.cost)
    assert one.at(one.cost) == one.qualities[-1]
    assert one.reached(one.qualities[-1]) <= one.cost


def test_a_search_ends_when_it_has_cost_so_much() -> None:
    whole, part = simulate(MGU, PAPER, 0, 60), simulate(MGU, PAPER, 0, 60, 900)
    assert 900 < part.cost < 950 < whole.cost
    assert whole.costs[: len(part.costs)] == part.costs


def test_random_search_has_mutants_of_the_seeds_alone() -> None:
    assert simulate(MGU, RANDOM, 0, 60).depth <= 1.0 < simulate(MGU, PAPER, 0, 60).depth


def test_the_report_has_a_line_for_each_landscape_and_rule_and_one_for_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = [
        simulate(one, rule, seed, 10)
        for one in LANDSCAPES[:2]
        for rule in (PAPER, RANDOM)
        for seed in (0, 1)
    ]
    report(found)
    lines = capsys.readouterr().out.splitlines()
    for rule in (PAPER, RANDOM):
        assert sum(line.startswith(rule) for line in lines) == 3
