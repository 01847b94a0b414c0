"""Music: counts, layout, both forms, and pickles and packed files refused."""

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks import SPLITS, TaskError, make_task
from tasks.music import JsbChorales, assign, note_name
from tasks.music_files import (
    JSB,
    NOTTINGHAM,
    PIANO_MIDI,
    MusicSet,
    content_digest,
    load_music,
    read_pickle,
)

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
@pytest.mark.parametrize(
    ("name", "pieces", "frames", "notes"),
    [
        ("nottingham", (694, 173, 170), (176_561, 45_513, 44_463), (3.96, 3.96, 3.99)),
        ("piano_midi", (87, 12, 25), (75_911, 8_540, 19_036), (3.04, 3.23, 2.95)),
        ("jsb", (229, 76, 77), (13_807, 4_602, 4_725), (3.90, 3.87, 3.89)),
    ],
)
@pytest.mark.usefixtures("data")
def test_music_has_the_known_pieces_and_notes(
    name: str,
    pieces: tuple[int, ...],
    frames: tuple[int, ...],
    notes: tuple[float, ...],
) -> None:
    task = make_task(name)
    rolls = load_music(DATA / "music" / MUSIC[name].npz, MUSIC[name])
    for split, count, length, mean in zip(SPLITS, pieces, frames, notes, strict=True):
        roll, stream = rolls[split], task.stream(split, 0, 0)
        assert len(roll.offsets) - 1 == count
        assert len(roll.frames) == length
        assert roll.frames.sum(axis=1).mean() == pytest.approx(mean, abs=0.005)
        # Each piece scores all of its frames but the first.
        assert stream.scored.sum() == length - count
        scored_notes = stream.targets[stream.scored].sum(axis=1).mean()
        assert scored_notes == pytest.approx(mean, abs=0.05)


@needs_data
@pytest.mark.parametrize("name", MUSIC)
@pytest.mark.usefixtures("data")
def test_each_piece_is_found_whole_between_two_resets(name: str) -> None:
    task = make_task(name)
    rolls = load_music(DATA / "music" / MUSIC[name].npz, MUSIC[name])
    stream = task.stream("train", 0, 0)
    found: list[bytes] = []
    for row in range(task.batch_size):
        starts = np.flatnonzero(stream.reset[row])
        assert not (starts % task.num_steps).any()
        for start, end in zip(
            starts, [*starts[1:], stream.reset.shape[1]], strict=True
        ):
            scored = stream.scored[row, start:end]
            length = int(scored.sum())
            assert scored[:length].all()  # padding comes last
            assert not stream.inputs[row, start + length : end].any()
            if length:
                inputs = stream.inputs[row, start : start + length]
                last = stream.targets[row, start + length - 1 : start + length]
                found.append(np.concatenate([inputs, last]).tobytes())
    frames, offsets = rolls["train"]
    pieces = [frames[a:b].tobytes() for a, b in pairwise(offsets)]
    assert sorted(found) == sorted(pieces)


def test_pieces_are_spread_evenly_and_short_ones_left_out() -> None:
    rows = assign(np.array([1, 5, 0, 2, 2, 3]), 3)
    assert [sum(row.values()) for row in rows] == [5, 4, 4]
    assert sorted(piece for row in rows for piece in row) == [0, 1, 3, 4, 5]
    assert all(list(row) == sorted(row) for row in rows)


def test_notes_have_their_names() -> None:
    assert [note_name(column) for column in (0, 39, 48, 87)] == ["A0", "C4", "A4", "C8"]
    frames = np.zeros((2, 88), np.uint8)
    frames[0, [39, 43]] = 1
    assert JsbChorales().decode(frames) == ["C4+E4", "-"]


Notes = dict[str, list[list[tuple[int, ...]]]]


def notes_of(path: Path, music: MusicSet) -> Notes:
    """A set as the public pickles hold it: split -> pieces -> frames -> MIDI notes."""
    rolls = load_music(path, music)
    return {
        split: [
            [tuple((np.flatnonzero(frame) + 21).tolist()) for frame in frames[a:b]]
            for a, b in pairwise(offsets)
        ]
        for split, (frames, offsets) in rolls.items()
    }


