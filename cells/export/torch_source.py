"""A cell as a stand-alone PyTorch module: the cell and a layer like `torch.nn.GRU`."""

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

TORCH_OPS: Final = {
    "tanh": Spelling("torch"),
    "sigmoid": Spelling("torch"),
    "relu": Spelling("torch"),
    "leaky_relu": Spelling("torch.nn.functional"),
    "softplus": Spelling(
        "",
        '''\
def softplus(a):
    """Log(1 + exp(a)), exact for large a too."""
    return torch.logaddexp(a, torch.zeros_like(a))''',
    ),
    "silu": Spelling("torch.nn.functional"),
    "sin": Spelling("torch"),
    "maximum": Spelling("torch"),
    "minimum": Spelling("torch"),
    "scale": Spelling(
        "",
        '''\
def scale(a, vector):
    """The elementwise product with a trained vector [H]."""
    return a * vector''',
    ),
    "rms_norm": Spelling(
        "",
        '''\
def rms_norm(a):
    """Divides a vector by the root of the mean of its squares."""
    return a / torch.sqrt(a.square().mean(-1, keepdim=True) + 1e-6)''',
    ),
    "ones_like": Spelling("torch"),
}
"""Op name to how this file spells it; linear maps and operators need no row."""

_MODULE: Final = Template('''\
"""$title: a recurrent cell for PyTorch.

One step, x to the new states:

$equations

As a cell text (digest $digest):

$text

$prose

Usage, in place of torch.nn.GRU:

    import torch
    from torch_cell import $torch_layer

    rnn = $torch_layer(input_size=3, hidden_size=32, batch_first=True)
    readout = torch.nn.Linear(32, 3)
    optimizer = torch.optim.Adam([*rnn.parameters(), *readout.parameters()], lr=1e-2)
    inputs = torch.randn(16, 20, 3)    # [B, T, features]
    targets = inputs.mean(dim=1)
    for _ in range(100):
        optimizer.zero_grad()
        output, h_n = rnn(inputs)
        loss = torch.nn.functional.mse_loss(readout(output[:, -1]), targets)
        loss.backward()
        optimizer.step()
"""

import warnings

import torch
$imports
$definitions

$signature
    """One time step.

    Args:
        cell: Holds the weights.
        x: The input, [..., H].
        $states: $old.

    Returns:
        The new states; the layer emits the first.
    """
$step


class $torch(nn.Module):
    """One step, called as `torch.nn.GRUCell` is.

    Args:
        input_size: Width of the inputs.
        hidden_size: Width H of the states.
        init_scale: Scale of the matrices at the start.
        device: Of the weights.
        dtype: Of the weights.
    """

    def __init__(
        self, input_size, hidden_size, *, init_scale=1.0, device=None, dtype=None
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        place = {"device": device, "dtype": dtype}
        bound = init_scale / hidden_size**0.5
        self.project = nn.Identity()
        if input_size != hidden_size:
            self.project = nn.Linear(input_size, hidden_size, bias=False, **place)
            nn.init.uniform_(self.project.weight, -bound, bound)
$weights
    def forward(self, input, hx=None):
        """One step: input [..., input_size] and states to the new states.

        Args:
            input: The input of this step.
            hx: The old states, as they are returned; zeros if None.

        Returns:
            The new states: $carry.
        """
        x = self.project(input)
        if hx is None:
            zeros = x.new_zeros(x.shape)
            hx = $zeros
        $unpack
        return step(self, x, $states)

    def extra_repr(self):
        """The sizes, for `print`."""
        return f"{self.input_size}, {self.hidden_size}"


class $torch_layer(nn.Module):
    """A layer with the call signature of `torch.nn.GRU`.

    Stacked, dropped out and bidirectional as there. Not supported: `bias=False`, as
    the biases belong to the cell, and packed sequences.

    Args:
        input_size: Width of the inputs.
        hidden_size: Width H of the states.
        num_layers: L; each layer is fed by the one below.
        bias: Must be True.
        batch_first: Whether inputs and output are [B, T, ...], not [T, B, ...].
        dropout: Probability, in training, for the output of each layer but the last.
        bidirectional: Whether a second cell of each layer reads the sequence backwards.
        device: Of the weights.
        dtype: Of the weights.
        init_scale: Scale of the matrices at the start.

    Raises:
        ValueError: A size below 1, `bias=False`, or a dropout outside [0, 1].
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        device=None,
        dtype=None,
        *,
        init_scale=1.0,
    ):
        super().__init__()
        if min(input_size, hidden_size, num_layers) < 1:
            raise ValueError("input_size, hidden_size and num_layers are at least 1")
        if not bias:
            raise ValueError("bias=False is not supported: biases are part of the cell")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout is a probability, got {dropout}")
        if dropout and num_layers == 1:
            warnings.warn("dropout acts between layers: num_layers is 1", stacklevel=2)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        directions = 2 if bidirectional else 1
        widths = [input_size, *[directions * hidden_size] * (num_layers - 1)]
        self.cells = nn.ModuleList(
            $torch(
                width, hidden_size, init_scale=init_scale, device=device, dtype=dtype
            )
            for width in widths
            for _ in range(directions)
        )

    def forward(self, input, hx=None):
        """A whole sequence.

        D is 2 if bidirectional, else 1; B is left out of inputs without a batch.

        Args:
            input: [T, B, input_size], or [B, T, input_size] with `batch_first`.
            hx: The states before the first step, as they are returned; zeros if None.

        Returns:
            The outputs [T, B, D * H], or [B, T, D * H], and the states after the last
            step: $carry_layer.

        Raises:
            TypeError: The input is a packed sequence, or hx has too many states.
            ValueError: The input or a state has another shape, or there is no step.
        """
        if isinstance(input, nn.utils.rnn.PackedSequence):
            raise TypeError("packed sequences are not supported: pad the input")
        if input.dim() not in (2, 3) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"expected [T, B, {self.input_size}], [B, T, {self.input_size}] with "
                f"batch_first, or [T, {self.input_size}], got {tuple(input.shape)}"
            )
        batched = input.dim() == 3
        if not batched:
            values = input.unsqueeze(1)
        else:
            values = input.transpose(0, 1) if self.batch_first else input
        if values.shape[0] == 0:
            raise ValueError("the input has no time step")
        before = self._states(values, hx, batched)
        after = []
        directions = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            if layer:
                values = nn.functional.dropout(values, self.dropout, self.training)
            emitted = []
            for index in range(layer * directions, (layer + 1) * directions):
                backwards = index % directions == 1
                outputs, last = self._run(index, values, before, backwards)
                emitted.append(outputs)
                after.append(last)
            values = torch.cat(emitted, dim=-1)
        finals = torch.stack(after, dim=1)  # [M, L * D, B, H]
        if not batched:
            values = values.squeeze(1)
            finals = finals.squeeze(2)
        elif self.batch_first:
            values = values.transpose(0, 1)
        return values, $final

    def _run(self, index, values, before, backwards):
        """One cell over [T, B, F]: outputs [T, B, H] and last states [M, B, H]."""
        cell = self.cells[index]
        inputs = cell.project(values).unbind(0)
        $states_tuple = (state[index] for state in before)
        outputs = []
        for x in reversed(inputs) if backwards else inputs:
            $packed = step(cell, x, $states)
            outputs.append($first)
        if backwards:
            outputs.reverse()
        return torch.stack(outputs), torch.stack([$states])

    def _states(self, values, hx, batched):
        """A list of the states before the first step, each [L * D, B, H]."""
        shape = (len(self.cells), values.shape[1], self.hidden_size)
        if hx is None:
            return [values.new_zeros(shape) for _ in range($count)]
        states = $given
        if not batched:
            shape = (shape[0], shape[2])
        for state in states:
            if tuple(state.shape) != shape:
                raise ValueError(f"a state is {shape}, got {tuple(state.shape)}")
        return list(states) if batched else [state.unsqueeze(1) for state in states]

    def extra_repr(self):
        """What differs from the defaults, for `print`."""
        words = [f"{self.input_size}, {self.hidden_size}"]
        if self.num_layers != 1:
            words.append(f"num_layers={self.num_layers}")
        for name in ("batch_first", "dropout", "bidirectional"):
            if getattr(self, name):
                words.append(f"{name}={getattr(self, name)}")
        return ", ".join(words)


WEIGHTS = {
$table
}
"""Name of the weights in golden.json, by the cell's nodes, to the attribute here."""


@torch.no_grad()
def load_weights(cell, weights):
    """Sets the weights of a cell to those of golden.json.

    Args:
        cell: Changed in place, its dtype stays; `layer.cells[0]` of a layer.
        weights: For each name its arrays, kernels as [inputs, outputs].
    """
    for name, attribute in WEIGHTS.items():
        held = getattr(cell, attribute)
        if isinstance(held, nn.Identity):
            continue
        arrays = {
            part: torch.tensor(values, dtype=torch.float64)
            for part, values in weights[name].items()
        }
        if isinstance(held, nn.Parameter):
            held.copy_(arrays["scale"])
            continue
        held.weight.copy_(arrays["kernel"].T)
        if held.bias is not None:
            held.bias.copy_(arrays["bias"])
''')


