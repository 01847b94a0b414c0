"""One seed, one search: whatever happens to its processes, disk and folder."""

import ctypes
import functools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.commands.cli import main
from search.loop.runs import CONFIG_FILE
from search.store.database import RUN_FILE
from search.store.store import Store
from tests.support.fake_search import Fake, history, query, results
from tests.support.searches import (
    command,
    evaluations,
    finish,
    finish_stopped,
    here,
    refused,
    shown,
    start,
    table,
    tried,
    wait_for,
)

DEMO = ("--preset", "tiny", "--seed", "3")
SLOW = Fake(sleep_s=0.02)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 40 candidates that nothing has disturbed; not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    begun(folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def begin(folder: Path, *more: object, fake: Fake = SLOW) -> subprocess.Popen[str]:
    return start("run", *DEMO, "--candidates", 40, "--out", folder, *more, fake=fake)


def begun(folder: Path, *more: object, status: int = 0) -> tuple[str, str]:
    """The same in this process, where nothing has it wait; what it printed."""
    words = ("run", *DEMO, "--candidates", 40, "--out", folder, *more)
    return here(*words, status=status)


def content(folder: Path) -> tuple[object, ...]:
    """The table, and all that led to it."""
    return table(folder), history(folder), results(folder)


content_of_whole = functools.cache(content)


def check_same(folder: Path, whole: Path) -> None:
    assert content(folder) == content_of_whole(whole)


def check_prefix(folder: Path, whole: Path) -> None:
    """Part of the search was made, and that as it is in the whole."""
    for part, all_rows in zip(history(folder), history(whole), strict=True):
        assert part == all_rows[: len(part)]
    assert set(results(folder)) <= set(results(whole))
    assert 0 < len(history(folder)[0]) < len(history(whole)[0])


def test_killed_at_four_moments_and_resumed_it_is_the_same_search(
    whole: Path, tmp_path: Path
) -> None:
    folder, rng = tmp_path / "run", random.Random(5)
    process, seen = begin(folder), [0]
    for number in range(4):
        wait_for(folder, seen[-1] + rng.randrange(1, 25), process)
        time.sleep(rng.random() / 50)
        process.kill()
        process.communicate()
        seen.append(evaluations(folder))
        again = ("resume", folder) if number % 2 else ("run", *DEMO, "--out", folder)
        if number < 3:
            process = start(*again, fake=SLOW)
    here(*again)
    assert seen == sorted(set(seen))
    assert seen[-1] < evaluations(whole)
    check_same(folder, whole)
    assert evaluations(folder) == evaluations(whole)


@pytest.mark.parametrize("commit", [1, 2, 40])
def test_killed_in_a_transaction_and_resumed_it_is_the_same_search(
    commit: int, whole: Path, tmp_path: Path
) -> None:
    """What came together is in one transaction: three are lost at most."""
    finish(begin(tmp_path, fake=Fake(die_at=commit)), -signal.SIGKILL)
    assert commit - 3 <= evaluations(tmp_path) < commit
    here("resume", tmp_path)
    check_same(tmp_path, whole)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("search.loop.runs", "versions"),
        ("search.store.opening", "_set_journal"),
        ("search.store.opening", "_make"),
        ("search.store.store", "open_database"),
        ("search.loop.runs", "write_document"),
    ],
)
def test_killed_as_it_is_begun_it_can_be_begun_again(
    module: str, function: str, whole: Path, tmp_path: Path
) -> None:
    dying, folder = Fake(die_in=f"{module}:{function}"), tmp_path / "run"
    finish(begin(folder, fake=dying), -signal.SIGKILL)
    if (folder / RUN_FILE).exists():
        other = Path(shutil.copytree(folder, tmp_path / "copy"))
        status, _, err = tried("resume", other)
        if status:
            assert "nothing was begun there" in err
            begun(other)
        check_same(other, whole)
    begun(folder)
    check_same(folder, whole)


