"""Helpers of the benchmarks of a search: what is counted, and what is simulated."""

import json
import re
from array import array
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_clock, bench_driver, bench_search, bench_soak, durations
from benchmarks.bench_driver import Mark, Spent, growth_kb, parts, row
from benchmarks.calibrate_filter import Curve
from benchmarks.landscape import Landscape, World
from benchmarks.simulation import Course, carry_out, follow
from search.procedure.moves import FILTER, Order
from search.procedure.procedure import Procedure
from tests.support.searches import here
from workers import Setting

SETTING = Setting(1.0, 0.5, 1.0, 1, 250_000)


def mark(candidates: int, driver_s: float) -> Mark:
    spent = Spent(driver_s, driver_s / 2, 1.0)
    return Mark(candidates, 20 * candidates, spent, candidates / 1024, 0)


def test_tenths_say_what_a_candidate_took() -> None:
    marks = [mark(100 * tenth, tenth / 10) for tenth in range(11)]
    names = [name for name, _, _ in parts(marks)]
    assert names == ["all", "1st tenth", "2nd tenth", "last tenth"]
    _, start, end = parts(marks)[-1]
    assert row("last tenth", start, end).split() == (
        ["last", "tenth", "20.0", "1.00", "0.50", "1.50", "50", "us"]
    )
    assert growth_kb(marks) == pytest.approx(1)


def test_a_measured_search_and_its_resume_have_all_candidates(tmp_path: Path) -> None:
    first = bench_driver.measure(tmp_path, 20, 20, 0)
    again = bench_driver.measure(tmp_path, 20, 20, 0)
    assert len(first.marks) == len(again.marks) == 11
    assert first.marks[-1].candidates == again.marks[-1].candidates == 20
    assert first.marks[-1].trainings == again.marks[-1].trainings
    assert first.jobs == again.jobs
    assert first.marks[-1].spent.propose_s > 0
    assert again.marks[-1].spent.pool_s == 0


def test_a_mutant_inherits_and_equal_worlds_are_equal() -> None:
    land = Landscape(3)
    assert land.qualities("a", ()) == (0.0, 0.0, 0.0)
    child = land.qualities("b", (1.0, 1.0, 1.0))
    assert child == Landscape(3).qualities("b", (1.0, 1.0, 1.0))
    assert all(abs(quality - 1.0) < 0.5 for quality in child)
    changes = [land.qualities(str(n), (0.0,) * 3)[0] for n in range(2000)]
    assert np.mean(changes) == pytest.approx(-0.04, abs=0.01)
    assert 0.05 < np.mean(np.array(changes) > 0) < 0.4  # seldom a gain


def test_a_tenth_of_the_mutants_passes_the_filter() -> None:
    land = Landscape(3, passing=0.1)
    passing = sum(land.passes(f"cell {n}") for n in range(5000))
    assert passing / 5000 == pytest.approx(0.1, abs=0.02)
    order = Order(0, "seed", FILTER, (SETTING,), 6_000)
    assert land.result(order, SETTING, 0.0).best in (0.96, 0.3)


def chain(seconds: list[float], issued: list[int], ends: list[float]) -> Course:
    course = Course(array("d", ends), array("d", seconds), array("d", seconds))
    course.applied = array("q", sorted(range(len(ends)), key=lambda job: ends[job]))
    course.issued = array("q", issued)
    return course


def test_one_worker_is_always_busy() -> None:
    course = chain([2.0, 1.0, 3.0], issued=[2, 3, 3], ends=[1.0, 2.0, 3.0])
    work = carry_out(course, [1.0])
    assert work.seconds == 6.0
    assert work.busy == 1.0


def test_what_waits_for_its_logical_turn_holds_up_what_depends_on_it() -> None:
    # Job 1 is done at 1, but job 0 comes first and takes 4; only then is job 2 known.
    course = chain([4.0, 1.0, 1.0], issued=[2, 2, 3], ends=[1.0, 2.0, 3.0])
    work = carry_out(course, [1.0, 1.0], twice=False)
    assert work.seconds == 5.0
    assert work.busy == pytest.approx(6 / 10)


def test_an_idle_worker_repeats_what_a_slow_one_does() -> None:
    course = chain([10.0, 1.0], issued=[2, 2], ends=[2.0, 1.0])
    alone = carry_out(course, [1.0, 5.0], twice=False)
    both = carry_out(course, [1.0, 5.0], aware=False)
    assert alone.seconds == 50.0  # the fast one took the urgent job
    assert both.seconds == 11.0


def test_what_is_urgent_is_kept_from_workers_that_turn_out_to_be_slow() -> None:
    """Each result has one job more become known; 10 are known at first."""
    count = 2_000
    course = chain(
        [10.0] * count,
        issued=[min(count, 10 + at) for at in range(count)],
        ends=[float(at) for at in range(count)],
    )
    slowness = [1.0] * 7 + [4.0]
    blind = carry_out(course, slowness, aware=False, twice=False)
    aware = carry_out(course, slowness, twice=False)
    assert blind.steady < 0.65  # all wait for the slow one
    assert aware.steady > 0.9


