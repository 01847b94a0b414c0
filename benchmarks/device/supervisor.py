"""The process that asks: starts workers, ends them when they hang, keeps what they say.

Everything is in the file after every row, so that nothing measured is lost, whatever
happens to a worker, to this process, or to the machine.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from benchmarks.device.advice import advise
from benchmarks.device.parts import Part

START_S: Final = 100.0
"""Seconds for a process to import JAX and find its devices, on top of its part's."""

GRACE_S: Final = 20.0
"""Seconds past its limit until a part counts as hanging: it looks at the time between
measurements only."""

LINES: Final = 30
"""Last lines of a worker's errors that are kept."""


@dataclass
class Report:
    """What is known so far, in the file and on the screen.

    Attributes:
        path: Of the file; None: there is none.
        document: What the file has.
    """

    path: Path | None
    document: dict[str, Any] = field(default_factory=lambda: {"parts": {}})

    def begin(self, part: Part, limit_s: float) -> None:
        """A part has begun."""
        self.document["parts"].setdefault(
            part.letter,
            {"title": part.title, "limit_s": limit_s, "ended": "cut off", "rows": []},
        )
        say(f"\n({part.letter}) {part.title}, at most {limit_s:.0f} s")
        self.write()

    def row(self, part: Part, row: Mapping[str, Any]) -> None:
        """Something was measured."""
        self.document["parts"][part.letter]["rows"].append(dict(row))
        say(f"    {row['text']}")
        self.write()

    def end(self, part: Part, ended: str, seconds: float) -> None:
        """A part is over."""
        self.document["parts"][part.letter] |= {"ended": ended, "seconds": seconds}
        say(f"    {ended} after {seconds:.0f} s")
        self.write()

    def conclude(self) -> None:
        """What follows from all of it."""
        lines = advise(self.document["parts"])
        self.document["advice"] = lines
        say("\nwhat follows")
        for line in lines:
            say(f"    {line}")
        self.write()

    def write(self) -> None:
        """Replaces the file as a whole."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.part")
        beside.write_text(json.dumps(self.document, indent=1, default=str))
        os.replace(beside, self.path)


def say(text: str) -> None:
    """Prints a line at once."""
    print(text, flush=True)


def measure(parts: Sequence[Part], small: bool, seconds: float, report: Report) -> None:
    """Carries out parts in order, with as many workers as it takes.

    Args:
        parts: Those that are wanted.
        small: See `Order`.
        seconds: For all of them.
        report: Is told.
    """
    end = time.monotonic() + seconds
    left = list(parts)
    while left and time.monotonic() < end:
        with _started(left, small, end) as (worker, events, errors):
            done = _follow(left, worker, events, errors, report)
        del left[:done]
    for part in left:
        report.begin(part, 0.0)
        report.end(part, "out of time", 0.0)


def _follow(
    parts: Sequence[Part],
    worker: subprocess.Popen[bytes],
    events: "queue.Queue[dict[str, Any] | None]",
    errors: IO[bytes],
    report: Report,
) -> int:
    """Listens to a worker until it ends or hangs; how many parts are over then."""
    starting, count = START_S, 0
    for part in parts:
        begun = time.monotonic()
        limit, ended = starting, ""
        while not ended:
            try:
                event = events.get(timeout=max(0.1, begun + limit - time.monotonic()))
            except queue.Empty:
                worker.kill()
                ended = "killed: it did not look at the time"
                break
            if event is None:
                ended = f"the process died: {_status(worker)}"
                break
            match event.pop("event"):
                case "begin":
                    report.begin(part, event["limit_s"])
                    limit = event["limit_s"] + GRACE_S + starting
                case "row":
                    event.pop("part")
                    report.row(part, event)
                case "end":
                    ended = event["ended"]
        if part.letter not in report.document["parts"]:
            report.begin(part, 0.0)
        seconds = time.monotonic() - begun
        count, starting = count + 1, 0.0
        if event is None or worker.poll() is not None or ended.startswith("killed"):
            lines = _last_lines(errors)
            row = {"key": "died", "text": f"{ended}: {lines[-1] if lines else ''}"}
            report.row(part, {**row, "values": {"errors": lines}, "failed": ended})
            report.end(part, ended.partition(":")[0], seconds)
            return count
        report.end(part, ended, seconds)
    return count


@contextlib.contextmanager
def _started(parts: Sequence[Part], small: bool, end: float) -> Iterator[Any]:
    """A worker, what it says, and where its errors go; it is gone in the end."""
    order = ["".join(part.letter for part in parts), small, end]
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", "benchmarks.device.worker"]
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        worker = subprocess.Popen(
            [*command, json.dumps(order), str(writing)],
            stdout=errors,
            stderr=errors,
            pass_fds=[writing],
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        )
        os.close(writing)
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        thread = threading.Thread(target=_read, args=(reading, events), daemon=True)
        thread.start()
        try:
            yield worker, events, errors
        finally:
            worker.kill()
            worker.wait()
            thread.join()


def _read(pipe: int, events: "queue.Queue[dict[str, Any] | None]") -> None:
    """Puts each line of a pipe into a queue, and None once the writer is gone."""
    with os.fdopen(pipe) as lines:
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):  # cut off by a death
                events.put(json.loads(line))
    events.put(None)


def _status(worker: subprocess.Popen[bytes]) -> str:
    """How a process ended."""
    code = worker.wait()
    return f"signal {-code}" if code < 0 else f"exit status {code}"


def _last_lines(errors: IO[bytes]) -> list[str]:
    errors.seek(0)
    text = errors.read().decode(errors="replace")
    return [line.rstrip()[:300] for line in text.splitlines() if line.strip()][-LINES:]
