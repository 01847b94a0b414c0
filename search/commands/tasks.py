"""`cellsearch tasks`: the tasks there are, and three examples of one."""

import argparse
import json

from tasks import (
    SIZE_NAMES,
    describe_task,
    list_tasks,
    render_list,
    render_task,
    resolve_task,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "task",
        nargs="?",
        help="a task, module:Class, text:FILE or words:FILE; all tasks without it",
    )
    parser.add_argument(
        "--size", choices=SIZE_NAMES, default="small", help="sizes to use (small)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the examples (0)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints tasks; returns the exit status."""
    if options.task is None:
        rows = list_tasks()
        print(json.dumps(rows, indent=2) if options.json else render_list(rows))
        return 0
    task = resolve_task(options.task, options.size)
    facts = describe_task(task, options.seed)
    print(json.dumps(facts, indent=2) if options.json else render_task(facts))
    return 0
