"""Tokens per second of every generator and loader, and of the cut into windows.

    python -m benchmarks.bench_tasks [--rounds 7] [--size small|paper] [TASK ...]

A round draws (or lays out) one training epoch of each task in turn, with another epoch
number each time, so that nothing can be remembered. Printed are the median and the
spread of millions of positions per second, what was computed, and once for files the
seconds of the first read, with parsing and checksums. Data sets that are not found in
CELLSEARCH_DATA are left out; nothing is downloaded.
"""

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks import SIZE_NAMES, TASKS, Task, TaskError, resolve_task, windows

WORDS = 400_000  # of the text file that is written for `text:` and `words:`


class Measured(NamedTuple):
    """The rounds of one task.

    Attributes:
        task: what was measured.
        first_s: seconds of the first stream, with reading where it reads.
        positions: positions of an epoch, padding included.
        stream_s: seconds of each later stream.
        windows_s: seconds of each cut into windows.
        digest: of the first epoch's inputs: what was computed.
    """

    task: Task
    first_s: float
    positions: int
    stream_s: list[float]
    windows_s: list[float]
    digest: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; see the module."""
    parser = argparse.ArgumentParser(description="Tokens per second of the tasks.")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="default: all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", choices=SIZE_NAMES, default="paper")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "random.txt"
        file.write_text(random_text(WORDS), encoding="utf-8")
        names = options.tasks or [*TASKS, f"text:{file}", f"words:{file}"]
        found = list(begin(names, options.size))
        for epoch in range(1, options.rounds + 1):
            for measured in found:
                measure(measured, epoch)
    print(f"size {options.size}, {options.rounds} rounds, median (slowest - fastest)")
    print(f"{'task':<17}{'positions':>11}{'first, s':>10}", end="")
    print(f"{'stream, M/s':>27}{'windows, M/s':>27}  inputs")
    for measured in found:
        print(row(measured))


def random_text(count: int) -> str:
    """Words with a Zipf-like frequency, ten a line."""
    numbers = np.random.default_rng(0).zipf(1.3, count) % 20_000
    words = [f"w{number}" for number in numbers.tolist()]
    lines = [" ".join(words[start : start + 10]) for start in range(0, count, 10)]
    return "\n".join(lines)


def begin(names: Sequence[str], size: str) -> Iterator[Measured]:
    """Makes each task and its first stream; says which data are not there."""
    for name in names:
        start = time.perf_counter()
        try:
            task = resolve_task(name, size)
            if hasattr(task, "folder"):  # a named folder rules out a download
                folder = os.environ.get("CELLSEARCH_DATA", os.curdir)
                task = resolve_task(name, size, folder=folder)
            stream = task.stream("train", 0, 0)
        except TaskError as error:
            print(f"{name} left out: {error}")
            continue
        first_s = time.perf_counter() - start
        digest = hashlib.sha256(stream.inputs.tobytes()).hexdigest()[:12]
        yield Measured(task, first_s, stream.scored.size, [], [], digest)


def measure(measured: Measured, epoch: int) -> None:
    """Adds one round: a stream, and its windows."""
    start = time.perf_counter()
    stream = measured.task.stream("train", epoch, 0)
    drawn = time.perf_counter()
    windows(stream, measured.task.num_steps)
    measured.windows_s.append(time.perf_counter() - drawn)
    measured.stream_s.append(drawn - start)


def row(measured: Measured) -> str:
    """One line of the table."""
    speeds = [rates(measured.positions, measured.stream_s)]
    speeds.append(rates(measured.positions, measured.windows_s))
    cells = "".join(f"{speed:>27}" for speed in speeds)
    first = f"{measured.first_s:>10.3f}"
    head = f"{measured.task.name:<17}{measured.positions:>11,}{first}"
    return f"{head}{cells}  {measured.digest}"


def rates(positions: int, seconds: Sequence[float]) -> str:
    """Median and spread of millions of positions per second."""
    speeds = [positions / second / 1e6 for second in seconds]
    middle = statistics.median(speeds)
    return f"{middle:.1f} ({min(speeds):.1f} - {max(speeds):.1f})"


if __name__ == "__main__":
    main()
