"""Why Ray does not start, or is not joined: a line each, and soon."""

import re
import socket
import subprocess
import sys
import threading
import time

import pytest

from tests.support.fake_search import ROOT
from workers import JobError, MachineError
from workers.pools import ray_checks
from workers.pools.ray_checks import check_address, check_local

TRY = """
import sys
from workers import JobError, PoolOptions, RayPool
try:
    RayPool(PoolOptions(1)).close()
except JobError as error:
    sys.exit(f"line: {error}")
"""


def line_of(limit):
    """What a process says in the end whose shell has set a limit."""
    words = ["bash", "-c", f"{limit}; exec {sys.executable} -c '{TRY}'"]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=ROOT, timeout=100, check=False
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("line: "), done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("export TMPDIR=/tmp/" + "long/" * 10, "set RAY_TMPDIR to a folder of at most"),
        ("export RAY_TMPDIR=/proc/nowhere", "it cannot write below /proc/nowhere"),
        ("ulimit -f 100", r"ulimit -f unlimited|free some room"),
        ("ulimit -n 100", "may open 100 files, Ray needs 256; ulimit -n 256"),
    ],
)
def test_what_keeps_ray_from_starting_is_one_line_with_a_remedy(limit, words):
    start = time.monotonic()
    assert re.search(words, line_of(limit))
    assert time.monotonic() - start < 60


def test_a_machine_without_memory_is_told(monkeypatch):
    monkeypatch.setattr(ray_checks, "LEAST_MEMORY", 1 << 60)
    with pytest.raises(MachineError, match=r"MB of memory are free, it needs"):
        check_local()


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(ray_checks, "LEAST_DISK", 1 << 60)
    with pytest.raises(MachineError, match=r"MB are free below .*; free some room"):
        check_local()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "[::1]:1"])
def test_a_cluster_where_nobody_answers_is_told_at_once(address):
    start = time.monotonic()
    with pytest.raises(MachineError, match=r"no Ray cluster answers at .*: .*refused"):
        check_address(address)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("address", ["here", "1.2.3.4", "http:/x:1", ":6379", "a b"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(JobError, match="must be auto, HOST:PORT or ray://HOST:PORT"):
        check_address(address)


def test_a_dead_address_in_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(MachineError, match="RAY_ADDRESS in the environment"):
        check_address("auto")


def test_the_address_of_a_cluster_that_is_gone_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    check_address("auto")  # nothing is known: Ray itself looks
    file = tmp_path / "ray" / "ray_current_cluster"
    file.parent.mkdir()
    file.write_text("127.0.0.1:1")
    with pytest.raises(MachineError, match=r"in .*ray_current_cluster"):
        check_address("auto")


@pytest.mark.parametrize(
    ("says", "words"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not Ray"), (None, "no answer in 0.5 s")],
)
def test_who_answers_but_is_not_ray_is_told(says, words, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        peers = []

        def answer():
            peer, _ = server.accept()
            peers.append(peer)
            if says:
                peer.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        assert words in ray_checks.unreachable("127.0.0.1", port, timeout_s=0.5)
        thread.join()
        peers.pop().close()
