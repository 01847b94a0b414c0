"""Small jobs, and evaluators that several tests share to save compilations."""

import dataclasses
import functools

from cells import ZOO
from workers import Evaluator, Schedule, Setting, TaskSpec, Training, make_job

SETTING = Setting(scale=1, rate=0.5, clip=2.5, num_layers=1, parameters=1000)
# Epochs of 12 windows, 2 to validate; few letters: there is something to learn soon.
TINY = TaskSpec(
    "memorization",
    overrides=(
        ("length", 2),
        ("letters", 5),
        ("test_tokens", 1400),
        ("train_tokens", 8400),
        ("valid_tokens", 1400),
    ),
)
FIXED = Training(schedule=Schedule("fixed"))


def job(cell="tanh", *settings, budget=30, task=TINY, **changes):
    cell = ZOO[cell] if isinstance(cell, str) else cell
    return make_job(cell, task, settings or (SETTING,), budget, **changes)


@functools.cache
def scratch(lanes=1):
    """An evaluator that keeps programs, to save time, but never a state."""
    return Evaluator(lanes=lanes, programs=1000, state_bytes=0)


def keeping(lanes=1, **options):
    """An evaluator that keeps states, of programs that `scratch` compiles."""
    evaluator = Evaluator(lanes=lanes, **options)
    evaluator._programs = scratch(lanes)._programs
    return evaluator


def settings_of_width(width):
    """Settings of one shape whose LSTM on `TINY` has that width."""
    parameters = 8 * width * (width + 1) + 13 * width + 20
    one = Setting(1, 0.5, 2.5, 1, parameters)
    return (
        one,
        dataclasses.replace(one, scale=0.7, rate=1),
        dataclasses.replace(one, clip=1.0, rate=2),
    )


@functools.cache
def lone_runs(width):
    """The result of each setting on its own, from scratch."""
    jobs = [job("lstm", setting) for setting in settings_of_width(width)]
    return {r.setting: r for one in jobs for r in scratch().evaluate(one).results}


def by_setting(evaluation):
    return {result.setting: result for result in evaluation.results}
