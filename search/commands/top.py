"""`cellsearch top`: the ranked table of a run, at any time, from any terminal."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from search.commands.own_code import add_own_code, note_missing
from search.errors import UserError, at_least
from search.loop.runs import open_run, replay
from search.loop.standing import final_order
from search.output.finals import print_finals
from search.output.leaderboard import Leaderboard
from search.output.screens import make_screen
from search.output.stored import print_stored, stored_finals
from search.output.tables import print_leaderboard
from search.output.watching import summary_line, table_picture, while_running
from search.output.words import plain
from search.procedure.own_code import UnnamedCodeError

EVERY_S: Final = 3.0
"""Seconds between two tables at least."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="the run's folder")
    add("-k", type=int, default=10, metavar="K", help="how many cells (10)")
    add("--watch", action="store_true", help="renew the table while the run goes on")
    add("--text", action="store_true", help="print the cells' texts, too")
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the table; returns the exit status."""
    at_least("`k`", options.k, 1)
    if options.watch and options.json:
        raise UserError("`watch` renews a table for people, `json` is for programs")
    try:
        if options.watch:
            _watch(options)
        return _print_table(options)
    except UnnamedCodeError as error:
        print_stored(options.run, options.k, texts=options.text, as_json=options.json)
        note_missing(error)
        return 0


def _watch(options: argparse.Namespace) -> None:
    """Draws the table anew every few seconds; a pipe has a line where it changes."""
    with make_screen(sys.stdout) as screen:
        said = ""

        def renew() -> None:
            nonlocal said
            with open_run(options.run, reading=True) as run:
                procedure = replay(run).procedure
                board = Leaderboard(procedure, final_order(run))
                line = summary_line(procedure, run.candidates)
                if line != said:
                    screen.line(line)
                said = line
                screen.draw(lambda width: table_picture(board, line, options.k, width))

        while_running(options.run, EVERY_S, renew)


def _print_table(options: argparse.Namespace) -> int:
    # JSON has the rows alone: legend and notes are for people.
    with open_run(options.run, reading=True) as run:
        board = Leaderboard(replay(run).procedure, final_order(run))
        mixed = run.store.history.get("mixed")
        finals = stored_finals(run)
        rows = board.rows(options.k)
        if options.json:
            print(json.dumps([row.to_dict() for row in rows], indent=2))
            return 0
        print_leaderboard(board, sys.stdout, options.k)
    if finals is not None:
        print_finals(finals, sys.stdout)
    if mixed:
        print(
            "mixed: machines of several numerics classes, not reproducible to the bit"
        )
    if options.text:
        for row in rows:
            head = f"\n# {row.rank}. {row.member.name}, fitness {row.fitness:.3f}"
            print(plain(f"{head}\n{row.member.text}").rstrip())
    return 0
