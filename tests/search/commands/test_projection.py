"""What a search would cost on a device, by made-up figures and by those of an H100."""

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cells.tables.sizes import SIZES
from search.commands.device_costs import ROOMS, GatedDevice, Programs
from search.commands.device_figures import Speeds, read_figures
from search.output.words import brief, duration
from search.procedure.reader import make_config
from search.store.device_rows import Timed
from tests.support.searches import here, refused

DATA = Path(__file__).parents[3] / "benchmarks" / "data"
H100 = DATA / "device_h100_1.json"
TIED = DATA / "device_h100_2.json"
README = Path(__file__).parents[3] / "benchmarks" / "README.md"


def row(key: str = "gru", failed: str = "", **values: Any) -> dict[str, Any]:
    return {"key": key, "text": "", "values": values, "failed": failed}


def gru(weights: Any, lanes: Any, ms: Any, compile_s: Any = 5.0, **more: Any) -> Any:
    """A row of part d, of windows of 350 positions unless it says otherwise."""
    size = {"steps": 7, "batch": 50, **more}
    numbers = {"parameters": weights, "lanes": lanes, "update_ms": ms}
    return row(cell="gru", who="ours", compile_s=compile_s, **numbers, **size)


def write(path: Path, *rows: Any, **parts: Any) -> Path:
    """A file of `bench_device` with a device, these rows in part d, and other parts."""
    named = [row("device", kind="Made up", platform="gpu")]
    held = {"a": named, "d": list(rows), **parts}
    held = {key: {"rows": value} for key, value in held.items() if value is not None}
    path.write_text(json.dumps({"parts": held}))
    return path


def lines(*words: object) -> dict[str, list[str]]:
    """What is said, by label."""
    out, err = here("run", "--dry-run", *words)
    assert err == ""
    found: dict[str, list[str]] = {}
    for line in out.splitlines():
        found.setdefault(line[:8].strip(), []).append(line[9:])
    return found


def test_a_search_by_ratios_costs_what_its_parts_do(tmp_path: Path) -> None:
    # An update of 350 positions takes 3.5 ms, so one of 700 takes 7, and all 600 of a
    # budget 4.2 s, whether one or two of the 20 lanes have a setting.
    path = write(tmp_path / "device.json", gru(6_000, 20, 3.5))
    words = ("--preset", "tiny", "--candidates", 1000, "--device-figures", path)
    found = lines(*words)
    pass_s, compile_s = 4.2, 5.0
    one_s = compile_s + pass_s  # the filter, and a round of two settings in a job
    assert found["filter"] == [f"{one_s:.1f} device-seconds a candidate"]
    assert found["tasks"][0].startswith(f"{1.5 * one_s:.0f} device-seconds for each")
    assert found["again"] == [f"{2 * one_s:.0f} device-seconds a re-examination"]
    # Two cells on two tasks; four settings are two jobs, and a program is kept.
    opening_s = 4 * (compile_s + 2 * pass_s)
    assert found["opening"] == [f"{duration(opening_s)}: seeds and references"]
    candidate_s = one_s + 0.2 * 1.5 * one_s + 2 * one_s / 9
    assert found["speed"] == [f"{brief(3600 / candidate_s)} candidates an hour"]
    hours = (opening_s + 1000 * candidate_s) / 3600
    assert found["whole"][0].startswith(f"1,000 candidates in {hours:,.1f} hours with")
    jobs = 1000 * (1 + 0.2 * 1.5 + 2 / 9) / 3600
    assert found["hours"] == [
        f"opening: {4 * compile_s / 3600:.2f} device-hours of compiling and "
        f"{8 * pass_s / 3600:.2f} of training",
        f"candidates: {jobs * compile_s:.2f} device-hours of compiling and "
        f"{jobs * pass_s:.2f} of training",
    ]
    trainings = 2 * 2 * 4 + 1000 * (1 + 0.2 * 2 * 1.5 + 2 * 2 / 9)
    assert found["in all"] == [
        f"{hours / 24:.2f} device-days for {trainings:,.0f} trainings of "
        f"{trainings * 600 / 1e6:.0f} million updates together"
    ]
    assert "beyond" not in found
    assert "below" not in found
    assert "beside" not in found

    # Two devices compile both jobs of a seed, and end in half of the time together.
    opening_s = 4 * (2 * compile_s + 2 * pass_s)
    hours = (opening_s + 1000 * candidate_s) / 2 / 3600
    pair = lines(*words, "--workers", 2)
    assert pair["opening"][0].startswith(f"{duration(opening_s / 2)}: ")
    assert f" in {hours:,.1f} hours with 2 devices, " in pair["whole"][0]
    assert pair["filter"] == found["filter"]


