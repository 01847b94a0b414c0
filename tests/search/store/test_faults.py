"""The store of a search among other processes, kills, full disks and damaged files."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.errors import UserError
from search.store.database import RUN_FILE, StorageError
from search.store.store import Store
from tests.search.store.test_store import evaluation, ids, job, seed_decision

ROOT = Path(__file__).parents[3]
JOBS = 60
BEGIN = """
import os, resource, signal, sys, time
from pathlib import Path
from search.errors import UserError
from search.store.store import Store
from search.store.locks import RunLock
from tests.search.store.test_store import evaluation, ids, job
folder = Path(sys.argv[1])

def fill(store, first, last):
    for seed in range(first, last):
        store.commit((job(seed=seed), evaluation(job(seed=seed))))

def count(store):
    return sum(len(store.results.find(ids(job(seed=s)), 30)) for s in range(1000)) // 2
"""
WRITE = "fill(Store.create(folder, {}), 0, int(sys.argv[2])); "


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    return out


def fill(folder: Path, count: int = JOBS) -> None:
    with Store.create(folder, {}) as store:
        store.history.record(seed_decision())
        for seed in range(count):
            store.commit((job(seed=seed), evaluation(job(seed=seed))))


def known(store: Store, count: int = JOBS) -> list[int]:
    """The seeds of jobs of which everything is known."""
    find = store.results.find
    return [s for s in range(count) if len(find(ids(job(seed=s)), 30)) == 2]


def test_two_processes_read_while_one_writes(tmp_path: Path) -> None:
    code = """
seen = [0]
while seen[-1] < int(sys.argv[2]):
    store = Store.read(folder)
    with store:
        seen.append(count(store))
assert seen == sorted(seen)
print(len(set(seen)))
"""
    fill(tmp_path, 1)
    readers = [start(code, tmp_path, JOBS) for _ in "ab"]
    with Store.open(tmp_path) as store:
        for seed in range(1, JOBS):
            store.commit((job(seed=seed), evaluation(job(seed=seed))))
        for reader in readers:
            assert int(finish(reader)) >= 1


def test_a_file_that_is_cut_off_is_refused_and_its_rows_are_reused(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "old")
    path = tmp_path / "old" / RUN_FILE
    os.truncate(path, path.stat().st_size - 6000)
    with pytest.raises(UserError) as error:
        Store.open(tmp_path / "old")
    assert "\n" not in str(error.value)
    assert f"{path} is damaged" in str(error.value)
    assert f"`cellsearch run --reuse {tmp_path}/old --out NEW`" in str(error.value)
    with Store.create(tmp_path / "new", {}) as store:
        store.results.reused.add(tmp_path / "old")
        saved = known(store)
        assert 0 < len(saved) < JOBS
    with Store.open(tmp_path / "new") as store:
        assert known(store) == saved


def test_of_a_file_with_a_page_of_garbage_rows_are_reused_as_they_were(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "old")
    path = tmp_path / "old" / RUN_FILE
    whole, saved = path.read_bytes(), []
    for page in range(1, len(whole) // 4096):
        start, end = page * 4096, (page + 1) * 4096
        path.write_bytes(whole[:start] + bytes(range(16)) * 256 + whole[end:])
        saved.append(0)
        with Store.create(tmp_path / f"new{page}", {}) as store:
            store.results.reused.add(tmp_path / "old")
            for seed in range(JOBS):
                saved[-1] += check_what_is_found(store, seed)
    assert max(saved) == 2 * JOBS
    assert sum(count > 0 for count in saved) > len(saved) / 2


def check_what_is_found(store: Store, seed: int) -> int:
    """How much there is of a job; all of it is as it was."""
    one = job(seed=seed)
    found = store.results.find(ids(one), 30)
    for expected in evaluation(one).results:
        result = found.get(one.run_id(expected.setting))
        assert result is None or result.best == expected.best
        assert result is None or result.setting == expected.setting
    return len(found)


def test_a_write_ahead_log_that_is_cut_off_loses_only_the_last_transactions(
    tmp_path: Path,
) -> None:
    finish(start(WRITE + "os._exit(0)", tmp_path, JOBS))
    wal = tmp_path / f"{RUN_FILE}-wal"
    os.truncate(wal, wal.stat().st_size - 100)
    with Store.open(tmp_path) as store:
        assert known(store) == list(range(JOBS - 1))


def test_a_killed_writer_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    process = start(WRITE + "print('ready', flush=True); time.sleep(60)", tmp_path, 9)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    finish(process, -signal.SIGKILL)
    with Store.open(tmp_path) as store:
        assert known(store) == list(range(9))


def test_a_full_disk_is_told_and_everything_committed_is_there_after_it(
    tmp_path: Path,
) -> None:
    code = """
store = Store.create(folder, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
done = 0
try:
    while True:
        fill(store, done, done + 1)
        done += 1
except UserError as error:
    print(type(error).__name__, done, error)
"""
    kind, done, message = finish(start(code, tmp_path)).split(maxsplit=2)
    assert kind == "StorageError"
    assert f"`cellsearch resume {tmp_path}` goes on" in message
    assert int(done) > 3
    with Store.open(tmp_path) as store:
        assert known(store, int(done) + 5) == list(range(int(done)))


def test_after_a_full_disk_the_same_process_can_go_on(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    with Store.open(tmp_path) as store:
        file = store.results._file
        store.history.record(seed_decision(number=7))
        file.execute("PRAGMA max_page_count = 1")  # SQLite rounds up to what there is
        done, told = 1, ""
        while not told:
            try:
                store.commit((job(seed=done), evaluation(job(seed=done))))
                done += 1
            except StorageError as error:
                told = str(error)
        assert "once there is room and permission, `cellsearch resume" in told
        assert known(store, done + 1) == list(range(done))
        file.execute("PRAGMA max_page_count = 1000000")
        store.commit((job(seed=done), evaluation(job(seed=done))))
        assert known(store, done + 1) == list(range(done + 1))
        assert [one.number for one in store.history.decisions()] == [0, 7]


READ_ONLY = """
with Store.read(folder) as store:  # before: what is imported when first used
    count(store)
os.chmod(folder, 0o555)
if os.getuid() == 0:
    os.setuid(65534)
try:
    (folder / "new").touch()
except PermissionError:
    with Store.read(folder) as store:
        print(count(store))
    try:
        Store.open(folder)
    except UserError as error:
        print(type(error).__name__, error)
"""


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder in which others may look, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        (folder / "run").chmod(0o755)


@pytest.mark.parametrize("end", ["", "os._exit(0)"])
def test_a_run_in_a_read_only_folder_can_be_read(open_path: Path, end: str) -> None:
    folder = open_path / "run"
    finish(start(WRITE + end, folder, 5))
    assert (folder / f"{RUN_FILE}-wal").exists() == bool(end)
    first, second = finish(start(READ_ONLY, folder)).splitlines()
    assert first == "5"
    assert second.startswith("StorageError cannot read or write")


def test_a_file_of_a_later_format_names_the_version_that_reads_it(
    tmp_path: Path,
) -> None:
    fill(tmp_path, 1)
    with Store.open(tmp_path) as store:
        store.history.set("version", "0.9.0")
    file = sqlite3.connect(tmp_path / RUN_FILE)
    file.execute("PRAGMA user_version = 4")
    file.close()
    for use in (Store.read, Store.open):
        with pytest.raises(UserError, match=r"format 4, which cellsearch 0\.9\.0 or"):
            use(tmp_path)
    with (
        Store.create(tmp_path / "new", {}) as store,
        pytest.raises(UserError, match="format 3"),
    ):
        store.results.reused.add(tmp_path)
