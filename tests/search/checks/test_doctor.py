"""`cellsearch doctor`: every check on faked facts, and the whole command for real."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.checks import CHECKS, Asked, Line, diagnose, facts
from search.commands import doctor
from search.commands.cli import main
from tasks import DATA_SETS

REQUIRED = [
    "jax>=0.7.0,!=0.10.2",
    "jaxlib>=0.7.0,!=0.10.2",
    "ray>=2.48",
    'torch>=2.4; extra == "torch"',
    'ruff>=999; extra == "test"',
]
VERSIONS = {
    "jax": "0.10.1",
    "jaxlib": "0.10.1",
    "flax": "0.12.8",
    "optax": "0.2.8",
    "numpy": "2.4.6",
    "ray": "2.60.0",
    "scipy": "1.17.1",
    "ruff": "0.9",
}
NUMERICS = {
    "key": "a" * 16,
    "device": "a CPU",
    "jax": "0.10.1",
    "jaxlib": "0.10.1",
    "flags": "",
}
PROBE = {
    "devices": {"cpu": ["cpu"]},
    "numerics": NUMERICS,
    "threads": 1,
    "wrong": [],
}
OWN = {"python": "3.11.7", "ray": "2.60.0", "jax": "0.10.1"}
GB = 10**9


def node(name: str = "one", cpus: int = 2) -> dict[str, Any]:
    return {"id": name, "name": name, "cpus": cpus, "gpus": 0}


def answer(name: str = "one", **changes: Any) -> dict[str, Any]:
    good = {"about": {"numerics": NUMERICS}, "versions": OWN, "wrong": [], "maps": None}
    return {"id": name, **good, **changes}


def cluster(*rows: dict[str, Any], nodes: Any = None) -> list[dict[str, Any]]:
    return [{"versions": OWN, "nodes": nodes or [node()]}, *rows]


def raising(error: Exception) -> Callable[..., Any]:
    def function(*_: object) -> Any:
        raise error

    return function


class Machine:
    """A machine on which all is well, until something is changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.is_(
            python_version=(3, 12, 1),
            environment={},
            requirements=REQUIRED,
            cores=facts.Cores(2, 2, None),
            memory=facts.Memory(8 * GB, 8 * GB, 6 * GB),
            max_map_count=65_530,
            open_files=(20_000, 20_000),
            disk=(100 * GB, 50 * GB),
            writable=True,
            accelerator=None,
            reachable=True,
            probe=PROBE,
            survey=cluster(answer()),
        )
        self.has(**VERSIONS)

    def is_(self, **changes: Any) -> None:
        for name, value in changes.items():
            if isinstance(value, Exception):
                self._patch.setattr(facts, name, raising(value))
            elif name == "survey":
                self._patch.setattr(facts, name, lambda *_, v=value: (r for r in v))
            else:
                self._patch.setattr(facts, name, lambda *_, v=value: v)

    def has(self, **versions: str | None) -> None:
        installed = {**VERSIONS, **versions}
        self._patch.setattr(facts, "installed", installed.get)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CELLSEARCH_DATA", raising=False)
    monkeypatch.setattr("search.checks.data.DATA_SETS", {})
    return Machine(monkeypatch)


def findings(name: str, **asked: Any) -> list[Line]:
    return list(diagnose(Asked(**asked), {name: CHECKS[name]}))


def bad(name: str, **asked: Any) -> list[tuple[str, str]]:
    """What is not fine: status and text, with what to do about it."""
    lines = [line for line in findings(name, **asked) if line.status != "ok"]
    assert all(line.todo for line in lines)
    return [(line.status, f"{line.text} -> {line.todo}") for line in lines]


def test_nothing_is_wrong_with_a_healthy_machine(machine: Machine) -> None:
    lines = list(diagnose(Asked()))
    assert {line.status for line in lines} == {"ok"}
    assert not any(line.todo for line in lines)
    assert {line.check for line in lines} == set(CHECKS) - {"data"}


