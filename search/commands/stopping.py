"""What a command says that was stopped by hand, and goes on if it is typed again."""

import shlex
import sys
from typing import Final

STOPPED: Final = 130
"""Exit status of a process that Ctrl-C has ended."""


def say_stopped() -> int:
    """Says how to go on; returns the exit status."""
    command = shlex.join(["cellsearch", *sys.argv[1:]])
    print(f"stopped; what is done is kept. Go on: {command}", file=sys.stderr)
    return STOPPED
