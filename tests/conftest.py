"""Strict numerics and reproducible examples for every test."""

import atexit
import compileall
import contextlib
import ctypes
import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_worker_niceness", "0")  # else they starve beside others
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["NPROC"] = "1"  # one thread, as every evaluating process has

# What one process of the tests has compiled, the others of this run take from a folder.
if "PYTEST_XDIST_WORKER" not in os.environ:
    programs = tempfile.mkdtemp(prefix="cellsearch-programs.")
    atexit.register(shutil.rmtree, programs, ignore_errors=True)
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": programs,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        "TF_CPP_MIN_LOG_LEVEL": "3",  # it says of each that it was compiled before
        "XLA_FLAGS_BEFORE_TESTS": os.environ.get("XLA_FLAGS", ""),
    }
    # Python's own: else each of some hundred processes does it, where it may not write.
    for room in ("benchmarks", "cells", "search", "tasks", "tests/support", "workers"):
        compileall.compile_dir(Path(__file__).parents[1] / room, quiet=2)

import jax
import psutil
import pytest
from hypothesis import HealthCheck, settings

from cells import OPS
from tests.support import quick
from workers import numerics_class
from workers.side_by_side import trainer
from workers.training import evaluator

# A shell that starts this in the background has Ctrl-C ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Programs are compiled in a quarter of the time, in processes that tests start, too.
BEFORE = os.environ["XLA_FLAGS_BEFORE_TESTS"]
os.environ["XLA_FLAGS"] = quick.flags(BEFORE)
jax.jit(lambda: 0)()  # from here on XLA does not look at its flags in this one

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

settings.register_profile(
    "cellsearch",
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("cellsearch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, then workers': none is to end alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda i: (i.path not in slow, "workers" not in i.path.parts))


LARGE_BYTES = 700 << 20
"""Of a test process: above it, what was compiled is given back after a test."""

_allowed = LARGE_BYTES


@pytest.fixture(autouse=True, scope="module")
def _shipped(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where a file is marked so, it trains as the product does, in every process."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("shipped"):
            patch.setenv("XLA_FLAGS", BEFORE)
            for module in (evaluator, trainer):
                patch.setattr(module, "compiler_options", lambda _: quick.SHIPPED)
            numerics_class.cache_clear()  # it knows the flags of before
        yield
    numerics_class.cache_clear()


@pytest.fixture(autouse=True, scope="module")
def _ops_of_a_file() -> Iterator[None]:
    """Ops that a file's tests have loaded are unknown to those of the next."""
    before = set(OPS)
    yield
    for name in set(OPS) - before:
        del OPS[name]


@pytest.fixture(autouse=True, scope="module")
def _programs_of_a_file() -> Iterator[None]:
    """Gives back what a file's tests have compiled: it is hundreds of megabytes."""
    yield
    _give_back()


@pytest.fixture(autouse=True)
def _programs_of_a_test() -> Iterator[None]:
    """The same within a file, once it is much."""
    global _allowed
    yield
    process = psutil.Process()
    if process.memory_info().rss > _allowed:
        _give_back()
        _allowed = max(LARGE_BYTES, process.memory_info().rss + (200 << 20))


def _give_back() -> None:
    if jobs := sys.modules.get("tests.support.jobs"):
        jobs.scratch.cache_clear()
        jobs.lone_runs.cache_clear()
    jax.clear_caches()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # what is free, to the system
        ctypes.CDLL("libc.so.6").malloc_trim(0)
