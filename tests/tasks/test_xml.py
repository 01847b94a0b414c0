"""XML: well-formed, distributed as documented, and with the known ceilings."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest

from tasks import make_task
from tasks.xml import Xml
from tests.tasks.test_synthetic import cut, rows_of, shares

Recall = Literal["all", "last", "none"]


def xml_documents(task: Xml, split: Any) -> Iterator[str]:
    """Whole top-level elements of a split, each row checked with a stack."""
    for text, marks in rows_of(task, split):
        assert set(marks[1:]) == {"^"}
        stack: list[str] = []
        opened = end = 0
        for match in re.finditer(r"<(/?)([a-z]{2,})>", text):
            assert match.start() == end, text[end : match.end()]
            assert len(match[2]) <= task.max_tag
            end = match.end()
            if match[1]:
                assert stack.pop() == match[2]
            else:
                stack.append(match[2])
            if not stack:
                yield text[opened:end]
                opened = end
        assert re.fullmatch(r"(<(/?[a-z]*)?)?", text[end:])


@pytest.mark.parametrize("size", ["small", "paper"])
def test_every_xml_document_is_well_formed(size: str) -> None:
    task = make_task("xml", size)
    assert isinstance(task, Xml)
    assert sum(1 for _ in xml_documents(task, "train")) > 2_000


def test_xml_opens_and_closes_as_documented() -> None:
    drawn = Xml().draw(np.random.Generator(np.random.PCG64(0)), 20_000)
    text = "".join(Xml().decode(drawn.tokens))
    opens = [len(re.findall("<[a-z]", document)) for document in cut(text, drawn)]
    # One tag only: open, then close (1/2), then stop (1/2).
    assert np.mean(np.array(opens) == 1) == pytest.approx(0.25, abs=0.01)
    assert max(opens) <= 50
    names = re.findall("<([a-z]+)>", text)
    lengths = shares(Counter(map(len, names)))
    assert lengths == pytest.approx(dict.fromkeys(range(2, 11), 1 / 9), abs=0.01)
    after_opening = re.findall("<[a-z]+><(/?)", text)
    assert np.mean([mark == "/" for mark in after_opening]) == pytest.approx(
        0.5, abs=0.015
    )


def xml_guesses(text: str, recall: Recall) -> Iterator[str]:
    """The best guess of each character from those before it.

    `all` remembers every open tag, `last` only one opened just before, `none` knows
    the syntax alone: in a name it guesses a letter twice, then `>`.
    """
    stack: list[str] = []
    word, just_opened = "", False  # the text since the last `<`
    for character in text:
        closing = word.startswith("</")
        name = word.lstrip("</")
        if not word:
            yield "<"
        elif word == "<":
            yield "/" if stack else "a"
        elif closing and (recall == "all" or (recall == "last" and just_opened)):
            yield f"{stack[-1]}>"[len(name)]
        else:
            yield "a" if len(name) < 2 else ">"
        word += character
        if character == ">":
            if closing:
                stack.pop()
            else:
                stack.append(name)
            word, just_opened = "", not closing


# paper.md's ceilings, and those that the class states for the small size.
CEILINGS: tuple[tuple[str, Recall, float], ...] = (
    ("paper", "all", 0.650),
    ("paper", "last", 0.477),
    ("paper", "none", 0.302),
    ("small", "all", 0.695),
    ("small", "last", 0.551),
    ("small", "none", 0.393),
)


@pytest.mark.parametrize(("size", "recall", "ceiling"), CEILINGS)
def test_xml_has_the_known_ceilings(size: str, recall: Recall, ceiling: float) -> None:
    task = make_task("xml", size, valid_tokens=350_000)
    assert isinstance(task, Xml)
    correct, count = 0, 0
    for text, _ in rows_of(task, "valid"):
        guesses = xml_guesses(text, recall)
        hits = [guess == one for guess, one in zip(guesses, text, strict=True)]
        correct += sum(hits[1:])
        count += len(hits) - 1
    assert correct / count == pytest.approx(ceiling, abs=0.01)
