"""An environment in which nothing can be trained is refused in one line."""

import os
import subprocess
import sys

import pytest

from workers import InlinePool, MachineError, PoolOptions, RayPool

TRAIN = """
from tests.support.jobs import job
from workers import InlinePool, JobError

try:
    pool = InlinePool()
    pool.submit(job(budget=2))
    print(pool.next()[1].results[0].status)
except JobError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JAX_DISABLE_JIT", "1"),
        ("JAX_DISABLE_JIT", "True"),
        ("JAX_NUM_CPU_DEVICES", "4"),
        ("XLA_FLAGS", "--xla_a=1 --xla_force_host_platform_device_count=4"),
    ],
)
def test_variables_that_spoil_every_training_are_named(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(MachineError, match=f"^{name}={value} in the environment "):
        InlinePool()
    with pytest.raises(MachineError, match=f"^{name}={value} in the environment "):
        RayPool(PoolOptions(1))  # before Ray is started


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JAX_DISABLE_JIT", "0"),
        ("JAX_NUM_CPU_DEVICES", "1"),
        ("JAX_NUM_CPU_DEVICES", "-1"),
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=1"),
    ],
)
def test_variables_that_change_nothing_are_let_be(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    InlinePool()


def test_a_platform_that_is_not_there_is_one_line():
    done = subprocess.run(
        [sys.executable, "-c", TRAIN],
        env={**os.environ, "JAX_PLATFORMS": "bogus"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not done.returncode, done.stderr
    assert done.stdout.startswith("JAX_PLATFORMS=bogus: JAX does not start: ")
    assert len(done.stdout.splitlines()) == 1