@needs_data
@pytest.mark.parametrize("protocol", [0, 2])
def test_a_pickle_and_the_packed_file_hold_the_same_music(
    tmp_path: Path, protocol: int
) -> None:
    notes = notes_of(DATA / "music" / JSB.npz, JSB)
    path = tmp_path / JSB.pickle
    path.write_bytes(pickle.dumps(notes, protocol=protocol))
    packed, pickled = (
        make_task("jsb", folder=str(DATA)),
        JsbChorales(folder=str(tmp_path)),
    )
    assert content_digest(load_music(path, JSB)) == JSB.sha256
    for split in SPLITS:
        for one, other in zip(
            packed.stream(split, 0, 0), pickled.stream(split, 0, 0), strict=True
        ):
            assert np.array_equal(one, other)
    assert packed.config() == pickled.config()


# A set of four frames, so that pickles can be written by hand.
TINY = MusicSet("Tiny", "Tiny.pickle", "tiny.npz", (1, 1, 1), (2, 1, 1), "?")
TINY_NOTES: Notes = {
    "train": [[(21, 108), ()]],
    "valid": [[(60,)]],
    "test": [[(60, 64)]],
}
PYTHON_2 = (  # pickle.dumps(TINY_NOTES, 0) of Python 2.7, written out
    b"(dp0\nS'test'\np1\n(lp2\n(lp3\n(I60\nI64\ntp4\naasS'train'\np5\n(lp6\n(lp7\n"
    b"(I21\nI108\ntp8\na(taasS'valid'\np9\n(lp10\n(lp11\n(I60\ntp12\naas."
)


def tiny(content: bytes, path: Path) -> Mapping[Any, Any]:
    path.write_bytes(content)
    rolls = read_pickle(path, TINY)
    return load_music(path, TINY._replace(sha256=content_digest(rolls)))


@pytest.mark.parametrize(
    "content",
    [PYTHON_2, *(pickle.dumps(TINY_NOTES, protocol=p) for p in (0, 1, 2, 5))],
)
def test_plain_pickles_of_any_protocol_are_read(tmp_path: Path, content: bytes) -> None:
    rolls = tiny(content, tmp_path / "Tiny.pickle")
    assert rolls["train"].frames.shape == (2, 88)
    assert np.flatnonzero(rolls["train"].frames).tolist() == [0, 87]
    assert np.flatnonzero(rolls["test"].frames).tolist() == [39, 43]
    assert rolls["train"].offsets.tolist() == [0, 2]


