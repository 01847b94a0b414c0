"""How many candidates a core-hour gets through filter and procedure on `small`.

    python -m benchmarks.bench_search [--candidates 30] [--seed 0] [--run RUN]

Runs a search in this process, in a folder that is deleted, and reads from its store
what each part of the work took; or reads a run that was made before. Seconds are those
of the workers: one core each. Of mutants that were given the filter it says what those
took that the preset refuses untrained today.
"""

import argparse
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.calibrate_filter import SEARCH
from cells import parse
from search.commands.cli import main as cellsearch
from search.procedure.proposals import untrained_reason
from search.store.database import RUN_FILE

PARTS: Final = """
SELECT CASE WHEN json_extract(t.value, '$.name') = 'memorization' THEN 'filter'
            WHEN e.cell IN (SELECT cell FROM decisions JOIN words ON id = kind
                            WHERE value IN ('seed', 'reference')) THEN 'seeds'
            ELSE 'mutants on tasks' END AS part,
    count(*), sum(compile_s), sum(train_s)
FROM evaluations e JOIN tasks t ON t.id = e.task GROUP BY part
"""


GIVEN: Final = """
SELECT c.text, compile_s + train_s, EXISTS (
    SELECT 1 FROM runs JOIN words w ON w.id = ended
    WHERE evaluation = e.id AND w.value = 'passed')
FROM evaluations e JOIN tasks t ON t.id = e.task JOIN cells c ON c.id = e.cell
WHERE json_extract(t.value, '$.name') = 'memorization' AND NOT EXISTS (
    SELECT 1 FROM decisions d JOIN words w ON w.id = kind
    WHERE d.cell = e.cell AND w.value IN ('seed', 'reference'))
"""


class Part(NamedTuple):
    """One kind of work; seconds are core-seconds."""

    name: str
    jobs: int
    compile_s: float
    train_s: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.compile_s + self.train_s


def read(folder: Path) -> tuple[list[Part], int]:
    """The parts of a run's work, and how many candidates it had."""
    file = sqlite3.connect(f"file:{folder / RUN_FILE}?mode=ro", uri=True)
    try:
        parts = [Part(*row) for row in file.execute(PARTS)]
        query = "SELECT count(*) FROM candidates WHERE origin = 'propose'"
        [(candidates,)] = file.execute(query)
    finally:
        file.close()
    return parts, int(candidates)


def on_mutants(folder: Path) -> str:
    """What the filter took of mutants, and of those that are refused today."""
    file = sqlite3.connect(f"file:{folder / RUN_FILE}?mode=ro", uri=True)
    try:
        given = file.execute(GIVEN).fetchall()
    finally:
        file.close()
    those = [row for row in given if untrained_reason(SEARCH, parse(row[0]))]
    all_s, those_s = (sum(row[-2] for row in rows) for rows in (given, those))
    passed, lost = (sum(row[-1] for row in rows) for rows in (given, those))
    return (
        f"filter of mutants: {len(given)} jobs, {all_s:.0f} core-seconds, {passed} "
        f"passed; of what is refused untrained today: {len(those)} jobs, {those_s:.0f} "
        f"core-seconds, {lost} passed"
    )


def report(parts: Sequence[Part], candidates: int) -> list[str]:
    """The table, and candidates per core-hour."""
    total = sum(part.seconds for part in parts)
    lines = [f"{'part':<16} {'jobs':>6} {'core-s':>8} {'compiling':>10} {'share':>6}"]
    for part in parts:
        lines.append(
            f"{part.name:<16} {part.jobs:>6} {part.seconds:>8.0f} "
            f"{part.compile_s / part.seconds:>10.0%} {part.seconds / total:>6.0%}"
        )
    compiling = sum(part.compile_s for part in parts)
    filters = next(part for part in parts if part.name == "filter")
    lines += [
        f"{candidates} candidates, {total:.0f} core-seconds, {compiling / total:.0%} "
        "of them compiling",
        f"through the filter: {3600 * candidates / filters.seconds:,.0f} a core-hour "
        f"({filters.seconds / filters.jobs:.1f} core-seconds each)",
        f"through everything: {3600 * candidates / total:,.0f} a core-hour",
    ]
    return lines


def main() -> None:
    """Searches, or reads a run, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="read this run instead")
    options = parser.parse_args()
    if options.run is not None:
        print("\n".join([*report(*read(options.run)), on_mutants(options.run)]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        words = [
            "run",
            "--preset",
            "small",
            "--out",
            str(folder),
            "--workers",
            "inline",
        ]
        words += ["--candidates", str(options.candidates), "--seed", str(options.seed)]
        cellsearch(words)
        print("\n".join([*report(*read(folder)), on_mutants(folder)]))


if __name__ == "__main__":
    main()
