"""What stands around the cell in each layer of a model, and how much of it there is."""

from collections.abc import Callable
from typing import Final, NamedTuple

BARE: Final = "plain"
"""Layers are the cell alone, each fed by the one below."""

RESIDUAL: Final = "residual"
"""Norm, cell and skip; norm, gated feed-forward map and skip; a norm at the end."""


class Block(NamedTuple):
    """What a block adds to a model of L layers of a cell, by its width H.

    Attributes:
        num_params: Of (H, L): weights, which rise with H.
        flops: Of (H, L): operations of a step forward of one sequence.
    """

    num_params: Callable[[int, int], int]
    flops: Callable[[int, int], int]


def inner_width(width: int) -> int:
    """F, the width of the feed-forward map: 4/3 H, rounded down.

    Three matrices of 4/3 have as many weights as four of H x H.
    """
    return 4 * width // 3


def _nothing(width: int, num_layers: int) -> int:
    return 0


def _residual_params(width: int, num_layers: int) -> int:
    """Each layer has W1, W2 [H, F], W3 [F, H] and two gains [H]; the last norm one."""
    layer = 3 * width * inner_width(width) + 2 * width
    return num_layers * layer + width


def _residual_flops(width: int, num_layers: int) -> int:
    """Products count two an entry, as in `cells.flops`; all else one a feature.

    A norm squares, sums, divides and has a gain: four; a skip is one more.
    """
    inner = inner_width(width)
    norm = 4 * width
    layer = 6 * width * inner + 2 * inner + 2 * (norm + width)
    return num_layers * layer + norm


BLOCKS: Final = {
    BARE: Block(_nothing, _nothing),
    RESIDUAL: Block(_residual_params, _residual_flops),
}
"""Blocks by name."""
