"""What the docstring of an exported module says about its cell."""

import re
import textwrap

from cells.export.names import Names
from cells.export.step import LINE, indented, weighted
from cells.ir import Cell


def equations_text(cell: Cell, names: Names) -> str:
    """The equations with a legend, indented for a docstring."""
    # The legend explains what occurs, and nothing else.
    kinds = {node.op for node in cell.nodes}
    legend = ["every value is a vector of the hidden width H"]
    if "linear" in kinds:
        legend.append("Wᵢ and bᵢ are the weights of `linear{i}`")
    if any(node.op == "linear" and node.attrs[0] for node in cell.nodes):
        legend.append("what is added to Wᵢ is added where the kernel starts")
    if "scale" in kinds:
        legend.append("sᵢ is the vector `scale{i}`")
    if "multiply" in kinds or "scale" in kinds:
        legend.append("⊙ is the elementwise product")
    if "sigmoid" in kinds:
        legend.append("σ is the sigmoid")  # noqa: RUF001
    if "one" in kinds:
        legend.append("1 is a vector of ones")
    emitted = f"The layer emits {names.states[0]}ₜ."
    words = "; ".join(legend)
    text = paragraph(f"{words[0].upper()}{words[1:]}. {emitted}")
    return indented("\n".join(names.equations(cell))) + "\n\n" + text


def cell_text(cell: Cell, names: Names) -> str:
    """The cell's text, indented for a docstring."""
    return indented(names.text(cell).rstrip())


def paragraph(text: str) -> str:
    """Prose, broken into lines."""
    return textwrap.fill(text, LINE, break_on_hyphens=False, break_long_words=False)


def spaced(text: str) -> str:
    """The text without more than two empty lines in a row."""
    return re.sub(r"\n{4,}", "\n\n\n", text)


def start(cell: Cell, matrices: str, width: str) -> str:
    """How the weights start."""
    attrs = [node.attrs for node in cell.nodes if node.op == "linear"]
    words = f"{matrices.capitalize()} start uniform in [-s, s], s = init_scale / "
    words += f"sqrt({width})"
    if any(diagonal for diagonal, _ in attrs):
        words += ", plus a diagonal where `linear` gets one"
    if attrs:
        words += "; biases at zero"
    if any(bias for _, bias in attrs):
        words += ", or at the bias that `linear` gets"
    if any(node.op == "scale" for node in cell.nodes):
        words += "; scale vectors at one"
    return words + "."


def projection(inputs: str, width: str, matrix: str) -> str:
    """How the input becomes x."""
    return (
        f"Where {inputs} differs from {width}, x is the input times a {matrix} without "
        "bias, the attribute `project`; where they are equal, x is the input itself."
    )


def old_states(names: Names) -> str:
    """What a step's last arguments are."""
    if len(names.states) == 1:
        return "The old state, [..., H]"
    return "The old states, each [..., H]"


def first_states(names: Names) -> str:
    """What the last arguments of all steps are."""
    if len(names.states) == 1:
        return "The state before the first step, [..., H]"
    return "The states before the first step, each [..., H]"


def shapes(names: Names, width: str, batch: str) -> str:
    """What the states are: one array, or a tuple of several."""
    shape = f"[{batch}, {width}]" if batch else f"[{width}]"
    if len(names.states) == 1:
        return f"one array `{names.states[0]}`, {shape}"
    return f"the tuple `({', '.join(names.states)})`, each {shape}"


def linear_arguments(cell: Cell, index: int) -> str:
    """How a linear map starts: `diagonal=0.9, bias=1.0`, or nothing."""
    pairs = zip(("diagonal", "bias"), cell.nodes[index].attrs, strict=True)
    return ", ".join(f"{name}={float(value)!r}" for name, value in pairs if value)


def weight_table(cell: Cell) -> str:
    """The rows of the dictionary from names in golden.json to attributes."""
    rows = [("embedding", "project"), *weighted(cell).items()]
    return "\n".join(f'    "{node}": "{attribute}",' for node, attribute in rows)


def packed(names: Names, suffix: str = "") -> str:
    """The states as an expression: `h`, or `h, c`."""
    return ", ".join(f"{state}{suffix}" for state in names.states)
