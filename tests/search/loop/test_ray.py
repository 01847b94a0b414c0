"""One seed, one search: with real training, through Ray, whatever dies meanwhile."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from cells import load_op
from tests.support.fake_search import history, query, results
from tests.support.searches import (
    evaluations,
    finish,
    finish_stopped,
    shown,
    start,
    table,
    wait_for,
)

NAPPING = "tests.support.bad_ops:napping"
CELL = """
def nap(x, h):
    return napping(tanh(napping(linear(x) + linear(h))))
"""
OPTIONS = (
    'tasks=["xml"]',
    'baseline="nap"',
    f'own_ops=["{NAPPING}"]',
    "plans.xml.budget=20",
    "plans.xml.task.train_tokens=14000",
    "filter.budget=50",
    "filter.target=0.0",
    "rules.baseline_settings=2",
    "rules.gate=0.0",
)
REAL = (
    *("--preset", "tiny", "--candidates", "3", "--seed", "2"),
    *(word for option in OPTIONS for word in ("--set", option)),
)
"""A search of few jobs, which take seconds: they sleep, if `NAP_S` has them."""

HASTY = "tests.support.hasty"

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _jobs_take_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAP_S", "0.4")


def run(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """`cellsearch run` that trains, as the leader of a session of its own."""
    file = folder.parent / "nap.py"
    file.write_text(CELL)
    seeds = ("--set", f'seeds=["{file}"]', "--out", folder)
    return _start("run", *REAL, *seeds, *arguments)


def resume(*arguments: object) -> subprocess.Popen[str]:
    return _start("resume", *arguments, "--op", NAPPING)


def _start(*arguments: object) -> subprocess.Popen[str]:
    return start(*arguments, fake=None, module=HASTY, preexec=os.setsid)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search in one process, without Ray, that nothing has disturbed.

    It compiles by itself what the others take from the programs of these tests.
    """
    load_op(NAPPING)
    folder = tmp_path_factory.mktemp("whole") / "run"
    alone = {"JAX_ENABLE_COMPILATION_CACHE": "false", "NAP_S": "0"}
    with mock.patch.dict(os.environ, alone):
        finish(run(folder, "--workers", "inline"))
    return folder


def check_same(folder: Path, whole: Path) -> None:
    """The table is the same to the last byte, and all that led to it."""
    assert table(folder) == table(whole)
    assert history(folder) == history(whole)
    assert results(folder) == results(whole)
    assert len(json.loads(table(folder))) > 2


def workers_of(folder: Path) -> dict[str, Any]:
    """Who works, as `status --json` has it."""
    found: dict[str, Any] = json.loads(shown("status", folder, "--json"))
    workers: dict[str, Any] = found["machine"]["workers"]
    return workers


def known_nodes(folder: Path) -> dict[str, Any]:
    """By Ray's id."""
    return {node["node"]: node for node in workers_of(folder)["nodes"]}


def until(
    condition: Callable[[], object],
    process: subprocess.Popen[str] | None = None,
    seconds: float = 60,
) -> None:
    """Waits until something holds, while a process runs that it needs."""
    end = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"it ended: {process.communicate()}")
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def alive(session: int) -> list[str]:
    """Commands of the processes that a run has started, itself included.

    Whole ones, however few columns the environment says that a terminal has.
    """
    words = ["ps", "-ww", "-o", "args=", "-s", str(session)]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return [line for line in said.splitlines() if "<defunct>" not in line]


def at_work(session: int, count: int) -> bool:
    """Whether so many workers of a run do something, as Ray titles their processes."""
    return sum("Worker.evaluate" in line for line in alive(session)) == count


