"""Tables of a run's file: what was trained, and what the search decided.

`runs` has a row for each training of a setting: `run_id` says what was trained on what
and how (cell, task, setting, seed and training; not the budget). `evaluations` has a
row for each job that was carried out. What recurs (cells, tasks, trainings, settings,
words) is stored once and named by number; to query, use the views `results`,
`candidates`, `rejected` and `issued`, which have everything in plain columns. The
`stage` of a job is the index of its task, or -1 for the filter; the `drain` of a
decision or job is 1 if a limit alone brought it about. Where somebody outside of the
search has proposed cells, `proposers` says who; where cells were crossed, `mates` has
the other parent.

    SELECT task, digest, max(best) FROM results WHERE status = 'OK'
    GROUP BY task, digest ORDER BY 1, 3 DESC;

    SELECT setting ->> 'rate' AS rate, avg(best), count(*) FROM results
    WHERE task = 'xml' GROUP BY 1;

    SELECT birth, digest, parent, rules FROM candidates ORDER BY birth;
    SELECT reason, count(*) FROM rejected GROUP BY reason ORDER BY 2 DESC;
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

VIEWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "results": """
SELECT lower(hex(run_id)) AS run_id, lower(hex(digest)) AS digest,
    json_extract(t.value, '$.name') AS task, r.budget, s.value AS setting, seed, status,
    best, test, updates, w.value AS ended, width, num_params, curve,
    t.value AS task_identity, a.value AS training, n.value AS numerics,
    m.value AS machine, o.value AS source,
    datetime(stored_at, 'unixepoch') AS stored_at, evaluation
FROM runs r JOIN evaluations e ON e.id = evaluation JOIN cells c ON c.id = cell
    JOIN tasks t ON t.id = task JOIN trainings a ON a.id = training
    JOIN settings s ON s.id = setting JOIN words w ON w.id = ended
    JOIN words n ON n.id = numerics JOIN words m ON m.id = machine
    LEFT JOIN words o ON o.id = source""",
        "candidates": """
SELECT row_number() OVER (ORDER BY number) AS birth, lower(hex(c.digest)) AS digest,
    c.text, lower(hex(p.digest)) AS parent, k.value AS origin, rules, at,
    number AS decision, drain
FROM decisions JOIN words k ON k.id = kind
    LEFT JOIN cells c ON c.id = cell LEFT JOIN cells p ON p.id = parent
WHERE born""",
        "rejected": """
SELECT decision, draw, w.value AS reason, lower(hex(p.digest)) AS parent,
    lower(hex(r.digest)) AS digest
FROM rejects r JOIN words w ON w.id = reason LEFT JOIN cells p ON p.id = r.parent""",
        "issued": """
SELECT number, decision, lower(hex(digest)) AS digest, w.value AS task, stage,
    settings, start, "end", drain
