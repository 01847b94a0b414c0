"""Cells from outside: whenever they come, a run is a function of its record."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cells import ZOO, canonicalize, digest, parse, to_text
from search.errors import UserError
from search.loop.engine import Engine
from search.loop.outside import Outside, Verdict, hand_in
from search.procedure.config import Config
from search.procedure.members import Member, Members, Origin
from search.procedure.moves import Decision
from search.procedure.objective import Paired
from search.procedure.procedure import Procedure
from search.store.history import History
from search.store.inbox import INBOX, MAX_BYTES, Inbox, Proposal
from search.store.store import Store
from tests.support.fake_pool import FakePool
from tests.support.fake_search import history
from tests.support.instant import Pool, Watcher, config, everything, run, until
from workers import Setting

PANEL = (
    Setting(2.0, 0.5, 1.0, 1, 6_000, optimizer="sgd"),
    Setting(2.0, 0.1, 1.0, 1, 6_000, optimizer="sgd"),
)
NAMES = ("gru", "lstm", "ugrnn", "mut2", "tanh")
CONFIGS = {
    "by ratios": config(),
    "by common runs": config(
        seeds=tuple((name, ZOO[name]) for name in NAMES),
        objective=Paired(panel=PANEL, error=0.3),
        filter=None,
        edits=(1, 2),
    ),
}
OFFERED = tuple((name, ZOO[name]) for name in ("mut1", "mgu", "janet", "cfn"))
AT = (6, 9, 9, 14)
"""The decisions before which they are handed in."""


class Proposer(Outside):
    """Hands cells in just before some decisions are made, and hears what waits."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Inbox(folder), print)
        self._folder = folder

    def next(self, procedure: Procedure, now: float) -> Decision | None:
        for number, named in zip(AT, OFFERED, strict=True):
            if procedure.decisions == number:
                hand_in(procedure, Inbox(self._folder), [named], "ada")
        return super().next(procedure, now)


def searched(
    folder: Path,
    chosen: Config,
    candidates: int = 16,
    pool: FakePool | None = None,
    call: Callable[[Engine], object] = lambda _: None,
) -> Engine:
    """A search to which cells are proposed."""
    proposer = Proposer(folder)
    return run(folder, chosen, candidates, pool=pool, call=call, outside=proposer)[1]


def heard(folder: Path, notes: list[str] | None = None) -> Engine:
    """A search that is gone on with, and takes up what waits."""
    told = [] if notes is None else notes
    outside = Outside(Inbox(folder), told.append)
    return run(folder, config(), 16, outside=outside)[1]


def members(engine: Engine) -> list[Member]:
    """Those that were proposed from outside."""
    known = engine.procedure.population.members.values()
    return [one for one in known if one.origin is Origin.OUTSIDE]


@pytest.mark.parametrize("way", CONFIGS)
def test_a_cell_from_outside_is_a_candidate_like_any_other(
    way: str, tmp_path: Path
) -> None:
    engine = searched(tmp_path, CONFIGS[way])
    found = members(engine)
    assert [one.digest for one in found] == [digest(cell) for _, cell in OFFERED]
    assert {one.by for one in found} == {"ada"}
    assert engine.procedure.proposed == 16
    assert any(one.complete for one in found)
    assert Inbox(tmp_path).waiting() == []
    kinds = {row[0]: row[1] for row in history(tmp_path)[0]}
    outside = [number for number, kind in kinds.items() if kind == "outside"]
    assert [number - at for number, at in zip(outside, AT, strict=True)] == [0, 0, 1, 0]


