"""At which sizes a cell is measured, and what it takes there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """At which sizes a cell is measured.

    Attributes:
        width: H.
        num_steps: T, of a window in training.
        batch_size: B, in training; in inference it is 1.
    """

    width: int
    num_steps: int
    batch_size: int


@dataclass(frozen=True)
class Speed:
    """What a time step of one layer took, a number a round.

    Attributes:
        training_s: Seconds of a step of the batch, forward and backward.
        inference_s: Seconds of a step of one sequence whose state is carried.
    """

    training_s: tuple[float, ...]
    inference_s: tuple[float, ...]
