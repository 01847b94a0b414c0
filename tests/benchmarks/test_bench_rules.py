"""Simulated searches by common runs: worlds are as said, and searches repeat."""

import dataclasses
import json
import statistics
from pathlib import Path

import pytest

from benchmarks.bench_rules import LANDSCAPES, NOTHING, main, simulate
from benchmarks.children import Child, Children, completed
from benchmarks.nasbench import NasBench, counts
from benchmarks.paired_world import SPREADS, Landscape, Pieces, Planted
from benchmarks.rules_report import PAPER, RANDOM, Outcome, report
from cells import PUBLISHED, ZOO, canonical, canonicalize, to_text
from search.procedure.members import Member, Origin

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


def test_sooner_is_told_by_the_cost_to_reach_what_random_search_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def search(rule: str, seed: int, cost: float) -> Outcome:
        reached = (0.0, cost), (NOTHING, 0.5)
        return Outcome("made up", rule, seed, 9.0, 1, 1, 1.0, 0.0, *reached)

    costs = {RANDOM: (8.0, 8.0, 8.0), PAPER: (3.0, 3.0, 3.0), "early": (1.0, 2.0, 3.0)}
    found = [
        search(rule, seed, cost)
        for rule, row in costs.items()
        for seed, cost in enumerate(row)
    ]
    report(found)
    last = capsys.readouterr().out.split("all landscapes")[1].splitlines()
    said = {line[:30].strip(): line for line in last}
    assert " 0.833 " in said["early"]
    assert " 0.500 " in said[PAPER]
    assert " 0.000 " in said[RANDOM]
    report(found, "early")
    last = capsys.readouterr().out.split("all landscapes")[1].splitlines()
    assert last[0].startswith(": above early")
    assert " 0.167 " in next(line for line in last if line.startswith(PAPER))


def test_what_is_counted_of_a_cell_is_what_it_has() -> None:
    gru, lstm = (counts(canonical(ZOO[name])) for name in ("gru", "lstm"))
    assert gru == (6, 4, 1, 2, 2, 1, 0, 16, 1, 3, 3, 10, 2, 2)
    assert lstm[:9] == (8, 5, 0, 3, 3, 2, 0, 21, 2)


def file_of(path: Path, losses: dict[str, float]) -> Path:
    rows = [
        {"cell": to_text(PUBLISHED[name].cell), "ptb_test_loss": loss}
        for name, loss in losses.items()
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def by_lot(path: Path) -> Path:
    """Losses that have nothing to do with cells."""
    names = sorted(PUBLISHED, key=lambda name: canonicalize(ZOO[name]).digest)
    return file_of(path, {name: 4.0 + i % 2 for i, name in enumerate(names)})


def test_a_cell_is_worth_what_its_like_are(tmp_path: Path) -> None:
    sizes = {name: len(row.cell.nodes) for name, row in PUBLISHED.items()}
    small = {name: 4.0 + size / 100 for name, size in sizes.items()}
    world = NasBench(file_of(tmp_path / "small", small))
    told = world.prediction()
    assert told.tells
    assert told.rank > 0.5
    assert statistics.mean(worth(world, "mgu")) > statistics.mean(
        worth(world, "nascell")
    )


def test_published_cells_that_are_missing_or_tell_nothing_are_left_out_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(path: Path) -> list[str]:
        given = ["--landscapes", "nasbench", "--seeds", "0", "--nasbench", str(path)]
        monkeypatch.setattr("sys.argv", ["bench_rules", *given])
        main()
        return capsys.readouterr().out.splitlines()

    missing = tmp_path / "missing.jsonl"
    assert said(missing)[0] == f"nasbench: left out, since there is no {missing}"
    assert said(by_lot(tmp_path / "by lot"))[0].endswith(": left out")
