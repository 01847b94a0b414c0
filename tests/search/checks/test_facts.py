"""Facts of a machine: control groups, folders, and processes that fail to answer."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from search.checks import facts, processes
from workers.machine.probe import wrong_numbers

VERSION_2 = {
    "proc/self/cgroup": "0::/job/step\n",
    "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
    "sys/fs/cgroup/job/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/job/memory.max": "1000\n",
    "sys/fs/cgroup/job/memory.current": "700\n",
    "sys/fs/cgroup/job/memory.stat": "anon 500\ninactive_file 100\n",
    "sys/fs/cgroup/job/step/memory.max": "max\n",
    "sys/fs/cgroup/job/step/memory.current": "700\n",
}
VERSION_1 = {
    "proc/self/cgroup": "5:cpu,cpuacct:/c\n4:memory:/m\n0::/\n",
    "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us": "50000\n",
    "sys/fs/cgroup/cpu/c/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/m/memory.limit_in_bytes": "2000\n",
    "sys/fs/cgroup/memory/m/memory.usage_in_bytes": "500\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "500\n",
}
CONTAINER = {  # the group's path is not to be seen inside, its limits are
    "proc/self/cgroup": "0::/docker/abc\n",
    "sys/fs/cgroup/cpu.max": "200000 100000\n",
}


@pytest.mark.parametrize(
    ("files", "quota", "memory"),
    [
        ({}, None, None),
        (VERSION_2, 1.5, (1000, 400)),
        (VERSION_1, 0.5, (2000, 1500)),
        (CONTAINER, 2.0, None),
    ],
)
def test_limits_of_control_groups_of_both_versions(
    tmp_path: Path, files: dict[str, str], quota: float | None, memory: Any
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert facts.cores(tmp_path).quota == quota
    seen = facts.memory(tmp_path)
    if memory is None:
        assert seen.total == seen.machine
    else:
        assert (seen.total, seen.left) == memory


def test_memory_and_cores_of_this_machine_make_sense() -> None:
    memory, cores = facts.memory(), facts.cores()
    assert 0 < memory.left <= memory.total <= memory.machine
    assert 0 < cores.allowed <= cores.machine


def test_a_folder_is_writable_if_a_file_can_be_made_in_it(tmp_path: Path) -> None:
    assert facts.writable(tmp_path)
    assert not facts.writable(tmp_path / "not there")
    assert not facts.writable(Path("/proc"))
    assert os.listdir(tmp_path) == []


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Asks a function with this body in a process of its own."""

    def ask(body: str, timeout_s: float = 60.0) -> list[dict[str, Any]]:
        text = f"import os, sys, time\ndef rows():\n    {body}\n    yield from ()\n"
        (tmp_path / "told.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        return processes.ask("told", "rows", timeout_s=timeout_s)

    return ask


def test_rows_are_what_a_process_yields_and_noise_is_none(child: Any) -> None:
    assert child("print('noise'); yield {'a': 1}; yield {'b': None}") == [
        {"a": 1},
        {"b": None},
    ]


def test_a_process_that_fails_gives_its_last_line_and_what_it_had_said(
    child: Any,
) -> None:
    with pytest.raises(processes.ProcessError, match="RuntimeError: no such") as caught:
        child("yield {'a': 1}; raise RuntimeError('no such device')")
    assert caught.value.rows == [{"a": 1}]
    fatal = "F1125 09:18:00.000 12 parse.cc:1] Unknown flag: --x"
    with pytest.raises(processes.ProcessError, match=r"^Unknown flag: --x$"):
        child(f"sys.exit({fatal!r} + chr(10) + '*** a stack')")
    with pytest.raises(processes.ProcessError, match="exit status -6"):
        child("os.abort()")


def test_a_process_that_hangs_is_ended(child: Any, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    start = time.monotonic()
    with pytest.raises(processes.ProcessError, match="no answer in 1 s"):
        child(f"open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(60)", 1.0)
    assert time.monotonic() - start < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_a_process_finds_the_same_modules_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)  # a file of the person's own, in the way
    (probe,) = processes.ask("workers.machine.probe", "probe")
    assert probe["threads"] == 1


def test_numbers_are_right_here_and_wrong_ones_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert wrong_numbers() == []
    monkeypatch.setattr("workers.machine.probe.TOLERANCE", -1.0)
    assert all("is off by" in line for line in wrong_numbers())
    assert len(wrong_numbers()) == 2
