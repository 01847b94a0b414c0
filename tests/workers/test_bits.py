"""The same bits, compiled as the product compiles: in company, continued, elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.jobs import (
    by_setting,
    job,
    keeping,
    lone_runs,
    scratch,
    settings_of_width,
)
from workers import Evaluation

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.shipped


@pytest.mark.parametrize("width", [48, 128])
def test_settings_in_company_have_the_bits_of_lone_runs(width):
    together = scratch().evaluate(job("lstm", *settings_of_width(width)))
    assert {result.width for result in together.results} == {width}
    assert by_setting(together) == lone_runs(width)


def test_lanes_have_the_bits_of_lone_runs():
    together = scratch(4).evaluate(job("lstm", *settings_of_width(48)))
    assert by_setting(together) == lone_runs(48)


@pytest.mark.parametrize(("width", "lanes"), [(128, 1), (48, 4)])
def test_continued_training_has_the_bits_of_training_from_scratch(width, lanes):
    settings = settings_of_width(width)
    evaluator = keeping(lanes)
    for budget in (7, 12, 20):  # within, at the end of, and beyond an epoch
        evaluator.evaluate(job("lstm", *settings[:2], budget=budget))
    continued = evaluator.evaluate(job("lstm", *settings, budget=30))
    assert continued.compiled == 0
    from_scratch = scratch(lanes).evaluate(job("lstm", *settings, budget=30))
    assert continued.results == from_scratch.results


def test_another_process_gives_the_same_bits():
    code = (
        "from workers import prepare; prepare(platforms='cpu');"
        "import sys; from workers import Job, evaluate;"
        "print(evaluate(Job.from_json(sys.stdin.read())).to_json())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=job("lstm", *settings_of_width(128)).to_json(),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONHASHSEED": "5",
            "JAX_ENABLE_COMPILATION_CACHE": "false",  # it is to compile them, too
        },
    )
    assert by_setting(Evaluation.from_json(done.stdout)) == lone_runs(128)
