"""Memorization, arithmetic and XML are what the paper describes, seen from outside."""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import (
    SPLITS,
    Examples,
    SyntheticTask,
    TaskError,
    make_task,
    uniform_integers,
)
from tasks.arithmetic import Arithmetic
from tasks.memorization import Memorization
from tasks.xml import Xml


def rows_of(
    task: SyntheticTask, split: Any, epoch: int = 0
) -> Iterator[tuple[str, str]]:
    """The text of each row, and under each character `^` where it is scored."""
    stream = task.stream(split, epoch, 0)
    for inputs, targets, scored in zip(*stream[:3], strict=True):
        text = "".join(task.decode(np.append(inputs[:1], targets)))
        yield text, " " + "".join(" ^"[mark] for mark in scored.astype(int))


def solve(question: str) -> str:
    """Answers an arithmetic question from its text alone."""
    plain = re.sub("[a-z ]", "", question)
    match = re.fullmatch(r"(-?\d+)([+-])(-?\d+)=", plain)
    assert match, question
    left, right = int(match[1]), int(match[3])
    assert match[1] == str(left)
    assert match[3] == str(right)
    return str(left + right if match[2] == "+" else left - right)


def arithmetic_examples(
    task: Arithmetic, split: Any, epoch: int = 0
) -> Iterator[tuple[str, str, str]]:
    """Question, answer and marks of each whole example."""
    for text, marks in rows_of(task, split, epoch):
        end = 0
        for match in re.finditer(r"([^.=]*=)([^.]*)\.", text):
            assert match.start() == end
            end = match.end()
            yield match[1], match[2], marks[match.start() : end]


def test_the_example_of_the_paper_is_solved_by_the_independent_parser() -> None:
    assert solve("3e36d9-h1h39f94eeh43keg3c=") == "-13991064"


@pytest.mark.parametrize("size", ["small", "paper"])
def test_ten_thousand_arithmetic_answers_are_recomputed(size: str) -> None:
    task = make_task("arithmetic", size, fresh=True)
    assert isinstance(task, Arithmetic)
    solved = 0
    for question, answer, marks in arithmetic_examples(task, "train"):
        assert answer == solve(question)
        assert marks == " " * len(question) + "^" * (len(answer) + 1)
        solved += 1
    assert solved >= 10_000


def test_arithmetic_is_distributed_as_documented() -> None:
    task = Arithmetic(digits=4, distractors=3, train_tokens=700_000)
    numbers: list[str] = []
    operations: Counter[str] = Counter()
    runs: Counter[int] = Counter()
    letters: Counter[str] = Counter()
    for question, _, _ in arithmetic_examples(task, "train"):
        assert question[0] not in "abcdefghijklmnopqrstuvwxyz"
        plain = re.sub("[a-z]", "", question)
        match = re.fullmatch(r"(-?\d+)([+-])(-?\d+)=", plain)
        assert match
        numbers += [match[1], match[3]]
        operations[match[2]] += 1
        runs.update(map(len, re.findall(r"[^a-z=]([a-z]*)", question)))
        letters.update(re.findall("[a-z]", question))
    lengths = Counter(len(number.lstrip("-")) for number in numbers)
    negative = sum(number.startswith("-") for number in numbers) / len(numbers)
    assert shares(lengths) == pytest.approx(dict.fromkeys(range(1, 5), 0.25), abs=0.01)
    # A zero, one number in forty, has no sign.
    assert negative == pytest.approx(0.5 * (1 - 0.25 / 10), abs=0.01)
    assert shares(operations) == pytest.approx({"+": 0.5, "-": 0.5}, abs=0.01)
    assert shares(runs) == pytest.approx(dict.fromkeys(range(4), 0.25), abs=0.01)
    assert len(letters) == 26
    assert max(shares(letters).values()) < 1.1 / 26


def shares(counts: Counter[Any]) -> dict[Any, float]:
    total = sum(counts.values())
    return {key: count / total for key, count in counts.items()}


def test_a_million_tokens_of_arithmetic_take_less_than_two_seconds() -> None:
    task = make_task("arithmetic", "paper")
    start = time.process_time()
    stream = task.stream("train", 0, 0)
    assert stream.inputs.size >= 1_000_000
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("length", [2, 5, 9])
def test_memorization_reproduces_what_was_read(length: int) -> None:
    task = Memorization(length=length, letters=26, train_tokens=21_000)
    pattern = re.compile(rf"([a-z]{{{length}}})\|([a-z]{{{length}}})")
    for text, marks in rows_of(task, "train"):
        found = list(pattern.finditer(text))
        assert len(found) == len(text) // (2 * length + 1)
        for match in found:
            assert match[1] == match[2]
            expected = " " * (length + 1) + "^" * length
            assert marks[match.start() : match.end()] == expected


def test_memorization_draws_each_letter_equally_often() -> None:
    letters: Counter[str] = Counter()
    for text, _ in rows_of(Memorization(), "train"):
        letters.update(text.replace("|", ""))
    assert len(letters) == 26
    assert max(shares(letters).values()) < 1.03 / 26
    assert min(shares(letters).values()) > 0.97 / 26


def cut(text: str, drawn: Examples) -> Iterator[str]:
    """The text of each example."""
    characters = iter(text)
    for length in drawn.lengths.tolist():
        yield "".join(islice(characters, length))


