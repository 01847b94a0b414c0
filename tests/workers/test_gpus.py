"""Workers have a GPU each where Ray has them, JAX can use them, and nobody objects."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.jobs import job
from workers import PoolOptions, RayPool, numerics_class
from workers.pools import gpus
from workers.pools.gpus import GpuUse, use_of_gpus

OWN = {"platform": "gpu", "key": "00000000000000aa"}
"""What a worker on a GPU says of itself."""


class FakeError(Exception):
    """As Ray has it."""


class FakeRay(SimpleNamespace):
    """Ray with so many GPUs, one of which is asked what JAX computes on there."""

    exceptions = SimpleNamespace(RayError=FakeError)
    cloudpickle = SimpleNamespace(register_pickle_by_value=lambda module: None)

    def __init__(self, count: float, answer: Any = OWN) -> None:
        self.resources = {"CPU": 8.0, "GPU": count}
        self.answer, self.asked, self.cancelled = answer, [], 0

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def remote(self, **options: Any) -> Any:
        def decorated(function: Any) -> Any:
            def ask(*arguments: Any) -> object:
                self.asked.append((options, function, arguments))
                return self.answer

            return SimpleNamespace(remote=ask)

        return decorated

    def wait(self, references: list[Any], timeout: float) -> tuple[list[Any], Any]:
        return [one for one in references if one is not None], timeout

    def get(self, reference: Any) -> Any:
        if isinstance(reference, Exception):
            raise reference
        return reference

    def cancel(self, reference: None, force: bool) -> None:
        self.cancelled += force


def test_one_worker_has_a_gpu_where_jax_computes_on_it() -> None:
    ray = FakeRay(2)
    use = use_of_gpus(ray, PoolOptions())
    assert use.per_gpu == 1
    assert use.note.startswith("Ray has 2 GPUs, so each worker has one")
    [(options, function, _)] = ray.asked
    assert function is gpus.gpu_facts
    assert (options["num_gpus"], options["num_cpus"]) == (1, 0)
    assert use_of_gpus(ray, PoolOptions(2)).per_gpu == 1


@pytest.mark.parametrize("per_gpu", [0, 1, 3])
def test_what_a_person_says_is_done_and_nobody_is_asked(per_gpu: int) -> None:
    for ray in (FakeRay(0), FakeRay(2)):
        use = use_of_gpus(ray, PoolOptions(per_gpu=per_gpu))
        assert (use, ray.asked) == (GpuUse(per_gpu), [])


@pytest.mark.parametrize(("count", "workers"), [(0, "auto"), (0.5, "auto"), (2, 3)])
def test_too_few_gpus_are_not_asked_about(count: float, workers: int | str) -> None:
    ray = FakeRay(count)
    assert use_of_gpus(ray, PoolOptions(workers)) == GpuUse(0)
    assert not ray.asked


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({**OWN, "platform": "cpu"}, "JAX there computes on cpu, so each worker has a"),
        (FakeError("a trace\nJaxRuntimeError: no CUDA"), "(JaxRuntimeError: no CUDA)"),
        (None, "JAX does not start there (no answer in 60 s), so each worker has a"),
    ],
)
def test_a_gpu_that_jax_cannot_use_is_left_alone(answer: Any, words: str) -> None:
    ray = FakeRay(1, answer)
    use = use_of_gpus(ray, PoolOptions())
    assert use.per_gpu == 0
    assert use.note.startswith("Ray has 1 GPU, but ")
    assert words in use.note
    assert ray.cancelled == (answer is None)


def test_a_run_goes_on_where_it_was_begun() -> None:
    ray = FakeRay(1)
    assert use_of_gpus(ray, PoolOptions(), OWN["key"]).per_gpu == 1
    use = use_of_gpus(ray, PoolOptions(), numerics_class().key)
    assert use.per_gpu == 0
    assert "the run was begun on other devices" in use.note
    # Unless a person says otherwise; then its workers are refused, or mixed.
    assert use_of_gpus(ray, PoolOptions(per_gpu=1), "f" * 16).per_gpu == 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Ray that takes this machine to have a GPU."""
    import ray

    options = {"include_dashboard": False, "log_to_driver": False}
    ray.init("local", num_cpus=2, num_gpus=1, **options)
    yield ray
    ray.shutdown()


def test_where_jax_has_no_gpu_workers_have_cores(cluster: Any) -> None:
    pool = RayPool(PoolOptions())
    try:
        assert len(pool.workers()) == 2
        [note] = pool.news()
        assert note.startswith("Ray has 1 GPU, but JAX there computes on cpu")
        assert cluster.available_resources().get("GPU") == 1
    finally:
        pool.close()


def test_each_worker_reserves_the_gpu_that_it_has(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.pools.crew.use_of_gpus", lambda *_: GpuUse(1, "so"))
    pool = RayPool(PoolOptions())
    try:
        assert len(pool.workers()) == 1  # there is no room for another
        assert pool.news() == ["so"]
        assert not cluster.available_resources().get("GPU")
        pool.submit(job(budget=2))
        assert pool.next(timeout_s=120) is not None
    finally:
        pool.close()