FROM jobs JOIN cells c ON c.id = cell JOIN words w ON w.id = task""",
    }
)
"""What is there to be queried, and how it is found."""


def _create(name: str) -> str:
    return f"CREATE VIEW {name} AS{VIEWS[name]};\n"


RESULTS: Final = f"""
CREATE TABLE cells (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,  -- 16 bytes
    text   TEXT  -- canonical
);
CREATE TABLE tasks (
    id    INTEGER PRIMARY KEY,
    value TEXT NOT NULL UNIQUE  -- JSON: name, config and seed, which decide the data
);
CREATE TABLE trainings (
    id    INTEGER PRIMARY KEY,
    value TEXT NOT NULL UNIQUE  -- JSON: what differs from the plain training
);
CREATE TABLE settings (
    id    INTEGER PRIMARY KEY,
    value TEXT NOT NULL UNIQUE  -- JSON
);
CREATE TABLE evaluations (
    id        INTEGER PRIMARY KEY,
    cell      INTEGER NOT NULL REFERENCES cells (id),
    task      INTEGER NOT NULL REFERENCES tasks (id),
    training  INTEGER NOT NULL REFERENCES trainings (id),
    budget    INTEGER NOT NULL,  -- updates
    seed      INTEGER NOT NULL,
    compile_s REAL NOT NULL,  -- 0 if it was taken over
    train_s   REAL NOT NULL,  -- 0 if it was taken over
    compiled  INTEGER NOT NULL,  -- programs
    numerics  INTEGER NOT NULL REFERENCES words (id),  -- class that computed it
    machine   INTEGER NOT NULL REFERENCES words (id),
    source    INTEGER REFERENCES words (id),  -- file it was taken over from
    stored_at INTEGER NOT NULL  -- seconds since 1970, UTC
);
CREATE TABLE runs (
    run_id     BLOB NOT NULL,  -- 16 bytes
    budget     INTEGER NOT NULL,  -- updates
    evaluation INTEGER NOT NULL REFERENCES evaluations (id),
    setting    INTEGER NOT NULL REFERENCES settings (id),
    status     TEXT NOT NULL,  -- OK, DIVERGED, TIMEOUT, OOM or CRASHED
    best       REAL,  -- validation metric
    test       REAL,  -- test metric at the weights of `best`, if asked for
    updates    INTEGER NOT NULL,  -- done
    ended      INTEGER NOT NULL REFERENCES words (id),  -- why
    width      INTEGER NOT NULL,
    num_params INTEGER NOT NULL,
    curve      TEXT,  -- JSON: [updates, train_loss, valid_loss, metric], ...
    seal       BLOB NOT NULL,  -- 16 bytes: digest of the row, half of it of the curve
    PRIMARY KEY (run_id, budget)
) WITHOUT ROWID;
{_create("results")}"""
"""Of results, with or without a search."""

RUN: Final = f"""{RESULTS}
CREATE TABLE decisions (
    number INTEGER PRIMARY KEY,
    kind   INTEGER NOT NULL REFERENCES words (id),
    at     REAL NOT NULL,  -- logical time
    cell   INTEGER REFERENCES cells (id),
    parent INTEGER REFERENCES cells (id),
    rules  TEXT,  -- JSON: names of what was done to the parent; NULL: none
    born   INTEGER NOT NULL,  -- 1: the cell is a new candidate
    drain  INTEGER NOT NULL  -- 1: taken only because a limit was reached
);
CREATE TABLE rejects (  -- mutants that a decision drew and dropped
    decision INTEGER NOT NULL,
    draw     INTEGER NOT NULL,
    reason   INTEGER NOT NULL REFERENCES words (id),
    parent   INTEGER REFERENCES cells (id),
    digest   BLOB,  -- 16 bytes; NULL: unknown
    PRIMARY KEY (decision, draw)
) WITHOUT ROWID;
CREATE TABLE jobs (
    number   INTEGER PRIMARY KEY,
    decision INTEGER NOT NULL,
    cell     INTEGER NOT NULL REFERENCES cells (id),
    task     INTEGER NOT NULL REFERENCES words (id),
    stage    INTEGER NOT NULL,
    settings INTEGER NOT NULL,  -- how many
    start    REAL NOT NULL,  -- logical time
    "end"    REAL NOT NULL,
    drain    INTEGER NOT NULL
);
{_create("candidates")}{_create("rejected")}{_create("issued")}"""
"""Of a run: its results and its history."""

PROPOSERS: Final = """
CREATE TABLE IF NOT EXISTS proposers (  -- of candidates of the origin `outside`
    decision INTEGER PRIMARY KEY,
    who      INTEGER NOT NULL REFERENCES words (id)
);
"""
"""Of a run to which anybody has proposed anything."""

MATES: Final = """
CREATE TABLE IF NOT EXISTS mates (  -- other parents of cells between two
    decision INTEGER PRIMARY KEY,
    cell     INTEGER NOT NULL REFERENCES cells (id)
);
"""
"""Of a run with cells between two others."""

SNAPSHOTS: Final = """
CREATE TABLE IF NOT EXISTS snapshots (  -- where the search stood
    id      INTEGER PRIMARY KEY,  -- 1: at its limit; 0: before
    fits    TEXT NOT NULL,  -- JSON: what the rows that it was made of come to
    state   TEXT NOT NULL,  -- JSON
    numbers BLOB NOT NULL,  -- columns of what is known of cells
    seal    BLOB NOT NULL  -- 16 bytes: digest of the row
);
"""
"""Of a run that is long; nothing is in it that the rest does not say."""
