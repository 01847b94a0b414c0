"""Questions that are put to a process of its own, which may crash or hang."""

import json
import os
import re
import subprocess
import sys
from typing import Any, Final

HANGING_S: Final = 60.0
"""Seconds until a process counts as hanging."""


class ProcessError(RuntimeError):
    """A process has failed; the message is the line in which it says why.

    Attributes:
        rows: What it had said before.
    """

    def __init__(self, reason: str, rows: list[dict[str, Any]]) -> None:
        super().__init__(reason)
        self.rows = rows


def ask(
    module: str, function: str, *arguments: object, timeout_s: float = HANGING_S
) -> list[dict[str, Any]]:
    """What a function yields in a process of its own, as JSON.

    Args:
        module: Where it is.
        function: Its name.
        arguments: Numbers, texts and None.
        timeout_s: Until it counts as hanging.

    Raises:
        ProcessError: It failed or hangs.
    """
    code = (
        f"import json\nfrom {module} import {function}\n"
        f"for row in {function}(*{arguments!r}): print(json.dumps(row), flush=True)"
    )
    # The same modules as here, wherever a person stands and whatever lies there.
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise ProcessError(f"no answer in {timeout_s:g} s", []) from None
    lines = done.stdout.splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    if done.returncode:
        raise ProcessError(_reason(done.stderr, done.returncode), rows)
    return rows


def _reason(errors: str, code: int) -> str:
    """The line in which a failed process says why."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("F0", "F1")) and "]" in line]
    if fatal:  # what XLA says before it aborts; the lines after it are a stack
        return fatal[-1].partition("] ")[2][:300]
    if not lines:
        return f"exit status {code}"
    return re.sub(r"^workers\.errors\.\w+: ", "", lines[-1])[:300]
