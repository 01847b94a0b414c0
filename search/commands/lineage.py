"""`cellsearch lineage`: the way from a seed to a cell of a run, one line a step."""

import argparse
import json

from search.commands.own_code import add_own_code
from search.errors import UserError
from search.loop.sources import found_ranked
from search.output.lineage import Lineages, render_lineage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    add = parser.add_argument
    add("cell", metavar="RUN:RANK", help="a cell of a run's table")
    add("--text", action="store_true", help="print the cells' texts, too")
    add_own_code(parser)
    add("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the lineage; returns the exit status."""
    if ":" not in options.cell:
        raise UserError(
            f"a lineage is of RUN:RANK, such as {options.cell}:1, got {options.cell!r}"
        )
    with found_ranked(*options.cell.rpartition(":")[::2]) as (procedure, member):
        if not member.parent:
            name = member.name
            raise UserError(f"{options.cell}: {name} is a seed, and has no parent")
        lineages = Lineages(procedure)
        steps = lineages.of(member)
        if options.json:
            print(json.dumps([step.to_dict() for step in steps], indent=2))
        else:
            print(render_lineage(steps, lineages.gains.words, texts=options.text))
    return 0
