"""The library that draws charts in a browser, as one script that loads nothing."""

import contextlib
import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from search.errors import UserError
from search.store.files import read_whole, write_whole
from tasks import cache_folder

GLOBAL: Final = "window.vegaEmbed = vegaEmbed;"

MOST: Final = 10_000_000
"""Bytes of the script, at most."""


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed.

    To put them together takes longer than all else of a page, so that it is done once
    for each version and kept in the user's cache, beside its digest.
    """
    import altair
    import vl_convert

    version = altair.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    maker = metadata.version("vl-convert-python")
    path = cache_folder() / f"vega-{version}-{maker}.js"
    kept = _kept(path)
    if kept is not None:
        return kept
    script = vl_convert.javascript_bundle(GLOBAL, vl_version=version)
    script = script.replace("</script", "<\\/script").strip()
    with contextlib.suppress(OSError):  # it is put together again, then
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, f"// {_digest(script)}\n{script}".encode())
    return script


def _kept(path: Path) -> str | None:
    """The script in the cache; None: there is none, or it is damaged."""
    try:
        head, _, script = read_whole(path, MOST).partition("\n")
    except (UserError, OSError, ValueError):
        return None
    return script if head == f"// {_digest(script)}" else None


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()
