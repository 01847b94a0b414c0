"""Dead cells: those whose output cannot depend on the input, or on the past."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cells.identity.forms import keeps_zero
from cells.ir import Cell, Node
from cells.ops import get_op

Array = NDArray[np.float64]

_WIDTH: Final = 4
_SCALES: Final = (1.0, 3.0, 0.3, 10.0)
_INPUT_SCALES: Final = (1.0, 10.0, 0.1, 3.0)
_STATE_SCALES: Final = (1.0, 1e6, 0.1, 100.0)


class Dead(NamedTuple):
    """Why a cell is dead.

    Attributes:
        test: `structural`: no path in the graph, whatever the weights; `numerical`: no
            response to any of the inputs tried, under any of the weights tried.
        missing: What the output does not depend on: the `input` of any step, or the
            `past`, which is the input of earlier steps.
    """

    test: Literal["structural", "numerical"]
    missing: Literal["input", "past"]


def dead(cell: Cell) -> Dead | None:
    """Why a cell can learn nothing, or None if it may.

    A cell is dead if its output does not depend on the input, or on nothing but the
    input of the same step. The structural test follows the graph, through the
    recurrence and past values that stay zero. What passes it is run: see `response`.

    Args:
        cell: A valid cell; a canonical one has fewer detours for the structural test.
    """
    missing = _missing_path(cell)
    if missing is not None:
        return Dead("structural", missing)
    seen = response(cell)
    if seen == "past":
        return None
    return Dead("numerical", "past" if seen == "input" else "input")


def response(cell: Cell, *, biases: bool = True) -> Literal["past", "input"] | None:
    """What the output was seen to depend on when the cell was run, if on anything.

    Pairs of input sequences that differ for some steps and are equal for the next run
    through the cell in float64 from states of zero, under random weights and inputs of
    several scales. An output that differs, by however little, in a step of equal
    inputs is a response to the `past`; one that differs in other steps only, to the
    `input`. A run in which a value is not finite counts as a response to the past.

    What has not responded by then might do so later, as long as some state still
    moves: a state that counts, say, may open a gate after a hundred steps. So the runs
    go on once more from where the states that rest have come to rest, with random
    values, small and large, for those that move. All numbers are fixed: the answer is
    a function of the cell.

    Args:
        cell: A valid cell. It runs until a response, or for some steps per state.
        biases: Draw the biases (and scale vectors) too, instead of taking them as they
            are when training starts.
    """
    # Nearly all cells that respond do so at once.
    quick = _Trial(2, 1, biases)
    run = _run(cell, quick, "dssds", _zeros(cell, quick))
    if run.seen == "past":
        return run.seen

    # A difference may have to pass through all states, one a step.
    slow, wait = _Trial(16, 4, biases), cell.num_states + 1
    steps = "ds" * 2 + "d" * wait + "s" * wait + ("d" + "s" * wait) * 2
    run = _run(cell, slow, steps, _zeros(cell, slow))
    if run.seen == "past" or not any(run.moves):
        return run.seen

    # And a state that still moves may get anywhere.
    carry = [
        _noise(state, slow) if moves else rests
        for state, (rests, moves) in enumerate(zip(run.carry, run.moves, strict=True))
    ]
    return _run(cell, slow, steps, carry).seen or run.seen


def _missing_path(cell: Cell) -> Literal["input", "past"] | None:
    """What no path through the graph leads from to the output, if there is such."""
    # Forwards: what varies with the input, this step's or, through a state, an earlier
    # one's. It goes on until no further state varies.
    zero = _always_zero(cell)
    varies, old = [], [False] * cell.num_states
    while True:
        varies = [True, *old]
        for index, node in enumerate(cell.nodes, cell.num_inputs):
            varies.append(index not in zero and any(varies[a] for a in node.args))
        new = [varies[output] for output in cell.outputs]
        if new == old:
            break
        old = new
    if not varies[cell.outputs[0]]:
        return "input"

    # Backwards: whether the output reads a state that does, by a way that does.
    seen, pending = set(zero), [cell.outputs[0]]
    while pending:
        value = pending.pop()
        if value in seen or not varies[value]:
            continue
        if 1 <= value <= cell.num_states:
            return None
        seen.add(value)
        if value:
            pending += cell.node(value).args
    return "past"


def _always_zero(cell: Cell) -> set[int]:
    """The values that are zero at every step, as states start as zeros."""
    states = set(range(1, cell.num_inputs))
    while True:
        zero = set(states)
        for index, node in enumerate(cell.nodes, cell.num_inputs):
            if _is_zero(node, zero):
                zero.add(index)
        left = {state for state in states if cell.outputs[state - 1] in zero}
        if left == states:
            return zero
        states = left


def _is_zero(node: Node, zero: set[int]) -> bool:
    op, args = node.op, node.args
    if op == "multiply":
        return args[0] in zero or args[1] in zero
    if op == "subtract" and args[0] == args[1]:
        return True
    if op in ("add", "subtract", "maximum", "minimum"):
        return args[0] in zero and args[1] in zero
    return len(args) == 1 and args[0] in zero and keeps_zero(op)


class _Trial(NamedTuple):
    """How a cell is run: values are [2, sets, pairs, width], weights [sets, ...].

    Both sequences of a pair are computed alike, to the last bit, where they are equal.

    Attributes:
        sets: Number of sets of weights.
        pairs: Number of pairs of input sequences.
        biases: Whether weights of rank 1 are random.
    """

    sets: int
    pairs: int
    biases: bool


class _Response(NamedTuple):
    """What a run showed.

    Attributes:
        seen: The strongest response.
        carry: The states at the end, those of the first sequence for both of a pair.
        moves: For each state, whether any changed in the second half of the steps.
    """

    seen: Literal["past", "input"] | None
    carry: list[Array]
    moves: list[bool]


def _run(cell: Cell, trial: _Trial, steps: str, carry: list[Array]) -> _Response:
    """Runs a cell for steps of different (d) or the same (s) inputs."""
    # Constants have no argument, but need to know the shape: x has it.
    program = [
        (_function(node.op, node.attrs, index, trial), node.args or (0,))
        for index, node in enumerate(cell.nodes)
    ]

    # A run that leaves the range of numbers tells nothing: the cell gets the benefit.
    seen: Literal["input"] | None = None
    moves = [False] * cell.num_states
    responded = _Response("past", carry, moves)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for time, kind in enumerate(steps):
            values = [_inputs(time, kind, trial), *carry]
            try:
                for function, args in program:
                    values.append(function(*[values[arg] for arg in args]))
            except FloatingPointError:
                return responded

            # Pairs differ in their inputs only, so a difference comes from those: in a
            # step of equal inputs, from earlier ones.
            old, carry = carry, [values[output] for output in cell.outputs]
            output = carry[0]
            if (output[0] != output[1]).any():
                if kind == "s":
                    return responded
                seen = "input"

            # Only the second half counts: by then, what comes to rest has.
            if not all(np.isfinite(state).all() for state in carry):
                return responded
            if 2 * time >= len(steps):
                changed = [(a != b).any() for a, b in zip(old, carry, strict=True)]
                moves = [a or bool(b) for a, b in zip(moves, changed, strict=True)]
    return _Response(seen, [np.stack([state[0], state[0]]) for state in carry], moves)


def _zeros(cell: Cell, trial: _Trial) -> list[Array]:
    return [np.zeros((2, trial.sets, trial.pairs, _WIDTH))] * cell.num_states


@lru_cache(maxsize=4096)
def _function(
    name: str, attrs: tuple[float, ...], index: int, trial: _Trial
) -> Callable[..., Array]:
    """What the `index`-th node computes, given its arguments, with its weights."""
    op, given = get_op(name), dict(zip(get_op(name).attributes, attrs, strict=True))
    scales = np.resize(_SCALES, (trial.sets, 1, 1)) / np.sqrt(_WIDTH)
    rng = np.random.default_rng(index)
    weights: dict[str, Array] = {}
    for weight, rank in op.weights:
        shape = (trial.sets, _WIDTH if rank == 2 else 1, _WIDTH)
        drawn = rng.uniform(-1, 1, shape) * scales
        if rank == 1 and not trial.biases:
            drawn = np.full(shape, 0.0 if weight == "bias" else 1.0)
        weights[weight] = drawn + given.get(weight, 0.0)
        if rank == 2:
            weights[weight] += given.get("diagonal", 0.0) * np.eye(_WIDTH)
    return partial(op.function, np, weights) if weights else partial(op.function, np)


@lru_cache(maxsize=1024)
def _inputs(time: int, kind: str, trial: _Trial) -> Array:
    """The inputs of one step, alike in both sequences of a pair if it is an s."""
    rng = np.random.default_rng((time, 1))
    inputs = rng.normal(size=(2, trial.sets, trial.pairs, _WIDTH))
    inputs *= np.resize(_INPUT_SCALES, (trial.pairs, 1))
    if kind == "s":
        inputs[1] = inputs[0]
    return inputs


@lru_cache(maxsize=64)
def _noise(state: int, trial: _Trial) -> Array:
    """Random values of a state, alike in both sequences of a pair."""
    rng = np.random.default_rng((state, 2))
    noise = rng.normal(size=(trial.sets, trial.pairs, _WIDTH))
    noise *= np.resize(_STATE_SCALES, (trial.pairs, 1))
    return np.stack([noise, noise])
