"""A headless browser, if this machine has one, driven over a pipe."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)


class Page:
    """One page that is open.

    Attributes:
        problems: Errors of its scripts, of its policy and of loading.
        requests: Addresses that it asked for.
    """

    def __init__(self, ends: tuple[int, int]) -> None:
        self._read, self._write = ends
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.problems: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, path: Path, width: int = 1200) -> None:
        """Opens a file and waits until its charts are drawn, or could not be."""
        self.resize(width)
        self.call("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + 60
        while not self.value("document.body && document.body.dataset.charts || ''"):
            assert time.monotonic() < until, "the charts are never drawn"
            time.sleep(0.02)

    def resize(self, width: int, height: int = 900) -> None:
        """Sets the size of the window."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def value(self, script: str) -> Any:
        """What an expression comes to."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Moves the mouse, or presses its button."""
        self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def picture(self, path: Path) -> None:
        """Writes all of the page as PNG."""
        height = self.value("document.documentElement.scrollHeight")
        width = self.value("innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.call(
            "Page.captureScreenshot", clip=clip, captureBeyondViewport=True
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def call(self, method: str, **values: Any) -> dict[str, Any]:
        """Calls a method of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": values}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found
            self._notice(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has gone"
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found

    def _notice(self, event: dict[str, Any]) -> None:
        method, values = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(values["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and values["type"] != "log":
            self.problems.append(str(values["args"]))
        elif method == "Log.entryAdded" and values["entry"]["level"] != "verbose":
            self.problems.append(values["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.problems.append(f"a dialog: {values['message']}")


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser whose profile is in a folder."""
    assert BROWSER is not None
    down, up = os.pipe(), os.pipe()

    def pipes() -> None:  # the protocol is read from 3 and written to 4
        ends = os.dup(down[0]), os.dup(up[1])
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    process = subprocess.Popen(
        [
            *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--remote-debugging-pipe", f"--user-data-dir={folder}"),
            *("--no-first-run", "--disable-background-networking", "about:blank"),
        ],
        preexec_fn=pipes,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(down[0])
    os.close(up[1])
    try:
        yield Page((up[0], down[1]))
    finally:
        os.close(down[1])
        os.close(up[0])
        process.terminate()
        process.wait(timeout=30)
