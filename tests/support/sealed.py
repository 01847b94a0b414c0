"""Seals of results that were edited by hand: whoever edits well makes new ones."""

import sqlite3

from search.store.rows import seal_of

ROWS = """
SELECT run_id, budget, s.value, status, best, test, updates, w.value, width, num_params,
    curve
FROM runs JOIN settings s ON s.id = setting JOIN words w ON w.id = ended
"""


def reseal(file: sqlite3.Connection) -> None:
    """Makes every seal that of its row as it is now."""
    for key, budget, *values, curve in file.execute(ROWS).fetchall():
        file.execute(
            "UPDATE runs SET seal = ? WHERE run_id = ? AND budget = ?",
            (seal_of(key, budget, tuple(values), curve), key, budget),
        )
