"""A scan in three parts: before the states, the states over time, and after them."""

from enum import StrEnum

import jax

from cells.ir import node_name
from cells.scan.affine import affine_states, before_of
from cells.scan.hoisted import Carry, Hoisted, Values, compute, take_rows
from cells.scan.packed import Params
from cells.scan.recurrence import run_loop
from cells.scan.split import Split, loop_of
from cells.state_class import StateClass


class ScanForm(StrEnum):
    """How states go through time.

    Dense cells have the loop whatever is said here.

    Attributes:
        LOOP: Step by step, all that depends on a state.
        APART: Step by step, without the products that only the output is read from.
        ASSOCIATIVE: All steps of an affine cell at once, as a tree; others `APART`.
    """

    LOOP = "loop"
    APART = "apart"
    ASSOCIATIVE = "associative"

    @staticmethod
    def default() -> "ScanForm":
        """What suits the platform that JAX has started on."""
        # On CPU a step costs its arithmetic: a tree has twice as much of it, and one
        # product of all steps reads memory that a loop has in its cache (measured:
        # up to 8 % slower). Elsewhere a step costs its launches.
        on_cpu = jax.default_backend() == "cpu"
        return ScanForm.LOOP if on_cpu else ScanForm.ASSOCIATIVE


def is_apart(split: Split, form: ScanForm) -> bool:
    """Whether a cell is computed here, and not in one loop as its plan has it."""
    if form is ScanForm.LOOP:
        return False
    return _is_tree(split, form) or split.frees_products


def _is_tree(split: Split, form: ScanForm) -> bool:
    return form is ScanForm.ASSOCIATIVE and split.kind is StateClass.AFFINE


def scan_steps_apart(
    split: Split, form: ScanForm, params: Params, carry: Carry, inputs: jax.Array
) -> tuple[Carry, jax.Array]:
    """Runs a cell over `inputs`, `[T, B, H]`; see `Layer.scan`."""
    values = _frontier(split, params, inputs)
    return _run(split, form, inputs.shape[0], params, values, carry)


def scan_rows_apart(
    split: Split,
    form: ScanForm,
    params: Params,
    carry: Carry,
    table: jax.Array,
    tokens: jax.Array,
) -> tuple[Carry, jax.Array]:
    """Runs a cell over `table[tokens]`; see `Layer.scan_tokens`."""
    if table.shape[0] >= tokens.size:
        inputs = take_rows(table, tokens)
        return scan_steps_apart(split, form, params, carry, inputs)
    rows = _frontier(split, params, table)
    values = {value: take_rows(row, tokens) for value, row in rows.items()}
    return _run(split, form, tokens.shape[0], params, values, carry)


def _frontier(split: Split, params: Params, inputs: jax.Array) -> Values:
    values = compute(split.cell, params, {0: inputs}, split.before)
    return {value: values[value] for value in split.frontier}


def _run(
    split: Split,
    form: ScanForm,
    length: int,
    params: Params,
    frontier: Values,
    carry: Carry,
) -> tuple[Carry, jax.Array]:
    # The carried states at all steps, which the others are computed from at once.
    over_time = affine_states if _is_tree(split, form) else _looped_states
    states = over_time(split, length, params, frontier, carry)

    values = dict(frontier)
    for state, new in states.items():
        values[state] = before_of(carry[state - 1], new)
        values[split.cell.outputs[state - 1]] = new
    values = compute(split.cell, params, values, split.after)
    outputs = [values[output] for output in split.cell.outputs]
    return tuple(output[-1] for output in outputs), outputs[0]


def _looped_states(
    split: Split, length: int, params: Params, values: Values, carry: Carry
) -> dict[int, jax.Array]:
    """The new states that are carried, `[T, B, H]` each, by number, from a loop."""
    if not split.carried:
        return {}
    plan, kept = loop_of(split)
    own = {
        node_name(new - plan.cell.num_inputs): params[name]
        for new, old in kept.items()
        if (name := node_name(old - split.cell.num_inputs)) in params
    }
    hoisted = Hoisted((), {new: values[kept[new]] for new in plan.frontier})
    first = tuple(carry[state - 1] for state in split.carried)
    _, states = run_loop(plan, length, own, hoisted, first)
    return dict(zip(split.carried, states, strict=True))
