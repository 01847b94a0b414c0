"""A person's text file, by characters and by words, and files that are refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import (
    CorpusTask,
    TaskError,
    resolve_task,
    windows,
)


def message_of(caught: pytest.ExceptionInfo[TaskError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def story(lines: int) -> str:
    rng = np.random.default_rng(1)
    words = ["the", "cell", "état", "of", "a", "Zustand", "gate", "x", "forgets"]
    return "".join(
        " ".join(words[i] for i in rng.integers(0, 9, 7)) + "\n" for _ in range(lines)
    )


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_the_characters_of_a_file_are_a_task(tmp_path: Path) -> None:
    text = story(400)
    task = resolve_task(f"text:{write(tmp_path / 'story.txt', text)}")
    assert task.name == "text:story.txt"
    assert isinstance(task, CorpusTask)
    assert set(task.symbols) == {*text, "<unk>"}
    joined = ""
    for split, share in (("train", 0.8), ("valid", 0.1), ("test", 0.1)):
        tokens = task.corpus().tokens[split]
        assert len(tokens) == pytest.approx(share * len(text), abs=2)
        stream = task.stream(split, 0, 0)
        assert "".join(task.decode(stream.targets[stream.scored])) == "".join(
            task.decode(tokens[1:])
        )
        joined += "".join(task.decode(tokens))
    assert joined == text


def test_the_words_of_a_file_are_a_task_with_a_vocabulary_limit(tmp_path: Path) -> None:
    text = story(3_000).replace("forgets", "forgets\tand")
    path = write(tmp_path / "story.txt", text)
    task = resolve_task(f"words:{path}")
    assert isinstance(task, CorpusTask)
    assert task.symbols[:2] == ("<unk>", "<eos>")
    expected = " ".join(text.replace("\n", " <eos> ").split())
    tokens = [token for split in task.corpus().tokens.values() for token in split]
    assert " ".join(task.decode(np.array(tokens))) == expected
    few = resolve_task(f"words:{path}", vocabulary=5)
    assert few.num_inputs == 5
    assert few.decode(np.array([0]))[0] == "<unk>"
    full = resolve_task(f"words:{path}", "paper")
    assert full.config()["vocabulary"] == 10_000


def test_what_occurs_only_late_in_a_file_is_unknown(tmp_path: Path) -> None:
    task = resolve_task(f"text:{write(tmp_path / 'f', story(400) + 'ß' * 2_000)}")
    stream = task.stream("test", 0, 0)
    assert set(stream.targets[stream.scored].tolist()) == {0}


def test_a_files_content_and_not_its_place_is_its_identity(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = write(tmp_path / "f.txt", story(400))
    copy = write(tmp_path / "other" / "f.txt", story(400))
    first, second = resolve_task(f"text:{path}"), resolve_task(f"text:{copy}")
    assert first.name == second.name
    assert first.config() == second.config()
    assert json.dumps(first.config())
    write(tmp_path / "f.txt", story(401))
    assert resolve_task(f"text:{path}").config() != second.config()


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    path = write(tmp_path / "f.txt", b"\xef\xbb\xbf" + story(400).encode())
    assert "\ufeff" not in resolve_task(f"text:{path}").decode(np.arange(5))


def test_the_readme_size_of_file_is_enough_and_nothing_is_dropped(
    tmp_path: Path,
) -> None:
    text = story(40)[:900]
    task = resolve_task(f"text:{write(tmp_path / 'f.md', text)}")
    scored = [windows(task.stream(s, 0, 0), 35).scored for s in ("train", "valid")]
    assert [cut.sum() for cut in scored] == [719, 89]


BAD_FILES: list[tuple[str, bytes, str]] = [
    ("text", b"", "is empty"),
    ("text", b" \n\t\n", "is empty"),
    ("words", b"", "is empty"),
    ("text", b"short", "the file is shorter than one window: its train part has 5 "),
    ("text", b"a" * 870, "part has 696 characters, it needs 701"),
    ("words", b"a b c\n" * 100, "train part has 320 words, it needs 701"),
    ("text", b"fine\nthen \xff\n", "byte 0xff at offset 10, line 2; convert it to UTF"),
    ("words", "état".encode("latin-1"), "byte 0xe9 at offset 0, line 1"),
]


@pytest.mark.parametrize(("kind", "content", "words"), BAD_FILES)
def test_a_bad_file_is_one_line_that_names_it(
    tmp_path: Path, kind: str, content: bytes, words: str
) -> None:
    path = write(tmp_path / "file.txt", content)
    with pytest.raises(TaskError, match=re.escape(words)) as caught:
        resolve_task(f"{kind}:{path}")
    assert "file.txt" in message_of(caught)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    write(tmp_path / "notes.txt", story(400))
    wrong = {
        "nots.txt": f"did you mean '{tmp_path / 'notes.txt'}'?",
        "unlike": "no file",
        "nowhere/notes.txt": "there is no folder",
        ".": "is not a file but a folder",
    }
    for name, words in wrong.items():
        with pytest.raises(TaskError, match=re.escape(words)) as caught:
            resolve_task(f"text:{tmp_path / name}")
        message_of(caught)


def test_bad_settings_of_a_text_task_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "f.txt", story(400))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"valid_fraction": 0.0}, "valid_fraction must be at least 0.001"),
        ({"valid_fraction": 0.6, "test_fraction": 0.6}, "must be at most 0.9"),
        ({"vocabulary": 3}, "vocabulary must be at least 4"),
        ({"train_tokens": -1}, "train_tokens must be at least 0"),
        ({"path": "other"}, "names the file; leave out path"),
        ({"metric_name": "acc"}, "must be one of nll, accuracy"),
    ]
    for overrides, words in wrong:
        with pytest.raises(TaskError, match=re.escape(words)) as caught:
            resolve_task(f"text:{path}", **overrides)
        message_of(caught)
