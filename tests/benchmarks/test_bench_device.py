"""The benchmark of a device: every part on the CPU, and what goes wrong on the way."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import cachetools
import jax
import numpy as np
import pytest

from benchmarks.device import supervisor
from benchmarks.device.advice import advise, wrong
from benchmarks.device.correctness import judged_curve
from benchmarks.device.missing import STAND_INS
from benchmarks.device.parts import PARTS, limit_s
from benchmarks.device.speed import PLAN
from benchmarks.device.supervisor import Report, measure
from benchmarks.device.tolerances import ULP, distance, moved
from benchmarks.device.variants import VARIANTS, Variant, traced_as
from cells import ZOO, lower
from search.commands.device_figures import read_figures
from search.procedure.presets import preset_document, search_names
from workers.machine.compiling import COMPILER_OPTIONS

ROOT = Path(__file__).parents[2]
NOT_ENDED = "import time; time.sleep(600)"

WORKER = """
import json, os, sys, time
(parts, small, end), pipe = json.loads(sys.argv[1]), int(sys.argv[2])
out = os.fdopen(pipe, "w", buffering=1)
def tell(event, **values):
    out.write(json.dumps({"event": event, **values}) + "\\n")
for part in parts:
    tell("begin", part=part, limit_s=0.2)
    row = {"key": part, "text": f"row of {part}", "values": {}, "failed": ""}
    tell("row", part=part, **row)
    if part == "b":
        time.sleep(600)
    if part == "c":
        sys.exit("something of CUDA")
    tell("end", part=part, ended="done")
