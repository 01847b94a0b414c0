"""Whether Ray is still there, without Ray: processes and servers of the test's own."""

import shutil
import subprocess
from types import SimpleNamespace

import psutil
import pytest

from tests.support.jobs import job
from tests.workers.test_clock import clock_of, pool_with
from workers import MachineError
from workers.pools import crew, ray_running
from workers.pools.ray_running import RunningRay
from workers.pools.seats import QueuedJob

HEAD = "127.0.0.1:1"
"""Where nobody answers."""


def module(head=HEAD, alive=True):
    """Ray, as far as it is asked."""
    context = SimpleNamespace(gcs_address=head, get_node_id=lambda: "own")
    return SimpleNamespace(
        get_runtime_context=lambda: context,
        nodes=lambda: [{"NodeID": "own", "Alive": alive}],
        shutdown=lambda: None,
    )


@pytest.fixture
def processes(tmp_path):
    """Two processes of the names that Ray's have."""
    started = []
    for name in ("raylet", "gcs_server"):
        shutil.copy(shutil.which("sleep"), tmp_path / name)
        started.append(subprocess.Popen([tmp_path / name, "60"]))
    yield started
    for one in started:
        one.kill()
        one.wait()


@pytest.mark.parametrize("index", [0, 1])
def test_a_process_of_ray_that_has_ended_is_named(processes, index):
    found = [psutil.Process(one.pid) for one in processes]
    running = RunningRay(module(), True, started=found)
    assert (running.local, running.ended()) == (True, "")
    processes[index].kill()
    processes[index].wait()
    assert running.ended() == ("raylet", "gcs_server")[index]


def test_a_ray_that_is_left_ends_and_takes_its_folder_along(
    processes, tmp_path, monkeypatch
):
    monkeypatch.setattr(ray_running, "END_S", 0.2)
    own, other = tmp_path / "session_1", tmp_path / "session_2"
    for folder in (own, other):
        (folder / "logs").mkdir(parents=True)
    latest = tmp_path / "session_latest"
    latest.symlink_to(own)
    found = [psutil.Process(one.pid) for one in processes]
    RunningRay(module(), True, "", found, own).stop(keep_logs=True)
    assert own.is_dir()
    assert [one.wait() for one in processes] == [-9, -9]  # they did not by themselves
    RunningRay(module(), True, "", [], own).stop()
    assert not own.exists()
    assert not latest.is_symlink()
    assert other.is_dir()


def test_a_cluster_may_be_silent_for_a_while_and_not_for_long(monkeypatch):
    now = iter((100.0, 110.0, 119.0, 121.0))
    clock = SimpleNamespace(monotonic=lambda: next(now))
    monkeypatch.setattr(ray_running, "time", clock)
    running = RunningRay(module(), True, HEAD)
    assert [running.answers() for _ in range(3)] == [False] * 3
    with pytest.raises(MachineError, match=rf"at {HEAD} is gone \(.*refused\)"):
        running.answers()


@pytest.mark.parametrize("alive", [True, False])
def test_a_node_that_has_left_its_cluster_can_do_nothing(alive, monkeypatch):
    monkeypatch.setattr(ray_running, "unreachable", lambda *_, **__: "")
    running = RunningRay(module(alive=alive), True, HEAD)
    if alive:
        assert running.answers()
        return
    with pytest.raises(MachineError, match=rf"ray start --address={HEAD}"):
        running.answers()


def test_a_dead_ray_is_started_again_twice_and_then_stops_the_run(monkeypatch):
    queued = QueuedJob(0.0, 0, job(), deadline_s=60.0)
    stopped, lost = [], []
    dead = SimpleNamespace(
        ended=lambda: "raylet",
        folder="ray/session_1",
        stop=lambda keep_logs: stopped.append(keep_logs),
    )
    monkeypatch.setattr(crew, "start_ray", lambda *_: dead)
    monkeypatch.setattr(crew.Crew, "_grow", lambda _: None)
    pool, seat = pool_with(queued, clock_of(*range(99)), _running=dead, _restarts=0)
    actors = pool._crew
    actors._nodes.left = lambda about, why: lost.append(why)
    for _ in range(2):
        actors.seats = [seat]
        pool._queue = []
        assert actors.revived()
        assert (pool._queue, actors.seats) == ([queued], [])
        [line] = pool.news()
        assert "raylet has ended; its logs are in ray/session_1" in line
    assert (stopped, lost) == ([True, True], ["lost", "lost"])
    with pytest.raises(MachineError, match=r"Ray has died 3 times .* is kept"):
        actors.revived()
