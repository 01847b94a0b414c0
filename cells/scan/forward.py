"""One step of a plan: its instructions carried out, forwards."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from cells.ops import get_op
from cells.scan.hoisted import Values, Weights, part
from cells.scan.plan import Apply, Batch, Instruction, Multiply, ScanPlan, Sum


@dataclass(frozen=True)
class Forward:
    """Computes instructions on arrays `[..., H]`; remembers what they computed.

    Attributes:
        plan: What is computed.
        weights: By which it is.
        addends: What each product adds, or None; empty where none is computed.
        values: The values so far, `[..., H]`, by number.
        products: The results of products side by side, `[..., kH]`, by index.
        batches: The results of batches side by side.
    """

    plan: ScanPlan
    weights: Weights
    addends: tuple[jax.Array | None, ...]
    values: Values
    products: dict[int, jax.Array]
    batches: dict[Batch, jax.Array]

    def run(self, instruction: Instruction) -> None:
        """Computes one instruction."""
        match instruction:
            case Multiply(index):
                self._multiply(index)
            case Batch():
                self._batch(instruction)
            case Apply(_, args, value):
                read = [self.values[arg] for arg in args]
                self.values[value] = self.apply(instruction, *read)
            case Sum(terms, value):
                self.values[value] = _signed_sum(terms, self.values)

    def apply(self, instruction: Apply, *args: jax.Array) -> jax.Array:
        """The op of one `Apply` on its arguments."""
        op = get_op(instruction.op)
        weights: tuple[Any, ...] = ()
        if op.weights:
            weights = ({"scale": self.weights.scales[instruction.value]},)
        result: jax.Array = op.function(jnp, *weights, *args)
        return result

    @property
    def width(self) -> int:
        """H."""
        return self.values[1].shape[-1]

    def _multiply(self, index: int) -> None:
        # Arguments side by side: [..., mH] @ [mH, kH] sums over all of them.
        product = self.plan.products[index]
        args = [self.values[arg] for arg in product.args]
        left = jnp.concatenate(args, -1) if len(args) > 1 else args[0]
        packed = left @ self.weights.kernels[index]

        # Biases are part of the addends where there are any.
        addend = self.addends[index]
        right = self.weights.biases[index] if addend is None else addend
        assert right is not None
        packed = packed + jnp.broadcast_to(right, packed.shape)

        # A batch reads the columns side by side, anything else one by one.
        self.products[index] = packed
        for position, column in enumerate(product.columns):
            self.values[column.value] = part(packed, position, self.width)

    def _batch(self, batch: Batch) -> None:
        packed = self.products[batch.product]
        count = len(batch.values)
        if count < len(self.plan.products[batch.product].columns):
            packed = part(packed, batch.start, self.width, count)
        result = get_op(batch.op).function(jnp, packed)
        self.batches[batch] = result
        for position, value in enumerate(batch.values):
            self.values[value] = part(result, position, self.width)


def _signed_sum(terms: tuple[tuple[int, int], ...], values: Values) -> jax.Array:
    """What is added comes first, so that at most the first term is negated."""
    total: jax.Array | None = None
    for sign, value in sorted(terms, reverse=True):
        term = values[value]
        if total is None:
            total = term if sign > 0 else -term
        else:
            total = total + term if sign > 0 else total - term
    assert total is not None
    return total
