"""One step of a plan: its instructions carried out, forwards."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from cells.ops import get_op
from cells.scan.hoisted import Values, Weights, part
from cells.scan.plan import Apply, Batch, Instruction, Multiply, Plan, Sum


@dataclass(frozen=True)
class Run:
    """Computes instructions on arrays `[..., H]`; remembers products and batches."""

    plan: Plan
    weights: Weights
    addends: tuple[jax.Array | None, ...]
    values: Values
    products: dict[int, jax.Array]
    batches: dict[Batch, jax.Array]

    def __call__(self, step: Instruction) -> None:
        """Computes one instruction."""
        width = self.values[1].shape[-1]
        match step:
            case Multiply(index):
                self._multiply(index, width)
            case Batch(op, product, start, values):
                packed = self.products[product]
                if len(values) < len(self.plan.products[product].members):
                    packed = part(packed, start, width, len(values))
                result = get_op(op).function(jnp, packed)
                self.batches[step] = result
                for position, value in enumerate(values):
                    self.values[value] = part(result, position, width)
            case Apply(_, args, value):
                self.values[value] = self.apply(step, *(self.values[a] for a in args))
            case Sum(terms, value):
                self.values[value] = _signed_sum(terms, self.values)

    def apply(self, step: Apply, *args: jax.Array) -> jax.Array:
        """The op of one `Apply` on its arguments."""
        op = get_op(step.op)
        weights: tuple[Any, ...] = ()
        if op.weights:
            weights = ({"scale": self.weights.scales[step.value]},)
        result: jax.Array = op.function(jnp, *weights, *args)
        return result

    def _multiply(self, index: int, width: int) -> None:
        product = self.plan.products[index]
        args = [self.values[arg] for arg in product.args]
        left = jnp.concatenate(args, -1) if len(args) > 1 else args[0]
        addend = self.addends[index]
        right = self.weights.biases[index] if addend is None else addend
        assert right is not None
        packed = left @ self.weights.kernels[index]
        packed = packed + jnp.broadcast_to(right, packed.shape)
        self.products[index] = packed
        for position, member in enumerate(product.members):
            self.values[member.value] = part(packed, position, width)


def _signed_sum(terms: tuple[tuple[int, int], ...], values: Values) -> jax.Array:
    total: jax.Array | None = None
    for sign, value in sorted(terms, reverse=True):
        term = values[value]
        if total is None:
            total = term if sign > 0 else -term
        else:
            total = total + term if sign > 0 else total - term
    assert total is not None
    return total
