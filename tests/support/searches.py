"""Searches in processes of their own, with training by formula unless `fake=None`."""

import contextlib
import io
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from unittest import mock

from search.commands.cli import main
from search.loop import pools
from tests.support.fake_search import ROOT, Fake, Trained, query

INSTANT = Fake()


def start(
    *arguments: object,
    fake: Fake | None = INSTANT,
    module: str = "search",
    stderr: int | IO[Any] = subprocess.PIPE,
    cwd: Path = ROOT,
    preexec: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """A command that runs; with `fake=None` it trains, by the module given."""
    module = module if fake is None else "tests.support.fake_search"
    environment = (fake or INSTANT).environment()
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        preexec_fn=preexec,
    )


def finish(process: subprocess.Popen[str], status: int = 0) -> tuple[str, str]:
    """What a command printed to standard output and error."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    assert "Traceback" not in (err or "")
    return out, err


def finish_stopped(process: subprocess.Popen[str]) -> str:
    """What a run that was stopped once printed; it says so, and tells only progress."""
    out, err = finish(process, 130)
    said = "finishing what is being trained; Ctrl-C again stops at once"
    lines = err.splitlines()
    assert lines.count(said) == 1, err
    after = lines[lines.index(said) + 1 :]
    assert all(line.startswith(("[", "restored ")) for line in after), err
    return out


def command(*arguments: object, **options: Any) -> str:
    """What a command prints."""
    return finish(start(*arguments, **options))[0]


def tried(*arguments: object, fake: Fake = INSTANT) -> tuple[int, str, str]:
    """The status of a command in this process, and what it printed."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
        mock.patch.object(pools, "make_pool", return_value=Trained(fake)),
    ):
        status = main(list(map(str, arguments)))
    return status, out.getvalue(), err.getvalue()


def here(*arguments: object, status: int = 0, fake: Fake = INSTANT) -> tuple[str, str]:
    """As `start` and `finish`, sooner, for what needs no process of its own."""
    found, out, err = tried(*arguments, fake=fake)
    assert found == status, err
    return out, err


def shown(*arguments: object) -> str:
    """What `top` or `status` prints."""
    out, err = here(*arguments)
    assert err == ""
    return out


def refused(*arguments: object, fake: Fake = INSTANT) -> str:
    """The one line of a command that refuses."""
    out, err = here(*arguments, status=2, fake=fake)
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def table(folder: Path) -> str:
    """Every row that there is, to the last bit."""
    return shown("top", folder, "--json", "-k", 1000)


def evaluations(folder: Path) -> int:
    """How many there are; 0 while there is no file."""
    try:
        return int(query(folder, "SELECT count(*) FROM evaluations")[0][0])
    except Exception:  # noqa: BLE001 - not there, or about to be made
        return 0


def wait_for(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Waits until a run that goes on has so many evaluations."""
    until = time.monotonic() + 120
    while evaluations(folder) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "nothing is stored"
        time.sleep(0.005)
