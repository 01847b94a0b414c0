"""What a run's file says by itself, without the code that its search needs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from search.contest.finals import FinalTable
from search.loop.runs import OpenRun
from search.output.words import plain, render_counts, render_rows
from search.store.store import Store

SHOWN: Final = 12
"""Characters of a digest that are printed."""


class StoredCell(NamedTuple):
    """A cell as it is stored, with the best that it has reached on each task.

    Attributes:
        digest: Of its canonical form.
        text: Its text; empty: it is not stored.
        bests: Task to the best metric of its trainings.
    """

    digest: str
    text: str
    bests: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return self._asdict()


def stored_cells(folder: Path, count: int) -> list[StoredCell]:
    """The cells of a run in order of their trainings, as far as they are stored.

    Raises:
        UserError: There is no run.
    """
    with Store.read(folder) as store:
        rows = store.results.bests()
    found: dict[str, StoredCell] = {}
    for digest, text, task, best in rows:
        cell = found.setdefault(digest, StoredCell(digest, text, {}))
        cell.bests[task] = best
    return list(found.values())[:count]


def stored_finals(run: OpenRun) -> FinalTable | None:
    """The finals of a run; None: there were none.

    Raises:
        UserError: They cannot be read.
    """
    values = run.store.history.get("finals")
    return None if values is None else FinalTable.from_dict(values)


def print_stored(
    folder: Path,
    count: int,
    *,
    texts: bool = False,
    as_json: bool = False,
) -> None:
    """Prints what can be said of the cells of a run without its code.

    Args:
        folder: The run's.
        count: Most cells.
        texts: Whether their texts are printed, too.
        as_json: Whether it is JSON.
    """
    cells = stored_cells(folder, count)
    if as_json:
        print(json.dumps([cell.to_dict() for cell in cells], indent=2))
    else:
        _print_cells(cells, texts=texts)


def print_counts(folder: Path, *, as_json: bool) -> None:
    """Prints how far a run is, as far as that can be said without its code."""
    with Store.read(folder) as store:
        decisions, spent = store.history.counts(), store.results.spent()
    facts = {
        "run": str(folder),
        "decisions": decisions,
        "seconds": {"compilation": spent.compile_s, "training": spent.train_s},
    }
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        rows = [("run", plain(str(folder))), ("moves", render_counts(decisions) or "-")]
        print(render_rows(rows))


def _print_cells(cells: Sequence[StoredCell], *, texts: bool) -> None:
    for cell in cells:
        bests = ", ".join(f"{task} {best:.4f}" for task, best in cell.bests.items())
        print(plain(f"{cell.digest[:SHOWN]}  {bests}"))
        if texts:
            print(plain(f"{cell.text.rstrip()}\n"))