def test_a_job_counts_once_and_speed_is_capacity() -> None:
    course = chain([8.0], issued=[1], ends=[1.0])
    work = carry_out(course, [2.0, 1.0])
    assert work.seconds == 8.0  # the faster one takes it; both would be 5.3
    assert work.busy == pytest.approx(8 / (8 * 1.5))


def test_a_course_is_the_same_again_and_has_all_candidates() -> None:
    config = bench_clock.clocked("small", 30, 4, 12, 2)

    def once() -> Course:
        world = World(Landscape(2, 0.5))
        return follow(Procedure(config), 30, world, lambda kind, rng: rng.random())

    first, again = once(), once()
    assert first == again
    assert len(first.ends) == len(first.seconds) == len(first.applied)
    assert first.issued[-1] == len(first.ends)
    ends = [first.ends[job] for job in first.applied]
    assert ends == sorted(ends)
    assert all(s > 0 for s in first.seconds)
    assert sum(first.seconds) < sum(first.costs)
    work = carry_out(first, bench_clock.slowness(1, 0.3))
    assert work.busy == pytest.approx(1)


def test_seeds_only_have_no_grandchildren() -> None:
    config = bench_clock.clocked("small", 30, 4, 12, 2)

    def half(kind: str, rng: np.random.Generator) -> float:
        return 0.5

    done = bench_clock.course(config, 30, half, seeds=True)
    assert done.depth <= 1


def curve(updates: int, *, passed: bool) -> Curve:
    losses = tuple(3.0 for _ in range(updates // 300))
    return Curve(
        "c", "d", "", "passed" if passed else "budget", updates, losses, (), 300
    )


def test_durations_come_from_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = [curve(600, passed=True), curve(6_000, passed=False)]
    found = durations.from_curves(curves)
    assert found["filter passed"] == [0.1]
    assert found["task"] == [0.1, 1.0]
    (failed,) = found["filter failed"]
    assert failed < 1  # a loss of 3 is given up
    assert "2 learning curves" in found["source"]


def test_many_durations_are_thinned_to_quantiles() -> None:
    values = list(np.linspace(0, 1, 5001))
    kept = durations.thinned(values)
    assert len(kept) == durations.KEPT
    assert np.mean(kept) == pytest.approx(0.5, abs=1e-3)
    assert durations.thinned([0.123456, 0.1]) == [0.1, 0.1235]


def test_durations_come_from_a_run(tmp_path: Path) -> None:
    bench_driver.measure(tmp_path, 20, 20, 0)
    found = durations.from_run(tmp_path)
    assert found["source"].endswith("evaluations of a run")
    assert len(found["task"]) > 100
    assert found["filter failed"]
    assert all(share > 0 for kind in durations.KINDS for share in found[kind])


def test_the_recorded_file_has_every_kind() -> None:
    stored = json.loads(durations.FILE.read_text())
    assert stored["source"]
    for kind in durations.KINDS:
        assert stored[kind]
        assert min(stored[kind]) > 0
    share = durations.drawn(stored)
    assert share("task", np.random.default_rng(0)) in stored["task"]


def test_a_soak_says_by_how_much_each_column_grew_in_the_second_half() -> None:
    rows = [
        bench_soak.Row(50 * n, n, 100.0, *(max(n, 10) * k for k in range(9)))
        for n in range(1, 21)
    ]
    grown = bench_soak.slopes(rows)
    assert grown[:3] == pytest.approx([100, 2, 0], abs=1e-6)
    assert grown[3:] == pytest.approx([2 * k for k in range(9)], abs=1e-6)
    heads = "  ".join(bench_soak.Row._fields)
    assert len(bench_soak.line(rows[0])) == len(bench_soak.line(grown)) == len(heads)


def test_a_folder_has_the_bytes_of_all_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(30))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(bytes(12))
    assert bench_soak.folder_bytes(tmp_path) == 42
    assert bench_soak.folder_bytes(tmp_path / "none") == 0


def test_a_search_without_rules_about_untrained_cells_says_what_they_would_save(
    tmp_path: Path,
) -> None:
    words = ["run", "--preset", "small", "--candidates", "40", "--workers", "inline"]
    without = ["--set", "rules.faintest=0", "--set", "rules.largest=0"]
    here(*words, "--out", tmp_path / "with")
    here(*words, *without, "--out", tmp_path / "without")
    ruled, free = (bench_search.on_mutants(tmp_path / n) for n in ("with", "without"))
    assert "refused untrained today: 0 jobs, 0 core-seconds, 0 passed" in ruled
    found = re.search(r"mutants: (\d+) jobs.*today: (\d+) jobs", free)
    assert found is not None
    assert int(found[1]) >= 40
    assert 8 <= int(found[2]) < int(found[1])
