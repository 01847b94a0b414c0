"""The page of a report as a file: all of it, or nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from search.errors import UserError, at_least
from search.loop.runs import all_kept, open_run, replay
from search.output.report.data import collect
from search.output.report.page import render
from search.store.files import write_whole

FILE: Final = "report.html"
DRAWN: Final = 20
ENDINGS: Final = (".html", ".htm")


@dataclass(frozen=True)
class ReportFile:
    """A report that has been written.

    Attributes:
        path: Of the page.
        num_bytes: Its size.
        listed: How many cells the list of the run has.
    """

    path: Path
    num_bytes: int
    listed: int


def write_report(
    run: Path,
    out: Path | None = None,
    k: int = DRAWN,
    *,
    force: bool = False,
    reload_s: int | None = None,
    measure: bool = False,
) -> ReportFile:
    """Writes the report of a run, finished, running or stopped.

    Args:
        run: Its folder.
        out: The page; None: `FILE` in the run's folder.
        k: How many cells are drawn; there may be fewer.
        force: Whether a page that is there is overwritten.
        reload_s: After how many seconds a browser reads the page again; None: never.
        measure: Whether it is measured what cells take on this device: a minute or two.

    Raises:
        UserError: There is no run, or the page cannot be written.
        JobError: Nothing can be measured on this device.
    """
    at_least("`k`", k, 1)
    path = run / FILE if out is None else out
    _check_path(path, force=force)
    with open_run(run, reading=True) as opened, all_kept():
        report = collect(opened, replay(opened), k, measure=measure)
    num_bytes = _write(path, render(report, reload_s), force=force)
    return ReportFile(path, num_bytes, len(report.rows))


def _check_path(path: Path, *, force: bool) -> None:
    """Refuses a file that is no page, or that is there and is not to be overwritten.

    Raises:
        UserError: Says what to do.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"the page is HTML: `out` must end in .html, got {path}")
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; `out` names a file")
        there = path.exists()
    except OSError as error:
        raise UserError(f"cannot look at {path} ({error.strerror})") from None
    if there and not force:
        raise UserError(
            f"{path} is there already; `force` overwrites it, `out` names another file"
        )


def _write(path: Path, page: str, *, force: bool) -> int:
    """Writes the page, all of it or nothing; returns its size in bytes.

    Raises:
        UserError: It cannot be written.
    """
    content = page.encode("utf-8", "replace")  # half a character in a stranger's JSON
    try:
        _check_path(path, force=force)  # somebody may have made it meanwhile
        write_whole(path, content)
    except OSError as error:
        raise UserError(
            f"cannot write {path} ({error.strerror}); `out` names another file"
        ) from None
    return len(content)