def torch_source(cell: Cell, names: Names, digest: str) -> str:
    """The text of `torch_cell.py`.

    Raises:
        CellError: An op has no row in `TORCH_OPS`.
    """
    step = step_source(cell, names, TORCH_OPS)
    imports, functions = definitions(cell, step, TORCH_OPS, {"torch": ["nn"]})
    states = description.packed(names)
    count = len(names.states)
    text = _MODULE.substitute(
        title=names.title,
        digest=digest,
        torch=names.classes["torch"],
        torch_layer=names.classes["torch_layer"],
        equations=description.equations_text(cell, names),
        text=description.cell_text(cell, names),
        carry=description.shapes(names, "hidden_size", "..."),
        carry_layer=description.shapes(names, "B, H", "L * D"),
        prose=_prose(cell, names),
        old=description.old_states(names),
        imports=imports,
        definitions=functions and f"\n\n{functions}\n",
        signature=signature(["cell", "x", *names.states]),
        step=indented(step),
        weights=indented("\n".join(_weight_lines(cell)) + "\n", 8),
        zeros="zeros" if count == 1 else f"({', '.join(['zeros'] * count)})",
        unpack=f"{states} = hx",
        states=states,
        states_tuple=f"({states},)" if count == 1 else states,
        packed=states,
        first=names.states[0],
        final="finals[0]" if count == 1 else "tuple(finals.unbind(0))",
        count=count,
        given=_GIVEN_ONE if count == 1 else _GIVEN.format(count=count),
        table=description.weight_table(cell),
    )
    return description.spaced(text)


