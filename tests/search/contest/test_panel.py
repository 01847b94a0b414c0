"""Common runs of many cells: what is trained, in which order, and what is kept."""

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from cells import ZOO, canonical, parse
from search.contest.ledger import Ledger
from search.contest.panel import Panel, PanelTask
from tests.support.instant import Pool
from workers import (
    COMPILE_S,
    Job,
    Point,
    Result,
    Setting,
    Status,
    TaskSpec,
    Training,
    nominal_cost,
)

ADAM = Setting(2.0, 0.01, 1.0, 1, 6_000, optimizer="adam")
SGD = Setting(2.0, 0.5, 1.0, 1, 6_000, optimizer="sgd")
TASKS = tuple(
    PanelTask(name, TaskSpec(name, seed=5), 30, Training())
    for name in ("selcopy", "echo")
)
CELLS = {"gru": ZOO["gru"], "mine": parse("def f(x, h):\n    return tanh(x + h)\n")}


def panel(**changes: object) -> Panel:
    values = {"cells": CELLS, "tasks": TASKS, "settings": (ADAM, SGD)}
    return Panel(**{**values, "repeats": (3, 4, 9), "seed": 5, **changes})  # type: ignore[arg-type]


class Counting:
    """A pool that says what it was asked, and may fail."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __call__(self) -> Pool:
        def answer(job: Job, setting: Setting) -> Result:
            self.jobs.append(job)
            if job.seed == 8 and setting == SGD:
                return Result(setting, Status.DIVERGED, ended="loss")
            loss = 1.0 + job.seed / 10 + (setting == SGD)
            return Result(setting, Status.OK, curve=(Point(30, 1.0, loss, 0.1),))

        return Pool(0, 3, answer)


def play(chosen: Panel, ledger: Ledger, pool: Counting) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    chosen.play(ledger, pool, lambda done, whole: told.append((done, whole)))
    return told


def test_every_cell_has_the_same_runs_and_each_is_trained_once(tmp_path: Path) -> None:
    chosen, pool = panel(), Counting()
    assert len(chosen) == 2 * 2 * 2 * 3
    with Ledger.open(tmp_path) as ledger:
        told = play(chosen, ledger, pool)
        assert told[0] == (0, 24)
        assert told[-1] == (24, 24)
        assert len(pool.jobs) == len({job.id for job in pool.jobs}) == 24
        assert {(job.seed, job.task.seed) for job in pool.jobs} == {
            (seed, seed) for seed in (8, 9, 14)
        }
        assert {job.cell for job in pool.jobs} == {canonical(c) for c in CELLS.values()}
        assert play(chosen, ledger, pool) == []
    with Ledger.open(tmp_path) as ledger:
        assert len(chosen.results(ledger)) == 24  # with their curves, from the file


def test_a_panel_that_was_stopped_goes_on(tmp_path: Path) -> None:
    pool = Counting()
    with Ledger.open(tmp_path) as ledger:
        play(panel(repeats=(3,)), ledger, pool)
        play(panel(), ledger, pool)
    assert len(pool.jobs) == len({job.id for job in pool.jobs}) == 24


def test_scores_are_log_losses_by_place(tmp_path: Path) -> None:
    chosen = panel()
    with Ledger.open(tmp_path) as ledger:
        play(chosen, ledger, Counting())
        results = chosen.results(ledger)
    scores, losses = chosen.scores(results), chosen.last_losses(results)
    assert scores.shape == losses.shape == (2, 2, 2, 3)
    assert scores[0, 0, 0] == pytest.approx(np.log([1.8, 1.9, 2.4]))
    uniform = TASKS[0].task.task.uniform_loss
    assert scores[0, 0, 1, 0] == pytest.approx(math.log(uniform))
    assert np.isnan(losses[0, 0, 1, 0])
    assert not np.isnan(losses[:, :, :, 1:]).any()


def test_a_program_serves_all_tasks_and_seeds_before_the_next() -> None:
    jobs = [job for _, job in panel().jobs()]
    programs = [(job.digest, job.shape) for job in jobs]
    changes = sum(a != b for a, b in itertools.pairwise(programs))
    assert changes == 3  # of two cells with two optimizers


def test_places_that_are_not_known_are_not_scores() -> None:
    chosen = panel()
    assert np.isnan(chosen.scores({})).all()


def test_a_cell_is_compiled_once_for_tasks_that_are_alike() -> None:
    def training_s(chosen: Panel) -> float:
        return sum(nominal_cost(job) - COMPILE_S for _, job in chosen.jobs())

    xml = PanelTask("xml", TaskSpec("xml"), 30, Training())
    fixed = dataclasses.replace(TASKS[0], training=Training(biases=False))
    larger = dataclasses.replace(SGD, parameters=9_000)
    for chosen, programs in (
        (panel(), 1),
        (panel(tasks=(*TASKS, xml)), 2),
        (panel(tasks=(*TASKS, fixed)), 2),
        (panel(settings=(ADAM, SGD, larger)), 2),
    ):
        whole = len(CELLS) * programs * COMPILE_S + training_s(chosen)
        assert chosen.nominal_s == pytest.approx(whole)