@pytest.mark.parametrize("way", CONFIGS)
def test_with_any_workers_and_kills_it_is_the_same_run(
    way: str, tmp_path: Path
) -> None:
    chosen = CONFIGS[way]
    first = Pool()
    whole = everything(tmp_path, searched(tmp_path, chosen, pool=first))
    for answers in range(2, len(first.jobs), max(1, len(first.jobs) // 12)):
        with TemporaryDirectory() as parent:
            folder, pool = Path(parent, "run"), Pool(answers, 1 + answers % 7)

            def kill(engine: Engine, pool: Pool = pool, answers: int = answers) -> None:
                if len(pool.jobs) >= answers:
                    raise KeyboardInterrupt

            with contextlib.suppress(KeyboardInterrupt):
                searched(folder, chosen, pool=pool, call=kill)
            again = searched(folder, chosen, pool=Pool(answers + 1, 4))
            assert everything(folder, again) == whole


@pytest.mark.parametrize("moment", ["recorded", "flush"])
def test_a_kill_around_the_record_takes_a_cell_once(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the record it waits still, after it the decision is there."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    def opened(engine: Engine) -> None:
        if engine.procedure.decisions >= AT[0] - 2:
            where = Outside if moment == "recorded" else History
            monkeypatch.setattr(where, moment, die)

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, config(), call=opened)
    monkeypatch.undo()
    engine = searched(tmp_path, config())
    assert len(members(engine)) == len(OFFERED)
    kinds = [row[1] for row in history(tmp_path)[0]]
    assert kinds.count("outside") == len(OFFERED)


def test_a_run_of_a_limit_takes_no_more_and_keeps_what_waits(tmp_path: Path) -> None:
    procedure = run(tmp_path, config(), 8)[1].procedure
    [one] = hand_in(procedure, Inbox(tmp_path), OFFERED[:1], "ada")
    assert searched(tmp_path, config(), candidates=8).procedure.proposed == 8
    assert Inbox(tmp_path).digests() == [one.digest]
    assert [found.digest for found in members(heard(tmp_path))] == [one.digest]
    assert Inbox(tmp_path).waiting() == []


def opened(folder: Path) -> Procedure:
    """A search that is well under way."""
    stop = until(lambda engine: engine.procedure.decisions >= 12)
    return run(folder, config(), call=stop)[1].procedure


def test_whoever_hands_in_is_told_what_becomes_of_it(tmp_path: Path) -> None:
    procedure, inbox = opened(tmp_path), Inbox(tmp_path)
    past = parse("def past(x, h):\n    return tanh(linear(x))\n")
    offered = [*OFFERED[:2], ("again", ZOO["mut1"]), ("gru", ZOO["gru"]), ("p", past)]
    found = hand_in(procedure, inbox, offered, "ada")
    assert [(one.verdict, one.place) for one in found] == [
        (Verdict.WAITING, 1),
        (Verdict.WAITING, 2),
        (Verdict.WAITING, 1),
        (Verdict.KNOWN, 0),
        (Verdict.DEAD, 0),
    ]
    assert found[-1].why == "ignores past"
    assert [one.digest for one in found] == [digest(cell) for _, cell in offered]
    assert inbox.digests() == [digest(cell) for _, cell in OFFERED[:2]]
    for wrong in ("", " ada", "a" * 41, "a\nb", "\x1b[31m"):
        with pytest.raises(UserError, match="`by` must be a name"):
            hand_in(procedure, inbox, OFFERED, wrong)


def test_what_the_search_would_not_draw_is_not_taken(tmp_path: Path) -> None:
    few = Procedure(config(recurrent=2, max_nodes=12))
    cells = [("tanh", ZOO["tanh"]), ("cfn", ZOO["cfn"])]
    few.population.members = Members()
    found = hand_in(few, Inbox(tmp_path), cells, "ada")
    assert [one.verdict for one in found] == [Verdict.REFUSED] * 2
    assert [one.why for one in found] == ["few recurrent matrices", "over 12 nodes"]


def test_two_who_propose_at_once_both_have_a_place(tmp_path: Path) -> None:
    procedure = opened(tmp_path)
    one, other = Inbox(tmp_path), Inbox(tmp_path)
    hand_in(procedure, one, OFFERED[:1], "ada")
    hand_in(procedure, other, OFFERED[:2], "bob")
    hand_in(procedure, one, OFFERED[2:], "ada")
    engine = heard(tmp_path)
    assert [one.by for one in members(engine)] == ["ada", "bob", "ada", "ada"]


TEXT = to_text(ZOO["mut1"])
HOSTILE: dict[str, bytes] = {
    "binary": bytes(range(256)),
    "huge": b"x" * (MAX_BYTES + 1),
    "deep": b"[" * 100_000,
    "deep and whole": b"[" * 500 + b"]" * 500,
    "no table": b"[1]",
    "too much": json.dumps({"text": TEXT, "by": "ada", "rank": 1}).encode(),
    "no text": json.dumps({"text": 7, "by": "ada"}).encode(),
    "no name": json.dumps({"text": TEXT, "by": "\x1b[31mada"}).encode(),
    "half a character": b'{"text": "' + TEXT.encode() + b'", "by": "\\ud800"}',
    "no cell": json.dumps({"text": "import os", "by": "ada"}).encode(),
    "half a text": json.dumps({"text": "def \ud800", "by": "ada"}).encode(),
    "a number of many digits": b'{"text": ' + b"9" * 5000 + b', "by": "ada"}',
    "an op of nobody's": json.dumps(
        {"text": "def c(x, h):\n    return evil(x + h)\n", "by": "ada"}
    ).encode(),
    "empty": b"",
}


def lying(folder: Path, number: int) -> Path:
    """A file that looks like a proposal."""
    (folder / INBOX).mkdir(exist_ok=True)
    return folder / INBOX / f"{number:020}-{number:032x}.json"


def test_what_is_no_proposal_is_said_once_and_left(tmp_path: Path) -> None:
    opened(tmp_path)
    for number, content in enumerate(HOSTILE.values()):
        lying(tmp_path, number).write_bytes(content)
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"text": TEXT, "by": "ada"}))
    lying(tmp_path, 50).symlink_to(secret)
    lying(tmp_path, 51).mkdir()
    os.mkfifo(lying(tmp_path, 52))
    (tmp_path / INBOX / "notes.txt").write_text("nobody's business")
    Inbox(tmp_path).add(digest(ZOO["mgu"]), Proposal(to_text(ZOO["mgu"]), "bob"))
    before = set(os.listdir(tmp_path / INBOX))

    notes: list[str] = []
    engine = heard(tmp_path, notes)
    assert [one.by for one in members(engine)] == ["bob"]
    said = [note for note in notes if "is no proposal" in note]
    assert len(said) == len(HOSTILE) + 3
    length = 400 + 2 * len(str(tmp_path))  # a path may be said twice
    assert not [note for note in said if len(note) >= length or "\n" in note]
    [taken] = before - set(os.listdir(tmp_path / INBOX))
    assert digest(ZOO["mgu"]) in taken
    assert secret.exists()


