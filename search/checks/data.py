"""The data sets of tasks: which are here, whether they are right, how to get them."""

from collections.abc import Iterator

from search.checks import facts
from search.checks.finding import Asked, Finding, error, ok, warning
from tasks import DATA_SETS, FOLDER_VARIABLE, TaskError, cache_folder


def check_data(asked: Asked) -> Iterator[Finding]:
    """Every data set, by the task that needs it; nothing is downloaded."""
    for name, data in DATA_SETS.items():
        title, url, needed = data.source.title, data.source.url, data.source.needed
        try:
            path = data.look()
        except TaskError as reason:
            todo = f"set {FOLDER_VARIABLE} to a folder, or unset it"
            yield error(str(reason).partition(": ")[2], todo)
            return
        if path is None:
            yield warning(
                f"{title} is not here; task {name} will download it when it is used",
                f"once: cellsearch tasks {name}; offline: put {needed} into a folder "
                f"and set {FOLDER_VARIABLE} to its path (from {url})",
            )
            continue
        try:
            data.check(path)
        except TaskError as reason:
            todo = f"delete {path}, or replace it by the file from {url}"
            yield error(f"task {name}: {reason}", todo)
        else:
            yield ok(f"{title} for task {name} is right: {path}")


def check_cache(asked: Asked) -> Iterator[Finding]:
    """The folder of downloads."""
    folder = cache_folder()
    if facts.writable(folder):
        yield ok(f"downloads are kept in {folder}")
    else:
        yield warning(
            f"nothing can be written to {folder}, where downloads are kept",
            f"set XDG_CACHE_HOME to another folder, or {FOLDER_VARIABLE} to one that "
            "has the data",
        )
