"""Penn Treebank: counts, known scores, every form it comes in, files refused."""

import io
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tasks import SPLITS, TaskError, make_task, windows
from tasks.music_files import (
    JSB,
    NOTTINGHAM,
    PIANO_MIDI,
)
from tasks.ptb import PennTreebank
from tests.support.reference_metrics import perplexity

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the published data sets are not beside the checkout"
)
MUSIC = {"nottingham": NOTTINGHAM, "piano_midi": PIANO_MIDI, "jsb": JSB}


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLSEARCH_DATA", str(DATA))


def one_line(caught: pytest.ExceptionInfo[TaskError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


@needs_data
@pytest.mark.usefixtures("data")
def test_penn_treebank_has_the_known_counts() -> None:
    task = make_task("ptb", "paper")
    assert isinstance(task, PennTreebank)
    corpus = task.corpus()
    assert len(corpus.symbols) == len(set(corpus.symbols)) == task.num_inputs == 10_000
    tokens = corpus.tokens
    assert [len(tokens[split]) for split in SPLITS] == [929_589, 73_760, 82_430]
    ends = corpus.symbols.index("<eos>")
    lines = [int((tokens[split] == ends).sum()) for split in SPLITS]
    assert lines == [42_068, 3_370, 3_761]
    for split in SPLITS:
        stream = task.stream(split, 0, 0)
        assert stream.scored.sum() == len(tokens[split]) - 1
        flat = stream.targets[stream.scored]
        assert np.array_equal(flat, tokens[split][1:])
    first = task.decode(task.stream("train", 0, 0).inputs[0, :5])
    assert first == ["aer", "banknote", "berlitz", "calloway", "centrust"]


def bigram_accuracy(name: str) -> float:
    """Accuracy on valid of the word that followed most often in train."""
    task = make_task("ptb", name)
    size = task.num_inputs
    train, valid = task.stream("train", 0, 0), task.stream("valid", 0, 0)
    before, after = train.inputs[train.scored], train.targets[train.scored]
    pairs, counts = np.unique(
        before.astype(np.int64) * size + after, return_counts=True
    )
    best = np.full(size, np.bincount(after).argmax())
    order = np.argsort(counts, kind="stable")
    best[pairs[order] // size] = pairs[order] % size
    guesses = best[valid.inputs[valid.scored]]
    return float(np.mean(guesses == valid.targets[valid.scored]))


@needs_data
@pytest.mark.usefixtures("data")
def test_a_bigram_model_scores_about_eighteen_percent_on_penn_treebank() -> None:
    assert bigram_accuracy("paper") == pytest.approx(0.18, abs=0.01)


@needs_data
@pytest.mark.usefixtures("data")
def test_the_small_penn_treebank_keeps_the_most_frequent_words() -> None:
    small, full = make_task("ptb"), make_task("ptb", "paper")
    assert isinstance(small, PennTreebank)
    assert isinstance(full, PennTreebank)
    assert small.num_inputs == 1_000
    assert set(small.symbols) == set(full.symbols[:1_000])
    few, many = small.corpus().tokens["train"], full.corpus().tokens["train"]
    assert np.array_equal(few, np.where(many < 1_000, many, 0))
    assert small.symbols[0] == "<unk>"
    assert small.stream("train", 0, 0).scored.sum() == 199_999
    assert windows(small.stream("train", 0, 0), 35).scored.shape[0] == 286


@needs_data
@pytest.mark.usefixtures("data")
def test_penn_treebank_reports_nll_or_accuracy() -> None:
    nll, accuracy = make_task("ptb"), make_task("ptb", metric_name="accuracy")
    assert (nll.metric.name, nll.metric.higher_is_better) == ("nll", False)
    assert nll.score(10, 200.0, 100) == 2.0
    assert perplexity(nll.score(10, 200.0, 100)) == pytest.approx(np.exp(2.0))
    assert accuracy.metric.higher_is_better
    assert accuracy.score(10, 200.0, 100) == 0.1
    with pytest.raises(TaskError, match="metric_name must be one of nll, accuracy"):
        make_task("ptb", metric_name="bleu")


def archive_of(folder: Path, path: Path) -> Path:
    """`simple-examples.tgz` as it is published: other files, names with `./`."""
    with tarfile.open(path, "w:gz") as archive:
        for name in ("ptb.char.train.txt", *(f"ptb.{split}.txt" for split in SPLITS)):
            file = folder / name
            content = file.read_bytes() if file.exists() else b"a b c"
            member = tarfile.TarInfo(f"./simple-examples/data/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@needs_data
def test_penn_treebank_is_found_in_every_form(tmp_path: Path) -> None:
    expected = make_task("ptb", folder=str(DATA)).stream("valid", 0, 0).inputs
    for place in ("", "ptb", "data", "simple-examples/data"):
        folder = tmp_path / f"form {place.replace('/', ' ')}"
        shutil.copytree(DATA / "ptb", folder / place)
        found = make_task("ptb", folder=str(folder)).stream("valid", 0, 0).inputs
        assert np.array_equal(found, expected)
    (tmp_path / "archive").mkdir()
    archive_of(DATA / "ptb", tmp_path / "archive" / "simple-examples.tgz")
    task = make_task("ptb", folder=str(tmp_path / "archive"))
    assert np.array_equal(task.stream("valid", 0, 0).inputs, expected)
    assert task.config() == make_task("ptb", folder=str(DATA)).config()


@needs_data
@pytest.mark.parametrize("split", SPLITS)
def test_an_altered_or_short_penn_treebank_file_is_refused_by_name(
    tmp_path: Path, split: str
) -> None:
    for number, change in enumerate(
        (lambda b: b[:-9], lambda b: b.replace(b"u", b"v"))
    ):
        folder = tmp_path / str(number)
        shutil.copytree(DATA / "ptb", folder, copy_function=shutil.copyfile)
        file = folder / f"ptb.{split}.txt"
        file.write_bytes(change(file.read_bytes()))
        with pytest.raises(TaskError, match="not the published file") as caught:
            make_task("ptb", folder=str(folder)).stream("valid", 0, 0)
        assert str(file) in one_line(caught)


@needs_data
def test_a_missing_file_and_a_broken_archive_are_named(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.mkdir()
    shutil.copyfile(DATA / "ptb" / "ptb.train.txt", part / "ptb.train.txt")
    with pytest.raises(TaskError, match=re.escape("ptb.valid.txt")) as caught:
        make_task("ptb", folder=str(part)).stream("valid", 0, 0)
    assert "put ptb.train.txt" in one_line(caught)

    whole = archive_of(DATA / "ptb", tmp_path / "whole.tgz").read_bytes()
    for number, content in enumerate((b"no archive", whole[: len(whole) // 2])):
        folder = tmp_path / f"archive{number}"
        folder.mkdir()
        (folder / "simple-examples.tgz").write_bytes(content)
        with pytest.raises(TaskError, match="cut short or no archive") as caught:
            make_task("ptb", folder=str(folder)).stream("valid", 0, 0)
        assert str(folder / "simple-examples.tgz") in one_line(caught)

    folder = tmp_path / "empty"
    folder.mkdir()
    with tarfile.open(folder / "simple-examples.tgz", "w:gz"):
        pass
    with pytest.raises(TaskError, match="has no simple-examples"):
        make_task("ptb", folder=str(folder)).stream("valid", 0, 0)


def test_an_altered_file_inside_an_archive_is_refused(tmp_path: Path) -> None:
    for split in SPLITS:
        (tmp_path / f"ptb.{split}.txt").write_text("some other words\n")
    archive_of(tmp_path, tmp_path / "simple-examples.tgz")
    (tmp_path / "ptb.train.txt").unlink()
    with pytest.raises(TaskError, match="not the published file") as caught:
        make_task("ptb", folder=str(tmp_path)).stream("valid", 0, 0)
    assert "ptb.train.txt in " in one_line(caught)


@pytest.mark.parametrize("name", ["ptb", "nottingham", "piano_midi", "jsb"])
def test_a_folder_without_data_says_what_to_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    task = make_task(name, folder=str(tmp_path))
    with pytest.raises(TaskError, match=f"{tmp_path}.*put .* there") as caught:
        task.stream("valid", 0, 0)
    assert re.search(r"ptb.train.txt|\.npz", one_line(caught))
    with pytest.raises(TaskError, match="'nowhere' is not a folder"):
        make_task(name, folder="nowhere").stream("valid", 0, 0)
    monkeypatch.setenv("CELLSEARCH_DATA", "nowhere")
    with pytest.raises(TaskError, match="CELLSEARCH_DATA 'nowhere' is not a folder"):
        make_task(name).stream("valid", 0, 0)
