"""A cell as a stand-alone Flax module: nnx and linen."""

from collections.abc import Iterator
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

_MODULE: Final = Template('''\
"""$title: a recurrent cell for Flax.

One step, x to the new states:

$equations

As a cell text (digest $digest):

$text

$prose

Usage, nnx:

    import jax, jax.numpy as jnp, optax
    from flax import nnx
    from flax_cell import $nnx

    inputs = jax.random.normal(jax.random.key(0), (16, 20, 3))    # [B, T, features]
    targets = inputs.mean(axis=1)
    model = nnx.Sequential(
        nnx.RNN($nnx(3, 32, rngs=nnx.Rngs(1))),
        nnx.Linear(32, 3, rngs=nnx.Rngs(2)),
    )
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    optimizer = optax.adam(1e-2)
    state = optimizer.init(params)

    @jax.jit
    def update(params, state):
        def loss(params):
            outputs = nnx.merge(graph, params, rest)(inputs)
            return jnp.mean((outputs[:, -1] - targets) ** 2)

        value, gradient = jax.value_and_grad(loss)(params)
        changes, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, changes), state, value

    for _ in range(100):
        params, state, value = update(params, state)
    nnx.update(model, params)

Usage, linen:

    from flax import linen as nn
    from flax_cell import $linen

    rnn = nn.RNN($linen(3, 32))
    variables = rnn.init(jax.random.key(1), inputs)
    outputs = rnn.apply(variables, inputs)    # [B, T, 32]
"""

import jax
import jax.numpy as jnp
$imports
$definitions

$signature
    """One time step; `cell` is either module below.

    Args:
        cell: Holds the weights.
        x: The input, [..., H].
        $states: $old.

    Returns:
        The new states; the layer emits the first.
    """
$step


def uniform(init_scale, diagonal=0.0):
    """Draws kernels [F, H] from U[-s, s], s = init_scale / sqrt(H), plus a diagonal."""

    def init(key, shape, dtype=jnp.float32, **_):
        bound = init_scale / shape[-1] ** 0.5
        kernel = jax.random.uniform(key, shape, dtype, -bound, bound)
        return kernel + diagonal * jnp.eye(*shape, dtype=dtype) if diagonal else kernel

    return init


class $nnx(nnx.RNNCellBase):
    """The cell for `nnx.RNN`.

    Args:
        in_features: Width of the inputs.
        hidden_features: Width H of the states.
        init_scale: Scale of the kernels at the start.
        dtype: Type of the computation and the states; `param_dtype` if None.
        param_dtype: Type of the weights.
        rngs: Draws the weights.
    """

    def __init__(
        self,
        in_features,
        hidden_features,
        *,
        init_scale=1.0,
        dtype=None,
        param_dtype=jnp.float32,
        rngs,
    ):
        self.in_features = in_features
        self.hidden_features = hidden_features
        self.param_dtype = param_dtype
        self.dtype = param_dtype if dtype is None else dtype
        types = {"dtype": self.dtype, "param_dtype": param_dtype}
        if in_features != hidden_features:
            self.project = nnx.Linear(
                in_features,
                hidden_features,
                use_bias=False,
                kernel_init=uniform(init_scale),
                rngs=rngs,
                **types,
            )
$nnx_weights
    def __call__(self, carry, inputs):
        """One step: carry and inputs [..., F] to the new carry and the output."""
        x = jnp.asarray(inputs, self.dtype)
        if self.in_features != self.hidden_features:
            x = self.project(x)
        $unpack
        $packed = step(self, x, $states)
        return $result

    def initialize_carry(self, input_shape, rngs=None, carry_init=None):
        """Zeros, for inputs of the shape [..., F]."""
        shape = (*input_shape[:-1], self.hidden_features)
        return $zeros

    @property
    def num_feature_axes(self):
        """Inputs have one axis of features."""
        return 1


class $linen(nn.RNNCellBase):
    """The cell for `nn.RNN`.

    Attributes:
        in_features: Width of the inputs.
        hidden_features: Width H of the states.
        init_scale: Scale of the kernels at the start.
        dtype: Type of the computation and the states; `param_dtype` if None.
        param_dtype: Type of the weights.
    """

    in_features: int
    hidden_features: int
    init_scale: float = 1.0
    dtype: object = None
    param_dtype: object = jnp.float32

    def setup(self):
        """Names the weights."""
        types = {"dtype": self._dtype, "param_dtype": self.param_dtype}
        if self.in_features != self.hidden_features:
            self.project = nn.Dense(
                self.hidden_features,
                use_bias=False,
                kernel_init=uniform(self.init_scale),
                **types,
            )
$linen_weights
    def __call__(self, carry, inputs):
        """One step: carry and inputs [..., F] to the new carry and the output."""
        x = jnp.asarray(inputs, self._dtype)
        if self.in_features != self.hidden_features:
            x = self.project(x)
        $unpack
        $packed = step(self, x, $states)
        return $result

    @nn.nowrap
    def initialize_carry(self, rng, input_shape):
        """Zeros, for inputs of the shape [..., F]."""
        shape = (*input_shape[:-1], self.hidden_features)
        return $linen_zeros

    @property
    def num_feature_axes(self):
        """Inputs have one axis of features."""
        return 1

    @property
    def _dtype(self):
        return self.param_dtype if self.dtype is None else self.dtype


WEIGHTS = {
$table
}
"""Name of the weights in golden.json, by the cell's nodes, to the attribute here."""


def linen_params(weights, dtype=jnp.float32):
    """The weights of golden.json as those of the linen cell.

    Args:
        weights: For each name its arrays, kernels [inputs, outputs]; `embedding` only
            where in_features differs from hidden_features.
        dtype: Type of the weights.

    Returns:
        What `cell.apply({"params": ...}, carry, inputs)` takes; for
        `nn.RNN(cell)` it is `{"params": {"cell": ...}}`.
    """
    params = {}
    for name, given in weights.items():
        arrays = {part: jnp.asarray(values, dtype) for part, values in given.items()}
        params[WEIGHTS[name]] = arrays.get("scale", arrays)
    return params


def load_weights(cell, weights):
    """Sets the weights of an nnx cell, which is changed, as `linen_params` has them."""
    nnx.update(cell, linen_params(weights, cell.param_dtype))
''')


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
    text = _MODULE.substitute(
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
