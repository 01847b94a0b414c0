"""`cellsearch doctor`: every check on faked facts, and the whole command for real."""

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from search.checks import CHECKS, Finding, Severity, diagnose, facts, processes
from search.checks.numbers import CHANGING
from search.checks.processes import ProcessError
from search.commands import doctor
from search.commands.cli import main
from tasks import DATA_SETS
from workers import INLINE, PoolOptions

REQUIRED = ["jaxlib>=0.7.0,!=0.10.2", "ray>=2.48", 'torch>=2.4; extra == "torch"']
INSTALLED = {"jaxlib": "0.10.1", "ray": "2.60.0"}
NUMERICS = {"key": "a" * 16, "device": "a CPU", "flags": ""}
PROBE = {"numerics": NUMERICS, "threads": 1, "wrong": []}
DONE = [{"part": "read"}, {"part": "identified"}]
OWN = {"python": "3.11.7", "ray": "2.60.0", "jax": "0.10.1"}
GB = 10**9


def node(name: str = "one", cpus: int = 2) -> dict[str, Any]:
    return {"id": name, "name": name, "cpus": cpus, "gpus": 0}


def answer(name: str = "one", **changes: Any) -> dict[str, Any]:
    good = {"about": {"numerics": NUMERICS}, "versions": OWN, "wrong": [], "maps": None}
    return {"id": name, **good, **changes}


def cluster(*rows: dict[str, Any], nodes: Any = None) -> list[dict[str, Any]]:
    return [{"versions": OWN, "nodes": nodes or [node()]}, *rows]