def test_a_run_that_is_raised_equals_one_that_was_begun_so(
    whole: Path, copy: Path, tmp_path: Path
) -> None:
    here("run", *DEMO, "--candidates", 80, "--out", tmp_path / "long")
    assert "80 of 80" in shown("status", tmp_path / "long")
    here("resume", copy, "--candidates", 80)
    assert table(copy) == table(tmp_path / "long")
    assert history(copy) == history(tmp_path / "long")
    assert set(results(copy)) >= set(results(tmp_path / "long"))
    assert table(copy) != table(whole)


def test_run_raises_as_resume_does_and_the_number_is_kept(copy: Path) -> None:
    here("run", *DEMO, "--candidates", 50, "--out", copy)
    assert "50 of 50" in shown("status", copy)
    assert "50 of 50" in here("resume", copy)[0] + shown("status", copy)


def test_fewer_candidates_than_there_are_are_refused(copy: Path) -> None:
    said = "--candidates must be at least 40, which"
    assert said in refused("resume", copy, "--candidates", 39)
    assert "40 of 40" in shown("status", copy)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_what_is_trained_saves_and_says_how_to_go_on(
    number: int, whole: Path, tmp_path: Path
) -> None:
    process = begin(tmp_path, fake=Fake(sleep_s=0.05))
    wait_for(tmp_path, 12, process)
    process.send_signal(number)
    out = finish_stopped(process)
    assert out.endswith(
        f"stopped by hand. Go on: cellsearch resume {tmp_path} [--candidates N]\n"
    )
    issued, stored = len(history(tmp_path)[2]), evaluations(tmp_path)
    assert 12 <= stored < issued
    check_prefix(tmp_path, whole)
    here("resume", tmp_path)
    check_same(tmp_path, whole)
    assert evaluations(tmp_path) == evaluations(whole)


def test_a_second_ctrl_c_stops_at_once(whole: Path, tmp_path: Path) -> None:
    pairs = (
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGINT),
        (signal.SIGINT, signal.SIGTERM),
    )
    folders = [tmp_path / str(number) for number in range(len(pairs))]
    processes = [
        begin(folder, fake=Fake(sleep_s=4, marker=f"{folder} waits"))
        for folder in folders
    ]
    for (first, second), folder, process in zip(pairs, folders, processes, strict=True):
        while not Path(f"{folder} waits").exists():
            time.sleep(0.01)
        process.send_signal(first)
        assert process.stderr is not None
        assert "finishing" in process.stderr.readline()
        start_s = time.monotonic()
        process.send_signal(second)
        _, err = finish(process, 130)
        assert time.monotonic() - start_s < 4
        assert err == (
            f"stopped at once. Go on: cellsearch resume {folder} [--candidates N]\n"
        )
        here("resume", folder)
        check_same(folder, whole)


def test_with_json_ctrl_c_says_how_to_go_on_beside_the_table(tmp_path: Path) -> None:
    process = begin(tmp_path, "--json", fake=Fake(sleep_s=0.02))
    wait_for(tmp_path, 12, process)
    process.send_signal(signal.SIGINT)
    out, err = finish(process, 130)
    assert isinstance(json.loads(out), list)
    assert f"Go on: cellsearch resume {tmp_path}" in err


