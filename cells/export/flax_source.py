"""A cell as a stand-alone Flax module: nnx and linen."""

from typing import Final

from cells.export import description
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
FLAX: Final = Library("flax_cell.template", _OPS, {"flax": ["linen as nn", "nnx"]})

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
    }
    parts = Parts("", ("x",), step_source(cell, names, FLAX.spellings))
    return layer_source(FLAX, cell, names, digest, parts, fields)


def _prose(cell: Cell, names: Names) -> str:
    carry = description.shapes(names, "hidden_features", "...")
    return description.paragraph(
        f"`{names.classes['nnx']}` runs in `nnx.RNN`, `{names.classes['linen']}` in "
        f"`nn.RNN`. Inputs are [..., in_features]; the carry is {carry}. "
        + description.projection("in_features", "hidden_features", "kernel")
        + " Tokens go through an embedding of width hidden_features first. "
        + description.start(cell, "kernels", "hidden_features")
    )


def _zeros(names: Names, dtype: str) -> str:
    zeros = f"jnp.zeros(shape, {dtype})"
    if len(names.states) == 1:
        return zeros
    return f"tuple({zeros} for _ in range({len(names.states)}))"
