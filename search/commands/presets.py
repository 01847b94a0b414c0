"""`cellsearch presets`: what searches and scorings begin from, as documents."""

import argparse
from typing import Final

from search.procedure.presets import (
    preset_document,
    preset_names,
    preset_text,
    search_names,
)

HINT: Final = """
Begin with one, and change what you like:
  cellsearch presets small > mine.toml
  cellsearch run mine.toml --out runs/mine"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a preset; all of them without it"
    )


def run(options: argparse.Namespace) -> int:
    """Prints the list, or a preset as TOML; returns the exit status."""
    if options.name is not None:
        print(preset_text(options.name), end="")
        return 0
    for name in preset_names():
        use = "" if name in search_names() else " (`evaluate` only)"
        print(f"{name:<11} {preset_document(name)['summary']}{use}")
    print(HINT)
    return 0
