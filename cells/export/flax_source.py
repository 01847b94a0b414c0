"""A cell as a stand-alone Flax module: nnx and linen."""

from typing import Final

from cells.export import description
from cells.export.all_steps import is_affine
from cells.export.layer_source import Library, layer_source, weights_source
from cells.export.names import Names
from cells.export.step import Parts, Spelling, step_source
from cells.ir import Cell

_OPS: Final = {
    "tanh": Spelling("jax.numpy"),
    "sigmoid": Spelling("jax.nn"),
    "relu": Spelling("jax.nn"),
    "leaky_relu": Spelling(
        "",
        '''\
def leaky_relu(a):
    """Max(a, 0.01 a); its derivative at 0 is 0.01."""
    return jnp.where(a > 0, a, 0.01 * a)''',
    ),
    "softplus": Spelling("jax.nn"),
    "silu": Spelling("jax.nn"),
    "sin": Spelling("jax.numpy"),
    "maximum": Spelling("jax.numpy"),
    "minimum": Spelling("jax.numpy"),
    "scale": Spelling(
        "",
        '''\
def scale(a, vector):
    """The elementwise product with a trained vector [H]."""
    return a * jnp.broadcast_to(vector[...], a.shape).astype(a.dtype)''',
    ),
    "rms_norm": Spelling(
        "",
        '''\
def rms_norm(a):
    """Divides a vector by the root of the mean of its squares."""
    return a / jnp.sqrt(jnp.mean(a * a, axis=-1, keepdims=True) + 1e-6)''',
    ),
    "ones_like": Spelling("jax.numpy"),
}
FLAX: Final = Library(
    template="flax_cell.template",
    at_once="flax_at_once.template",
    zeros="jnp.zeros_like(x)",
    spellings=_OPS,
    always={"flax": ["linen as nn", "nnx"]},
)

_NNX_LINEAR: Final = """\

def linear(diagonal=0.0, bias=0.0):
    return nnx.Linear(
        hidden_features,
        hidden_features,
        kernel_init=uniform(init_scale, diagonal),
        bias_init=nnx.initializers.constant(bias),
        rngs=rngs,
        **types,
    )
"""
_NNX_SCALE: Final = "self.{} = nnx.Param(jnp.ones(hidden_features, param_dtype))"
_LINEN_LINEAR: Final = """\

def linear(diagonal=0.0, bias=0.0):
    return nn.Dense(
        self.hidden_features,
        kernel_init=uniform(self.init_scale, diagonal),
        bias_init=nn.initializers.constant(bias),
        **types,
    )
"""
_LINEN_SCALE: Final = (
    'self.{0} = self.param(\n    "{0}", nn.initializers.ones, '
    "(self.hidden_features,), self.param_dtype\n)"
)
_AT_ONCE_PROSE: Final = (
    " Every new state is a * state + b, so that both cells compute all steps of a "
    "sequence at once, too, in log2 T rounds: `at_once`. It is meant for machines on "
    "which a step costs its launch; on CPUs the compiled loop was faster."
)
_AT_ONCE_USAGE: Final = """\

Usage, all steps at once:

    cell = {nnx}(3, 32, rngs=nnx.Rngs(1))
    carry, outputs = cell.at_once(inputs)    # [B, T, 32]
    cell = {linen}(3, 32)
    variables = cell.init(jax.random.key(1), inputs, method="at_once")
    carry, outputs = cell.apply(variables, inputs, method="at_once")
"""
_AT_ONCE: Final = '''
    def at_once(self, inputs, initial_carry=None, *, time_major=False):
        """All steps of a sequence, with no loop over them.

        Args:
            inputs: [..., T, F], or [T, ..., F] with `time_major`.
            initial_carry: The carry before the first step; zeros if None.
            time_major: Whether time is the first axis, not the last but one.

        Returns:
            The carry after the last step, and the outputs, [..., T, H] or [T, ..., H].
        """
        x = jnp.asarray(inputs, self.{dtype})
        if self.in_features != self.hidden_features:
            x = self.project(x)
        if not time_major:
            x = jnp.moveaxis(x, -2, 0)
        carry = initial_carry
        if carry is None:
            carry = self.initialize_carry({rng}x.shape[1:])
        {states} = carry
        {new} = all_steps(self, x, {states})
        outputs = {first} if time_major else jnp.moveaxis({first}, 0, -2)
        return {last}, outputs
'''


def flax_source(cell: Cell, names: Names, digest: str) -> str:
    """The text of `flax_cell.py`.

    Raises:
        CellError: An op has no spelling in `FLAX`.
    """
    new = description.packed(names, "_new")
    single = len(names.states) == 1
    fields = {
        "nnx": names.classes["nnx"],
        "linen": names.classes["linen"],
        "prose": _prose(cell, names),
        "nnx_weights": weights_source(cell, _NNX_LINEAR, _NNX_SCALE),
        "linen_weights": weights_source(cell, _LINEN_LINEAR, _LINEN_SCALE),
        "unpack": f"{description.packed(names)} = carry",
        "packed": new,
        "result": f"{new}, {new}" if single else f"({new}), {names.states[0]}_new",
        "zeros": _zeros(names, "self.dtype"),
        "linen_zeros": _zeros(names, "self._dtype"),
        **_at_once_fields(cell, names),
    }
    parts = Parts("", ("x",), step_source(cell, names, FLAX.spellings))
    return layer_source(FLAX, cell, names, digest, parts, fields)


def _at_once_fields(cell: Cell, names: Names) -> dict[str, str]:
    """What only an affine cell has in its classes and in its docstring."""
    if not is_affine(cell):
        return dict.fromkeys(("at_once_usage", "nnx_at_once", "linen_at_once"), "")
    last = description.packed(names, "_new[-1]")
    words = {
        "states": description.packed(names),
        "new": description.packed(names, "_new"),
        "first": f"{names.states[0]}_new",
        "last": last if len(names.states) == 1 else f"({last})",
    }
    return {
        "at_once_usage": _AT_ONCE_USAGE.format(**names.classes),
        "nnx_at_once": _AT_ONCE.format(dtype="dtype", rng="", **words),
        "linen_at_once": _AT_ONCE.format(dtype="_dtype", rng="None, ", **words),
    }


def _prose(cell: Cell, names: Names) -> str:
    carry = description.shapes(names, "hidden_features", "...")
    return description.paragraph(
        f"`{names.classes['nnx']}` runs in `nnx.RNN`, `{names.classes['linen']}` in "
        f"`nn.RNN`. Inputs are [..., in_features]; the carry is {carry}. "
        + description.projection("in_features", "hidden_features", "kernel")
        + " Tokens go through an embedding of width hidden_features first. "
        + description.start(cell, "kernels", "hidden_features")
        + (_AT_ONCE_PROSE if is_affine(cell) else "")
    )


def _zeros(names: Names, dtype: str) -> str:
    zeros = f"jnp.zeros(shape, {dtype})"
    if len(names.states) == 1:
        return zeros
    return f"tuple({zeros} for _ in range({len(names.states)}))"
