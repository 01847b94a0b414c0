"""Memory of a process that evaluates hundreds of distinct cells.

    python -m benchmarks.bench_memory [--cells 300] [--updates 20]

The cells are those of `calibrate_filter`: the zoo, then mutants of LSTM and GRU as a
search draws them; each is compiled and trained on memorization for a few updates, with
the limits that every worker has. Printed are resident megabytes and memory maps; Linux
ends a process at 65,530 maps, unless told otherwise.
"""

import argparse
import gc
import os
import time
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.calibrate_filter import cells
from search.procedure.reader import preset_filter
from workers import Evaluator, make_job

EVERY: Final = 25
"""Cells between two looks."""


def memory() -> tuple[float, int]:
    """Resident megabytes and memory maps of this process; Linux only."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    maps = Path("/proc/self/maps").read_text().count("\n")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, maps


def measure(count: int, updates: int) -> list[tuple[float, int]]:
    """Evaluates the cells and prints what they leave behind; see `memory`."""
    known = preset_filter("small")
    evaluator, ended, seen = Evaluator(), Counter[str](), []
    start = time.process_time()
    print(f"{'cells':>6}{'MiB':>8}{'maps':>8}{'programs':>10}{'CPU s':>8}")
    compiled = 0
    for number, (_, cell) in enumerate(cells(count), 1):
        job = make_job(cell, known.task, (known.first,), updates)
        evaluation = evaluator.evaluate(job)
        compiled += evaluation.compiled
        ended[str(evaluation.results[0].status)] += 1
        if number % EVERY == 0:
            seen.append(memory())
            megabytes, maps = seen[-1]
            spent = time.process_time() - start
            row = f"{number:>6}{megabytes:>8.0f}{maps:>8,}{compiled:>10}{spent:>8.0f}"
            print(row, flush=True)
    print(", ".join(f"{name} {number}" for name, number in ended.items()))
    return seen


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=300, help="how many (300)")
    parser.add_argument("--updates", type=int, default=20, help="of each cell (20)")
    options = parser.parse_args()
    measure(options.cells, options.updates)


if __name__ == "__main__":
    main()
