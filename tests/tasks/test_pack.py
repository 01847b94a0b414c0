"""The tasks of the pack: their answers are recomputed, and they share one shape."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from tasks import (
    PACK,
    SPLITS,
    PackTask,
    Task,
    TaskError,
    check_task,
    describe_task,
    make_task,
    render_task,
    windows,
)
from tasks.describe import examples
from tasks.pack.base import choose
from tasks.pack.group import GROUPS, elements

NAMES = [kind.name for kind in PACK]
Solver = Callable[[Any, Sequence[str]], list[str]]


def answered(task: PackTask, split: Any = "train") -> Iterator[tuple[list[str], ...]]:
    """What is read and what is due, as texts, for each example; empty: nothing is."""
    stream = task.stream(split, 0, 0)
    starts = np.flatnonzero(stream.reset[0])
    ends = [*starts[1:], stream.reset.shape[1]]
    for inputs, targets, scored in zip(*stream[:3], strict=True):
        for start, end in zip(starts, ends, strict=True):
            due = zip(task.decode(targets[start:end]), scored[start:end], strict=True)
            yield (
                task.decode(inputs[start:end]),
                [text if mark else "" for text, mark in due],
            )


# Each task solved by plain Python, from the text of its inputs alone.


def solve_selcopy(task: Any, read: Sequence[str]) -> list[str]:
    letters = [text for text in read if text not in "-?"]
    assert read.count("?") == len(letters) == task.items
    assert set(read[-task.items :]) == {"?"}
    return [""] * (len(read) - task.items) + letters


def solve_adding(task: Any, read: Sequence[str]) -> list[str]:
    due, marked = [], []
    for text in read:
        if text.endswith("'"):
            marked.append(int(text[:-1]))
        whole = text.endswith("'") and len(marked) >= task.terms
        due.append(str(sum(marked[-task.terms :])) if whole else "")
    return due


def solve_stack(task: Any, read: Sequence[str]) -> list[str]:
    due, stack = [], []
    for text in read:
        if text == "-":
            stack.pop()
        else:
            stack.append(text)
        assert len(stack) <= task.depth
        due.append(stack[-1] if stack and text == "-" else "")
    return due


def solve_echo(task: Any, read: Sequence[str]) -> list[str]:
    return [""] * task.delay + list(read[: -task.delay])


def solve_registers(task: Any, read: Sequence[str]) -> list[str]:
    due, held = [""] * len(read), dict[str, str]()
    for place in range(0, len(read), 2):
        order, which, value = read[place][0], read[place][1:], read[place + 1 :][:1]
        if order == "w" and value:
            held[which] = value[0]
        if order == "r" and which in held:
            due[place] = held[which]
            assert value in ([], [held[which]])
    assert read[0][0] == "w"
    return due


def solve_group(task: Any, read: Sequence[str]) -> list[str]:
    due, where = [], "".join(str(i + 1) for i in range(len(read[0])))
    for text in read:
        where = "".join(text[int(place) - 1] for place in where)
        due.append(where if task.answer == "element" else where[0])
    return due


def solve_recall(task: Any, read: Sequence[str]) -> list[str]:
    shown = 2 * task.pairs
    values = dict(zip(read[:shown:2], read[1:shown:2], strict=True))
    assert len(values) == task.pairs
    return [""] * shown + [values[key] for key in read[shown:]]


SOLVERS: dict[str, Solver] = {
    "selcopy": solve_selcopy,
    "adding": solve_adding,
    "stack": solve_stack,
    "echo": solve_echo,
    "registers": solve_registers,
    "group": solve_group,
    "recall": solve_recall,
}
VARIANTS = (
    *(make_task(name) for name in SOLVERS),
    make_task("adding", base=10, terms=2, every=5),
    make_task("registers", registers=1, values=2, num_steps=31),
    make_task("group", group="Z2", letters=0),
    make_task("group", group="S5", letters=3, answer="point"),
)


@pytest.mark.parametrize("task", VARIANTS, ids=str)
def test_every_answer_is_recomputed_from_what_is_read(task: Any) -> None:
    for split in ("train", "valid"):
        for read, due in answered(task, split):
            assert due == SOLVERS[task.name](task, read)


@pytest.mark.parametrize("task", VARIANTS, ids=str)
def test_answers_are_recomputed_at_lengths_that_are_not_trained_on(task: Any) -> None:
    long = dataclasses.replace(task, stretch=4)
    assert {len(read) for read, _ in answered(long)} == {task.num_steps}
    assert {len(read) for read, _ in answered(long, "valid")} == {4 * task.num_steps}
    for read, due in answered(long, "valid"):
        assert due == SOLVERS[task.name](task, read)


def test_induction_asks_for_what_followed_before() -> None:
    task: Any = make_task("induction")
    kept, steps = 0, 0
    for read, due in answered(task):
        known: dict[str, str] = {}
        followed = set[tuple[str, str]]()
        for place, (text, answer) in enumerate(zip(read, due, strict=True)):
            if place:
                followed.add((read[place - 1], text))
            if answer:
                assert known.setdefault(text, answer) == answer  # one map an example
                assert (text, answer) in followed  # it was shown
                steps += place + 1 < len(read)
                kept += read[place + 1 : place + 2] == [answer]
    # The walk keeps to the map, or leaves it and comes to the same letter by chance.
    assert kept / steps == pytest.approx(0.7 + 0.3 / 6, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_due_is_what_is_due(name: str) -> None:
    task: Any = make_task(name)
    stream = task.stream("train", 0, 0)
    assert len(np.unique(stream.targets[stream.scored])) == task.num_answers
    assert task.guess_loss == pytest.approx(np.log(task.num_answers))


@pytest.mark.parametrize("name", NAMES)
def test_small_sizes_share_the_shape_of_a_program_and_of_its_data(name: str) -> None:
    task = make_task(name)
    facts = (task.num_inputs, task.num_outputs, task.uniform_loss, task.readout)
    assert facts == (32, 32, pytest.approx(np.log(32)), "softmax")
    for split, count in (("train", 200), ("valid", 24), ("test", 24)):
        cut = windows(task.stream(split, 0, 0), task.num_steps)  # type: ignore[arg-type]
        assert cut.inputs.shape == (count, 32, 20)
        assert cut.reset.all()


@pytest.mark.parametrize("name", NAMES)
def test_no_example_of_one_split_occurs_in_another(name: str) -> None:
    task: Any = make_task(name)
    found = [{tuple(read) for read, _ in answered(task, split)} for split in SPLITS]
    assert not (found[0] & found[1] | found[0] & found[2] | found[1] & found[2])


@pytest.mark.parametrize("name", NAMES)
def test_longer_validation_has_the_same_windows_and_fewer_resets(name: str) -> None:
    long = windows(make_task(name, stretch=12).stream("valid", 0, 0), 32)
    assert long.inputs.shape == (24, 32, 20)
    assert np.flatnonzero(long.reset.all(axis=1)).tolist() == [0, 12]
    assert not long.reset[1:12].any()


@pytest.mark.parametrize("name", NAMES)
def test_published_sizes_are_tasks_too(name: str) -> None:
    tokens = dict.fromkeys((f"{split}_tokens" for split in SPLITS), 20_000)
    check_task(make_task(name, "paper", **tokens))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_shown_above_what_is_due(name: str) -> None:
    task: Any = make_task(name)
    lines = render_task(describe_task(task)).splitlines()
    assert "  examples (below each: what is due)" in lines
    assert all(len(line) <= 80 for line in lines)
    read, due = next(answered(task))
    first = examples(task)[0]
    assert (first.tokens, first.answers) == (read, due)
    assert describe_task(task)["examples"][0]["answers"] == due


def test_an_answer_stands_below_the_step_after_which_it_is_due() -> None:
    lines = render_task(describe_task(make_task("adding"))).splitlines()
    first = lines.index("  examples (below each: what is due)") + 1
    for place, answer in enumerate(lines[first + 1]):
        if answer.isdigit() and lines[first + 1][place - 1] == " ":
            assert lines[first][place + 1] == "'"


def test_chosen_places_are_different_and_each_is_as_likely() -> None:
    chosen = choose(np.random.Generator(np.random.PCG64(0)), 30_000, 6, 4)
    assert all(len(set(row)) == 4 for row in chosen.tolist())
    for column in chosen.T:
        shares = np.bincount(column, minlength=6) / len(column)
        assert shares == pytest.approx(np.full(6, 1 / 6), abs=0.01)


def test_groups_have_their_orders_and_begin_with_generators() -> None:
    orders = {"Z2": 2, "S3": 6, "A4": 12, "S4": 24, "A5": 60, "S5": 120}
    assert {name: len(elements(name)) for name in GROUPS} == orders
    for name, generators in GROUPS.items():
        found = elements(name)
        assert found[: len(generators)] == generators
        assert len(set(found)) == len(found)
        assert tuple(range(len(found[0]))) in found


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("selcopy", {"items": 17}, "items must be at most 16"),
        ("adding", {"base": 11}, "base must be at most 10"),
        ("stack", {"depth": 1}, "depth must be at least 2"),
        ("induction", {"noise": 1.5}, "noise must be at most 1"),
        ("echo", {"delay": 32}, "delay must be at most 31"),
        ("registers", {"registers": 0}, "registers must be at least 1"),
        ("group", {"group": "D4"}, "group must be one of Z2, S3, A4, S4, A5, S5"),
        ("group", {"answer": "all"}, "answer must be one of element, point"),
        ("group", {"letters": 1}, "letters must be 0 or at least 2"),
        ("recall", {"keys": 1}, "keys must be at least 2"),
        ("stack", {"stretch": 0}, "stretch must be at least 1"),
    ],
)
def test_impossible_sizes_are_refused(
    name: str, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(TaskError, match=words):
        make_task(name, **fields)


def test_a_rule_that_knows_too_few_examples_says_so() -> None:
    task: Task = make_task("group", group="Z2", letters=0, num_steps=1)
    with pytest.raises(TaskError, match="too few different examples"):
        [task.stream(split, 0, 0) for split in SPLITS]
