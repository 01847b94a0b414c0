"""Every registered task, two text files and a person's class keep one contract."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks import (
    PACK,
    SPLITS,
    TASKS,
    Examples,
    PackTask,
    Stream,
    SyntheticTask,
    Task,
    check_task,
    make_task,
    resolve_task,
    uniform_integers,
    windows,
)
from tests.support.reference_metrics import frame_sums, token_sums

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
SYNTHETIC = ("memorization", "arithmetic", "xml")
PACKED = tuple(kind.name for kind in PACK)
PUBLISHED = ("ptb", "nottingham", "piano_midi", "jsb")
ALL = (*SYNTHETIC, *PACKED, *PUBLISHED, "text", "words", "own")


@dataclass(frozen=True, kw_only=True)
class Doubles(SyntheticTask):
    """A person's task as the README shows it: each digit is written twice."""

    name = "doubles"
    summary = "Every second digit repeats the one before."
    train_tokens: int = 7_000
    valid_tokens: int = 1_400
    test_tokens: int = 1_400
    length: int = 6

    @property
    def symbols(self) -> str:
        return "0123456789"

    def draw(self, rng: np.random.Generator, count: int) -> Examples:
        digits = uniform_integers(rng, 0, 10, (count, self.length))
        scored = np.tile([False, True], (count, self.length))
        keys = (digits * 10 ** np.arange(self.length)).sum(axis=1).astype(np.uint64)
        return Examples(
            tokens=np.repeat(digits, 2, axis=1).ravel(),
            scored=scored.ravel(),
            lengths=np.full(count, 2 * self.length),
            keys=keys,
        )