def test_a_round_of_several_shapes_is_a_job_of_each(tmp_path: Path) -> None:
    figures = write(tmp_path / "device.json", gru(3_000, 2, 1.0), gru(6_000, 2, 2.0))
    grid = {"num_layers": [1, 2], "parameters": [6_000]}
    config = make_config(
        {"preset": "tiny", "plans": {"xml": {"grid": grid}, "arithmetic": {}}}
    )
    settings = config.tasks[1].plan.grid.settings
    assert config.rules.settings_per_job == 2
    programs = Programs(read_figures([figures]).own, lanes=2)
    found = GatedDevice(config, programs, devices=2).round(1, 5)

    # All ways of drawing five: jobs of two settings at most, alike in layers.
    draws, compiled, trained = list(itertools.combinations(settings, 5)), 0.0, 0.0
    for drawn in draws:
        for layers, ms in ((1, 2.0), (2, 1.0)):
            count = sum(setting.num_layers == layers for setting in drawn)
            jobs = math.ceil(count / 2)
            compiled += layers * min(jobs, 2) * 5.0
            trained += layers * jobs * 600 * 2 * ms / 1e3  # 700 positions, not 350
    assert found.compile_s == pytest.approx(compiled / len(draws))
    assert found.train_s == pytest.approx(trained / len(draws))
    assert (found.trainings, found.updates) == (5, 3_000)


def test_a_job_of_more_settings_than_lanes_takes_several_passes() -> None:
    programs = Programs(Speeds((Timed(1, 4, 1.0, 1.0, 1),)), lanes=4)
    counts = [programs.passes(count, 10) for count in (0, 1, 4, 5, 10, 11, 25)]
    assert counts == [0, 1, 1, 2, 3, 4, 8]


def test_a_search_by_common_runs_costs_what_its_parts_do(tmp_path: Path) -> None:
    # An update of 640 positions takes 5 ms, so a run 3 s, and 12 s on all four tasks.
    rows = [gru(10_000, 20, 5.0, 4.0, steps=32, batch=20)]
    path = write(tmp_path / "device.json", *rows)
    words = ("--preset", "quick", "--candidates", 1000, "--device-figures", path)
    found = lines(*words)
    run_s, compile_s, moves = 12.0, 4.0, 1 / 9
    first_s, panel_s, again_s = compile_s + run_s, 7 * run_s, compile_s + 4 * run_s
    assert found["rung 1"][0].startswith(f"{first_s:.1f} device-seconds a candidate")
    assert found["panel"][0].startswith(f"{panel_s:.0f} device-seconds for each of")
    assert found["again"] == [f"{again_s:.0f} device-seconds a re-examination"]
    # Eight seeds have the panel with two seeds, and the baseline with eight.
    opening_s = 8 * (compile_s + 8 * run_s) + 6 * 4 * run_s
    finals_s = 18 * (compile_s + 16 * 3 * run_s * 5 / 4)
    assert found["opening"][0].startswith(f"{duration(opening_s)}: ")
    assert found["finals"][0].startswith(f"{duration(finals_s)}: 10 cells")
    candidate_s = first_s + 0.3 * panel_s + moves * again_s
    hours = (opening_s + finals_s + 1000 * candidate_s) / 3600
    assert found["whole"] == [f"1,000 candidates in {hours:,.1f} hours with 1 device"]
    compiling = [8 * compile_s, 1000 * (1 + moves) * compile_s, 18 * compile_s]
    for line, seconds in zip(found["hours"], compiling, strict=True):
        assert f": {seconds / 3600:,.2f} device-hours of compiling and " in line
    assert "there are no figures (part h)" in found["beside"][0]

    # Two settings a job: those of an optimizer are one, if they are of one rung.
    pair = lines(*words, "--set", "rules.settings_per_job=2")
    assert pair["panel"][0].startswith(f"{(1 + 1 + 1 + 2) * run_s - run_s:.0f} ")
    assert pair["again"][0].startswith(f"{compile_s + 2 * run_s:.0f} ")
    assert "beside" not in pair  # such a job has a program of its own


