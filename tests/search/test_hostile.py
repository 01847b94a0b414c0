"""Some 200 damaged and hostile run folders: every command shows it or says one line."""

import contextlib
import hashlib
import io
import json
import random
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from search.commands.cli import main
from search.loop import pools
from search.store.database import RUN_FILE
from tests.support import exports
from tests.support.fake_search import Fake, Trained
from tests.support.searches import here

LONGEST_S = 30
DEEP = "[" * 100_000
VALUES: dict[str, Any] = {
    "null": None,
    "text": "\x1b[31m evil; 'x' \n",
    "blob": b"\xff\x00" * 8,
    "huge": 9 * 10**18,
    "deep": DEEP,
}
COMMANDS = (
    ("top", "RUN", "--text"),
    ("status", "RUN"),
    ("show", "RUN:1"),
    ("lineage", "RUN:3"),
    ("report", "RUN", "--out", "OUT/page.html", "-k", "1"),
    ("export", "RUN", "--out", "OUT/export", "-k", "1"),
)
FLIPS = 30


@pytest.fixture(autouse=True, scope="module")
def _brief() -> Iterator[None]:
    """Of exported folders."""
    with exports.three_steps():
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run, whose file is all of it."""
    folder = tmp_path_factory.mktemp("small") / "run"
    words = ("--candidates", 6, "--set", "rules.crossover=0.8", "--curves")
    here("run", "--preset", "small", *words, "--out", folder)
    with contextlib.closing(sqlite3.connect(folder / RUN_FILE)) as file:
        file.execute("PRAGMA journal_mode = DELETE")
    assert ("mates", "cell") in columns(folder / RUN_FILE)
    return folder


def columns(path: Path) -> list[tuple[str, str]]:
    """Every column of every table."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        tables = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [
            (table, column[1])
            for (table,) in tables.fetchall()
            for column in file.execute(f"PRAGMA table_info({table})")
        ]


@pytest.fixture
def attempt(
    small: Path, tmp_path: Path
) -> Callable[[str, Callable[[Path], None], int], None]:
    """Damages a copy of the run, and tries a few commands on it."""

    def made(name: str, damage: Callable[[Path], None], first: int) -> None:
        folder, out = tmp_path / "run", tmp_path / "out"
        for old in (folder, out):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(small, folder)
        out.mkdir()
        damage(folder / RUN_FILE)
        before = hashlib.sha256((folder / RUN_FILE).read_bytes()).digest()
        chosen = COMMANDS if first < 0 else [COMMANDS[first % len(COMMANDS)]]
        for words in chosen:
            check(
                name,
                [w.replace("RUN", str(folder)).replace("OUT", str(out)) for w in words],
            )
        assert hashlib.sha256((folder / RUN_FILE).read_bytes()).digest() == before
        assert {one.name for one in tmp_path.iterdir()} == {"run", "out"}

    return made


def check(name: str, words: list[str]) -> None:
    """Runs a command in this process: it ends well, or in words."""
    known = {module for module in sys.modules if not _ours(module)}
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as err,
        mock.patch.object(pools, "make_pool", return_value=Trained(Fake())),
        in_time(name),
    ):
        try:
            status = main(words)
        except Exception as error:
            raise AssertionError(f"{name}: {words[0]}") from error
    assert status in (0, 2), (name, words, err.getvalue())
    assert err.getvalue().count("\n") <= 2, (name, words, err.getvalue())
    assert "\x1b" not in err.getvalue()
    new = {module for module in sys.modules if not _ours(module)} - known
    assert not any("evil" in module for module in new)


def _placed(word: str, places: dict[str, str]) -> str:
    for name, place in places.items():
        word = word.replace(name, place)
    return word


def _ours(module: str) -> bool:
    return module.split(".")[0] in ("cells", "tasks", "workers", "search")


