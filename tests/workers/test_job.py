"""Jobs and evaluations: identity, seeds, JSON, refusals."""

import dataclasses
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cells import ZOO, digest, parse
from tasks import TaskError
from workers import (
    Evaluation,
    Job,
    JobError,
    Point,
    Result,
    Schedule,
    Setting,
    Status,
    TaskSpec,
    Training,
    make_job,
    model_width,
    nominal_cost,
    run_id,
    study_id,
)
from workers.job.evaluation import DIED, failed

SETTING = Setting(scale=1, rate=0.5, clip=5, num_layers=1, parameters=20_000)
OTHER = dataclasses.replace(SETTING, rate=2)
TASK = TaskSpec("memorization")
JOB = make_job(ZOO["gru"], TASK, (SETTING, OTHER), 100)


def test_equivalent_cells_and_any_order_of_settings_make_one_job():
    renamed = parse(
        "def f(a, b):\n"
        "    update = sigmoid(linear(b) + linear(a))\n"
        "    reset = sigmoid(linear(a) + linear(b))\n"
        "    new = tanh(linear(b * reset) + linear(a))\n"
        "    return new + (b - new) * update\n"
    )
    again = make_job(renamed, TASK, (OTHER, SETTING, OTHER), 100)
    assert again == JOB
    assert again.id == JOB.id


def test_every_part_of_a_job_is_part_of_its_id():
    others = (
        make_job(ZOO["lstm"], TASK, (SETTING, OTHER), 100),
        make_job(ZOO["gru"], TaskSpec("arithmetic"), (SETTING, OTHER), 100),
        make_job(ZOO["gru"], TaskSpec("memorization", "paper"), JOB.settings, 100),
        make_job(ZOO["gru"], TaskSpec("memorization", seed=1), JOB.settings, 100),
        make_job(ZOO["gru"], TASK, (SETTING,), 100),
        make_job(ZOO["gru"], TASK, (SETTING, OTHER), 101),
        make_job(ZOO["gru"], TASK, (SETTING, OTHER), 100, seed=1),
        make_job(ZOO["gru"], TASK, JOB.settings, 100, training=Training("adam")),
        make_job(
            ZOO["gru"],
            TASK,
            JOB.settings,
            100,
            training=Training(schedule=Schedule("fixed")),
        ),
    )
    assert len({job.id for job in (JOB, *others)}) == len(others) + 1


def test_a_task_is_its_data_however_it_was_named():
    fields = TaskSpec("memorization").task.config()
    spelled = TaskSpec("memorization", "paper", tuple(sorted(fields.items())))
    assert make_job(ZOO["gru"], spelled, JOB.settings, 100).id == JOB.id


def test_where_data_lie_is_no_part_of_identity(tmp_path):
    named = TaskSpec("nottingham", overrides=(("folder", str(tmp_path)),))
    assert named.identity == TaskSpec("nottingham").identity


def test_seeds_depend_on_what_is_trained_and_not_on_budget_or_company():
    alone = make_job(ZOO["gru"], TASK, (SETTING,), 700)
    assert alone.seed_of(SETTING, "weights") == JOB.seed_of(SETTING, "weights")
    assert alone.run_id(SETTING) == JOB.run_id(SETTING)
    seeds = {
        JOB.seed_of(SETTING, "weights"),
        JOB.seed_of(OTHER, "weights"),
        JOB.seed_of(SETTING, "dropout"),
        dataclasses.replace(JOB, seed=1).seed_of(SETTING, "weights"),
    }
    assert len(seeds) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_study_is_known_without_its_cell_and_a_setting_makes_it_a_run():
    study = study_id(digest(ZOO["gru"]), TASK, 0, Training())
    assert JOB.study == study
    assert len(study) == 32
    assert JOB.run_id(SETTING) == run_id(study, SETTING)
    own = hashlib.sha256((study + SETTING.text).encode()).hexdigest()
    assert run_id(study, SETTING) == study[:16] + own[:16]
    others = (
        study_id(digest(ZOO["lstm"]), TASK, 0, Training()),
        study_id(digest(ZOO["gru"]), TaskSpec("xml"), 0, Training()),
        study_id(digest(ZOO["gru"]), TASK, 1, Training()),
        study_id(digest(ZOO["gru"]), TASK, 0, Training("adam")),
    )
    assert len({study, *others}) == 5
    assert run_id(study, OTHER) != run_id(study, SETTING) != run_id(others[0], SETTING)


def test_the_seeds_are_what_they_always_were():
    """Stored results rely on them: what changes them changes every result."""
    assert JOB.seed_of(SETTING, "weights") == 3571338713120587314
    assert JOB.seed_of(OTHER, "dropout") == 3872228905643934815


def test_many_run_ids_take_little_time():
    studies = [study_id(f"{index:032}", TASK, 0, Training()) for index in range(500)]
    settings = [dataclasses.replace(SETTING, rate=1 + i / 8) for i in range(40)]
    start = time.process_time()
    ids = {run_id(study, setting) for study in studies for setting in settings}
    assert len(ids) == 20_000
    assert time.process_time() - start < 0.5