def test_time_and_fitness_stop_a_search_that_goes_on_as_if_they_had_not(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    out, _ = begun(folder, "--hours", "0")
    assert "no cell has been evaluated yet" in out
    assert "time is up. Go on: cellsearch resume" in out
    out, _ = here("resume", folder, "--hours", 0.0001, fake=SLOW)
    assert "time is up" in out
    check_prefix(folder, whole)
    best = json.loads(table(whole))[0]["fitness"]
    wanted = (1 + best) / 2
    out, _ = here("resume", folder, "--fitness", wanted)
    assert "the fitness wanted was reached" in out
    assert json.loads(table(folder))[0]["fitness"] >= wanted
    check_prefix(folder, whole)
    here("resume", folder)
    check_same(folder, whole)


# What happens to files


def test_a_file_that_is_cut_off_is_refused_and_what_is_left_is_not_trained_again(
    whole: Path, copy: Path, tmp_path: Path
) -> None:
    path = copy / RUN_FILE
    os.truncate(path, path.stat().st_size - 5000)
    for words in (("resume", copy), ("run", *DEMO, "--out", copy)):
        error = refused(*words)
        assert f"{path} is damaged" in error
        assert f"`cellsearch run --reuse {copy} --out NEW`" in error
    for name in ("top", "status"):
        assert f"`cellsearch run --reuse {copy} --out NEW`" in refused(name, copy)
    new = tmp_path / "new"
    begun(new, "--reuse", copy)
    assert table(new) == table(whole)
    assert results(new) == results(whole)
    trained = query(new, "SELECT count(*) FROM evaluations WHERE source IS NULL")[0][0]
    assert 0 < trained < evaluations(whole) / 2


def test_a_log_that_is_cut_off_is_no_obstacle(whole: Path, tmp_path: Path) -> None:
    process = begin(tmp_path)
    wait_for(tmp_path, 40, process)
    process.kill()
    process.communicate()
    log = tmp_path / f"{RUN_FILE}-wal"
    os.truncate(log, log.stat().st_size - 5000)
    here("resume", tmp_path)
    check_same(tmp_path, whole)


@pytest.mark.parametrize("limit", [1_000, 5_000, 300_000])
def test_a_full_disk_is_one_line_and_nothing_is_lost(
    limit: int, whole: Path, tmp_path: Path
) -> None:
    _, err = finish(begin(tmp_path, fake=Fake(limit=limit)), 2)
    *progress, last = err.splitlines()
    assert last.startswith(f"cellsearch run: cannot read or write {tmp_path}")
    there = limit > 5_000
    assert ("goes on: what was stored is kept" in last) == there
    assert ("the same command begins: nothing is stored yet" in last) == (not there)
    assert all(line.startswith("[") for line in progress)
    assert evaluations(tmp_path) > 0 or limit < 300_000
    begun(tmp_path)
    check_same(tmp_path, whole)


def without_root() -> None:
    """Leaves root what its files allow: it may not write in read-only folders."""
    if os.getuid() == 0:
        ctypes.CDLL(None).prctl(24, 1)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


def test_a_read_only_folder_is_read_and_refused_in_one_line(copy: Path) -> None:
    copy.chmod(0o555)
    probe = [sys.executable, "-c", f"open({str(copy / 'new')!r}, 'w')"]
    try:
        if not subprocess.run(
            probe,
            preexec_fn=without_root,
            stderr=subprocess.DEVNULL,
        ).returncode:
            pytest.skip("root writes in read-only folders here")
        for name in ("top", "status"):
            assert command(name, copy, preexec=without_root)
        (copy / "run.lock").unlink(missing_ok=True)
        for words in (("resume", copy), ("run", *DEMO, "--out", copy / "sub")):
            out, err = finish(start(*words, preexec=without_root), 2)
            assert out == ""
            assert err.count("\n") == 1
            assert "(Permission denied)" in err
    finally:
        copy.chmod(0o755)


def test_a_second_process_is_refused_and_top_and_status_work_meanwhile(
    tmp_path: Path,
) -> None:
    process = begin(tmp_path, fake=Fake(sleep_s=0.1))
    wait_for(tmp_path, 3, process)
    for words in (("resume", tmp_path), ("run", *DEMO, "--out", tmp_path)):
        error = refused(*words)
        assert f"{tmp_path} is in use by process {process.pid} on" in error
    shown("top", tmp_path)
    facts = json.loads(shown("status", tmp_path, "--json"))
    assert f"process {process.pid} on" in facts["machine"]["in_use_by"]
    assert f"running: process {process.pid} on" in shown("status", tmp_path)
    assert process.poll() is None
    process.kill()
    process.communicate()
    facts = json.loads(shown("status", tmp_path, "--json"))
    assert facts["machine"]["in_use_by"] is None


def test_top_can_be_asked_again_and_again_while_results_arrive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = begin(tmp_path, "--candidates", 20, fake=SLOW)
    asked, seen = 0, set()
    wait_for(tmp_path, 3, process)
    while process.poll() is None:
        assert main(["top", str(tmp_path), "--json"]) == 0, capsys.readouterr().err
        seen.add(capsys.readouterr().out)
        asked += 1
    finish(process)
    assert asked > 5
    assert len(seen) > 3


# What a person changes


def test_an_edited_configuration_is_refused_and_names_the_option(copy: Path) -> None:
    path = copy / CONFIG_FILE
    text = path.read_text()
    path.write_text(text.replace("gate = 0.9", "gate = 0.8"))
    for words in (("resume", copy), ("run", *DEMO, "--out", copy)):
        error = refused(*words)
        assert "config.toml differs from the run's: rules.gate is 0.8, was 0.9" in error
        assert "`cellsearch run --branch RUN --out NEW`, or a new run" in error
    path.write_text("not toml")
    assert "config.toml: not TOML" in refused("resume", copy)
    path.write_text(f"# mine\n{text}")
    here("resume", copy)


def test_a_run_that_is_opened_opens_nothing_that_it_names(
    whole: Path, copy: Path
) -> None:
    text = (copy / CONFIG_FILE).read_text()
    edited = text.replace("references = []", f'references = ["{whole}:1"]')
    assert edited != text
    (copy / CONFIG_FILE).write_text(edited)
    assert f"references: unknown cell '{whole}:1'" in refused("resume", copy)
    with Store.open(copy) as store:
        document = store.history.get("config")
        store.history.set("config", {**document, "references": [f"{whole}:1"]})
    assert f"references: unknown cell '{whole}:1'" in refused("top", copy)


def test_a_configuration_that_is_gone_or_shorter_is_no_problem(
    whole: Path, copy: Path
) -> None:
    (copy / CONFIG_FILE).write_text('preset = "tiny"\nseed = 3\n')
    here("resume", copy)
    (copy / CONFIG_FILE).unlink()
    here("resume", copy)
    check_same(copy, whole)
    assert (copy / CONFIG_FILE).read_text() == (whole / CONFIG_FILE).read_text()


def test_a_wrong_type_names_the_file_it_is_in(copy: Path, tmp_path: Path) -> None:
    text = (copy / CONFIG_FILE).read_text()
    (copy / CONFIG_FILE).write_text(text.replace("gate = 0.9", 'gate = "much"'))
    assert f"{copy / CONFIG_FILE}: rules.gate must be" in refused("resume", copy)
    (tmp_path / "mine.toml").write_text('[rules]\ngate = "much"\n')
    words = ("run", tmp_path / "mine.toml", "--out", tmp_path / "new")
    assert f"{tmp_path / 'mine.toml'}: rules.gate must be" in refused(*words)
    (tmp_path / "mine.toml").write_text("[rules]\ngate = 0.8\n")
    error = refused(*words, "--set", "rules.gate=much")
    assert error.startswith("cellsearch run: rules.gate must be")


def test_a_text_that_is_no_cell_names_file_and_cell(copy: Path) -> None:
    file = sqlite3.connect(copy / RUN_FILE)
    with file:
        file.execute("UPDATE cells SET text = 'def f(x, h):' WHERE text IS NOT NULL")
    file.close()
    error = refused("top", copy)
    assert f"{copy / RUN_FILE}: the text of cell " in error
    assert " cannot be read: line 1" in error


def test_a_copy_of_the_file_alone_can_be_read(tmp_path: Path) -> None:
    process = begin(tmp_path / "run")
    wait_for(tmp_path / "run", 1, process)
    process.kill()
    process.communicate()
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "run" / RUN_FILE, tmp_path / "copy")
    assert "seed 3" in shown("status", tmp_path / "copy")