def test_cells_side_by_side_share_the_time_of_their_lanes(tmp_path: Path) -> None:
    own = gru(10_000, 20, 5.0, steps=32, batch=20)
    any_cell = row(
        "any cell x256",
        who="any cell",
        lanes=256,
        update_ms=28.0,
        compile_s=20.0,
    )
    lstm = row("any cell lstm x256", **{**any_cell["values"], "update_ms": 1.0})
    path = write(tmp_path / "device.json", own, h=[any_cell, lstm])
    words = ("--preset", "quick", "--candidates", 1000, "--device-figures", path)
    found = lines(*words, "--set", "rules.in_flight=48")["beside"]
    # 28 ms for 700 positions, where a row says no other; 16 lanes of each size filled.
    run_s = 4 * 600 * 0.028 * 640 / 700 / 16
    opening_s = ROOMS * 20 + (8 * 8 + 6 * 4) * run_s
    finals_s = 18 * 16 * 3 * run_s * 5 / 4
    candidates_s = 1000 * (1 + 0.3 * 7 + 4 / 9) * run_s
    hours = (opening_s + finals_s + candidates_s) / 3600
    assert found[0].startswith(f"1,000 candidates in {hours:,.1f} hours with 1 device")
    assert "256 lanes, 16 of them filled if each of 48 candidates under way" in found[0]
    assert found[2] == (
        "candidates: 0.00 device-hours of compiling and "
        f"{candidates_s / 3600:,.2f} of training"
    )
    assert "measured: 10,000 weights in 256 lanes" in found
    full = lines(*words, "--set", "rules.in_flight=100000")["beside"][0]
    assert "256 lanes, 256 of them filled" in full
    assert len(SIZES) == ROOMS


POINTS = Speeds(
    tuple(
        Timed(weights, lanes, s, 10 * s, 700)
        for weights, lanes, s in ((100, 1, 1.0), (100, 16, 4.0), (10_000, 1, 9.0))
    )
)


@pytest.mark.parametrize(
    ("weights", "lanes", "seconds"),
    [
        (100, 1, 1.0),  # as measured
        (100, 16, 4.0),
        (100, 4, 2.0),  # in the middle, by logarithms
        (100, 2, math.sqrt(2)),
        (1_000, 1, 3.0),
        (40_000, 1, 36.0),  # beyond, in proportion
        (100, 64, 16.0),
        (10_000, 4, 36.0),
        (1_000, 4, math.sqrt(2 * 36)),
        (10, 1, 1.0),  # below, as the least
        (10, 16, 4.0),
    ],
)
def test_speeds_lie_on_and_between_points(
    weights: int, lanes: int, seconds: float
) -> None:
    assert POINTS.position_s(weights, lanes) == pytest.approx(seconds)


def test_compiling_takes_as_long_as_at_the_nearest_point() -> None:
    assert POINTS.compile_s(100, 4) == pytest.approx(20)
    assert POINTS.compile_s(1_000, 1) == pytest.approx(30)
    assert POINTS.compile_s(10**6, 1) == pytest.approx(90)
    assert POINTS.compile_s(1, 10**6) == pytest.approx(40)


def test_what_was_not_measured_is_said() -> None:
    assert list(POINTS.beyond([100, 3_000, 10_000], 1)) == []
    assert list(POINTS.beyond([50, 20_000, 40_000], 8)) == [
        (
            "beyond",
            "what was measured: 20,000, 40,000 weights, taken in proportion to 10,000",
        ),
        ("below", "what was measured: 50 weights, taken as 100"),
        (
            "beyond",
            "what was measured: 8 lanes of 10,000 weights, taken in proportion to 1",
        ),
    ]


