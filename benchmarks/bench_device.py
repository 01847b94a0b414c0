"""Whether an accelerator computes what a CPU does, how fast, and with what options.

    python -m benchmarks.bench_device [--cpu] [--parts abcdefg] [--minutes 8]
        [--out device.json]

One command for a machine that is lent for minutes: it needs no Ray, installs nothing
and says what is missing. Its parts, the most important first, have a share of the time
each; one that fails, hangs or takes its process along costs no other. What is measured
is printed as it comes, and is in the file at once. `--cpu` carries out every part in
small, with the CPU in the place of the device: that it works, and not how fast.
"""

import argparse
import platform
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

OLDEST = (3, 11)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line; returns 0, or 1 if something came out wrong."""
    if sys.version_info[:2] < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        print(f"Python {platform.python_version()} is too old: {wanted} is needed")
        return 2
    # Only now: they would not even be read by an older one.
    from benchmarks.device.advice import wrong
    from benchmarks.device.parts import PARTS, find_part
    from benchmarks.device.supervisor import GRACE_S, Report, measure, say

    letters = "".join(part.letter for part in PARTS)
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="; ".join(f"{part.letter}: {part.title}" for part in PARTS),
    )
    add = parser.add_argument
    add("--cpu", action="store_true", help="every part in small, on the CPU")
    add("--parts", default=letters, help=f"which, in this order ({letters})")
    add("--minutes", type=float, help="for all of it (8; with --cpu 60)")
    add("--out", type=Path, help="where everything is kept, as JSON")
    options = parser.parse_args(arguments)
    if options.minutes is None:
        options.minutes = 60.0 if options.cpu else 8.0
    try:
        parts = [find_part(letter) for letter in options.parts.replace(",", "")]
    except ValueError as error:
        parser.error(str(error))

    report = Report(options.out)
    report.document |= {
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "arguments": {**vars(options), "out": str(options.out)},
        "python": platform.python_version(),
    }
    # Whoever ends this early is to have a conclusion all the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seconds = options.minutes * 60 - GRACE_S  # the last part may be late
    try:
        measure(parts, options.cpu, seconds, report)
    except KeyboardInterrupt:
        say("stopped")
    report.conclude()
    return int(bool(wrong(report.document["parts"])))


if __name__ == "__main__":
    sys.exit(main())
