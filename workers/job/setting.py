"""One point of the grid of hyperparameters, its shape, and one point of a curve."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from workers.errors import JobError
from workers.job.json_form import changed, dumps

OPTIMIZERS: Final = ("sgd", "adam", "adamw", "momentum", "rmsprop")


class Shape(NamedTuple):
    """What settings must have in common to share a compiled program."""

    num_layers: int
    parameters: int
    dropout: float
    optimizer: str = ""


@dataclass(frozen=True)
class Setting:
    """One point of the hyperparameter grid.

    Attributes:
        scale: Weights start in U[-s, s] with s = scale / sqrt(width).
        rate: Learning rate; for SGD the gradient is divided by the minibatch size.
        clip: Largest global norm of the gradient.
        num_layers: L.
        parameters: Budget of weights, embedding and readout included; decides H.
        dropout: Probability on the non-recurrent connections.
        constant_epochs: Epochs before the rate is lowered (schedule `treebank`).
        decay: What the rate is multiplied by from then on (schedule `treebank`).
        optimizer: One of `OPTIMIZERS`; empty: the job's.
    """

    scale: float
    rate: float
    clip: float
    num_layers: int
    parameters: int
    dropout: float = 0.0
    constant_epochs: int | None = None
    decay: float | None = None
    optimizer: str = ""

    def __post_init__(self) -> None:
        """Makes equal settings equal in text too: 1 becomes 1.0 where a float is due.

        Raises:
            JobError: A value that no training can have.
        """
        for name in ("scale", "rate", "clip", "dropout"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.decay is not None:
            object.__setattr__(self, "decay", float(self.decay))
        for name in ("scale", "rate", "clip", "num_layers", "parameters"):
            if not 0 < getattr(self, name) < math.inf:
                value = getattr(self, name)
                raise JobError(f"{name} of a setting must be above 0, got {value}")
        if not 0 <= self.dropout < 1:
            raise JobError(f"dropout must be in [0, 1), got {self.dropout}")
        if self.optimizer not in ("", *OPTIMIZERS):
            names = ", ".join(OPTIMIZERS)
            raise JobError(f"optimizer must be one of {names}, got {self.optimizer!r}")

    def __hash__(self) -> int:
        """Of its text, which is found once: settings are keys of many tables."""
        return hash(self.text)

    @cached_property
    def shape(self) -> Shape:
        """What decides the compiled program; the rest are runtime values."""
        return Shape(self.num_layers, self.parameters, self.dropout, self.optimizer)

    @cached_property
    def text(self) -> str:
        """The setting as one line of JSON; equal settings have equal texts."""
        return dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """JSON values; fields at their default are left out."""
        return changed(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Setting":
        """The reverse of `to_dict`."""
        return Setting(**values)


class Point(NamedTuple):
    """One point of a learning curve, losses in nats per scored position.

    Attributes:
        updates: Updates done when it was taken.
        train_loss: Mean over the epoch so far, as it was trained.
        valid_loss: Mean over the validation split.
        metric: The task's metric on the validation split.
    """

    updates: int
    train_loss: float
    valid_loss: float
    metric: float
