"""`cellsearch report`: all there is to see of a run, as one page that opens offline."""

import argparse
import sys
from pathlib import Path
from typing import Final

from search.errors import UserError
from search.loop.runs import open_run, replay

FILE: Final = "report.html"
DRAWN: Final = 20
ENDINGS: Final = (".html", ".htm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="the run's folder")
    add("--out", type=Path, metavar="FILE.html", help=f"the page (RUN/{FILE})")
    add("--force", action="store_true", help="overwrite the page, if it is there")
    add("-k", type=int, metavar="K", help=f"how many cells are drawn ({DRAWN})")


def run(options: argparse.Namespace) -> int:
    """Writes the page; returns the exit status."""
    count = DRAWN if options.k is None else options.k
    if count < 1:
        raise UserError(f"-k must be at least 1, got {count}")
    path = options.run / FILE if options.out is None else options.out
    _check_path(path, force=options.force)
    from search.output.report.data import collect
    from search.output.report.page import render

    with open_run(options.run, reading=True) as run:
        report = collect(run, replay(run), count)
    page = render(report)
    if options.k is not None and count > len(report.rows):
        print(
            f"note: -k asked for {count} cells, the list has {len(report.rows)}",
            file=sys.stderr,
        )
    size = _write(path, page, force=options.force)
    print(f"wrote {path} ({size / 1e6:.1f} MB); it opens in a browser, offline")
    return 0


def _check_path(path: Path, *, force: bool) -> None:
    """Refuses a file that is no page, or that is there and is not to be overwritten.

    Raises:
        UserError: Says what to do.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"the page is HTML: --out must end in .html, got {path}")
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; --out names a file")
        there = path.exists()
    except OSError as error:
        raise UserError(f"cannot look at {path} ({error.strerror})") from None
    if there and not force:
        raise UserError(
            f"{path} is there already; --force overwrites it, --out names another file"
        )


def _write(path: Path, page: str, *, force: bool) -> int:
    """Writes the page, all of it or nothing; returns its size in bytes.

    Raises:
        UserError: It cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    content = page.encode("utf-8", "replace")  # half a character in a stranger's JSON
    try:
        try:
            part.write_bytes(content)
            _check_path(path, force=force)  # somebody may have made it meanwhile
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write {path} ({error.strerror}); --out names another file"
        ) from None
    return len(content)
