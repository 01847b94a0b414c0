"""Milliseconds per operation on cells, and what becomes of the mutants of a search.

Run as `python -m benchmarks.bench_cells [--mutants N] [--ops SET] [--drift]`. One
process, one thread. First the time of each operation on cells of about 20 nodes; then
the time of one proposal (mutate, check, canonical form and digest, dead test, drawn
until new and alive); then, over N mutants, the shares of redraws, duplicates and dead
cells by kind. With --drift, how mutants differ from their parents instead, by rounds
and by edits, and what becomes of their sizes over generations without selection.
"""

import argparse
import os
import platform
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from benchmarks.drift import print_drift, print_mutants
from cells import (
    ZOO,
    Canonical,
    Cell,
    Dead,
    Mutant,
    canonical,
    canonicalize,
    check,
    dead,
    digest,
    mutate,
    op_names,
    parse,
    response,
    to_text,
)

PARENTS: Final = ("lstm", "gru")
SIZES: Final = range(18, 23)
"""Numbers of nodes of the cells that operations are timed on."""

REPEATS: Final = 200


class Proposal(NamedTuple):
    """One mutant, and what the search makes of it.

    Attributes:
        mutant: As it was drawn.
        form: Its canonical form.
        fate: Why it is not evaluated, or None if it is new and alive.
    """

    mutant: Mutant
    form: Canonical
    fate: Dead | str | None


def propose(
    parents: Sequence[Cell], seen: set[str], rng: np.random.Generator, ops: str
) -> Iterator[Proposal]:
    """Draws mutants of random parents for ever, each digest alive only once."""
    while True:
        parent = parents[int(rng.integers(len(parents)))]
        mutant = mutate(parent, rng, ops=ops)
        form = canonicalize(mutant.cell)
        name = form.digest
        fate = "duplicate" if name in seen else dead(form.cell)
        seen.add(name)
        yield Proposal(mutant, form, fate)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--ops", default="paper", help="op set of the mutants")
    parser.add_argument("--drift", action="store_true", help="how sizes change")
    parser.add_argument("--lineages", type=int, default=200, help="for --drift")
    options = parser.parse_args()
    op_names(options.ops)
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, "
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    parents = [canonical(ZOO[name]) for name in PARENTS]
    if options.drift:
        print_mutants(parents, options.mutants, options.ops)
        print_drift(parents, options.lineages, options.ops)
        return
    rng = np.random.default_rng(0)
    _operations(_alive(parents, rng, options.ops), rng, options.ops)
    _proposals(parents, options.mutants, options.ops)
    _shares(parents, options.mutants, options.ops)


def _alive(parents: Sequence[Cell], rng: np.random.Generator, ops: str) -> list[Cell]:
    """The first new living mutants of about 20 nodes, in canonical form."""
    found: list[Cell] = []
    for proposal in propose(parents, set(), rng, ops):
        cell = proposal.form.cell
        if proposal.fate is None and len(cell.nodes) in SIZES:
            found.append(cell)
        if len(found) == REPEATS:
            return found
    raise AssertionError("proposals never end")


def _operations(cells: Sequence[Cell], rng: np.random.Generator, ops: str) -> None:
    # Each takes a cell, so that what it needs besides is made before.
    texts = {cell: to_text(cell) for cell in cells}
    operations: dict[str, Callable[[Cell], object]] = {
        "parse": lambda cell: parse(texts[cell]),
        "to_text": to_text,
        "check": check,
        "digest": digest,
        "mutate": lambda cell: mutate(cell, rng, ops=ops),
        "dead": dead,
    }
    sizes = [len(cell.nodes) for cell in cells]
    print(
        f"\noperations on {len(cells)} living mutants of {min(sizes)} to {max(sizes)} "
        f"nodes, milliseconds\n{'':12}{'median':>10}{'10 %':>10}{'90 %':>10}"
    )

    times: dict[str, list[float]] = {name: [] for name in operations}
    for cell in cells:
        # Interleaved, and once unmeasured: the first call fills the caches.
        for name, operation in operations.items():
            operation(cell)
            start = time.perf_counter()
            operation(cell)
            times[name].append(time.perf_counter() - start)
    for name, seconds in times.items():
        print(_row(name, seconds))


def _row(name: str, seconds: Sequence[float]) -> str:
    tenths = statistics.quantiles(seconds, n=10)
    values = (statistics.median(seconds), tenths[0], tenths[-1])
    return f"{name:12}" + "".join(f"{1e3 * value:10.3f}" for value in values)


def _proposals(parents: Sequence[Cell], mutants: int, ops: str) -> None:
    """Times proposals drawn until new and alive: of the seeds, then of 20 nodes."""
    # The seeds are where a search begins; cells of 20 nodes are where it goes on.
    rng = np.random.default_rng(1)
    sized = _alive(parents, rng, ops)
    print(
        f"\none proposal, drawn until new and alive, milliseconds\n{'parents':12}"
        f"{'median':>10}{'10 %':>10}{'90 %':>10}{'mean':>10}{'draws':>10}"
    )

    # Until enough mutants were drawn, so that both rows are of as many.
    for name, chosen in (("lstm, gru", parents), ("20 nodes", sized)):
        seconds, draws = [], 0
        proposals = propose(chosen, set(), rng, ops)
        while draws < mutants / 4:
            start, new = time.perf_counter(), False
            while not new:
                draws += 1
                new = next(proposals).fate is None
            seconds.append(time.perf_counter() - start)
        print(
            f"{_row(name, seconds)}{1e3 * statistics.mean(seconds):10.3f}"
            f"{draws / len(seconds):10.2f}"
        )


def _shares(parents: Sequence[Cell], mutants: int, ops: str) -> None:
    """Prints what became of the mutants, in the order in which they are sorted out."""
    # Parents are known from the start, as in a search.
    rng, seen = np.random.default_rng(2), set[str]()
    seen.update(digest(parent) for parent in parents)
    fates, redraws = Counter[str](), Counter[str]()
    dead_forms: dict[str, Dead] = {}
    sizes = []

    proposals = propose(parents, seen, rng, ops)
    for mutant, form, fate in (next(proposals) for _ in range(mutants)):
        redraws.update(mutant.redraws)
        if isinstance(fate, Dead):
            dead_forms[form.digest] = fate
        # A dead cell that came before is dead first, and a duplicate after that.
        why = dead_forms.get(form.digest, fate)
        if isinstance(why, Dead):
            fates[f"dead, {why.test}: no {why.missing}"] += 1
        elif why is not None:
            fates[why] += 1
        else:
            sizes.append(len(form.cell.nodes))
            hidden = response(form.cell, biases=False) != "past"
            fates["new and alive"] += 1
            fates["  of these dead while biases are zero"] += hidden

    print(f"\nof {mutants} mutants of {', '.join(PARENTS)}, ops {ops}: percent")
    for name, count in sorted(fates.items(), key=lambda item: item[0].strip()):
        print(f"{name:40}{100 * count / mutants:8.2f}")
    print("redraws per 100 mutants")
    for name, count in sorted(redraws.items()):
        print(f"{name:40}{100 * count / mutants:8.2f}")
    quartiles = statistics.quantiles(sizes, n=4)
    print(
        f"nodes of new living ones: median {quartiles[1]:.0f}, "
        f"quartiles {quartiles[0]:.0f} and {quartiles[2]:.0f}, most {max(sizes)}"
    )


if __name__ == "__main__":
    main()