def test_ids_and_seeds_are_the_same_in_another_process():
    code = (
        "from workers import Job, Setting; import sys;"
        "job = Job.from_json(sys.stdin.read());"
        "print(job.id, job.seed_of(job.settings[0], 'weights'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=JOB.to_json(),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PYTHONHASHSEED": "77", "PATH": ""},
    )
    seed = JOB.seed_of(JOB.settings[0], "weights")
    assert done.stdout.split() == [JOB.id, str(seed)]


def test_importing_workers_imports_neither_jax_nor_ray():
    code = "import sys, workers; print([m for m in ('jax', 'ray') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def test_a_job_survives_json():
    training = Training(
        "adamw",
        Schedule("filter", (("target", 0.9), ("give_up", ((300, 3.5), (900, 3))))),
        products="bfloat16",
        divergence=3,
        memory_limit_bytes=10**9,
        test=True,
        biases=False,
    )
    task = TaskSpec("arithmetic", "small", (("digits", 4), ("fresh", False)), seed=3)
    setting = Setting(1, 2, 5, 2, 50_000, dropout=0.3, constant_epochs=4, decay=0.5)
    job = make_job(ZOO["lstm"], task, (setting,), 10, seed=9, training=training)
    back = Job.from_json(job.to_json())
    assert back == job
    assert back.id == job.id
    assert Job.from_json(JOB.to_json()) == JOB


def test_an_evaluation_survives_json():
    curve = (Point(100, 2.5, 0.1 + 0.2, 1 / 3), Point(200, 2.0, 1.75, 0.5))
    results = (
        Result(SETTING, Status.OK, 0.5, 200, "budget", curve, 52, 20_000, test=0.4),
        Result(OTHER, Status.DIVERGED, ended="loss"),
    )
    evaluation = Evaluation(JOB.id, results, 1.5, 2.5, "abc", "here", 2)
    assert Evaluation.from_json(evaluation.to_json()) == evaluation


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ops": 1}', '{"results": [{}]}'])
def test_other_text_is_refused(text):
    with pytest.raises(JobError, match="not a job"):
        Job.from_json(text)
    with pytest.raises(JobError, match="not an evaluation"):
        Evaluation.from_json(text)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: make_job(ZOO["gru"], TASK, (), 1), "at least one setting"),
        (lambda: make_job(ZOO["gru"], TASK, (SETTING,), 0), "at least 1 update"),
        (
            lambda: make_job(
                ZOO["gru"],
                TASK,
                (SETTING, dataclasses.replace(SETTING, num_layers=2)),
                1,
            ),
            "share a shape",
        ),
        (lambda: Setting(0, 1, 1, 1, 1000), "scale of a setting must be above 0"),
        (lambda: Setting(1, 1, 1, 1, 1000, dropout=1), r"dropout must be in \[0, 1\)"),
        (
            lambda: Training("sgdd"),
            "optimizer must be one of sgd, adam, adamw, momentum, rmsprop",
        ),
        (lambda: Training(products="int8"), "products must be one of"),
        (lambda: Training(divergence=1), "divergence must be above 1"),
    ],
)
def test_impossible_jobs_are_refused_in_one_line(make, words):
    with pytest.raises(JobError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_an_unknown_task_is_refused_with_the_nearest():
    with pytest.raises(TaskError, match="did you mean 'arithmetic'"):
        _ = TaskSpec("arithmetics").task


def test_a_failed_job_answers_for_each_setting():
    evaluation = failed(JOB, Status.CRASHED, "died")
    assert [r.setting for r in evaluation.results] == list(JOB.settings)
    assert {(r.status, r.best, r.ended) for r in evaluation.results} == {
        (Status.CRASHED, None, "died")
    }


def test_nominal_cost_grows_with_settings_and_budget_and_counts_compilation():
    one = nominal_cost(make_job(ZOO["gru"], TASK, (SETTING,), 1000))
    two = nominal_cost(make_job(ZOO["gru"], TASK, (SETTING, OTHER), 1000))
    long = nominal_cost(make_job(ZOO["gru"], TASK, (SETTING,), 2000))
    assert two == pytest.approx(long)
    least = nominal_cost(make_job(ZOO["gru"], TASK, (SETTING,), 1))
    assert 0 < least < one < two < 2 * one


def test_the_width_is_the_largest_that_fits_the_budget():
    width = model_width(ZOO["gru"], SETTING.shape, TASK.task)
    # 6 matrices, 6 biases, 27 rows in, 27 columns out and their bias.
    sizes = [6 * w * w + 6 * w + 27 * w + 27 * w + 27 for w in (width, width + 1)]
    assert sizes[0] <= 20_000 < sizes[1]


@pytest.mark.parametrize(
    ("status", "ended", "cause"),
    [
        (Status.OK, "budget", None),
        (Status.DIVERGED, "too high", "cell"),
        (Status.OOM, "MemoryError", "cell"),
        (Status.CRASHED, "ZeroDivisionError: no", "cell"),
        (Status.CRASHED, f"{DIED} 2 times (ActorDiedError)", "machine"),
        (Status.TIMEOUT, "deadline", "machine"),
    ],
)
def test_a_failure_is_the_cells_or_the_machines(status, ended, cause):
    assert Result(SETTING, status, ended=ended).cause == cause
