"""What a reader of the code meets: rooms, levels, circles, lengths, comments, lines.

    python -m benchmarks.house [CHECKOUT] [--json]

Reads the Python files of a checkout as text (nothing of it is run), so that two of them
can be compared. Imports count wherever they stand, late ones too, but for those under
`if TYPE_CHECKING`.
"""

import argparse
import ast
import json
import statistics
import sys
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDERS: Final = ("cells", "tasks", "workers", "search")
LONG_CLASS: Final = 200

Imports = Mapping[str, frozenset[str]]
"""Name of a module to the modules of the project that it imports."""


class File(NamedTuple):
    """One file of Python.

    Attributes:
        module: Its dotted name.
        path: Where it is.
        tree: What it says.
    """

    module: str
    path: Path
    tree: ast.Module


def read(root: Path, folders: tuple[str, ...] = FOLDERS) -> list[File]:
    """The files of some folders of a checkout."""
    files = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            files.append(File(".".join(parts), path, ast.parse(path.read_text())))
    return files


def imports(files: list[File]) -> Imports:
    """Which module of the project imports which, late imports included."""
    names = {file.module for file in files}
    found = {}
    for file in files:
        targets = set()
        for node in _run_time(file.tree):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                # `from package import module` is an import of the module.
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    targets.add(inner if inner in names else node.module)
        found[file.module] = frozenset(targets & names - {file.module})
    return found


def _run_time(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _run_time(child)


def components(graph: Imports) -> list[frozenset[str]]:
    """Sets of modules that import each other, directly or not (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[frozenset[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = set()
            while name not in group:
                group.add(stack.pop())
            found.append(frozenset(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def levels(graph: Imports) -> int:
    """Modules on the longest chain of imports; a circle counts as one."""
    groups = components(graph)
    of = {name: number for number, group in enumerate(groups) for name in group}
    depth: dict[int, int] = {}
    for number, group in enumerate(groups):  # those that are imported come first
        below = {of[other] for name in group for other in graph[name]} - {number}
        depth[number] = 1 + max((depth[other] for other in below), default=0)
    return max(depth.values(), default=0)


def inside(graph: Imports, folder: str, package: bool) -> Imports:
    """The imports between modules, or between the rooms, of one folder."""

    def room(name: str) -> str:
        return ".".join(name.split(".")[:2]) if package else name

    own = {name for name in graph if name.split(".")[0] == folder and name != folder}
    rooms: dict[str, set[str]] = {room(name): set() for name in own}
    for name in own:
        targets = {room(other) for other in graph[name] & own}
        rooms[room(name)] |= targets - {room(name)}
    return {name: frozenset(targets) for name, targets in rooms.items()}


def measure(root: Path) -> dict[str, Any]:
    """All counts of a checkout."""
    files = read(root)
    graph = imports(files)
    functions = [length for file in files for length in _lengths(file.tree, _FUNCTION)]
    classes = [length for file in files for length in _lengths(file.tree, ast.ClassDef)]
    circles = [group for group in components(graph) if len(group) > 1]
    lines = [_lines(file.path) for file in files]
    texts = sorted(root.glob("README.md")) + sorted(root.glob("[a-z]*/README.md"))
    return {
        "folders": {
            folder: {
                "entries": len(_entries(root / folder)),
                "levels of files": levels(inside(graph, folder, package=False)),
                "levels of rooms": levels(inside(graph, folder, package=True)),
            }
            for folder in FOLDERS
        },
        "circles": [sorted(group) for group in circles],
        "files": len(files),
        "longest function": max(functions),
        "median function": statistics.median(functions),
        f"classes over {LONG_CLASS} lines": sum(n > LONG_CLASS for n in classes),
        "lines of comment, %": round(100 * sum(c for _, c in lines) / _total(lines), 1),
        "lines of code": _total(lines),
        "lines of tests": _total([_lines(p) for p in (root / "tests").rglob("*.py")]),
        "lines of README": {
            str(path.relative_to(root)): len(path.read_text().splitlines())
            for path in texts
        },
        "class names used twice": _twice(files),
    }


_FUNCTION: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


def _lengths(tree: ast.Module, kind: Any) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, kind):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def _entries(folder: Path) -> list[Path]:
    """What lies side by side in a folder."""
    return [path for path in folder.iterdir() if path.name != "__pycache__"]


def _lines(path: Path) -> tuple[int, int]:
    """Lines of a file, and those that are a comment and nothing else."""
    with tokenize.open(path) as file:
        text = file.read().splitlines()
    return len(text), sum(line.lstrip().startswith("#") for line in text)


def _total(lines: list[tuple[int, int]]) -> int:
    return sum(count for count, _ in lines)


def _twice(files: list[File]) -> list[str]:
    """Public names of classes that stand in more than one file."""
    places: dict[str, set[str]] = {}
    for file in files:
        for node in file.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(file.module)
    return sorted(name for name, where in places.items() if len(where) > 1)


def main() -> int:
    """Prints the counts; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", nargs="?", type=Path, default=Path())
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    counts = measure(options.checkout)
    if options.json:
        print(json.dumps(counts, indent=2))
        return 0
    for name, value in counts.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, inner in value.items():
                print(f"    {key:24} {inner}")
        else:
            print(f"{name:28} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
