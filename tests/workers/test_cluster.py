"""A pool on a cluster of several nodes that go and come while it works."""

import time

import pytest

from tests.support.jobs import FIXED, job, scratch
from workers import PoolOptions, RayPool, Status


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes with a core each; the first one is the driver's."""
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setattr("workers.pools.crew.LOOK_S", 0.5)
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def until(condition, seconds=60):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def test_nodes_may_die_and_join_and_no_answer_is_lost_or_changed(cluster):
    pool = RayPool(PoolOptions("auto"))
    jobs = [job(budget=3000, seed=seed, training=FIXED) for seed in range(5)]
    try:
        until(lambda: pool.next(0.2) is None and pool.capacity == 2)
        machines = {each["node"] for each in pool.workers()}
        assert len(machines) == 2
        for one in jobs:
            pool.submit(one)
        assert pool.next(timeout_s=0.5) is None
        (other,) = (n for n in cluster.list_all_nodes() if n is not cluster.head_node)
        cluster.remove_node(other, allow_graceful=False)
        answers = [pool.next(timeout_s=120)]
        cluster.add_node(num_cpus=1)
        while len(pool):
            answers.append(pool.next(timeout_s=120))
        assert any("lost with its node" in line for line in pool.news())
        nodes = {each["node"] for each in pool.workers()}
    finally:
        pool.close()
    assert other.node_id not in nodes
    results = {one.seed: evaluation.results for one, evaluation in answers}
    assert sorted(results) == [0, 1, 2, 3, 4]
    assert {row.status for rows in results.values() for row in rows} == {Status.OK}
    for one in jobs[:2]:
        assert results[one.seed] == scratch().evaluate(one).results