def test_the_command_to_go_on_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "my first; run"
    printed, _ = here("run", *DEMO, "--candidates", 1, "--out", folder)
    assert f"cellsearch resume '{folder}' [--candidates N]" in printed


def test_the_configuration_of_a_run_makes_the_same_search(
    whole: Path, tmp_path: Path
) -> None:
    here("run", whole / CONFIG_FILE, "--candidates", 40, "--out", tmp_path)
    check_same(tmp_path, whole)
    assert (tmp_path / CONFIG_FILE).read_text() == (whole / CONFIG_FILE).read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--preset", "tiny"), "seed is 0, was 3"),
        ((*DEMO, "--set", "rules.gate=0.8"), "rules.gate is 0.8, was 0.9"),
        (("--seed", "3"), "preset is 'quick', was 'tiny'"),
    ],
)
def test_other_flags_for_a_run_are_refused(
    words: tuple[str, ...], said: str, whole: Path
) -> None:
    error = refused("run", *words, "--out", whole)
    assert "the configuration asked for differs from the run's" in error
    assert said in error


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE decisions SET at = at + 1 WHERE number = 20",
        "UPDATE decisions SET cell = (SELECT max(cell) FROM decisions) WHERE number=20",
        "UPDATE decisions SET rules = '[]' WHERE number = 20",
        "DELETE FROM decisions WHERE number = 20",
        "DELETE FROM rejects",
        'UPDATE jobs SET "end" = "end" * 2 WHERE number = 0',
        "UPDATE jobs SET stage = 0 WHERE stage = 1",
        "DELETE FROM jobs WHERE number = 20",
    ],
)
def test_a_history_of_another_search_is_refused_and_names_the_choices(
    edit: str, copy: Path
) -> None:
    file = sqlite3.connect(copy / RUN_FILE)
    with file:
        assert file.execute(edit).rowcount > 0
    file.close()
    for name in ("resume", "top", "status"):
        error = here(name, copy, status=2)[1].splitlines()[-1]
        assert "the run was made by others, or its file was edited. Go on with" in error
        assert "`cellsearch run --branch RUN --out NEW`, or start a new run" in error


