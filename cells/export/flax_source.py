"""A cell as a stand-alone Flax module: nnx and linen."""

from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Final

from cells.export import description
from cells.export.names import Names
from cells.export.step import (
    Spelling,
    attribute,
    definitions,
    indented,
    signature,
    step_source,
)
from cells.ir import Cell

FLAX_OPS: Final = {
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
"""Op name to how this file spells it; linear maps and operators need no row."""


def flax_source(cell: Cell, names: Names, digest: str) -> str:
    """The text of `flax_cell.py`.

    Raises:
        CellError: An op has no row in `FLAX_OPS`.
    """
    step = step_source(cell, names, FLAX_OPS)
    imports, functions = definitions(
        cell, step, FLAX_OPS, {"flax": ["linen as nn", "nnx"]}
    )
    single = len(names.states) == 1
    new = description.packed(names, "_new")
    file = Path(__file__).with_name("flax_cell.template")
    text = Template(file.read_text("utf-8")).substitute(
        title=names.title,
        digest=digest,
        nnx=names.classes["nnx"],
        linen=names.classes["linen"],
        equations=description.equations_text(cell, names),
        text=description.cell_text(cell, names),
        prose=_prose(cell, names),
        old=description.old_states(names),
        imports=imports,
        definitions=functions and f"\n\n{functions}\n",
        signature=signature(["cell", "x", *names.states]),
        step=indented(step),
        states=description.packed(names),
        nnx_weights=indented(_weights(cell, _NNX_LINEAR, _NNX_SCALE), 8),
        linen_weights=indented(_weights(cell, _LINEN_LINEAR, _LINEN_SCALE), 8),
        unpack=f"{description.packed(names)} = carry",
        packed=new,
        result=f"{new}, {new}" if single else f"({new}), {names.states[0]}_new",
        zeros=_zeros(names, "self.dtype"),
        linen_zeros=_zeros(names, "self._dtype"),
        table=description.weight_table(cell),
    )
    return description.spaced(text)


def _prose(cell: Cell, names: Names) -> str:
    carry = description.shapes(names, "hidden_features", "...")
    return description.paragraph(
        f"`{names.classes['nnx']}` runs in `nnx.RNN`, `{names.classes['linen']}` in "
        f"`nn.RNN`. Inputs are [..., in_features]; the carry is {carry}. Where "
        "in_features differs from hidden_features, x is the input times a kernel "
        "without bias, the attribute `project`; where they are equal, x is the input "
        "itself. Tokens go through an embedding of width hidden_features first. "
        + description.start(cell, "kernels", "hidden_features")
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


def _weights(cell: Cell, linear: str, scale: str) -> str:
    """The lines of a constructor that make the weights."""
    return "\n".join(_weight_lines(cell, linear, scale)) + "\n"


def _weight_lines(cell: Cell, linear: str, scale: str) -> Iterator[str]:
    if any(node.op == "linear" for node in cell.nodes):
        yield linear
    for index, node in enumerate(cell.nodes):
        if node.op == "linear":
            arguments = description.linear_arguments(cell, index)
            yield f"self.{attribute(cell, index)} = linear({arguments})"
        elif node.op == "scale":
            yield scale.format(attribute(cell, index))


def _zeros(names: Names, dtype: str) -> str:
    zeros = f"jnp.zeros(shape, {dtype})"
    if len(names.states) == 1:
        return zeros
    return f"tuple({zeros} for _ in range({len(names.states)}))"
