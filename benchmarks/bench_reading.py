"""What reading a long run costs, from its snapshot and by replaying its history.

    python -m benchmarks.bench_reading [--candidates 10000] [--rounds 3]

The run is one of `bench_driver`: by the preset `paper`, with training that takes no
time. Each command reads it in processes of their own, as it is and in a copy without
the snapshot, and must print the same. Seconds are CPU seconds of the whole process, the
start of Python in them.
"""

import argparse
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bench_driver import alone, measure
from search.loop.session import begin
from search.store.database import RUN_FILE

SETTINGS: Final = 20
"""Of a job."""

COMMANDS: Final = ("top", "top --json", "status", "show RUN:1", "report")
"""What is measured; the run is the last argument where it is not in it."""


def read(command: str, run: Path) -> tuple[float, bytes]:
    """CPU seconds of a command about a run, and what it prints or writes.

    Raises:
        RuntimeError: It failed.
    """
    words = command.split()
    page = run.parent / f"{run.name}.html"
    words = [word.replace("RUN", str(run)) for word in words]
    if "RUN" not in command:
        words.append(str(run))
    if words[0] == "report":
        words += ["--force", "--out", str(page)]
    process = subprocess.Popen(
        [sys.executable, "-m", "search", *words], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command}: exit {process.returncode}")
    if words[0] == "report":
        printed = page.read_bytes()
    spent = usage.ru_utime + usage.ru_stime
    said = printed.replace(str(run).encode(), b"RUN")
    return spent, re.sub(rb"last result [^\n]+ ago", b"last result", said)


def forget(run: Path) -> None:
    """Deletes the snapshot of a run."""
    with closing(sqlite3.connect(run / RUN_FILE)) as file, file:
        file.execute("DELETE FROM snapshots")


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--candidates", type=int, default=10_000, metavar="N")
    add("--rounds", type=int, default=3, metavar="N")
    args = parser.parse_args()

    with TemporaryDirectory() as folder:
        run, replayed = Path(folder, "one", "run"), Path(folder, "two", "run")
        run.parent.mkdir()
        rules = {"settings_per_job": SETTINGS}
        begin(run, {"preset": "paper", "seed": 1, "rules": rules}, args.candidates)
        alone(measure, run, args.candidates, SETTINGS, 0)
        shutil.copytree(run, replayed)
        forget(replayed)
        print(f"{args.candidates:,} candidates, CPU seconds, median of {args.rounds}")
        print(f"{'':20}{'replayed':>10}{'snapshot':>10}{'ratio':>8}  same")
        for command in COMMANDS:
            pairs = [
                (read(command, replayed), read(command, run))
                for _ in range(args.rounds)
            ]
            old, new = (median(pair[side][0] for pair in pairs) for side in (0, 1))
            same = all(before[1] == after[1] for before, after in pairs)
            said = "yes" if same else "NO"
            print(f"{command:20}{old:>10.2f}{new:>10.2f}{old / new:>8.1f}  {said}")


if __name__ == "__main__":
    main()