def test_more_weights_and_candidates_cost_more() -> None:
    speeds = read_figures([H100]).own
    for lanes in (1, 20, 300, 2_000):
        taken = [speeds.position_s(1_000 * 2**n, lanes) for n in range(14)]
        assert taken == sorted(taken)
        assert taken[-1] > taken[5] > 0

    def hours(candidates: int) -> float:
        words = ("--preset", "quick", "--device-figures", H100)
        (text,) = lines(*words, "--candidates", candidates)["whole"]
        return float(text.split()[3].replace(",", ""))

    assert 0 < hours(100) < hours(1_000) < hours(100_000)


def test_files_of_one_device_are_taken_together() -> None:
    figures = read_figures([H100, TIED])
    assert figures.device == "NVIDIA H100 80GB HBM3"
    assert figures.any_cell is not None
    # As measured: 20 lanes of 250,000 weights, 256 of any cell.
    assert figures.own.position_s(250_000, 20) * 700e3 == pytest.approx(2.418, abs=1e-3)
    assert figures.any_cell.position_s(10_000, 256) * 700e3 == pytest.approx(
        13.06, abs=1e-2
    )
    assert figures.any_cell.position_s(10_000, 64) * 700e3 == pytest.approx(
        6.39, abs=1e-2
    )  # and not the LSTM's 6.19
    assert refused("run", "--dry-run", "--device-figures", TIED).endswith(
        "device_h100_2.json: no figures of the GRU; `python -m benchmarks.bench_device "
        "--parts ad --out FILE` measures them\n"
    )


def test_nothing_is_trained_and_jax_does_not_start() -> None:
    """Also not for a task whose data nobody has: it is not asked for them."""
    code = (
        "import sys\nfrom search.commands.cli import main\n"
        f"main(['run', '--preset', 'paper', '--dry-run', '--device-figures', '{H100}'])"
        "\nprint([name for name in ('jax', 'ray') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\n[]\n")
    assert "\nbeyond   what was measured: 1,250,000, " in done.stdout


def test_the_figures_of_the_readme_are_what_is_printed() -> None:
    said = README.read_text()

    def check(label: str, *texts: str) -> None:
        for text in texts:
            assert f"\n{label:<8} {text}\n" in said

    paper = lines("--preset", "paper", "--device-figures", H100)
    for label in ("whole", "hours", "in all", "beyond"):
        check(label, *paper[label])
    check("assumed", *paper["assumed"][1:3])
    filled = lines(
        *("--preset", "paper", "--set", "rules.settings_per_job=20"),
        *("--device-figures", H100),
    )
    hours, days = filled["whole"][0].split(), filled["in all"][0].split()
    assert f"it is {hours[3]} hours, {days[0]} device-days" in said

    words = ("--device-figures", H100, "--device-figures", TIED)
    quick = lines("--preset", "quick", *words)
    for label in ("whole", "hours", "in all"):
        check(label, *quick[label])
    check("beside", quick["beside"][0], quick["beside"][2])
    full = lines("--preset", "quick", *words, "--set", "rules.in_flight=256")["beside"]
    assert " 85 of them filled " in full[0]
    assert " 85 lanes are filled" in said
    assert f"\n{full[0].split(', with')[0]}." in said


