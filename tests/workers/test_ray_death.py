"""Ray's own processes die: it is started again, and nothing is lost."""

import dataclasses
import signal

import psutil
import pytest

from cells import load_op, parse
from tests.support.jobs import FIXED, SETTING, job
from workers import MachineError, PoolOptions, RayPool, Status
from workers.pools import ray_running

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _looks_often_and_waits_briefly(monkeypatch):
    monkeypatch.setattr("workers.pools.crew.LOOK_S", 0.5)
    monkeypatch.setattr(ray_running, "END_S", 1.0)
    monkeypatch.setattr(ray_running, "SILENT_S", 2.0)
    monkeypatch.setenv("RAY_health_check_failure_threshold", "2")  # Ray's own
    monkeypatch.setenv("RAY_health_check_period_ms", "500")


NAP = "tests.support.bad_ops:napping"


def long(seed=0):
    """A job of seconds, most of them slept: each is another program to make."""
    load_op(NAP)
    cell = parse("def f(x, h):\n    return tanh(napping(linear(x) + linear(h)))")
    setting = dataclasses.replace(SETTING, parameters=1000 + 120 * seed)
    return job(cell, setting, seed=seed, training=FIXED, ops=(NAP,))


def own(name):
    """A process of Ray that this one has started."""
    [found] = [one for one in psutil.Process().children() if one.name() == name]
    return found


def kill_under_way(pool, name):
    pool.next(timeout_s=0.5)
    own(name).kill()


def go_on(pool, first=50):
    """Has it work until something has happened to it."""
    for seed in range(first, first + 100):
        pool.submit(long(seed))
        answer = pool.next(timeout_s=120)
        assert answer is None or answer[1].results[0].status is Status.OK
        if news := pool.news():
            return news
    raise AssertionError("nothing has happened")


def test_ray_is_started_again_and_leaves_no_process_and_no_word(monkeypatch, capfd):
    monkeypatch.setattr("workers.pools.crew.RESTARTS", 1)
    before = signal.getsignal(signal.SIGTERM)
    pool = RayPool(PoolOptions(1))
    assert signal.getsignal(signal.SIGTERM) is before  # Ray's would abort
    folders = [pool._crew._running.folder]
    try:
        pool.submit(long())
        started = [" ".join(one.cmdline()) for one in psutil.Process().children()]
        assert any("dashboard" in line for line in started)
        assert not any("monitor.py" in line for line in started)  # nobody reads them
        kill_under_way(pool, "raylet")
        [news] = go_on(pool)
        while len(pool):
            pool.next(timeout_s=120)
        assert "Ray has died (raylet has ended" in news
        assert "what was under way is repeated" in news
        folders.append(pool._crew._running.folder)
        assert sum(node.losses.get("lost", 0) for node in pool.nodes()) == 1
        assert len(set(folders)) == 2

        pool.submit(long(1))
        kill_under_way(pool, "gcs_server")
        died = r"Ray has died 2 times \(gcs_server has ended.* is kept"
        with pytest.raises(MachineError, match=died):
            go_on(pool)
    finally:
        pool.close()
    assert all(folder.is_dir() for folder in folders)  # they say why
    assert not [one for one in psutil.Process().children() if one.is_running()]
    assert capfd.readouterr() == ("", "")


def test_a_cluster_that_is_left_or_gone_stops_the_run_with_a_line(capfd):
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        for name, words in (
            ("raylet", "this machine has left the Ray"),
            ("gcs_server", r"Ray cluster at .* is gone"),
        ):
            before = signal.getsignal(signal.SIGTERM)
            pool = RayPool(PoolOptions(1, address=nodes.address))
            assert signal.getsignal(signal.SIGTERM) is before  # Ray's would abort
            try:
                pool.submit(long())
                kill_under_way(pool, name)
                with pytest.raises(MachineError, match=words):
                    go_on(pool)
            finally:
                pool.close()
            if name == "raylet":
                nodes.add_node(num_cpus=1)  # this machine is in the cluster again
    finally:
        nodes.shutdown()
    assert capfd.readouterr() == ("", "")