@pytest.mark.parametrize(
    "edit",
    [
        "best = 0.99 WHERE status = 'OK'",
        "best = best * 1.0000001 WHERE status = 'OK'",
        "updates = updates + 1",
        "setting = (SELECT max(id) FROM settings)",
        "seal = zeroblob(16)",
    ],
)
def test_a_result_that_was_edited_is_noticed(edit: str, copy: Path) -> None:
    file = sqlite3.connect(copy / RUN_FILE)
    with file:
        assert file.execute(f"UPDATE runs SET {edit}").rowcount > 0
    file.close()
    for name in ("resume", "top", "status"):
        error = here(name, copy, status=2)[1].splitlines()[-1]
        assert "table runs: the result of " in error or "was made by others" in error
        assert "edited" in error


# What a run takes from others


def names(folder: Path) -> dict[str, str]:
    """Names of a table by digest."""
    return {row["digest"]: row["name"] for row in json.loads(table(folder))}


def test_a_branch_starts_from_the_table_of_a_run(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "branch"
    here("run", "--branch", whole, "--candidates", 6, "--out", folder)
    decisions = history(folder)[0]
    seeds = [row for row in decisions if row[1] == "seed"]
    assert [row[3].hex() for row in seeds] == list(names(whole))[:10]  # the list
    assert all(json.loads(table(whole))[0]["text"] for _ in seeds)
    best = json.loads(table(folder))[0]["fitness"]  # the baseline may have got better
    assert best > 0.95 * json.loads(table(whole))[0]["fitness"]
    again = tmp_path / "again"
    here("run", "--branch", folder, "--candidates", 3, "--out", again)
    kinds = [row[1] for row in history(again)[0]]
    assert kinds.count("seed") == min(10, len(names(folder)))
    assert len(set(names(again).values())) == len(names(again))
    assert here("resume", again)[0]


def test_a_run_that_reuses_trains_nothing_that_the_other_has(
    whole: Path, tmp_path: Path
) -> None:
    begun(tmp_path / "same", "--reuse", whole)
    check_same(tmp_path / "same", whole)
    sources = "SELECT count(*), count(source) FROM evaluations"
    assert query(tmp_path / "same", sources)[0] == (evaluations(whole),) * 2
    spent = "SELECT sum(compile_s), sum(train_s) FROM evaluations"
    assert query(tmp_path / "same", spent) == [(0.0, 0.0)]
    other = ("--set", "rules.gate=0.97", "--reuse", whole)
    begun(tmp_path / "other", *other)
    own = {row[0] for row in results(whole)}
    trained = "SELECT run_id FROM results WHERE source IS NULL"
    rows = {row[0] for row in query(tmp_path / "other", trained)}
    assert rows
    assert not rows & own


def test_a_run_goes_on_when_the_one_that_it_reuses_is_gone(
    whole: Path, copy: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    begun(folder, "--reuse", copy, "--fitness", "1")
    shutil.rmtree(copy)
    _, err = here("resume", folder)
    assert f"{copy} has no results" in err
    check_same(folder, whole)


def test_a_run_that_goes_on_may_reuse_another(whole: Path, tmp_path: Path) -> None:
    begun(tmp_path, "--hours", 0)
    begun(tmp_path, "--reuse", whole)
    check_same(tmp_path, whole)
    trained = "SELECT count(*) FROM evaluations WHERE source IS NULL"
    assert query(tmp_path, trained) == [(0,)]


def test_what_a_reused_run_computes_elsewhere_later_is_not_taken(
    copy: Path, tmp_path: Path
) -> None:
    folder, other = tmp_path / "run", Fake(numerics="other")
    begun(folder, "--reuse", copy, "--hours", 0)
    here("resume", copy, "--candidates", 60, "--mixed", fake=other)
    _, err = here("resume", folder, "--candidates", 60)
    assert f"note: {copy} has results of another numerics class" in err
    assert {row[-1] for row in results(folder)} == {"fake"}
    assert {row[-1] for row in results(copy)} == {"fake", "other"}


@pytest.mark.parametrize("flag", ["--reuse", "--branch"])
def test_results_of_another_numerics_class_do_not_enter_unless_that_is_allowed(
    flag: str, copy: Path, tmp_path: Path
) -> None:
    other = Fake(numerics="other")
    words = ("run", *DEMO, "--candidates", 20, flag, copy)
    folder = tmp_path / "new"
    if flag == "--reuse":
        error = refused(*words, "--out", folder, fake=other)
        assert f"results of {copy} are of another numerics class" in error
        assert "--mixed" in error
        assert not folder.exists()
    here(*words, "--out", folder, "--mixed", fake=other)
    assert "mixed" in shown("top", folder)
    assert "mixed" in shown("status", folder)


def test_a_machine_of_another_numerics_class_is_refused_unless_that_is_allowed(
    copy: Path,
) -> None:
    other = Fake(numerics="other")
    words = ("resume", copy, "--candidates", 50)
    _, error = here(*words, status=2, fake=other)
    assert "compute other bits than the run (device 'fake abacus' / 'other" in error
    assert "mixed" not in shown("top", copy)
    here(*words, "--mixed", fake=other)
    assert "not reproducible to the bit" in shown("top", copy)
    assert "not reproducible to the bit" in shown("status", copy)


def test_a_result_of_another_class_marks_the_run_and_is_told_once(
    tmp_path: Path,
) -> None:
    """As one is of whose lanes there had to be fewer."""
    folder = tmp_path / "run"
    words = ("run", *DEMO, "--candidates", 20, "--out", folder)
    out, err = here(*words, fake=Fake(other_at=5))
    assert (out + err).count("a result is of another numerics class") == 1
    assert "not reproducible to the bit" in shown("top", folder)


def test_a_mutant_that_is_the_baseline_does_not_replace_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def near(x, h):\n    return sigmoid(linear(x) + linear(h))\n"
    (tmp_path / "near").write_text(text)
    words = ("--set", 'seeds=["near"]', "--set", 'references=["tanh"]')
    words += ("--set", "baseline=tanh", "--set", "filter.name=off")
    words += ("--set", 'rules.ops=["tanh"]', "--set", "rules.max_redraws=3")
    for name in ("elementwise", "insert", "remove", "ancestor", "combine"):
        words += ("--set", f"rules.weights.{name}=0")
    folder = tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    here("run", *DEMO, "--candidates", 10, "--out", folder, *words)
    decisions = history(folder)[0]
    [tanh] = [row[3] for row in decisions if row[1] == "reference"]
    assert [row[1] for row in decisions if row[3] == tanh].count("propose") == 1
