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
from typing import IO, Any, Final, NamedTuple

from benchmarks.device.advice import advise
from benchmarks.device.parts import Part
from benchmarks.device.rows import Row

START_S: Final = 100.0
"""Seconds for a process to import JAX and find its devices, before its first part."""

GRACE_S: Final = 20.0
"""Seconds past its limit until a part counts as hanging: it looks at the time between
measurements only."""

COMMAND: Sequence[str] = (sys.executable, "-m", "benchmarks.device.worker")

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
        with _started(left, small, end) as worker:
            done = _follow(left, worker, report)
        del left[:done]
    for part in left:
        report.begin(part, 0.0)
        report.end(part, "out of time", 0.0)


class Worker(NamedTuple):
    """A process that measures.

    Attributes:
        process: The process.
        events: What it says; None once it is gone.
        errors: What it and its libraries print.
    """

    process: subprocess.Popen[bytes]
    events: "queue.Queue[dict[str, Any] | None]"
    errors: IO[bytes]


def _follow(parts: Sequence[Part], worker: Worker, report: Report) -> int:
    """Listens to a worker until it is done or of no more use.

    Returns:
        How many parts are over.
    """
    for count, part in enumerate(parts, 1):
        begun = time.monotonic()
        ended, fault = _listen(part, worker, report)
        if part.letter not in report.document["parts"]:
            report.begin(part, 0.0)  # it was over before it had begun
        if fault:
            lines = _last_lines(worker.errors)
            text = f"{ended}: {fault}: {lines[-1] if lines else 'without a word'}"
            row = Row(f"part {part.letter}", text, {"errors": lines}, failed=fault)
            report.row(part, row._asdict())
        report.end(part, ended, time.monotonic() - begun)
        if fault:
            return count
    return len(parts)


def _listen(part: Part, worker: Worker, report: Report) -> tuple[str, str]:
    """Reports on a part until it is over.

    Returns:
        How it ended, and what is wrong with the worker, if something is.
    """
    latest = time.monotonic() + START_S
    while True:
        try:
            wait_s = max(0.1, latest - time.monotonic())
            event = worker.events.get(timeout=wait_s)
        except queue.Empty:
            worker.process.kill()
            return "killed", "it did not look at the time"
        if event is None:
            return "the process died", _status(worker.process)
        match event.pop("event"):
            case "begin":
                report.begin(part, event["limit_s"])
                latest = time.monotonic() + event["limit_s"] + GRACE_S
            case "row":
                report.row(part, {k: v for k, v in event.items() if k != "part"})
            case "end":
                return event["ended"], ""


@contextlib.contextmanager
def _started(parts: Sequence[Part], small: bool, end: float) -> Iterator[Worker]:
    """A worker; it is gone in the end."""
    order = ["".join(part.letter for part in parts), small, end]
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as errors:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        process = subprocess.Popen(
            [*COMMAND, json.dumps(order), str(writing)],
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
            yield Worker(process, events, errors)
        finally:
            process.kill()
            process.wait()
            thread.join()


def _read(pipe: int, events: "queue.Queue[dict[str, Any] | None]") -> None:
    """Puts each line of a pipe into a queue, and None once the writer is gone."""
    with os.fdopen(pipe) as lines:
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):  # cut off by a death
                events.put(json.loads(line))
    events.put(None)


def _status(process: subprocess.Popen[bytes]) -> str:
    """How a process ended."""
    code = process.wait()
    return f"signal {-code}" if code < 0 else f"exit status {code}"


def _last_lines(errors: IO[bytes]) -> list[str]:
    errors.seek(0)
    text = errors.read().decode(errors="replace")
    return [line.rstrip()[:300] for line in text.splitlines() if line.strip()][-LINES:]