class Machine:
    """A machine on which all is well, until something is changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._answers: dict[str, Any] = {}
        monkeypatch.setattr(processes, "ask", self._ask)
        self.is_(
            cores=facts.Cores(2, 2, None),
            memory=facts.Memory(8 * GB, 8 * GB, 6 * GB),
            max_map_count=65_530,
            free_bytes=50 * GB,
            writable=True,
        )
        self.says(probe=[PROBE], round_trip=DONE, survey=cluster(answer()))
        self.has(REQUIRED, **INSTALLED)

    def is_(self, **changes: Any) -> None:
        """Facts of the machine."""
        for name, value in changes.items():
            self._patch.setattr(facts, name, lambda *_, v=value: v)

    def says(self, **answers: Any) -> None:
        """What processes say when they are asked: rows, or how they fail."""
        self._answers.update(answers)

    def has(self, required: Any, **installed: str) -> None:
        """What the project requires, and what is installed."""
        self._patch.setattr(importlib.metadata, "requires", lambda _: required)
        self._patch.setattr("search.checks.software.installed", installed.get)

    def _ask(self, module: str, function: str, *_: object, **__: object) -> Any:
        rows = self._answers[function]
        if isinstance(rows, Exception):
            raise rows
        return rows


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name in (*CHANGING, "CELLSEARCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("search.checks.software.DATA_SETS", {})
    return Machine(monkeypatch)


def findings(check: str, **options: Any) -> list[Finding]:
    checks = {check: CHECKS[check]}
    return [finding for _, finding in diagnose(PoolOptions(**options), checks)]


def bad(check: str, **options: Any) -> list[tuple[str, str]]:
    """What is not fine: status and text, with what to do about it."""
    return [
        (finding.status, f"{finding.text} -> {finding.todo}")
        for finding in findings(check, **options)
        if finding.todo or finding.status != Severity.OK
    ]


def test_nothing_is_wrong_with_a_healthy_machine(machine: Machine) -> None:
    rows = list(diagnose(PoolOptions()))
    assert {finding.status for _, finding in rows} == {"ok"}
    assert not any(finding.todo for _, finding in rows)
    assert {check for check, _ in rows} == set(CHECKS) - {"data"}


@pytest.mark.parametrize(
    ("check", "change", "status", "text"),
    [
        ("cores", {"cores": facts.Cores(8, 8, 2.5)}, "warning", "--workers 2"),
        ("memory", {"memory": facts.Memory(GB, GB, GB // 2)}, "error", "not enough"),
        ("memory", {"memory": facts.Memory(GB, GB, GB)}, "warning", "--workers 1"),
        (
            "memory",
            {"memory": facts.Memory(64 * GB, 4 * GB, 4 * GB)},
            "warning",
            "--memory 2.0",
        ),
        (
            "memory",
            {"memory": facts.Memory(64 * GB, GB // 4, 4 * GB)},
            "warning",
            "--memory 0.5",
        ),
        ("maps", {"max_map_count": 30_000}, "error", "sysctl -w vm.max_map_count"),
        ("maps", {"max_map_count": 60_000}, "warning", "60,000"),
    ],
)
def test_a_machine_that_is_too_small_is_said_to_be(
    machine: Machine, check: str, change: dict[str, Any], status: str, text: str
) -> None:
    assert bad(check) == []
    machine.is_(**change)
    ((found, line),) = bad(check)
    assert (found, text in line) == (status, True), line


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"writable": False}, "error", "--out"),
        ({"free_bytes": 10**7}, "error", "0.0 GB free"),
        ({"free_bytes": GB}, "warning", "1.0 GB free"),
    ],
)
def test_folders_for_runs_and_for_temporary_files_have_room(
    machine: Machine, change: dict[str, Any], status: str, text: str
) -> None:
    assert bad("disk") == []
    machine.is_(**change)
    (here, _), (temporary, _) = bad("disk")
    assert (here, temporary) == (status, status)
    assert text in bad("disk")[0][1]


@pytest.mark.parametrize(
    ("check", "answers", "status", "text"),
    [
        ("numbers", {"probe": [{**PROBE, "wrong": ["a is off"]}]}, "error", "a is off"),
        ("numbers", {"probe": ProcessError("no jax", [])}, "error", "no jax"),
        ("numbers", {"probe": [{**PROBE, "threads": 2}]}, "error", "2 threads"),
        ("numbers", {"probe": [{**PROBE, "threads": None}]}, "warning", "counted"),
        (
            "round trip",
            {"round_trip": ProcessError("no room", DONE)},
            "error",
            "read, identified, and then: no room",
        ),
        (
            "round trip",
            {"round_trip": ProcessError("no cells", [])},
            "error",
            "not even read, and then: no cells",
        ),
        ("ray", {"survey": ProcessError("no ray", [])}, "error", "no ray"),
        ("ray", {"survey": cluster(nodes=[node(cpus=0)])}, "error", "no worker"),
        (
            "ray",
            {"survey": cluster({"id": "one", "error": "no module jax"})},
            "error",
            "no module jax",
        ),
        (
            "ray",
            {"survey": cluster(answer(versions={**OWN, "ray": "2.50.0"}))},
            "error",
            "ray 2.50.0; here is ray 2.60.0",
        ),
        (
            "ray",
            {"survey": cluster(answer(versions={**OWN, "python": "3.12.7"}))},
            "error",
            "python 3.12.7; here is python 3.11.7",
        ),
        (
            "ray",
            {"survey": cluster(answer(versions={**OWN, "python": "3.11.9"}))},
            "warning",
            "python 3.11.9; here is python 3.11.7",
        ),
        (
            "ray",
            {"survey": cluster(answer(wrong=["a is off"]))},
            "error",
            "node one has wrong numbers: a is off",
        ),
        ("ray", {"survey": cluster(answer(maps=30_000))}, "error", "max_map_count"),
    ],
)
def test_a_process_that_says_or_does_something_wrong_is_told_of(
    machine: Machine, check: str, answers: dict[str, Any], status: str, text: str
) -> None:
    assert bad(check) == []
    machine.says(**answers)
    ((found, line),) = bad(check)
    assert (found, text in line) == (status, True), line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("JAX_ENABLE_X64", "the numerics class does not tell"),
        ("XLA_FLAGS", "a numerics class of its own"),
    ],
)
def test_variables_that_change_numbers_are_to_be_unset(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, "1")
    ((status, line),) = bad("environment")
    assert (status, text in line) == ("warning", True)
    assert line.endswith(f"-> unset {name}")


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ({"torch": "2.0"}, None),  # of an extra
        ({"ray": "2.9"}, "ray 2.9 is installed, required is >=2.48"),
        ({"ray": None}, "ray is not installed -> pip install 'ray>=2.48'"),
        ({"jaxlib": "0.11.0"}, "can crash on x86 CPUs"),
    ],
)
def test_versions_are_held_against_what_is_required(
    machine: Machine, versions: dict[str, Any], text: str | None
) -> None:
    machine.has(REQUIRED, **{**INSTALLED, **versions})
    lines = bad("packages")
    assert [status for status, _ in lines] == ["error"] * (text is not None)
    assert all(text in line for _, line in lines if text)


def test_an_untried_python_and_a_checkout_that_is_not_installed_are_warned_of(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "requires", absent)
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    (absence, python) = bad("packages")
    assert absence[0] == python[0] == "warning"
    assert "not installed" in absence[1]
    assert "untried" in python[1]


def test_workers_without_a_core_or_room_are_warned_of(machine: Machine) -> None:
    ((status, text),) = bad("cores", workers=8)
    assert (status, "--workers 2" in text) == ("warning", True)
    assert bad("cores", workers=8, address="auto") == []
    ((status, text),) = bad("ray", workers=8, address="auto")
    assert (status, "only 2 of 8 workers have room" in text) == ("warning", True)


def test_a_cluster_of_several_classes_is_told_of_mixed(machine: Machine) -> None:
    other = {**NUMERICS, "key": "b" * 16}
    machine.says(
        survey=cluster(
            answer(),
            answer("two", about={"numerics": other}),
            nodes=[node(), node("two"), node("head", cpus=0)],
        )
    )
    ((status, text),) = bad("ray")
    assert (status, "2 numerics classes" in text) == ("warning", True)
    assert "--mixed" in text


def test_ray_is_left_alone_where_it_is_not_wanted(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.says(survey=AssertionError("Ray was asked"))
    (finding,) = findings("ray", workers=INLINE)
    assert finding.status == "ok"
    assert finding.text.startswith("not tried")
    assert main(["doctor", "--quick"]) == 0


def test_missing_data_name_their_task_and_how_to_get_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("search.checks.software.DATA_SETS", DATA_SETS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lines = bad("data")
    assert [status for status, _ in lines] == ["warning"] * len(DATA_SETS)
    for name, (_, text) in zip(DATA_SETS, lines, strict=True):
        assert f"task {name} downloads it" in text
        assert "CELLSEARCH_DATA" in text


def test_altered_data_are_an_error_and_a_wrong_folder_is_too(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("search.checks.software.DATA_SETS", DATA_SETS)
    monkeypatch.setenv("CELLSEARCH_DATA", str(tmp_path))
    (tmp_path / "ptb.train.txt").write_text("the cat\n")
    (tmp_path / "jsb.npz").write_bytes(b"PK")
    lines = [(status, text.split(":")[0]) for status, text in bad("data")]
    assert [status for status, _ in lines] == ["error", "warning", "warning", "error"]
    assert lines[0][1] == "task ptb"
    monkeypatch.setenv("CELLSEARCH_DATA", str(tmp_path / "nowhere"))
    ((status, text),) = bad("data")
    assert (status, "is not a folder" in text) == ("error", True)


def test_a_check_that_raises_is_an_error_and_hides_no_other(machine: Machine) -> None:
    machine.says(probe=OSError("no such\ndevice"))
    rows = list(diagnose(PoolOptions()))
    ((check, finding),) = [row for row in rows if row[1].status != "ok"]
    assert check == "numbers"
    assert finding.text == "this check failed: OSError: no such device"
    assert {name for name, _ in rows} == set(CHECKS) - {"data"}


def test_findings_come_one_by_one(machine: Machine) -> None:
    def later(options: PoolOptions) -> Any:
        raise AssertionError("asked too early")

    rows = diagnose(PoolOptions(), {"maps": CHECKS["maps"], "later": later})
    assert next(rows)[0] == "maps"


def test_the_status_is_1_with_an_error_and_0_without(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    machine.is_(max_map_count=60_000)
    assert main(["doctor"]) == 0
    assert "\n0 errors, 1 warning, " in capsys.readouterr().out
    machine.is_(max_map_count=1_000)
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "error    maps         vm.max_map_count is 1,000" in printed
    assert "\n                      -> sudo sysctl" in printed
    assert main(["doctor", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert all(list(row) == ["check", "status", "text", "todo"] for row in rows)
    assert all(row["status"] in ("ok", "warning", "error") for row in rows)
    assert all("\n" not in row["text"] + row["todo"] for row in rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "0"], "--workers must be 1 or more"),
        (["--workers", "inline", "--address", "auto"], "no use for --address"),
        (["--quick", "--address", "auto"], "--address has no use"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_whole_command_without_ray_on_this_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["doctor", "--quick", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert {row["check"] for row in rows} == set(CHECKS) - {"ray"}
    assert status == int(any(row["status"] == "error" for row in rows))
    texts = [row["text"] for row in rows if row["check"] in ("numbers", "round trip")]
    assert texts[0].startswith("compiled programs give NumPy's numbers")
    assert texts[1:] == [
        "workers compute with one thread",
        "a cell was read, identified, trained, stored, drawn",
    ]


@pytest.mark.slow
def test_the_ray_check_on_this_machine_finds_one_node_of_this_class() -> None:
    lines = findings("ray", workers=1)
    assert [line.status for line in lines] == ["ok", "ok"], lines
    assert "1 node, 1 CPUs" in lines[0].text
    (probe,) = processes.ask("workers.machine.probe", "probe")
    assert probe["numerics"]["key"] in lines[1].text


def test_what_is_rendered_has_the_todo_on_a_line_of_its_own() -> None:
    finding = Finding(Severity.WARNING, "few", "more")
    assert doctor.render("maps", finding).splitlines()[1].strip() == "-> more"
    assert doctor.render("maps", finding._replace(todo="")).count("\n") == 0
