"""The benchmark of the pack prints its table and judges facts."""

import re

import pytest

from benchmarks import bench_pack
from benchmarks.bench_pack import FACTS, Fact
from tasks import PACK
from workers import TaskSpec


def test_the_table_has_a_loss_for_each_task_and_one_compilation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "stack echo --cells tanh --optimizers sgd --seeds 1 --updates 2,3"
    arguments = [*words.split(), "--parameters", "600", "--no-facts"]
    assert bench_pack.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "sgd 0.5, scale 2.0: loss after 2 / 3 updates; 1: a guess" in printed
    for name in ("stack", "echo"):
        assert re.search(rf"^{name} +1\.000 +[12]\.\d+$", printed, re.MULTILINE)
    assert re.search(r"^compiled +2\.0$", printed, re.MULTILINE)


def test_facts_are_of_the_pack_and_judged_by_accuracy() -> None:
    names = {kind.name for kind in PACK}
    assert all(fact.task.name == fact.scored.name for fact in FACTS)
    assert {fact.task.name for fact in FACTS} <= names
    fact = Fact("words", "gru", TaskSpec("echo"), 1, TaskSpec("echo"), 0.5, 0.9)
    assert [fact.holds(value) for value in (0.4, 0.5, 0.9, 1.0)] == [
        False,
        True,
        True,
        False,
    ]
