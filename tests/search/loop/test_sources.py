"""Where cells come from: sources that a person names become cells of a document."""

from pathlib import Path

import pytest

from cells import OPS, ZOO, to_text
from search.errors import UserError
from search.loop.sources import read_cells, resolve_cells
from search.procedure.document import Document
from search.procedure.reader import make_config
from tests.support.searches import command

MINE = to_text(ZOO["mut2"], "mine")


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """A file with a cell that calls itself `mine`."""
    path = tmp_path / "a.txt"
    path.write_text(MINE)
    return str(path)


def test_cells_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(to_text(ZOO["mut1"], "gru"))
    found = read_cells(["gru", str(tmp_path / "a"), str(tmp_path / "b")])
    assert [name for name, _ in found] == ["gru", "gru_2", "gru_3"]


def test_a_file_becomes_a_text_of_the_document(mine: str) -> None:
    asked: Document = {"seeds": ["gru", mine], "references": ["x"], "cells": {"x": "?"}}
    resolved = resolve_cells(asked)
    assert resolved["seeds"] == ["gru", "mine"]
    assert resolved["references"] == ["x"]
    assert resolved["cells"] == {"x": "?", "mine": MINE}
    assert asked["cells"] == {"x": "?"}
    assert resolve_cells(resolved) == resolved


def test_a_rank_of_a_run_becomes_a_text_of_the_document(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command("run", "--preset", "tiny", "--candidates", 10, "--out", run)
    resolved = resolve_cells({"seeds": ["gru", f"{run}:1"]})
    (name,) = resolved["cells"]
    assert resolved["seeds"] == ["gru", name]


def test_a_text_of_the_document_comes_before_the_zoo_and_files(
    mine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    document = {"seeds": ["gru", "a.txt"], "cells": {"gru": "1", "a.txt": "2"}}
    assert resolve_cells(document) == document


def test_what_is_named_twice_is_refused(mine: str) -> None:
    document = resolve_cells({"seeds": ["gru", mine], "references": [mine]})
    with pytest.raises(UserError, match="'mine' is there twice"):
        make_config(document)


def test_a_source_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'gruu' is neither a cell .* mean 'gru'"):
        resolve_cells({"references": ["gruu"]})


def test_a_text_may_use_an_op_that_the_document_names(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("def mine(x, h):\n    return raising(linear(h + x))")
    own_ops = ["tests.support.bad_ops:raising"]
    try:
        resolved = resolve_cells({"own_ops": own_ops, "seeds": ["gru", str(path)]})
        assert resolved["seeds"] == ["gru", "mine"]
    finally:
        OPS.pop("raising", None)


@pytest.mark.parametrize(
    "document",
    [
        {"seeds": 3},
        {"seeds": [3]},
        {"cells": 3},
        {"own_ops": [1], "seeds": ["nowhere"]},
    ],
    ids=repr,
)
def test_what_is_no_list_of_names_is_left_to_be_refused(document: Document) -> None:
    assert {**resolve_cells(document), **document} == resolve_cells(document)
    with pytest.raises(UserError):
        make_config(resolve_cells(document))