@pytest.fixture(params=ALL)
def task(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Task:
    name: str = request.param
    if name == "own":
        return Doubles()
    if name in ("text", "words"):
        numbers = np.random.default_rng(0).integers(0, 900, (3_000, 6)).tolist()
        lines = [" ".join(f"w{n}" for n in line) for line in numbers]
        (tmp_path / "file.txt").write_text("\n".join(lines), encoding="utf-8")
        return resolve_task(f"{name}:{tmp_path / 'file.txt'}")
    if name in PUBLISHED:
        if not DATA.is_dir():
            pytest.skip("the published data sets are not beside the checkout")
        monkeypatch.setenv("CELLSEARCH_DATA", str(DATA))
    return make_task(name)


def digest(stream: Stream) -> str:
    total = hashlib.sha256()
    for array in stream:
        total.update(f"{array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def test_the_table_covers_every_registered_task() -> None:
    assert {*SYNTHETIC, *PACKED, *PUBLISHED} == set(TASKS)


def test_a_task_passes_the_check_that_persons_classes_pass(task: Task) -> None:
    check_task(task)


def test_shapes_and_masks_are_as_promised(task: Task) -> None:
    for split in SPLITS:
        stream = task.stream(split, 0, 0)
        rows = (task.batch_size, stream.scored.shape[1])
        tokens = task.readout == "softmax"
        assert stream.inputs.dtype == (np.int32 if tokens else np.uint8)
        assert stream.inputs.shape == (rows if tokens else (*rows, task.num_inputs))
        assert stream.targets.shape == stream.inputs.shape
        assert stream.targets.dtype == stream.inputs.dtype
        assert stream.scored.shape == stream.reset.shape == rows
        assert stream.inputs.max() < (task.num_inputs if tokens else 2)
        assert stream.scored.any()
        assert stream.reset[:, 0].all()


def test_a_target_is_the_next_input_within_a_sequence(task: Task) -> None:
    if isinstance(task, PackTask):
        pytest.skip("its answers are no inputs")
    for split in SPLITS:
        stream = task.stream(split, 0, 0)
        follows = ~stream.reset[:, 1:]
        if not isinstance(task, SyntheticTask):  # there, unscored may be padding
            follows &= stream.scored[:, :-1] & stream.scored[:, 1:]
        inputs, targets = stream.inputs[:, 1:], stream.targets[:, :-1]
        assert follows.any()
        assert np.array_equal(inputs[follows], targets[follows])


def test_configuration_is_json_and_decides_the_data(task: Task) -> None:
    assert json.loads(json.dumps(task.config())) == task.config()
    if task.name in TASKS:
        twin = make_task(task.name, **task.config())
        assert twin == task
        assert digest(twin.stream("valid", 0, 3)) == digest(task.stream("valid", 0, 3))


def test_epochs_and_seeds_matter_where_promised(task: Task) -> None:
    for split in ("valid", "test"):
        assert digest(task.stream(split, 0, 0)) == digest(task.stream(split, 7, 0))
    first, later = (digest(task.stream("train", epoch, 0)) for epoch in (0, 1))
    assert (first == later) is task.repeats
    other_seed = digest(task.stream("train", 0, 1))
    assert (other_seed != first) is isinstance(task, SyntheticTask | PackTask)


def test_no_window_of_one_split_occurs_in_another(task: Task) -> None:
    # What the published files themselves repeat: rare-word lists and tunes.
    repeated = {"ptb": 14, "nottingham": 38, "jsb": 1}
    found = [scored_windows(task, split) for split in SPLITS]
    common = found[0] & found[1] | found[0] & found[2] | found[1] & found[2]
    assert len(common) <= repeated.get(task.name, 0)


def scored_windows(task: Task, split: Any) -> set[bytes]:
    cut = windows(task.stream(split, 0, 0), task.num_steps)
    whole = cut.scored[:, -1] | ~cut.scored.any(axis=1)
    inputs = np.moveaxis(cut.inputs, 1, 2)[whole & cut.scored.any(axis=1)]
    return {window.tobytes() for window in inputs}


def test_windows_put_together_are_the_stream(task: Task) -> None:
    for split in SPLITS:
        stream = task.stream(split, 0, 0)
        cut = windows(stream, task.num_steps)
        count, steps, batch = cut.scored.shape
        length = stream.scored.shape[1]
        assert (steps, batch) == (task.num_steps, task.batch_size)
        assert count == -(-length // steps)
        for whole, parts in zip(stream[:3], cut[:3], strict=True):
            joined = np.moveaxis(parts, 2, 0).reshape(batch, -1, *whole.shape[2:])
            assert np.array_equal(joined[:, :length], whole)
            assert not joined[:, length:].any()
        assert cut.scored.sum() == stream.scored.sum()
        assert cut.reset[0].all()
        assert np.array_equal(cut.reset.T, stream.reset[:, ::steps])


def test_state_carried_over_windows_is_that_of_whole_rows(task: Task) -> None:
    stream = task.stream("valid", 0, 0)
    values = stream.inputs if stream.inputs.ndim == 2 else stream.inputs.sum(axis=2)
    expected = np.zeros(task.batch_size, np.int64)
    for column in range(values.shape[1]):
        expected[stream.reset[:, column]] = 0
        expected = (3 * expected + values[:, column] + 1) % 100_003

    cut = windows(stream, task.num_steps)
    carry = np.full(task.batch_size, 17, np.int64)
    steps = 0
    for inputs, reset in zip(cut.inputs, cut.reset, strict=True):
        carry = np.where(reset, 0, carry)
        for frame in inputs:
            if steps < values.shape[1]:
                value = frame if frame.ndim == 1 else frame.sum(axis=1)
                carry = (3 * carry + value + 1) % 100_003
            steps += 1
    assert np.array_equal(carry, expected)


def sums_of(task: Task) -> Callable[..., Any]:
    return token_sums if task.readout == "softmax" else frame_sums


def some_windows(task: Task) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    cut = windows(task.stream("valid", 0, 0), task.num_steps)
    return cut.targets[:3], cut.scored[:3]


def test_a_perfect_predictor_gets_the_perfect_score(task: Task) -> None:
    targets, scored = some_windows(task)
    if task.readout == "softmax":
        logits = 60.0 * np.eye(task.num_outputs, dtype=np.float32)[targets]
    else:
        logits = 120.0 * targets.astype(np.float32) - 60.0
    score = task.score(*sums_of(task)(logits, targets, scored))
    assert score == pytest.approx(1.0 if task.metric.higher_is_better else 0.0)


def test_a_constant_predictor_gets_what_chance_gives(task: Task) -> None:
    targets, scored = some_windows(task)
    logits = np.zeros((*targets.shape[:3], task.num_outputs), np.float32)
    sums = sums_of(task)(logits, targets, scored)
    assert sums.loss / sums.positions == pytest.approx(task.uniform_loss)
    if task.metric.name == "accuracy":
        likeliest = int(np.bincount(targets[scored]).argmax())
        logits[..., likeliest] = 1.0
        share = np.mean(targets[scored] == likeliest)
        score = task.score(*token_sums(logits, targets, scored))
        assert score == pytest.approx(share)
    else:
        assert task.score(*sums) == pytest.approx(task.uniform_loss)


def test_decode_gives_a_text_for_each_position(task: Task) -> None:
    stream = task.stream("valid", 0, 0)
    texts = task.decode(stream.inputs[0, :50])
    assert len(texts) == min(50, stream.inputs.shape[1])
    assert all(isinstance(text, str) and text for text in texts)


PRINT_DIGESTS = """
import hashlib, json
from tasks import SPLITS, make_task
from tests.tasks.test_conformance import digest
names = {names!r}
print(json.dumps({{f"{{n}} {{s}}": digest(make_task(n).stream(s, 2, 5))
                  for n in names for s in SPLITS}}))
"""


def test_other_processes_get_the_same_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLSEARCH_DATA", str(DATA))
    names = [*SYNTHETIC, *PACKED, *(PUBLISHED if DATA.is_dir() else ())]
    expected = {
        f"{name} {split}": digest(make_task(name).stream(split, 2, 5))
        for name in names
        for split in SPLITS
    }
    for hash_seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-c", PRINT_DIGESTS.format(names=names)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(answer.stdout) == expected


@given(
    batch=st.integers(1, 4),
    length=st.integers(1, 40),
    num_steps=st.integers(1, 12),
    seed=st.integers(0, 1_000),
)
def test_windows_of_any_shape_score_each_position_once(
    batch: int, length: int, num_steps: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, 9, (batch, length), np.int32)
    reset = np.zeros((batch, length), np.bool_)
    reset[:, ::num_steps] = rng.random(reset[:, ::num_steps].shape) < 0.5
    stream = Stream(inputs, inputs + 1, rng.random(inputs.shape) < 0.7, reset)
    cut = windows(stream, num_steps)
    for row in range(batch):
        scored = cut.scored[:, :, row].ravel()
        expected = inputs[row][stream.scored[row]]
        assert np.array_equal(cut.inputs[:, :, row].ravel()[scored], expected)
        assert np.array_equal(cut.targets[:, :, row].ravel()[scored], expected + 1)


def test_a_reset_inside_a_window_is_refused() -> None:
    zeros = np.zeros((1, 6), np.int32)
    reset = np.array([[True, False, False, False, True, False]])
    with pytest.raises(ValueError, match="inside a window of 3 steps"):
        windows(Stream(zeros, zeros, zeros == 0, reset), 3)


def test_a_score_is_a_mean_over_scored_positions() -> None:
    task = make_task("arithmetic")
    assert task.score(3, 0.0, 4) == 0.75
    with pytest.raises(ValueError, match="no position was scored"):
        task.score(0, 0.0, 0)