@contextlib.contextmanager
def in_time(name: str) -> Iterator[None]:
    """Fails what takes too long, of the processor's time: machines may be busy."""

    def late(*_: object) -> None:
        raise AssertionError(f"{name}: over {LONGEST_S} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def by_sql(*statements: tuple[str, tuple[Any, ...]]) -> Callable[[Path], None]:
    """An edit, whatever the constraints say."""

    def damage(path: Path) -> None:
        file = sqlite3.connect(path)
        file.execute("PRAGMA ignore_check_constraints = ON")
        for sql, values in statements:
            with contextlib.suppress(sqlite3.IntegrityError, sqlite3.DataError), file:
                file.execute(sql, values)
        file.close()

    return damage


@pytest.mark.parametrize("kind", VALUES)
def test_any_value_in_any_column(small: Path, attempt: Any, kind: str) -> None:
    every = list(enumerate(columns(small / RUN_FILE)))
    for number, (table, column) in every[list(VALUES).index(kind) % 3 :: 3]:
        sql = f'UPDATE OR IGNORE {table} SET "{column}" = ?'
        attempt(f"{table}.{column} {kind}", by_sql((sql, (VALUES[kind],))), number)


def test_any_value_of_metadata(small: Path, attempt: Any) -> None:
    with contextlib.closing(sqlite3.connect(small / RUN_FILE)) as file:
        keys = [key for (key,) in file.execute("SELECT key FROM metadata")]
    number = 0
    for key in [*keys, "finals", "workers", "mixed", "numerics", "reuse"]:
        for value in ("7", '"evil:evil"', "null", "{}", "[]", "[[1]]", "1e999", DEEP):
            number += 1
            if number % 3:
                continue
            sql = "INSERT OR REPLACE INTO metadata VALUES (?, ?)"
            attempt(f"{key} = {value[:9]}", by_sql((sql, (key, value))), number)


def test_bits_that_flip(small: Path, attempt: Any) -> None:
    size, rng = (small / RUN_FILE).stat().st_size, random.Random(0)
    for number in range(FLIPS):
        place, bit = (
            size * number // FLIPS + rng.randrange(size // FLIPS),
            rng.randrange(8),
        )

        def damage(path: Path, place: int = place, bit: int = bit) -> None:
            content = bytearray(path.read_bytes())
            content[place] ^= 1 << bit
            path.write_bytes(content)

        attempt(f"bit {bit} of byte {place}", damage, number)


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"
)
SCHEMAS = {
    "a view that never ends": [
        ("DROP TABLE metadata", ()),
        (f"CREATE VIEW metadata AS {ENDLESS.format('i AS key, i AS value')}", ()),
    ],
    "a trigger": [
        (
            "CREATE TRIGGER evil AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
            (),
        )
    ],
    "an index": [("CREATE INDEX evil ON runs (best + 1)", ())],
    "no table": [("DROP TABLE runs", ())],
    "another table": [("DROP TABLE jobs", ()), ("CREATE TABLE jobs (number)", ())],
    "no decisions": [("DELETE FROM decisions", ())],
    "a gap": [("DELETE FROM decisions WHERE number = 2", ())],
    "no words": [("DELETE FROM words", ())],
    "no settings": [("DELETE FROM settings", ())],
    "settings of another kind": [("UPDATE settings SET value = '[' || id || ']'", ())],
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_more_or_less_than_our_tables(attempt: Any, name: str) -> None:
    attempt(name, by_sql(*SCHEMAS[name]), -1)


def test_a_strangers_configuration(small: Path, attempt: Any) -> None:
    with contextlib.closing(sqlite3.connect(small / RUN_FILE)) as file:
        [(text,)] = file.execute("SELECT value FROM metadata WHERE key = 'config'")
    config = json.loads(text)
    sql = "UPDATE metadata SET value = ? WHERE key = 'config'"
    number = 0
    for key in config:
        for value in (7, "evil:evil", None, {}, [], [[1]], {"name": 1}, float("nan")):
            number += 1
            if number % 3:
                continue
            changed = json.dumps({**config, key: value})
            attempt(f"{key} = {value}", by_sql((sql, (changed,))), number)
