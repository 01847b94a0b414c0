"""Ray as this process has it: whether it is still there, and how it is left."""

import contextlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from workers.errors import MachineError
from workers.pools.ray_checks import ADDRESS, unreachable

VITAL: Final = ("raylet", "gcs_server")
"""Processes of a Ray of this machine's own without which nothing goes on."""

SILENT_S: Final = 20.0
"""Seconds without an answer after which a cluster counts as gone; Ray would have this
process abort after 60."""

END_S: Final = 5.0
"""Seconds that Ray's processes are given to end."""


class RunningRay:
    """Ray in this process.

    Args:
        module: Ray itself; it is initialized.
        owned: Whether it was started or joined here, and so has to be left.
        where: The address that it was joined at, if that was here.
        started: Its processes, if it was started here.
        folder: That of its session, if it was started here.

    Attributes:
        module: Ray itself.
        owned: As above.
        local: Whether it was started here, so that it can be started again.
        folder: As above.
    """

    def __init__(
        self,
        module: Any,
        owned: bool,
        where: str = "",
        started: Iterable[Any] = (),
        folder: Path | None = None,
    ) -> None:
        self.module, self.owned, self.folder = module, owned, folder
        self._started = list(started)
        self._vital = {one.name(): one for one in self._started if one.name() in VITAL}
        self.local = owned and not where
        # Of a client, the head is known by the address alone.
        self._client = "://" in where
        context = module.get_runtime_context()
        self._head = where if self._client else str(context.gcs_address)
        self._node = "" if self._client else str(context.get_node_id())
        self._silent_since: float | None = None

    def ended(self) -> str:
        """Which process of a Ray started here has ended, by its name; empty: none."""
        return next((name for name, one in self._vital.items() if not _runs(one)), "")

    def answers(self) -> bool:
        """Whether a cluster answers now; what asks it anything would hang if not.

        Raises:
            MachineError: It has been silent for too long, or this node has left it.
        """
        if self.local:
            return True
        reason, now = self._silent(), time.monotonic()
        if reason:
            since = self._silent_since = self._silent_since or now
            if now - since < SILENT_S:
                return False
            raise MachineError(
                f"the Ray cluster at {self._head} is gone ({reason}): start it again. "
                "What is done is kept"
            )
        self._silent_since = None
        alive = {row["NodeID"]: row["Alive"] for row in self.module.nodes()}
        if not alive.get(self._node, True):
            raise MachineError(
                f"this machine has left the Ray cluster at {self._head}, for its "
                f"raylet has ended: `ray start --address={self._head}`. What is done "
                "is kept"
            )
        return True

    def stop(self, *, keep_logs: bool = False) -> None:
        """Leaves it; what was started here ends, and leaves no folder.

        Args:
            keep_logs: Whether the folder of the session stays, for it says why.
        """
        if not self.owned:
            return
        family = [each for one in self._started for each in _with_children(one)]
        with contextlib.suppress(Exception):  # what is dead says no goodbye
            self.module.shutdown()
        end(family)
        if self.folder is not None and not keep_logs:
            _remove(self.folder)

    def _silent(self) -> str:
        match = ADDRESS.fullmatch(self._head)
        if match is None:
            return ""
        return unreachable(match[1].strip("[]"), int(match[2]), timeout_s=2.0)


def children() -> list[Any]:
    """Processes that this one has started."""
    import psutil

    return list(psutil.Process().children())


def end(processes: Iterable[Any]) -> None:
    """Waits for processes of ours to end, and then has them.

    Nobody is waited for in the system's sense: Ray does that itself for its own.
    """
    import psutil

    alive = [one for one in processes if _runs(one)]
    until = time.monotonic() + END_S
    while alive and time.monotonic() < until:
        time.sleep(0.05)
        alive = [one for one in alive if _runs(one)]
    for one in alive:
        with contextlib.suppress(psutil.Error):
            one.kill()


def _with_children(process: Any) -> list[Any]:
    import psutil

    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _runs(process: Any) -> bool:
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _remove(folder: Path) -> None:
    """Removes the folder of a session, and the link to it if there is one."""
    latest = folder.parent / "session_latest"
    with contextlib.suppress(OSError):
        if latest.is_symlink() and latest.resolve() == folder.resolve():
            latest.unlink()
    shutil.rmtree(folder, ignore_errors=True)