def identities(task: SyntheticTask, split: Any) -> set[Any]:
    """What makes an example, read from the text of a split."""
    if isinstance(task, Arithmetic):
        questions = (question for question, _, _ in arithmetic_examples(task, split))
        return {re.sub("[a-z]", "", question) for question in questions}
    if isinstance(task, Memorization):
        texts = "".join(text for text, _ in rows_of(task, split))
        return set(re.findall(rf"([a-z]{{{task.length}}})\|\1", texts))
    drawn = task.examples(split, 0, 0, rows=task.batch_size, row_length=2_000)
    return set(cut("".join(task.decode(drawn.tokens)), drawn))


@pytest.mark.parametrize(
    "task",
    [
        Memorization(letters=5, length=4, train_tokens=21_000),
        Arithmetic(digits=1, distractors=1, train_tokens=21_000),
        Xml(letters=3, max_tag=2, iterations=3, train_tokens=21_000),
    ],
)
def test_splits_share_no_example_however_few_there_are(task: SyntheticTask) -> None:
    found = [identities(task, split) for split in SPLITS]
    assert all(len(part) > 20 for part in found)
    assert not found[0] & found[1]
    assert not found[0] & found[2]
    assert not found[1] & found[2]
    everything = set().union(*found)
    assert len(found[0]) / len(everything) == pytest.approx(0.75, abs=0.1)


def test_a_rule_with_too_few_examples_is_a_clear_error() -> None:
    task = Memorization(letters=2, length=1, valid_tokens=700)
    with pytest.raises(TaskError, match="too few different examples") as caught:
        [task.stream(split, 0, 0) for split in SPLITS]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [Memorization, Arithmetic, Xml])
def test_rows_start_with_an_example_and_differ(kind: type[SyntheticTask]) -> None:
    rows = [text for text, _ in rows_of(kind(train_tokens=14_000), "train")]
    assert len(set(rows)) == len(rows) == 20
    for text in rows:
        if kind is Xml:
            assert re.match("<[a-z]", text)
        elif kind is Memorization:
            assert text[5] == "|"
        else:
            assert re.match(r"(-[a-z]*)?\d", text)


def test_repeated_epochs_are_a_choice() -> None:
    for fresh in (False, True):
        task = Arithmetic(fresh=fresh, train_tokens=1_400)
        first, later = (task.stream("train", epoch, 0).inputs for epoch in (0, 3))
        assert np.array_equal(first, later) is not fresh
        assert task.repeats is not fresh


def test_sizes_are_rounded_up_to_whole_windows() -> None:
    task = Memorization(train_tokens=701, batch_size=10, num_steps=7)
    assert task.stream("train", 0, 0).inputs.shape == (10, 77)


GOLDEN = {
    "memorization": "a60daa11c956ec756bae79e8253a89351f94580afc73ebbcfdb84cc223a44482",
    "arithmetic": "a6dee38ea45a70e7fe141f61b7d9b4cf2471d1c71813d2f5b39e268ea8ad0497",
    "xml": "78001831a8a6d1bbbe069cbbc042b4cc9695e9b9026a08a561f956d841bb654b",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_data_are_those_of_every_other_machine(name: str) -> None:
    total = hashlib.sha256()
    for size in ("small", "paper"):
        task = make_task(name, size)
        for split in SPLITS:
            stream = task.stream(split, 1, 2)
            total.update(stream.inputs.astype("<i4").tobytes())
            total.update(np.packbits(stream.scored).tobytes())
    assert total.hexdigest() == GOLDEN[name]


@given(
    low=st.integers(-50, 50), span=st.integers(1, 2**31 - 1), seed=st.integers(0, 99)
)
def test_drawn_integers_lie_within_their_bounds(low: int, span: int, seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = uniform_integers(rng, low, low + span, (3, 50))
    assert drawn.shape == (3, 50)
    assert drawn.min() >= low
    assert drawn.max() < low + span


def test_drawn_integers_are_uniform_and_cover_everything() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    counts = np.bincount(uniform_integers(rng, 0, 26, 260_000), minlength=26)
    assert counts.min() > 9_500
    assert counts.max() < 10_500


@pytest.mark.parametrize(
    ("kind", "field", "value", "words"),
    [
        (
            Memorization,
            "letters",
            27,
            "Memorization: letters must be at most 26, got 27",
        ),
        (Memorization, "length", 0, "Memorization: length must be at least 1, got 0"),
        (Arithmetic, "digits", 10, "Arithmetic: digits must be at most 9, got 10"),
        (Arithmetic, "distractors", -1, "distractors must be at least 0, got -1"),
        (Xml, "max_tag", 1, "Xml: max_tag must be at least 2, got 1"),
        (Xml, "iterations", 0, "Xml: iterations must be at least 1, got 0"),
        (Xml, "train_tokens", 0, "Xml: train_tokens must be at least 1, got 0"),
        (Xml, "batch_size", 0, "Xml: batch_size must be at least 1, got 0"),
        (Xml, "num_steps", "x", "Xml: num_steps must be a number, got 'x'"),
    ],
)
def test_sizes_that_cannot_be_are_refused_by_name(
    kind: Any, field: str, value: Any, words: str
) -> None:
    with pytest.raises(TaskError, match=re.escape(words)):
        kind(**{field: value})