def test_a_folder_that_is_a_link_is_neither_read_nor_written(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    procedure = opened(place)
    elsewhere.mkdir()
    hand_in(procedure, Inbox(elsewhere), OFFERED[:1], "eve")
    (place / INBOX).symlink_to(elsewhere / INBOX)
    assert Inbox(place).waiting() == []
    with pytest.raises(UserError, match="is a link"):
        hand_in(procedure, Inbox(place), OFFERED[1:], "ada")
    assert len(Inbox(elsewhere).waiting()) == 1


EDITS = {
    "another cell": "UPDATE decisions SET cell = (SELECT max(id) FROM cells) "
    "WHERE number = {}",
    "another text": "UPDATE cells SET text = 'def c(x, h):\n    return x\n' WHERE id = "
    "(SELECT cell FROM decisions WHERE number = {})",
    "no text": "UPDATE cells SET text = 'import os' WHERE id = "
    "(SELECT cell FROM decisions WHERE number = {})",
    "nobody": "DELETE FROM proposers WHERE decision = {}",
    "no name": "UPDATE words SET value = char(27) WHERE value = 'ada' AND {}",
    "no table": "DROP TABLE proposers -- {}",
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_record_that_was_edited_is_refused_in_words(
    edit: str, tmp_path: Path
) -> None:
    searched(tmp_path, config())
    number = next(row[0] for row in history(tmp_path)[0] if row[1] == "outside")
    with contextlib.closing(sqlite3.connect(tmp_path / "search.db")) as file, file:
        file.execute(EDITS[edit].format(number))
    with pytest.raises(UserError, match=r"was stored with|proposers"):
        searched(tmp_path, config())


def test_a_run_to_which_nobody_proposes_has_no_table_of_proposers(
    tmp_path: Path,
) -> None:
    heard(tmp_path)
    with Store.read(tmp_path) as store:
        query: Any = store.history._file.rows
        assert query("SELECT 1 FROM sqlite_master WHERE name = 'proposers'") == []
    assert not (tmp_path / INBOX).exists()


def test_a_reader_sees_who_proposed_and_takes_nothing(tmp_path: Path) -> None:
    whole = searched(tmp_path, config(), candidates=8)
    form = canonicalize(ZOO["mut3"])
    Inbox(tmp_path).add(form.digest, Proposal(to_text(form.cell), "bob"))
    with Store.read(tmp_path) as store:
        reader = Engine(
            Procedure(config()), store, None, Watcher(), limits=whole.limits
        )
        reader.run()
    assert {one.by for one in members(reader)} == {"ada"}
    assert form.digest in Inbox(tmp_path).digests()