def test_a_search_that_loses_a_worker_and_is_killed_and_stopped_is_the_same_search(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One search is hurt in all of these ways: each costs a start of Ray."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.delenv("RAY_worker_niceness")
        process = run(folder, "--workers", 1)
    wait_for(folder, 1, process)
    until(
        lambda: [node["busy"] for node in workers_of(folder)["nodes"]] == [1], process
    )
    [node] = workers_of(folder)["nodes"]
    [pid] = node["pids"]
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0)
    os.kill(pid, signal.SIGKILL)

    def replaced() -> bool:
        [now] = workers_of(folder)["nodes"]
        return now["losses"] == {"died": 1} and now["pids"] not in ([], [pid])

    until(replaced, process)
    until(lambda: at_work(process.pid, 1), process)
    killed = [process.pid]
    process.kill()
    _, err = finish(process, -signal.SIGKILL)
    assert f"a worker on {node['machine']} died; its job is repeated" in err
    assert "; 1 died; last seen" in shown("status", folder)

    process = resume(folder, "--workers", 2)
    killed.append(process.pid)
    until(lambda: any("gcs_server" in line for line in alive(process.pid)), process)
    process.kill()  # while Ray starts
    finish(process, -signal.SIGKILL)

    process = resume(folder, "--workers", 2)
    until(lambda: at_work(process.pid, 2), process)
    done = evaluations(folder)
    os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches Ray's, too
    finish_stopped(process)
    assert alive(process.pid) == []
    assert done + 2 <= evaluations(folder) < evaluations(whole)

    with monkeypatch.context() as patch:
        patch.setenv("NAP_S", "0")
        finish(resume(folder, "--workers", "inline"))
    check_same(folder, whole)
    assert evaluations(folder) == evaluations(whole)
    # Ray's agents wait a minute for what is gone, idly; the others are gone themselves.
    until(
        lambda: all("Agent" in line for session in killed for line in alive(session)),
        seconds=30,
    )


def test_nodes_of_a_cluster_die_and_join_while_a_search_runs(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("NAP_S", "0.1")
    folder = tmp_path / "run"

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        second = nodes.add_node(num_cpus=1)
        process = run(folder, "--address", nodes.address)
        wait_for(folder, 1, process)
        until(lambda: len(known_nodes(folder)) == 2, process)
        [first] = known_nodes(folder)[nodes.head_node.node_id]["pids"]
        os.kill(first, signal.SIGSTOP)  # it does not do all of the work meanwhile
        nodes.remove_node(second, allow_graceful=False)
        third = nodes.add_node(num_cpus=1)
        until(lambda: third.node_id in known_nodes(folder), process)
        os.kill(first, signal.SIGCONT)
        _, err = finish(process)
    finally:
        nodes.shutdown()
    assert "was lost with its node" in err
    known = known_nodes(folder)
    assert known[second.node_id]["losses"] == {"lost": 1}
    assert known[second.node_id]["pids"] == []
    check_same(folder, whole)


def test_a_cell_that_kills_its_process_ends_as_crashed_and_the_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAP_S", "0")
    file = tmp_path / "bad.py"
    file.write_text("def bad(x, h):\n    return segfaulting(linear(x) + linear(h))\n")
    folder = tmp_path / "run"
    words = ("--set", f'own_ops=["{NAPPING}", "tests.support.bad_ops:segfaulting"]')
    words += ("--set", f'references=["{file}"]', "--workers", 2, "--candidates", 1)
    _, err = finish(run(folder, *words))
    assert "died; its job is repeated" in err
    assert "died; its job has failed" in err
    op = ("--op", "tests.support.bad_ops:segfaulting", "--op", NAPPING)
    facts = json.loads(shown("status", folder, "--json", *op))
    cause = "CRASHED: the worker's process died 2 times (ActorDiedError)"
    assert facts["failures"][cause] == facts["faults"] > 0
    assert facts["candidates"] == {"proposed": 1, "limit": 1}
    [node] = facts["machine"]["workers"]["nodes"]
    assert node["losses"]["died"] >= 2
    status = "SELECT DISTINCT status FROM results WHERE digest IN "
    status += "(SELECT lower(hex(digest)) FROM cells WHERE text LIKE '%segfaulting%')"
    assert query(folder, status) == [("CRASHED",)]
