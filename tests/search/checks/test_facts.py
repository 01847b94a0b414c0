"""Facts of a machine: control groups, disks, and processes that fail to answer."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from search.checks import cgroups, facts
from workers.machine.probe import wrong_numbers


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "quota", "memory"),
    [
        ({}, None, None),
        ({"proc/self/cgroup": "0::/\n"}, None, None),
        (
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
                "sys/fs/cgroup/job/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/job/memory.max": "1000\n",
                "sys/fs/cgroup/job/memory.current": "700\n",
                "sys/fs/cgroup/job/memory.stat": "anon 500\ninactive_file 100\n",
                "sys/fs/cgroup/job/step/memory.max": "max\n",
                "sys/fs/cgroup/job/step/memory.current": "700\n",
            },
            1.5,
            (1000, 400),
        ),
        (  # inside a container: the group's path is not to be seen, its limits are
            {
                "proc/self/cgroup": "0::/docker/abc\n",
                "sys/fs/cgroup/cpu.max": "200000 100000\n",
            },
            2.0,
            None,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/c\n4:memory:/m\n0::/\n",
                "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/c/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/m/memory.limit_in_bytes": "2000\n",
                "sys/fs/cgroup/memory/m/memory.usage_in_bytes": "500\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "500\n",
            },
            0.5,
            (2000, 1500),
        ),
    ],
)
def test_limits_of_control_groups_of_both_versions(
    tmp_path: Path, files: dict[str, str], quota: float | None, memory: Any
) -> None:
    root = tree(tmp_path, files)
    assert cgroups.cpu_quota(root) == quota
    assert cgroups.memory_left(root) == memory


@pytest.mark.parametrize(
    ("files", "extra"),
    [
        ({"dev/null": ""}, None),
        ({"dev/nvidia0": "", "sys/module/nvidia/version": "580.65.06\n"}, "cuda13"),
        ({"dev/nvidia3": "", "sys/module/nvidia/version": "550.1\n"}, "cuda12"),
        ({"dev/nvidia0": ""}, "cuda12"),
        ({"dev/nvidiactl": ""}, None),
        ({"dev/kfd": ""}, "rocm7-local"),
        ({"dev/accel0": ""}, "tpu"),
    ],
)
def test_accelerators_name_the_extra_that_drives_them(
    tmp_path: Path, files: dict[str, str], extra: str | None
) -> None:
    found = facts.accelerator(tree(tmp_path, files))
    assert (None if found is None else found.extra) == extra


def test_memory_and_cores_of_this_machine_make_sense() -> None:
    memory, cores = facts.memory(), facts.cores()
    assert 0 < memory.left <= memory.total <= memory.machine
    assert 0 < cores.allowed <= cores.machine


def test_a_folder_that_is_not_there_yet_is_writable_if_its_parent_is(
    tmp_path: Path,
) -> None:
    assert facts.writable(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()
    (tmp_path / "file").touch()
    assert not facts.writable(tmp_path / "file" / "in it")
    assert not facts.writable(Path("/proc/here"))


def test_only_an_address_where_nothing_listens_is_unreachable() -> None:
    assert facts.reachable("auto")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert facts.reachable(f"127.0.0.1:{port}")
        assert facts.reachable(f"ray://127.0.0.1:{port}")
    assert not facts.reachable(f"127.0.0.1:{port}")
    assert not facts.reachable("127.0.0.1:99999")


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has the process that is asked for facts run this code instead."""

    def use(code: str) -> None:
        words = [sys.executable, "-c", code]
        monkeypatch.setattr(facts, "_command", lambda *_: words)
        facts.probe.cache_clear()

    yield use
    facts.probe.cache_clear()


def test_a_probe_that_fails_gives_its_last_line(child: Any) -> None:
    child("raise RuntimeError('no such device')")
    with pytest.raises(facts.ProcessError, match="RuntimeError: no such device"):
        facts.probe("cpu")
    fatal = "F1125 09:18:00.000 12 parse.cc:1] Unknown flag: --x"
    child(
        f"import sys; print({fatal!r}, '*** a stack', sep=chr(10), file=sys.stderr); "
        "sys.exit(1)"
    )
    with pytest.raises(facts.ProcessError, match=r"^Unknown flag: --x$"):
        facts.probe("cpu")
    child("import os; os.abort()")
    with pytest.raises(facts.ProcessError, match="exit status -6"):
        facts.probe("cpu")


def test_a_probe_that_hangs_is_ended(
    child: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "PROBE_S", 0.5)
    child("import time; time.sleep(60)")
    with pytest.raises(facts.ProcessError, match=r"no answer in 0\.5 s"):
        facts.probe("cpu")


def test_a_survey_that_fails_or_hangs_keeps_what_it_said(
    child: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "print('{\"a\": 1}', 'noise', sep=chr(10), flush=True); "
    child(said + "raise ValueError('gone')")
    rows = facts.survey(None, None)
    assert next(rows) == {"a": 1}
    with pytest.raises(facts.ProcessError, match="ValueError: gone"):
        next(rows)
    monkeypatch.setattr(facts, "SURVEY_S", 1.5)
    child(said + "import time; time.sleep(60)")
    rows = facts.survey(None, None)
    assert next(rows) == {"a": 1}
    with pytest.raises(facts.ProcessError, match=r"no answer in 1\.5 s"):
        next(rows)


def test_a_survey_that_is_left_ends_its_process(child: Any, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    child(
        f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); "
        "print('{}', flush=True); time.sleep(60)"
    )
    rows = facts.survey(None, None)
    assert next(rows) == {}
    rows.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_numbers_are_right_here_and_wrong_ones_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert wrong_numbers() == []
    monkeypatch.setattr("workers.machine.probe.TOLERANCE", 0.0)
    assert any("is off by" in line for line in wrong_numbers())


def test_a_fresh_process_finds_the_same_modules_wherever_it_is(
    tmp_path: Path,
) -> None:
    (tmp_path / "workers").mkdir()  # a folder of the person's own, in the way
    (tmp_path / "workers" / "__init__.py").write_text("raise SystemExit(9)")
    code = "import workers.machine.runtime; print(workers.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=facts._environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    import workers

    assert done.stdout.strip() == workers.__file__
