"""A cell as pure JAX functions: weights, one step, and a sequence."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from cells.check import check
from cells.ir import Cell, node_name
from cells.ops import get_op
from cells.scan.apart import (
    ScanForm,
    is_apart,
    scan_rows_apart,
    scan_steps_apart,
)
from cells.scan.hoisted import Carry, groups_of
from cells.scan.packed import Packed, Params
from cells.scan.plan import ScanPlan
from cells.scan.planning import make_plan
from cells.scan.recurrence import scan_rows, scan_steps
from cells.scan.split import Split, make_split


@dataclass(frozen=True)
class Layer:
    """One layer of a cell.

    `step` is the readable reference; `scan` and `scan_tokens` compute the same, value
    and gradient, faster: see `recurrence`. All are pure and work under `jit`,
    `grad` and `vmap`, in any floating-point type of the weights.

    Attributes:
        cell: The cell.
        form: How states go through time; None: as suits the platform that JAX has
            started on.
    """

    cell: Cell
    form: ScanForm | None = None

    @cached_property
    def plan(self) -> ScanPlan:
        """What a scan computes."""
        return make_plan(self.cell)

    @cached_property
    def split(self) -> Split:
        """What of it needs no loop."""
        return make_split(self.cell)

    def init(
        self,
        key: jax.Array,
        width: int,
        scale: float | jax.Array = 1.0,
        dtype: Any = jnp.float32,
    ) -> dict[str, dict[str, jax.Array]]:
        """Draws the weights as in the paper (section 3.7).

        Kernels are U[-s, s] with s = scale / sqrt(width), plus the node's `diagonal`;
        biases are the node's `bias`; the vector of a `scale` node starts at one.

        Args:
            key: Consumed.
            width: H.
            scale: A number, or a scalar array inside a compiled function.
            dtype: Type of the weights.
        """
        # All kernels are one draw: a compiled program of one random op, not of many.
        linears = [i for i, n in enumerate(self.cell.nodes) if n.op == "linear"]
        bound = jnp.asarray(scale, dtype) / jnp.asarray(width, dtype) ** 0.5
        shape = (len(linears), width, width)
        drawn = iter(bound * jax.random.uniform(key, shape, dtype, -1.0, 1.0))

        # W = U[-s, s] + a I and b = bias, by the node's attributes.
        params: dict[str, dict[str, jax.Array]] = {}
        for index, node in enumerate(self.cell.nodes):
            if node.op == "linear":
                diagonal, bias = node.attrs
                kernel = next(drawn)
                if diagonal:
                    kernel = kernel + diagonal * jnp.eye(width, dtype=dtype)
                params[node_name(index)] = {
                    "kernel": kernel,
                    "bias": jnp.full((width,), bias, dtype),
                }
            elif get_op(node.op).weights:
                params[node_name(index)] = {"scale": jnp.ones((width,), dtype)}
        return params

    def pack(self, params: Params) -> Packed:
        """The weights side by side, which scans take as well and are compiled sooner.

        Args:
            params: As `init` returns them; NumPy's, or those that NumPy can read.
        """
        return Packed.of(self.cell, groups_of(self.plan), params)

    def initial_carry(self, batch: int, width: int, dtype: Any = jnp.float32) -> Carry:
        """The states before the first step: M arrays of zeros `[B, H]`."""
        return tuple(
            jnp.zeros((batch, width), dtype) for _ in range(self.cell.num_states)
        )

    def step(
        self, params: Params, carry: Carry, inputs: jax.Array
    ) -> tuple[Carry, jax.Array]:
        """One time step, node by node.

        Args:
            params: As `init` returns them.
            carry: The M old states, each `[B, H]`.
            inputs: x, `[B, H]`.

        Returns:
            The M new states, and what the layer emits: the first of them.
        """
        values = [inputs, *carry]
        for index, node in enumerate(self.cell.nodes):
            op = get_op(node.op)
            args: list[Any] = [values[arg] for arg in node.args]
            if op.weights:
                args.insert(0, params[node_name(index)])
            values.append(op.function(jnp, *(args or [inputs])))
        outputs = tuple(values[output] for output in self.cell.outputs)
        return outputs, outputs[0]

    def scan(
        self, params: Params, carry: Carry, inputs: jax.Array
    ) -> tuple[Carry, jax.Array]:
        """All time steps, in one loop or one associative scan.

        Args:
            params: As `init` returns them.
            carry: The M states before the first step, each `[B, H]`.
            inputs: x at each step, `[T, B, H]`.

        Returns:
            The M states after the last step, and the outputs `[T, B, H]`.
        """
        form = self.form or ScanForm.default()
        if is_apart(self.split, form):
            return scan_steps_apart(self.split, form, params, carry, inputs)
        return scan_steps(self.plan, params, carry, inputs)

    def scan_tokens(
        self, params: Params, carry: Carry, table: jax.Array, tokens: jax.Array
    ) -> tuple[Carry, jax.Array]:
        """The same for `inputs = table[tokens]`, x-only work done once per row.

        Args:
            params: As `init` returns them.
            carry: The M states before the first step, each `[B, H]`.
            table: The embedding, `[V, H]`.
            tokens: Row numbers, `[T, B]`, integers.

        Returns:
            The M states after the last step, and the outputs `[T, B, H]`.
        """
        form = self.form or ScanForm.default()
        if is_apart(self.split, form):
            return scan_rows_apart(self.split, form, params, carry, table, tokens)
        return scan_rows(self.plan, params, carry, table, tokens)


def lower(cell: Cell, form: ScanForm | None = None) -> Layer:
    """The cell as JAX functions.

    Args:
        cell: A valid cell.
        form: See `Layer`.

    Raises:
        CellError: The cell is not valid.
    """
    check(cell)
    return Layer(cell, form)
