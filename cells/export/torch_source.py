"""A cell as a stand-alone PyTorch module: the cell and a layer like `torch.nn.GRU`."""

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


def torch_source(cell: Cell, names: Names, digest: str) -> str:
    """The text of `torch_cell.py`.

    Raises:
        CellError: An op has no row in `TORCH_OPS`.
    """
    step = step_source(cell, names, TORCH_OPS)
    imports, functions = definitions(cell, step, TORCH_OPS, {"torch": ["nn"]})
    states = description.packed(names)
    count = len(names.states)
    file = Path(__file__).with_name("torch_cell.template")
    text = Template(file.read_text("utf-8")).substitute(
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