def _prose(cell: Cell, names: Names) -> str:
    state = description.shapes(names, "hidden_size", "...")
    return description.paragraph(
        f"`{names.classes['torch']}` is called as `torch.nn.GRUCell`, "
        f"`{names.classes['torch_layer']}` as `torch.nn.GRU`; the state is {state}. "
        "Where input_size differs from hidden_size, x is the input times a matrix "
        "without bias, the attribute `project`; where they are equal, x is the input "
        "itself. " + description.start(cell, "matrices", "hidden_size") + " The layer "
        "runs step by step in Python: slower than the kernels of torch.nn.GRU."
    )


_GIVEN_ONE: Final = """\
[hx]
        if not isinstance(hx, torch.Tensor):
            raise TypeError(f"hx is one tensor, got a {type(hx).__name__}")"""
_GIVEN: Final = """\
list(hx) if isinstance(hx, (tuple, list)) else [hx]
        if len(states) != {count}:
            raise TypeError(f"hx is a tuple of {count} states, got {{len(states)}}")"""
_LINEAR: Final = """\

def linear(diagonal=0.0, bias=0.0):
    made = nn.Linear(hidden_size, hidden_size, **place)
    nn.init.uniform_(made.weight, -bound, bound)
    nn.init.constant_(made.bias, bias)
    with torch.no_grad():
        made.weight.diagonal().add_(diagonal)
    return made
"""


def _weight_lines(cell: Cell) -> Iterator[str]:
    """The lines of the constructor that make the weights."""
    if any(node.op == "linear" for node in cell.nodes):
        yield _LINEAR
    for index, node in enumerate(cell.nodes):
        name = attribute(cell, index)
        if node.op == "linear":
            yield f"self.{name} = linear({description.linear_arguments(cell, index)})"
        elif node.op == "scale":
            yield f"self.{name} = nn.Parameter(torch.ones(hidden_size, **place))"
