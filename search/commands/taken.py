"""What something takes, compiling and training apart, and how much of it is trained."""

from dataclasses import dataclass
from typing import Final, NamedTuple


@dataclass(frozen=True)
class Taken:
    """Seconds of a core or a device; they add up, and come so many times.

    Attributes:
        compile_s: Compiling.
        train_s: All else.
        trainings: Settings, each with its seed.
        updates: Of all of them together.
    """

    compile_s: float = 0.0
    train_s: float = 0.0
    trainings: float = 0.0
    updates: float = 0.0

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.compile_s + self.train_s

    def __add__(self, other: "Taken") -> "Taken":
        """Both."""
        return Taken(
            self.compile_s + other.compile_s,
            self.train_s + other.train_s,
            self.trainings + other.trainings,
            self.updates + other.updates,
        )

    def __rmul__(self, times: float) -> "Taken":
        """It so many times."""
        return Taken(
            times * self.compile_s,
            times * self.train_s,
            times * self.trainings,
            times * self.updates,
        )


NOTHING: Final = Taken()
"""What nothing takes; sums begin with it."""


class Unit(NamedTuple):
    """Whose seconds are counted.

    Attributes:
        name: As in `core-seconds`.
        worker: Who works with one of it.
    """

    name: str
    worker: str

    def seconds(self, spent: Taken, digits: int = 0) -> str:
        """All that is spent, in words."""
        return f"{spent.total_s:,.{digits}f} {self.name}-seconds"


CORE: Final = Unit("core", "worker")
DEVICE: Final = Unit("device", "device")
