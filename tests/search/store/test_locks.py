"""Who else may use a run: one writer, and no WAL where machines share a folder."""

import os
import signal
from pathlib import Path

import pytest

from search.errors import UserError
from search.store import opening
from search.store.locks import LOCK_FILE, RunLock, holder, on_network
from search.store.store import Store
from tests.search.store.test_faults import fill, finish, known, start
from tests.search.store.test_store import evaluation, job

MOUNTS = """\
/dev/vda / ext4 rw 0 0
proc /proc proc rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/me/local\\040disk xfs rw 0 0
host:/ /mnt/ssh fuse.sshfs rw 0 0
tank /mnt/zfs zfs rw 0 0
fs /mnt/zfs lustre rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/tmp/run", False),
        ("/home/me/run", True),
        ("/homework/run", False),
        ("/home/me/local disk/run", False),
        ("/mnt/ssh", True),
        ("/mnt/zfs/run", True),
    ],
)
def test_network_file_systems_are_known_by_the_deepest_mount(
    folder: str, expected: bool
) -> None:
    assert on_network(Path(folder), MOUNTS) is expected
    assert on_network(Path(folder), "") is False


@pytest.mark.parametrize(
    ("kind", "mode", "synchronous"), [("ext4", "wal", 1), ("nfs4", "delete", 2)]
)
def test_the_journal_is_one_that_the_file_system_can_have(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    mode: str,
    synchronous: int,
) -> None:
    fill(tmp_path, 1)  # with WAL
    monkeypatch.setattr(opening, "read_mounts", lambda: f"some / {kind} rw 0 0")
    with Store.open(tmp_path) as store, Store.read(tmp_path) as reader:
        assert store.results._file.rows("PRAGMA journal_mode") == [(mode,)]
        assert store.results._file.rows("PRAGMA synchronous") == [(synchronous,)]
        store.commit((job(seed=1), evaluation(job(seed=1))))
        assert known(reader) == [0, 1]


HOLD = "with RunLock(folder): print('held', flush=True); time.sleep(60)"


def test_a_run_is_used_by_one_process_and_free_once_that_is_killed(
    tmp_path: Path,
) -> None:
    process = start(HOLD, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(UserError) as error, RunLock(tmp_path):
        pass
    expected = (
        f"{tmp_path} is in use by process {process.pid} on {os.uname().nodename};"
    )
    assert str(error.value).startswith(expected)
    process.kill()
    finish(process, -signal.SIGKILL)
    with RunLock(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text().startswith(f"{os.getpid()} ")


def test_a_lock_is_given_back_and_excludes_its_own_process_too(tmp_path: Path) -> None:
    for _ in range(2):
        with RunLock(tmp_path):
            other = RunLock(tmp_path)
            with pytest.raises(UserError, match=f"process {os.getpid()} on"):
                other.__enter__()


def test_a_lock_in_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write .*run\.lock \(No such file"):
        RunLock(tmp_path / "none").__enter__()


ASK = """
from search.store.locks import holder
print('ready', flush=True)
while not (folder / 'over').exists():
    assert holder(folder) in (None, sys.argv[2], 'another process')
    time.sleep(0.002)
"""


def test_who_asks_for_the_holder_keeps_nobody_out(tmp_path: Path) -> None:
    me = f"process {os.getpid()} on {os.uname().nodename}"
    with RunLock(tmp_path):
        assert holder(tmp_path) == me
    askers = [start(ASK, tmp_path, me) for _ in "ab"]
    try:
        for asker in askers:
            assert asker.stdout is not None
            assert asker.stdout.readline() == "ready\n"
        for _ in range(100):
            with RunLock(tmp_path):
                pass
    finally:
        (tmp_path / "over").touch()
    for asker in askers:
        finish(asker)
