"""A run that is asked and told: what is asked is a function of what was told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cells import ZOO
from search.api import Asked, Run, UserError, begin
from search.store.locks import RunLock
from tests.support.fake_search import history, results, share
from tests.support.searches import here, refused

SMALL = {"rules.settings": 1, "rules.baseline_settings": 2}


def begun(folder: Path, candidates: int = 4) -> Run:
    return begin("tiny", folder, candidates=candidates, settings=SMALL)


def score(asked: Asked) -> float | None:
    """Up to what is asked; now and then it fails, and most pass the filter."""
    luck = share(asked.job.run_id(asked.setting))
    return None if luck < 0.05 else 0.9 + luck / 8


def told(run: Run, most: int = 10**6) -> list[str]:
    """Answers what is asked, so often at most; what it was."""
    asked = []
    while len(asked) < most and (one := run.ask()) is not None:
        assert run.ask() == one
        asked.append(one.job.run_id(one.setting))
        run.tell(one, score(one), by="ada")
    return asked


def test_it_is_a_search_like_any_other_and_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    whole = begun(tmp_path / "whole")
    asked = told(whole)
    assert len(asked) == len(set(asked)) > 12
    rows = whole.table()
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert {"seed", "mutant"} <= {row["origin"] for row in rows}
    assert "4 of 4 candidates" in repr(whole)

    parts = begun(tmp_path / "parts", 2)
    first = told(parts, 5) + told(begun(tmp_path / "parts"))
    assert first == asked
    for what in (history, results):
        assert what(tmp_path / "parts") == what(tmp_path / "whole")
    assert set(whole.view("results")["machine"]) == {"ada"}


def test_it_takes_up_what_others_propose(tmp_path: Path) -> None:
    run = begun(tmp_path)
    told(run, 6)
    text = "def mine(x, h):\n    return tanh(linear(x) + linear(h))\n"
    answer = run.propose(text, by="bob")
    assert (answer.name, answer.verdict, answer.place) == ("mine", "waiting", 1)
    assert answer.words == "place 1 in the queue, taken up at an `ask` soon"
    told(run)
    known = run.propose(text)
    assert known.verdict == "known already"
    frame = run.view("candidates")
    assert list(frame[frame["origin"] == "outside"]["digest"]) == [answer.digest]
    assert run.propose(ZOO["janet"], "janet").name == "janet"
    with pytest.raises(UserError, match="line 2, column 5"):
        run.propose("def mine(x):\n    import os\n")


def test_what_would_mean_nothing_is_refused(tmp_path: Path) -> None:
    run = begun(tmp_path / "told")
    asked = run.ask()
    assert asked is not None
    wrong: dict[str, Callable[[], object]] = {
        "finite number or None, got nan": lambda: run.tell(asked, float("nan")),
        "`by` must be a name": lambda: run.tell(asked, 1, by=""),
        "was told already of": lambda: [run.tell(asked, 1), run.tell(asked, 1)],
        "compares learning curves": lambda: begin("demo", tmp_path / "d").ask(),
        "settings? differs|differs from": lambda: begin("tiny", tmp_path / "told"),
    }
    for said, call in wrong.items():
        with pytest.raises(UserError, match=said):
            call()
    assert "is told its results" in refused("resume", tmp_path / "told")
    with (
        RunLock(tmp_path / "told"),
        pytest.raises(UserError, match="is in use by"),
    ):
        run.ask()

    trained = tmp_path / "trained"
    here("run", "--preset", "tiny", "--candidates", 1, "--out", trained)
    for call in (Run(trained).ask, lambda: Run(trained).tell(asked, 1)):
        with pytest.raises(UserError, match="begin a run of its own to be asked"):
            call()
