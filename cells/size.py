"""How large and how costly a cell is: parameters, width for a budget, FLOPs."""

from collections.abc import Callable

from cells.ir import Cell
from cells.ops import CellError, get_op

MAX_WIDTH = 1 << 16
"""No width above this is considered."""

FLOAT_BYTES = 4
"""Of one feature of a state: cells are trained in float32."""


def num_params(
    cell: Cell,
    width: int,
    *,
    num_layers: int = 1,
    num_inputs: int = 0,
    num_outputs: int = 0,
) -> int:
    """Number of weights of a model: layers, embedding and readout.

    Args:
        cell: The cell.
        width: H.
        num_layers: L.
        num_inputs: Rows of the embedding, `[num_inputs, H]`; 0 leaves it out.
        num_outputs: Columns of the readout, `[H, num_outputs]` with a bias; 0 leaves
            it out.
    """
    matrices, vectors = _weights(cell)
    layer = matrices * width * width + vectors * width
    readout = (width + 1) * num_outputs
    return num_layers * layer + num_inputs * width + readout


def width_for(
    cell: Cell,
    parameters: int,
    *,
    num_layers: int = 1,
    num_inputs: int = 0,
    num_outputs: int = 0,
    besides: Callable[[int], int] = lambda width: 0,
) -> int:
    """The largest width whose model has at most `parameters` weights.

    Found by binary search, as in the paper (section 3.7); embedding and readout count.

    Args:
        cell: The cell.
        parameters: The budget.
        num_layers: L.
        num_inputs: See `num_params`.
        num_outputs: See `num_params`.
        besides: Of H: the weights of the model that are none of these, which rise
            with H.

    Raises:
        CellError: Not even width 1 fits.
    """
    # n(H) = L m H^2 + (L v + inputs + outputs) H + outputs, which rises with H.
    squares, vectors = _weights(cell)
    square = num_layers * squares
    straight = num_layers * vectors + num_inputs + num_outputs

    def size(width: int) -> int:  # `num_params`, without counting weights each time
        return (square * width + straight) * width + num_outputs + besides(width)

    if size(1) > parameters:
        raise CellError(
            f"no width fits a budget of {parameters} parameters: width 1 has {size(1)}"
        )
    low, high = 1, MAX_WIDTH
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(middle) <= parameters else (low, middle - 1)
    return low


def flops(cell: Cell, width: int, *, training: bool = False) -> int:
    """Floating-point operations of one step of one layer for one sequence.

    A multiplication and an addition count as two; an elementwise op or activation as
    one a feature. Training is three times the forward pass: the backward pass has two
    products for each of the forward one.
    """
    forward = 0
    for node in cell.nodes:
        ranks = [rank for _, rank in get_op(node.op).weights]
        forward += 2 * width * width if 2 in ranks else 0
        forward += width
    return 3 * forward if training else forward


def matrices(cell: Cell) -> int:
    """How many matrices a step multiplies with something."""
    return _weights(cell)[0]


def state_bytes(cell: Cell, width: int) -> int:
    """Bytes that one layer carries from step to step for one sequence."""
    return FLOAT_BYTES * cell.num_states * width


def recurrent_linears(cell: Cell) -> int:
    """How many matrices are multiplied with something that depends on the past.

    Of a canonical cell, in which every node reaches the output. Without any, each
    feature remembers for itself.
    """
    first = cell.num_states + 1
    past = [False, *[True] * cell.num_states]
    for node in cell.nodes:
        past.append(any(past[arg] for arg in node.args))
    return sum(
        past[first + index]
        for index, node in enumerate(cell.nodes)
        if 2 in [rank for _, rank in get_op(node.op).weights]
    )


def _weights(cell: Cell) -> tuple[int, int]:
    """How many weights are `[H, H]`, and how many `[H]`."""
    ranks = [rank for node in cell.nodes for _, rank in get_op(node.op).weights]
    return ranks.count(2), ranks.count(1)
