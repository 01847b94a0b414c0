"""Where displays go: lines in a pipe, a picture that is redrawn in a terminal."""

import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

from search.output.words import plain

if TYPE_CHECKING:
    from rich.live import Live as RichLive

Render = Callable[[int], Any]
"""Makes what `rich` can draw, for the width of a terminal."""


class Screen(Protocol):
    """Where a display goes; used as a context."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def note(self, text: str) -> None:
        """Prints a line that a person should see in any case."""

    def line(self, text: str) -> None:
        """Prints a line that says what a picture shows, where there is none."""

    def draw(self, render: Render) -> None:
        """Draws a picture in place of the last one, where there can be any."""


class Plain:
    """Lines: for a pipe, a file, a notebook."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def note(self, text: str) -> None:
        """Prints the line."""
        print(plain(text), file=self._stream, flush=True)

    def line(self, text: str) -> None:
        """Prints the line."""
        self.note(text)

    def draw(self, render: Render) -> None:
        """Nothing: the lines say it."""


class Live:
    """A picture that is redrawn in place: for a terminal."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console

        self._console = Console(file=stream)
        self._live: RichLive | None = None

    def __enter__(self) -> Self:
        from rich.live import Live as RichLive

        self._live = RichLive(console=self._console, transient=True, auto_refresh=False)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def note(self, text: str) -> None:
        """Prints the line above the picture."""
        self._console.print(plain(text), markup=False, highlight=False)

    def line(self, text: str) -> None:
        """Nothing: the picture shows it."""

    def draw(self, render: Render) -> None:
        """Draws the picture."""
        if self._live is not None:
            self._live.update(render(self._console.width), refresh=True)


def make_screen(stream: IO[str] | None = None) -> Screen:
    """A live picture if the stream (None: standard error) is a terminal, else lines."""
    chosen = sys.stderr if stream is None else stream
    return Live(chosen) if chosen.isatty() else Plain(chosen)