class Hostile:
    """Pickles to a call of `print`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("this pickle ran code",)


HOSTILE = {
    "reduce 0": pickle.dumps({"train": Hostile()}, protocol=0),
    "reduce 2": pickle.dumps({"train": Hostile()}, protocol=2),
    "reduce 4": pickle.dumps({"train": Hostile()}, protocol=4),
    "global": b"cos\nsystem\n(S'echo this pickle ran code'\ntR.",
    "global unused": b"cos\nsystem\n0" + pickle.dumps(TINY_NOTES, protocol=0),
    "instance": b"(S'echo this pickle ran code'\nios\nsystem\n.",
    "object": b"(cos\nsystem\nS'echo this pickle ran code'\no.",
    "builtins": b"c__builtin__\neval\n(S'print(1)'\ntR.",
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"Psomething\n.",
    "class": pickle.dumps(np.arange(3), protocol=2),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pickle_that_asks_for_code_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "Tiny.pickle"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(TaskError, match=re.escape(str(path))) as caught:
        load_music(path, TINY)
    one_line(caught)
    assert "ran code" not in capfd.readouterr().out


def shared_frames() -> bytes:
    """A small pickle that unfolds to a billion frames by repeating references."""
    piece: Any = [(60,)] * 1_000
    return pickle.dumps({split: [piece] * 1_000_000 for split in SPLITS}, protocol=2)


BROKEN: dict[str, tuple[bytes, str]] = {
    "cut short": (pickle.dumps(TINY_NOTES, protocol=2)[:-20], "cut short"),
    "empty": (b"", "Ran out of input"),
    "text": (b"no pickle at all", ""),
    "a list": (pickle.dumps([1]), ""),
    "a number": (pickle.dumps(7), ""),
    "a split missing": (pickle.dumps({"train": [], "valid": []}), "test"),
    "pieces missing": (pickle.dumps({**TINY_NOTES, "test": []}), "pieces are"),
    "frames missing": (pickle.dumps({**TINY_NOTES, "train": [[()]]}), "frames are"),
    "text for pieces": (pickle.dumps(dict.fromkeys(SPLITS, "a")), "a list is needed"),
    "text for a frame": (
        pickle.dumps({**TINY_NOTES, "test": [["a"]]}),
        "a frame is str",
    ),
    "no note": (pickle.dumps({**TINY_NOTES, "test": [[("a",)]]}), "note 'a'"),
    "a fraction": (pickle.dumps({**TINY_NOTES, "test": [[(60.5,)]]}), "note 60.5"),
    "note too high": (pickle.dumps({**TINY_NOTES, "test": [[(109,)]]}), "note 109"),
    "note too low": (pickle.dumps({**TINY_NOTES, "test": [[(-1,)]]}), "note -1"),
    "another tune": (pickle.dumps({**TINY_NOTES, "test": [[(61,)]]}), "notes differ"),
    "unfolding": (shared_frames(), "pieces are"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pickle_is_refused_by_name(tmp_path: Path, name: str) -> None:
    content, words = BROKEN[name]
    path = tmp_path / "Tiny.pickle"
    path.write_bytes(content)
    with pytest.raises(TaskError, match=re.escape(str(path))) as caught:
        load_music(path, TINY)
    assert words in one_line(caught)
    assert "Tiny.pickle" in one_line(caught)


@pytest.fixture
def packed() -> Iterator[dict[str, NDArray[Any]]]:
    with np.load(DATA / "music" / JSB.npz, allow_pickle=False) as arrays:
        yield {name: arrays[name] for name in arrays.files}


@needs_data
def test_a_tampered_packed_file_is_refused_by_name(
    tmp_path: Path, packed: dict[str, NDArray[Any]]
) -> None:
    flipped = packed["test_roll"].copy()
    flipped[100, 4] ^= 1
    offsets = packed["train_offsets"].copy()
    offsets[3] += 1
    changes: dict[str, dict[str, Any]] = {
        "notes differ": {"test_roll": flipped},
        "differ from the published": {"train_offsets": offsets},
        "do not span": {"valid_roll": packed["valid_roll"][:-1]},
        "pieces are": {"test_offsets": packed["test_offsets"][[0, -1]]},
        "misshapen": {"test_roll": packed["test_roll"].astype(np.float64)},
        "far more": {"extra": np.zeros(10**8 + 1, np.uint8)},
        "allow_pickle": {"test_roll": np.array([{"an": "object"}], dtype=object)},
    }
    for number, (words, change) in enumerate(changes.items()):
        path = tmp_path / f"{number}.npz"
        np.savez_compressed(path, allow_pickle=True, **{**packed, **change})
        with pytest.raises(TaskError, match=re.escape(str(path))) as caught:
            load_music(path, JSB)
        assert words in one_line(caught)


@needs_data
def test_a_truncated_packed_file_is_refused_by_name(tmp_path: Path) -> None:
    whole = (DATA / "music" / JSB.npz).read_bytes()
    for number, content in enumerate((b"", whole[:100], whole[:-30], b"x" * 50)):
        path = tmp_path / f"{number}.npz"
        path.write_bytes(content)
        with pytest.raises(TaskError, match=re.escape(str(path))) as caught:
            load_music(path, JSB)
        one_line(caught)
    path = tmp_path / "missing.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "nothing")
    with pytest.raises(TaskError, match="train_roll"):
        load_music(path, JSB)
