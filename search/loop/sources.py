"""Where cells and configurations come from: zoo, files, runs, standard input."""

import copy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cells import ZOO, Cell, CellError, nearest_name, parse_named, to_text
from search.errors import UserError
from search.loop.runs import branch_document, open_run, replay
from search.loop.standing import final_order, standing
from search.procedure.document import Document, assign, overlay
from search.procedure.members import Member
from search.procedure.own_code import own_code
from search.procedure.procedure import Procedure
from search.procedure.reader import make_config
from search.store.document_file import read_document
from search.store.files import read_whole

MAX_BYTES = 1 << 20
"""A larger file is no cell."""


def read_cell(source: str) -> tuple[str, Cell]:
    """A cell and its name.

    Args:
        source: A name of the zoo, the path of a file of cell text, `RUN:RANK` for a
            cell of a run's table, or `-` for standard input. A file of that very name
            comes before a run.

    Raises:
        UserError: There is no such cell, file, run or rank, or the text is no cell.
    """
    if source in ZOO:
        return source, ZOO[source]
    if ":" in source and not Path(source).is_file():
        with found_ranked(*source.rpartition(":")[::2]) as (_, member):
            return member.name, member.cell()
    where = "standard input" if source == "-" else source
    return read_text(_read_source(source), where)


def read_text(text: str, where: str = "") -> tuple[str, Cell]:
    """A cell and its name, of a text.

    Args:
        text: Of the cell.
        where: Where it was found, for whoever reads the error.

    Raises:
        UserError: The text is no cell.
    """
    try:
        return parse_named(text)
    except CellError as error:
        raise UserError(f"{where}: {error}" if where else str(error)) from None


def read_cells(sources: Sequence[str]) -> tuple[tuple[str, Cell], ...]:
    """Reads cells and gives each a name of its own.

    Raises:
        UserError: A source twice, or one that is no cell.
    """
    found: dict[str, Cell] = {}
    for source in sources:
        if sources.count(source) > 1:
            raise UserError(f"{source!r} is named twice")
        name, cell = read_cell(source)
        if name in found:
            stem = name
            name = next(n for i in range(2, 10**6) if (n := f"{stem}_{i}") not in found)
        found[name] = cell
    return tuple(found.items())


def read_configuration(
    *,
    branch: Path | None = None,
    file: Path | None = None,
    preset: str | None = None,
    seed: int | None = None,
    candidates: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Document:
    """What a person wants to search, each word overruling those before it.

    Args:
        branch: A run whose configuration it is, with the best cells as seeds.
        file: A configuration in TOML.
        preset: The name of a preset.
        seed: Seed of everything.
        candidates: How many are planned.
        settings: Single options, such as `{"rules.gate": 0.8}`.

    Raises:
        UserError: There is no such run, file or cell.
    """
    begun: Document = {} if branch is None else branch_document(branch)
    words = {"preset": preset, "seed": seed, "candidates": candidates}
    words = {key: word for key, word in words.items() if word is not None}

    def whole(said: Document) -> Document:
        document = copy.deepcopy({**overlay(begun, said), **words})
        for key, value in (settings or {}).items():
            assign(document, key, value)
        return resolve_cells(document)

    if file is None:
        return whole({})
    said = read_document(file)
    try:
        document = whole(said)
        make_config(document)
    except UserError as error:
        # What is wrong without the file, too, is not the file's.
        if _is_wrong(lambda: whole({})) or str(file) in str(error):
            raise
        raise UserError(f"{file}: {error}") from None
    return document


def _is_wrong(make: Callable[[], Document]) -> bool:
    """Whether a document cannot be made, or is no configuration."""
    try:
        make_config(make())
    except UserError:
        return True
    return False


def resolve_cells(document: Document) -> Document:
    """A document that names cells of its own and of the zoo alone.

    Seeds and references that are neither, files and cells of runs, are read, and their
    texts become the document's own. What is no list of names stays as it is, to be
    refused with all other mistakes.

    Raises:
        UserError: There is no such cell, file, run or rank, or the text is no cell.
        CellError: An own op, which a text may use, cannot be loaded.
        TaskError: A task of a person's own cannot.
    """
    own_ops, texts = document.get("own_ops", []), document.get("cells", {})
    if not (_are_names(own_ops) and isinstance(texts, dict)):
        return document
    own_code(document).load()  # a person has named it here
    resolved = {**document, "cells": {**texts}}
    for key in ("seeds", "references"):
        if _are_names(document.get(key)):
            resolved[key] = [_resolved(one, resolved["cells"]) for one in document[key]]
    return resolved


def _resolved(source: str, texts: Document) -> str:
    """A cell's name; its text is added if it is neither there nor in the zoo."""
    if source in texts or source in ZOO:
        return source
    name, cell = read_cell(source)
    texts[name] = to_text(cell, name)
    return name


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


@contextmanager
def found_ranked(run: str, rank: str) -> Iterator[tuple[Procedure, Member]]:
    """A cell of a run's table, and its search; the run is open, and may be under way.

    Args:
        run: The run's folder.
        rank: Its place in the table, from 1.

    Raises:
        UserError: There is no such run or rank.
    """
    asked = f"{run}:{rank}"
    if not Path(run).is_dir():
        raise UserError(
            f"{asked!r} is neither a cell of the zoo nor a file, and {run!r} is no "
            "folder of a run"
        )
    if not (rank.isascii() and rank.isdecimal() and 0 < len(rank) < 10 and int(rank)):
        raise UserError(f"{asked}: a rank is a whole number from 1, got {rank!r}")

    # The table may have grown, or shrunk, since a person looked at it.
    with open_run(Path(run), reading=True) as opened:
        procedure = replay(opened).procedure
        members = standing(procedure, final_order(opened))
        if not members:
            raise UserError(f"{asked}: the table of {run} is empty as yet")
        most = len(members)
        if int(rank) > most:
            ranks = "rank 1 alone" if most == 1 else f"ranks 1 to {most}"
            raise UserError(
                f"{asked}: the table of {run} has {ranks}; see `cellsearch top {run}`"
            )
        yield procedure, members[int(rank) - 1]


def _read_source(source: str) -> str:
    if source == "-":
        return sys.stdin.read(MAX_BYTES)
    path = Path(source)
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "neither a cell of the zoo nor a file"
        raise UserError(f"{source!r} is {kind}; {nearest_name(source, list(ZOO))}")
    return read_whole(path, MAX_BYTES)
