"""This project's packages, found by workers whatever else bears their names.

Ray has workers look first in the folder a person stands in, and `tasks.py` or
`workers.py` is no rare name there. So what a worker runs first is sent by value, this
file with it, and says where the driver's packages are: nothing here may import them.
"""

import hashlib
import importlib.util
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("cells", "tasks", "workers")
"""Those that a worker needs."""


def own_folders() -> dict[str, str]:
    """Where each package of this process is."""
    specs = {name: importlib.util.find_spec(name) for name in PACKAGES}
    return {
        name: str(Path(str(spec.origin)).resolve().parent)
        for name, spec in specs.items()
        if spec is not None
    }


def own_packages() -> dict[str, tuple[str, str]]:
    """Folder and digest of each package of this process; what `pin` takes."""
    return {
        name: (folder, folder_digest(Path(folder)))
        for name, folder in own_folders().items()
    }


def folder_digest(folder: Path) -> str:
    """A hash of the code in a folder, the same wherever it was copied to."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()[:16]


def pin(packages: Mapping[str, tuple[str, str]]) -> None:
    """Has this process import the driver's packages, and no others of their names.

    Everything else is found as ever, so a person's own modules are, too.

    Args:
        packages: Name to folder and digest, see `own_packages`.

    Raises:
        ImportError: This machine has other code, or none.
    """
    parents = {
        name: str(_find(name, Path(folder), digest).parent)
        for name, (folder, digest) in packages.items()
    }
    sys.meta_path.insert(0, PinnedFinder(parents))


def _find(name: str, folder: Path, digest: str) -> Path:
    """The folder on this machine that holds the driver's code."""
    # The driver's own place first; another node was sent a copy, on its path.
    copies = [Path(entry or ".").resolve() / name for entry in sys.path]
    for place in (folder, *copies):
        if (place / "__init__.py").is_file() and folder_digest(place) == digest:
            return place
    raise ImportError(
        f"no folder on this machine has the driver's code of {name}, {folder} there"
    )


class PinnedFinder:
    """Finds packages in the folders it is given; goes before all other finders.

    Args:
        parents: Name of a package to the folder that it lies in.
    """

    def __init__(self, parents: Mapping[str, str]) -> None:
        self._parents = dict(parents)

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> ModuleSpec | None:
        """The package; None: one for the other finders."""
        parent = self._parents.get(name)
        return None if parent is None else PathFinder.find_spec(name, [parent])