"""


@pytest.mark.slow
def test_every_part_runs_on_a_cpu_without_ray(tmp_path: Path) -> None:
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text("import sys\nsys.modules['ray'] = None\n")
    out = tmp_path / "device.json"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    command = [sys.executable, "-m", "benchmarks.bench_device", "--cpu", "--out"]
    done = subprocess.run(
        [*command, str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = json.loads(out.read_text())["parts"]
    assert {letter: part["ended"] for letter, part in parts.items()} == {
        part.letter: "done" for part in PARTS
    }
    rows = {row["key"]: row for part in parts.values() for row in part["rows"]}
    assert [row["text"] for row in rows.values() if row["failed"]] == []
    assert "ray" in rows["missing"]["values"]

    # The device is the CPU itself: nothing differs but what is computed otherwise.
    curves = [row["values"] for key, row in rows.items() if key.startswith("curve")]
    assert len(curves) >= 3
    assert all(curve["equal"] and curve["holds"] for curve in curves)
    scans = [row["values"] for key, row in rows.items() if key.startswith("scan")]
    assert all(scan["holds"] for scan in scans)
    assert all(not any(scan["off"]["step from the CPU's"]) for scan in scans)
    bits = [row["values"] for row in parts["c"]["rows"]]
    assert all(row["equal"] for row in bits if row["required"])
    assert {row["values"]["who"] for row in parts["d"]["rows"]} == {
        who for _, who, _ in PLAN
    }
    beside = [row["values"] for row in parts["h"]["rows"]]
    assert all(row["holds"] for row in beside if "holds" in row)
    assert [row["equal"] for row in beside if "required" in row] == [True]
    forms = {row["values"]["form"] for row in parts["f"]["rows"][1:]}
    assert forms == {"side by side", "one by one"}
    assert "what follows" in done.stdout

    # What a dry run reads of it: the sizes of all that was timed, 600 weights here.
    figures = read_figures([out])
    assert figures.platform == "cpu"
    assert figures.any_cell is not None
    for speeds, lanes in ((figures.own, 1), (figures.any_cell, 2)):
        assert speeds.said == f"600 weights in {lanes} lanes"
        assert speeds.windows == "8"


def test_what_hangs_or_dies_costs_no_other_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, str(script)))
    monkeypatch.setattr(supervisor, "GRACE_S", 0.5)
    report = Report(tmp_path / "out" / "device.json")
    measure(PARTS[:4], True, 60, report)
    kept = json.loads((tmp_path / "out" / "device.json").read_text())["parts"]
    ends = [part["ended"] for part in kept.values()]
    assert ends == ["done", "killed", "the process died", "done"]
    assert [part["rows"][0]["text"] for part in kept.values()] == [
        f"row of {letter}" for letter in "abch"
    ]
    said = capsys.readouterr().out
    assert "the process died: exit status 1: something of CUDA" in said


def test_what_never_starts_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", NOT_ENDED))
    monkeypatch.setattr(supervisor, "START_S", 0.5)
    report = Report(None)
    measure(PARTS, True, 0.7, report)
    ends = [part["ended"] for part in report.document["parts"].values()]
    assert len(ends) == len(PARTS)
    assert set(ends) == {"killed", "out of time"}


def test_parts_share_what_is_left() -> None:
    assert sum(part.share for part in PARTS) == 480  # seconds of eight minutes
    assert limit_s(PARTS[0], PARTS[1:], 480) == PARTS[0].share
    assert limit_s(PARTS[-1], (), 33) == 33


def test_a_wrong_curve_is_told_from_one_that_rounds_otherwise() -> None:
    right = np.array([3.0, 2.5, 2.0])
    near = [right * (1 + 1e-6), right * (1 - 2e-6)]

    def holds(curve: Any) -> bool:
        held: bool = judged_curve("", curve, right, near, 0.0).values["holds"]
        return held

    assert holds(right)
    assert holds(right * (1 + 4e-6))
    assert not holds(right * (1 + 1e-3))
    assert not holds(np.array([3.0, 2.5, np.nan]))
    assert holds(right * np.array([1, 1, 1 + 2e-5]))  # later ones have moved more often
    assert not holds(right * np.array([1 + 2e-5, 1, 1]))


def test_moved_weights_are_a_unit_in_the_last_place_away() -> None:
    weights = {"a": np.linspace(-2, 2, 64, dtype=np.float32)}
    for ulp in ULP.values():
        other = moved(weights, ulp, 0)
        assert 0.4 * ulp < distance(other["a"], weights["a"]) < 2.1 * ulp
        np.testing.assert_array_equal(moved(weights, ulp, 0)["a"], other["a"])


def test_a_variant_unrolls_what_is_traced_and_nothing_after_it() -> None:
    layer = lower(ZOO["gru"])
    params = layer.init(jax.random.key(0), 4)
    inputs = np.zeros((8, 2, 4), np.float32)

    def unrolled() -> list[int]:
        def run(inputs: Any) -> Any:
            return layer.scan(params, layer.initial_carry(2, 4), inputs)

        equations = jax.make_jaxpr(run)(inputs).pretty_print()
        return sorted(
            {int(word.split("=")[1]) for word in equations.split() if "unroll=" in word}
        )

    with traced_as(Variant("unroll 4", unroll=4)):
        assert unrolled() == [4]
    jax.clear_caches()
    assert unrolled() == [1]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: one.name)
def test_xla_knows_the_options_of_every_variant(variant: Variant) -> None:
    options = {**COMPILER_OPTIONS["gpu"], **variant.options}
    program = jax.jit(lambda x: x + 1).lower(np.float32(1)).compile(options)
    assert program(np.float32(1)) == 2


def row(values: dict[str, Any], key: str = "row") -> dict[str, Any]:
    return {"key": key, "text": "", "values": values, "failed": ""}


def part(*rows: dict[str, Any], ended: str = "done") -> dict[str, Any]:
    return {"title": "", "ended": ended, "rows": list(rows)}


def update(who: str, lanes: int, ms: float) -> dict[str, Any]:
    return row(
        {
            "cell": "gru",
            "parameters": 25_000,
            "who": who,
            "lanes": lanes,
            "update_ms": ms,
            "updates_per_s": 1e3 * lanes / ms,
            "lane_bytes": 2**20,
            "needs_bytes": lanes * 2**20,
        }
    )


def test_advice_names_lanes_options_and_memory() -> None:
    times = {1: 10.0, 20: 11.0, 64: 12.0, 256: 40.0, 1024: 160.0}
    speed = [update("ours", lanes, ms) for lanes, ms in times.items()]
    speed += [update("flax", 20, 22.0), update("cpu core", 1, 20.0)]
    options = [
        row({"variant": name, "lanes": 20, "compile_s": c, "update_ms": u, **same})
        for name, c, u, same in (
            ("as workers compile", 4.0, 10.0, {"same_loss": True}),
            ("unroll 4", 9.0, 5.0, {"same_loss": False}),
        )
    ]
    lines = advise(
        {
            "a": part(row({"memory_bytes": 64 * 2**30})),
            "d": part(*speed),
            "e": part(*options, ended="out of time"),
        }
    )
    text = "\n".join(lines)
    assert "DEFAULT_LANES at 25,000 weights: 64 lanes cost at most" in text
    assert "from 256 on more bring less than 10%" in text
    assert "unroll 4 19.0 s (other bits)" in text
    assert "now 24.0 s" in text
    assert "flax takes 2.00 times ours" in text
    assert "now 20 at most" in text
    assert "1.0 MiB a lane, so that 16,384 lanes are within the 16 GiB" in text
    assert "part e ended as: out of time" in text
    assert "DO NOT USE" not in text


def test_wrong_numbers_and_bits_come_first() -> None:
    parts = {
        "b": part(row({"holds": False, "equal": False}, "curve gru")),
        "c": part(
            row({"equal": False, "required": True}, "lstm again"),
            row({"equal": False, "required": False}, "lstm alone"),
        ),
    }
    assert wrong(parts) == ["curve gru", "lstm again"]
    assert any("DO NOT USE" in line for line in advise(parts)[:3])
    assert any("not measured" in line for line in advise({}))


def stand_in(name: str) -> Any:
    path = STAND_INS / name / f"{name}.py"
    space: dict[str, Any] = {"__name__": name}
    exec(compile(path.read_text(), path, "exec"), space)
    return space


def test_the_small_cache_does_as_that_of_cachetools() -> None:
    kind = stand_in("cachetools")["LRUCache"]
    for getsizeof in (None, abs):
        own, other = kind(9, getsizeof), cachetools.LRUCache(9, getsizeof)
        rng = Random(0)
        for _ in range(2_000):
            key, value = rng.randrange(12), rng.randrange(1, 5)
            match rng.randrange(4):
                case 0 | 1 if key not in own:
                    own[key] = other[key] = value
                case 1 | 2:
                    assert own.get(key) == other.get(key)
                case _:
                    assert own.pop(key, None) == other.pop(key, None)
            assert set(own) == set(other)
            assert (len(own), own.currsize) == (len(other), other.currsize)


@pytest.mark.parametrize("name", search_names())
def test_small_toml_is_read_back(name: str) -> None:
    document = preset_document(name)
    assert tomllib.loads(stand_in("tomli_w")["dumps"](document)) == document


def test_the_stand_in_for_cachetools_has_all_that_is_used() -> None:
    code = """
import cachetools
assert "stand_ins" in cachetools.__file__
import workers.side_by_side.station, workers.training.evaluator
from cells import ZOO, canonicalize

assert canonicalize(ZOO["gru"]) is canonicalize(ZOO["gru"])
assert canonicalize(ZOO["lstm"]) is not canonicalize(ZOO["gru"])
"""
    path = os.pathsep.join([str(STAND_INS / "cachetools"), str(ROOT)])
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        timeout=120,
    )