@pytest.mark.parametrize(
    ("check", "change", "status", "text"),
    [
        ("python", {"python_version": (3, 10, 9)}, "error", "too old"),
        ("python", {"python_version": (3, 14, 0)}, "warning", "untried"),
        ("packages", {"requirements": None}, "warning", "not installed"),
        ("cores", {"cores": facts.Cores(8, 8, 2.5)}, "warning", "--workers 2"),
        ("memory", {"memory": facts.Memory(GB, GB, GB // 2)}, "error", "not enough"),
        (
            "memory",
            {"memory": facts.Memory(2 * GB, 2 * GB, GB)},
            "warning",
            "--workers 1",
        ),
        (
            "memory",
            {"memory": facts.Memory(64 * GB, 4 * GB, 4 * GB)},
            "warning",
            "--memory 2.0",
        ),
        ("maps", {"max_map_count": 30_000}, "error", "sysctl -w vm.max_map_count"),
        ("maps", {"max_map_count": 60_000}, "warning", "60,000"),
        ("files", {"open_files": (256, 4096)}, "warning", "ulimit -n 576"),
        ("files", {"open_files": (256, 256)}, "warning", "hard limit of 256"),
        ("disk", {"writable": False}, "error", "--out"),
        ("disk", {"disk": (GB, 10**7)}, "error", "0.0 GB free"),
        ("disk", {"disk": (10 * GB, GB)}, "warning", "1.0 GB free"),
        ("disk", {"disk": None}, "error", "there is no folder"),
        ("temporary", {"writable": False}, "error", "TMPDIR"),
        ("temporary", {"disk": (500 * GB, 20 * GB)}, "warning", "RAY_TMPDIR"),
        ("temporary", {"disk": (GB, 10**8 - 1)}, "error", "free"),
        ("shared", {"disk": (64 * 10**6, 64 * 10**6)}, "warning", "--shm-size"),
        (
            "environment",
            {"environment": {"JAX_ENABLE_X64": "1"}},
            "warning",
            "unset JAX_ENABLE_X64",
        ),
        (
            "environment",
            {"environment": {"XLA_FLAGS": "--xla_x=1"}},
            "warning",
            "numerics class of its own",
        ),
        (
            "environment",
            {"environment": {"JAX_COMPILATION_CACHE_DIR": "/x"}},
            "warning",
            "unset JAX_COMPILATION_CACHE_DIR",
        ),
        ("numbers", {"probe": {**PROBE, "wrong": ["a is off"]}}, "error", "a is off"),
        (
            "numbers",
            {"probe": facts.ProcessError("no jax")},
            "error",
            "does not start on CPU: no jax",
        ),
        ("threads", {"probe": {**PROBE, "threads": 2}}, "error", "2 threads"),
        ("threads", {"probe": {**PROBE, "threads": None}}, "warning", "counted"),
        (
            "devices",
            {"accelerator": facts.Accelerator("an NVIDIA GPU", "cuda13")},
            "warning",
            "pip install 'jax[cuda13]==0.10.1'",
        ),
        (
            "devices",
            {
                "accelerator": facts.Accelerator("an NVIDIA GPU", "cuda13"),
                "environment": {"JAX_PLATFORMS": "cpu"},
            },
            "warning",
            "hidden by JAX_PLATFORMS=cpu",
        ),
        ("devices", {"probe": facts.ProcessError("dead")}, "error", "dead"),
        ("cache", {"writable": False}, "warning", "XDG_CACHE_HOME"),
        ("ray", {"survey": facts.ProcessError("no ray")}, "error", "no ray"),
        ("ray", {"survey": []}, "error", "says nothing"),
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
def test_a_check_says_what_is_wrong_and_what_to_do(
    machine: Machine, check: str, change: dict[str, Any], status: str, text: str
) -> None:
    assert bad(check) == []
    machine.is_(**change)
    (found,) = bad(check)
    assert found[0] == status
    assert text in found[1]


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        ({"torch": "2.5"}, []),
        ({"torch": "2.0"}, [("warning", "torch 2.0 is installed, required is >=2.4")]),
        ({"ray": "2.9"}, [("error", "ray 2.9 is installed, required is >=2.48")]),
        ({"ray": None}, [("error", "ray is not installed -> pip install 'ray>=2.48'")]),
        ({"scipy": None}, [("error", "scipy is not installed -> pip install scipy")]),
        (
            {"jaxlib": "0.10.2"},
            [("error", "jaxlib 0.10.2 is installed, required is !=0.10.2,>=0.7.0")],
        ),
    ],
)
def test_versions_are_held_against_what_is_required(
    machine: Machine, versions: dict[str, str | None], found: list[tuple[str, str]]
) -> None:
    machine.has(**versions)
    seen = bad("packages")
    assert len(seen) == len(found)
    for (status, text), (wanted, part) in zip(seen, found, strict=True):
        assert (status, part in text) == (wanted, True), text


@pytest.mark.parametrize("version", ["0.10.2", "0.11.0"])
def test_versions_with_wrong_numbers_are_errors_whatever_is_required(
    machine: Machine, version: str
) -> None:
    machine.is_(requirements=None)
    machine.has(jaxlib=version)
    ((status, text),) = bad("jaxlib")
    assert status == "error"
    assert "pip install 'jax!=0.10.2,!=0.11.0'" in text


def test_workers_without_a_core_or_room_are_warned_of(machine: Machine) -> None:
    ((status, text),) = bad("cores", workers=8)
    assert (status, "--workers 2" in text) == ("warning", True)
    assert bad("cores", workers=8, address="auto") == []
    ((status, text),) = bad("ray", workers=8, address="auto")
    assert (status, "only 2 of 8 workers have room" in text) == ("warning", True)


def test_a_cluster_of_several_classes_is_told_of_mixed(machine: Machine) -> None:
    other = {**NUMERICS, "key": "b" * 16, "device": "another CPU"}
    rows = cluster(
        answer(),
        answer("two", about={"numerics": other}),
        nodes=[node(), node("two"), node("head", cpus=0)],
    )
    machine.is_(survey=rows)
    ((status, text),) = bad("ray")
    assert status == "warning"
    assert "2 numerics classes" in text
    assert "differ in device:" in text
    assert "--mixed" in text
    assert any("head: no CPUs" in line.text for line in findings("ray"))


def test_an_address_where_nothing_listens_is_not_waited_for(machine: Machine) -> None:
    machine.is_(reachable=False, survey=AssertionError("Ray was asked"))
    ((status, text),) = bad("ray", address="10.0.0.1:6379")
    assert (status, "nothing listens there" in text) == ("error", True)


def test_ray_is_left_alone_where_it_is_not_wanted(machine: Machine) -> None:
    machine.is_(survey=AssertionError("Ray was asked"))
    for asked in ({"quick": True}, {"inline": True}):
        (line,) = findings("ray", **asked)
        assert line.status == "ok"
        assert line.text.startswith("not tried")


def test_missing_data_name_their_task_and_how_to_get_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("search.checks.data.DATA_SETS", DATA_SETS)
    seen = bad("data")
    assert [status for status, _ in seen] == ["warning"] * len(DATA_SETS)
    for name, (_, text) in zip(DATA_SETS, seen, strict=True):
        assert f"task {name} will download it" in text
        assert "CELLSEARCH_DATA" in text


def test_altered_data_are_an_error_and_a_wrong_folder_is_too(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("search.checks.data.DATA_SETS", DATA_SETS)
    monkeypatch.setenv("CELLSEARCH_DATA", str(tmp_path))
    (tmp_path / "ptb.train.txt").write_text("the cat\n")
    (tmp_path / "jsb.npz").write_bytes(b"PK")
    seen = [(status, text.split(":")[0]) for status, text in bad("data")]
    assert [status for status, _ in seen] == ["error", "warning", "warning", "error"]
    assert seen[0][1] == "task ptb"
    monkeypatch.setenv("CELLSEARCH_DATA", str(tmp_path / "nowhere"))
    ((status, text),) = bad("data")
    assert (status, "is not a folder" in text) == ("error", True)


def test_a_check_that_raises_is_an_error_and_hides_no_other(machine: Machine) -> None:
    machine.is_(memory=OSError("no such\ndevice"))
    lines = list(diagnose(Asked()))
    (line,) = [line for line in lines if line.status != "ok"]
    assert line.check == "memory"
    assert line.text == "this check failed: OSError: no such device"
    assert {one.check for one in lines} == set(CHECKS) - {"data"}


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
    assert all(isinstance(value, str) for row in rows for value in row.values())
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


def test_lines_come_as_they_are_found(machine: Machine) -> None:
    def later(asked: Asked) -> Any:
        raise AssertionError("asked too early")

    lines = diagnose(Asked(), {"python": CHECKS["python"], "later": later})
    assert next(lines).check == "python"


def test_the_whole_command_without_ray_on_this_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = time.monotonic()
    status = main(["doctor", "--quick", "--json"])
    assert time.monotonic() - start < 60
    rows = json.loads(capsys.readouterr().out)
    assert {row["check"] for row in rows} == set(CHECKS)
    errors = [row for row in rows if row["status"] == "error"]
    assert status == int(bool(errors))
    right = [row["text"] for row in rows if row["check"] in ("numbers", "threads")]
    assert right == [
        "compiled programs give NumPy's numbers on CPU",
        "workers compute with one thread",
    ]


@pytest.mark.slow
def test_the_ray_check_on_this_machine_finds_one_node_of_this_class() -> None:
    lines = findings("ray", workers=1)
    assert [line.status for line in lines] == ["ok", "ok"], lines
    assert "1 node, 1 CPUs" in lines[0].text
    assert facts.probe("cpu")["numerics"]["key"] in lines[1].text


def test_what_is_rendered_has_the_todo_on_a_line_of_its_own() -> None:
    line = Line("maps", "warning", "few", "more")
    assert doctor.render(line).splitlines()[1].strip() == "-> more"
    assert doctor.render(line._replace(todo="")).count("\n") == 0