HOSTILE: dict[str, tuple[Any, str]] = {
    "absent": (None, "cannot be read (No such file or directory)"),
    "empty": ("", "it is no JSON"),
    "no JSON": ("{parts: 1}", "it is no JSON"),
    "bytes": (b"\xff\xfe\x00", "cannot be read ("),
    "deep": ('{"parts": ' + "[" * 100_000, "its JSON is too deep"),
    "deep rows": (
        '{"parts": {"d": {"rows": ' + "[" * 100 + "]" * 100 + "}}}",
        "its JSON is too deep",
    ),
    "large": (" " * (1 << 20) + "{}", "over 1048576 bytes"),
    "digits": ('{"parts": ' + "9" * 9_000 + "}", "it is no JSON"),
    "list": ([1, 2], "it has no parts, as a file of bench_device has"),
    "parts": ({"parts": [1]}, "it has no parts"),
    "no rows": ({"parts": {"d": {"rows": 7}}}, "part 'd' has no rows"),
    "rows of text": ({"parts": {"d": {"rows": ["x"]}}}, "part 'd' has no rows"),
    "no values": (
        {"parts": {"d": {"rows": [{"key": "x", "failed": "", "values": 1}]}}},
        "part 'd' has no rows",
    ),
    "nothing of use": ({"parts": {}}, "no figures of the GRU"),
    "failed": (
        {"parts": {"d": {"rows": [row(failed="OOM", cell="gru", who="ours")]}}},
        "no figures of the GRU",
    ),
    "platform": (
        {"parts": {"a": {"rows": [row("device", kind="x", platform="abacus")]}}},
        "platform must be one of cpu, gpu, tpu, got 'abacus'",
    ),
    "name": (
        {"parts": {"a": {"rows": [row("device", kind=[1], platform="gpu")]}}},
        "kind of its device must be a text, got [1]",
    ),
}

BAD_ROWS: dict[str, tuple[Any, str]] = {
    "text": (gru(10, 1, "fast"), "update_ms of 'gru' must be a number from 1e-09 to"),
    "NaN": (gru(10, 1, math.nan), "got nan"),
    "infinite": (gru(10, 1, math.inf), "got inf"),
    "zero": (gru(10, 1, 0), "update_ms of 'gru' must be a number from 1e-09 to"),
    "negative": (gru(10, 1, 1.0, -4.0), "compile_s of 'gru' must be"),
    "true": (gru(True, 1, 1.0), "parameters of 'gru' must be a whole number from 1"),
    "huge": (gru(10**400, 1, 1.0), "parameters of 'gru' must be a whole number from"),
    "half a lane": (gru(10, 0.5, 1.0), "lanes of 'gru' must be a whole number from 1"),
    "no lanes": (gru(10, None, 1.0), "got None"),
    "no window": (gru(10, 1, 1.0, steps=0), "steps of 'gru' must be a whole number"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_file_of_figures_is_refused_in_a_line(
    tmp_path: Path, name: str
) -> None:
    content, said = HOSTILE[name]
    path = tmp_path / "device.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text)
    error = refused("run", "--preset", "tiny", "--dry-run", "--device-figures", path)
    assert error.startswith(f"cellsearch run: {path}: ")
    assert said in error


@pytest.mark.parametrize("name", BAD_ROWS)
def test_what_is_no_number_is_named(tmp_path: Path, name: str) -> None:
    bad, said = BAD_ROWS[name]
    path = write(tmp_path / "device.json", gru(10, 1, 1.0), bad)
    error = refused("run", "--preset", "tiny", "--dry-run", "--device-figures", path)
    assert said in error


def test_a_device_is_one_and_has_no_worker(tmp_path: Path) -> None:
    path = write(tmp_path / "device.json", gru(10, 1, 1.0))
    words = ("run", "--preset", "tiny", "--device-figures", path)
    assert refused(*words) == (
        "cellsearch run: --device-figures projects a search, and needs --dry-run\n"
    )
    several = refused(*words, "--dry-run", "--device-figures", H100)
    assert "figures must be of one device, got Made up, NVIDIA H100" in several
    nowhere = refused(*words, "--dry-run", "--address", "auto")
    assert "--device-figures has no use for --address and --per-gpu" in nowhere


def test_what_a_file_calls_its_device_moves_no_cursor(tmp_path: Path) -> None:
    named = [row("device", kind="\x1b[2J evil\n" + "x" * 500, platform="cpu")]
    path = write(tmp_path / "device.json", gru(6_000, 1, 1.0), a=named)
    found = lines("--preset", "tiny", "--device-figures", path)
    (text,) = found["device"]
    assert text.startswith("?[2J evil xxx")
    assert "\x1b" not in text
    assert len(text) < 200 + len(str(path))
    assert found["lanes"][0].startswith("every program has 1,")  # the platform's
