"""A cell as a stand-alone PyTorch module: the cell and a layer like `torch.nn.GRU`."""

from typing import Final

from cells.export import description
from cells.export.all_steps import is_affine
from cells.export.layer_source import Library, layer_source, weights_source
from cells.export.names import Names
from cells.export.step import Parts, Spelling, indented, split_source
from cells.ir import Cell

_OPS: Final = {
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
TORCH: Final = Library(
    template="torch_cell.template",
    at_once="torch_at_once.template",
    zeros="torch.zeros_like(x)",
    spellings=_OPS,
    always={"torch": ["nn"]},
)

_GIVEN_ONE: Final = """\
[hx]
        if not isinstance(hx, torch.Tensor):
            raise TypeError(f"hx is one tensor, got a {type(hx).__name__}")"""
_GIVEN: Final = """\
list(hx) if isinstance(hx, (tuple, list)) else [hx]
        if len(states) != {count}:
            raise TypeError(f"hx is a tuple of {count} states, got {{len(states)}}")"""
_OF_INPUT: Final = '''

def of_input(cell, x):
    """What a step needs of its input; a layer has it for all steps at once.

    Args:
        cell: Holds the weights.
        x: The input, [..., H].
    """
{body}
'''
_LINEAR: Final = """\

def linear(diagonal=0.0, bias=0.0):
    made = nn.Linear(hidden_size, hidden_size, **place)
    nn.init.uniform_(made.weight, -bound, bound)
    nn.init.constant_(made.bias, bias)
    with torch.no_grad():
        made.weight.diagonal().add_(diagonal)
    return made
"""
_SCALE: Final = "self.{} = nn.Parameter(torch.ones(hidden_size, **place))"
_LAYER_DOCS: Final = """\
        at_once: Whether all steps are computed at once, not step by step.
"""
_LAYER_AT_ONCE: Final = """\
        if self.at_once:
            {unpack} = (state[index] for state in before)
            x = inputs.flip(0) if backwards else inputs
            {states} = all_steps(cell, x, {states})
            outputs = {first}.flip(0) if backwards else {first}
            return outputs, torch.stack([{last}])
"""
_LAYER_REPR: Final = """\
        if not self.at_once:
            words.append("at_once=False")
"""
_IN_PYTHON: Final = (
    "The layer has what needs no state for all steps at once, and runs the rest step "
    "by step in Python: slower than the kernels of torch.nn.GRU."
)
_AT_ONCE_PROSE: Final = (
    "Every new state is a * state + b, so that the layer computes all steps at once, "
    "in 2 log2 T rounds, or step by step in Python with `at_once=False`. Measured on "
    "one CPU core, forward and backward: at 35 steps there was no difference, from 128 "
    "to 2,048 steps at once was faster, and the more so the smaller the states."
)


def torch_source(cell: Cell, names: Names, digest: str) -> str:
    """The text of `torch_cell.py`.

    Raises:
        CellError: An op has no spelling in `TORCH`.
    """
    # One state is a tensor, as of a GRU; several are a tuple, as of an LSTM.
    states = description.packed(names)
    count = len(names.states)
    parts = split_source(cell, names, TORCH.spellings)
    fields = {
        "of_input": _OF_INPUT.format(body=indented(parts.of_input))
        if parts.of_input
        else "",
        "given_docs": _given_docs(parts),
        "given_once": "*of_input(self, x)" if parts.of_input else "x",
        "given_all": "of_input(cell, inputs)" if parts.of_input else "(inputs,)",
        "torch": names.classes["torch"],
        "torch_layer": names.classes["torch_layer"],
        "carry": description.shapes(names, "hidden_size", "..."),
        "carry_layer": description.shapes(names, "B, H", "L * D"),
        "prose": _prose(cell, names),
        "weights": weights_source(cell, _LINEAR, _SCALE),
        "zeros": "zeros" if count == 1 else f"({', '.join(['zeros'] * count)})",
        "unpack": f"{states} = hx",
        "states_tuple": f"({states},)" if count == 1 else states,
        "packed": states,
        "first": names.states[0],
        "final": "finals[0]" if count == 1 else "tuple(finals.unbind(0))",
        "count": count,
        **_at_once_fields(cell, names),
        "hx_states": _GIVEN_ONE if count == 1 else _GIVEN.format(count=count),
    }
    return layer_source(TORCH, cell, names, digest, parts, fields)


def _at_once_fields(cell: Cell, names: Names) -> dict[str, str]:
    """What only the layer of an affine cell has."""
    if not is_affine(cell):
        parts = ("layer_docs", "layer_option", "layer_kept", "layer_at_once")
        return dict.fromkeys((*parts, "layer_repr"), "")
    states = description.packed(names)
    return {
        "layer_docs": _LAYER_DOCS,
        "layer_option": "        at_once=True,\n",
        "layer_kept": "        self.at_once = at_once\n",
        "layer_at_once": _LAYER_AT_ONCE.format(
            unpack=f"({states},)" if len(names.states) == 1 else states,
            states=states,
            first=names.states[0],
            last=description.packed(names, "[-1]"),
        ),
        "layer_repr": _LAYER_REPR,
    }


def _prose(cell: Cell, names: Names) -> str:
    state = description.shapes(names, "hidden_size", "...")
    return description.paragraph(
        f"`{names.classes['torch']}` is called as `torch.nn.GRUCell`, "
        f"`{names.classes['torch_layer']}` as `torch.nn.GRU`; the state is {state}. "
        + description.projection("input_size", "hidden_size", "matrix")
        + f" {description.start(cell, 'matrices', 'hidden_size')} "
        + (_AT_ONCE_PROSE if is_affine(cell) else _IN_PYTHON)
    )


def _given_docs(parts: Parts) -> str:
    """The line of the docstring that says what a step is given of its input."""
    if not parts.of_input:
        return "x: The input, [..., H]."
    return f"{', '.join(parts.given)}: See `of_input`."
