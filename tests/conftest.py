"""Strict numerics and reproducible examples for every test."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_worker_niceness", "0")  # else they starve beside others
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["NPROC"] = "1"  # one thread, as every evaluating process has

import jax
import pytest
from hypothesis import HealthCheck, settings

# A shell that starts this in the background has Ctrl-C ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

settings.register_profile(
    "cellsearch",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("cellsearch")


@pytest.fixture(autouse=True, scope="module")
def _programs_of_a_file() -> Iterator[None]:
    """Gives back what a file's tests have compiled: it is hundreds of megabytes."""
    yield
    if jobs := sys.modules.get("tests.support.jobs"):
        jobs.scratch.cache_clear()
    jax.clear_caches()
    gc.collect()
