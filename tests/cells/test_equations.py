"""The equations of cells, for terminals and LaTeX."""
# ruff: noqa: RUF001

import re

import pytest
from hypothesis import given

from cells import OPS, Cell, CellError, Node, Op
from cells.notation.equations import equations, latex
from cells.notation.text import parse, to_text
from cells.zoo import ZOO
from tests.support.strategies import cells


def body(*lines: str) -> Cell:
    return parse("def f(x, h, c):\n" + "".join(f"    {line}\n" for line in lines))


def test_the_gru_s_equations_read_as_in_a_paper() -> None:
    assert equations(ZOO["gru"]) == (
        "n3 = σ(W₀ xₜ + b₀ + W₁ hₜ₋₁ + b₁)",
        "n7 = σ(W₄ xₜ + b₄ + W₅ hₜ₋₁ + b₅)",
        "n12 = tanh(W₈ xₜ + b₈ + W₁₀ (n3 ⊙ hₜ₋₁) + b₁₀)",
        "hₜ = n12 + n7 ⊙ (hₜ₋₁ - n12)",
    )


def test_a_new_state_that_others_read_has_its_own_name() -> None:
    assert equations(ZOO["lstm_b"])[3:] == (
        "cₜ = n7 ⊙ cₜ₋₁ + n3 ⊙ tanh(W₁₃ xₜ + b₁₃ + W₁₄ hₜ₋₁ + b₁₄)",
        "hₜ = n11 ⊙ tanh(cₜ)",
        "b₅ starts at 1",
    )


def test_a_value_that_is_two_states_is_written_once() -> None:
    cell = parse("def f(x, a, b, c):\n    v = tanh(a)\n    return v, v, b\n")
    assert equations(cell) == ("h0ₜ = tanh(h0ₜ₋₁)", "h1ₜ = h0ₜ", "h2ₜ = h1ₜ₋₁")


@pytest.mark.parametrize(
    ("text", "equation"),
    [
        ("x - (h + c)", "hₜ = xₜ - (hₜ₋₁ + cₜ₋₁)"),
        ("x + (h - c)", "hₜ = xₜ + hₜ₋₁ - cₜ₋₁"),
        ("x * (h * c)", "hₜ = xₜ ⊙ (hₜ₋₁ ⊙ cₜ₋₁)"),
        ("(x + h) * c", "hₜ = (xₜ + hₜ₋₁) ⊙ cₜ₋₁"),
        ("x - linear(h)", "hₜ = xₜ - (W₀ hₜ₋₁ + b₀)"),
        ("linear(linear(h))", "hₜ = W₁ (W₀ hₜ₋₁ + b₀) + b₁"),
        ("linear(tanh(h))", "hₜ = W₁ tanh(hₜ₋₁) + b₁"),
        ("linear(h, diagonal=1)", "hₜ = (W₀ + I) hₜ₋₁ + b₀"),
        ("linear(h, diagonal=-0.9)", "hₜ = (W₀ - 0.9 I) hₜ₋₁ + b₀"),
        ("one() - scale(h + c)", "hₜ = 1 - s₂ ⊙ (hₜ₋₁ + cₜ₋₁)"),
        ("maximum(x + h, silu(c))", "hₜ = max(xₜ + hₜ₋₁, silu(cₜ₋₁))"),
    ],
)
def test_an_expression_becomes_an_equation(text: str, equation: str) -> None:
    assert equations(body(f"return {text}, c")) == (equation, "cₜ = cₜ₋₁")


def test_latex_is_an_aligned_environment() -> None:
    cell = body("a = sigmoid(linear(x, bias=-0.5))", "b = a * c", "return scale(b), b")
    assert latex(cell) == (
        "\\begin{aligned}\n"
        "c_{t} &= \\sigma(W_{0} x_{t} + b_{0}) \\odot c_{t-1} \\\\\n"
        "h_{t} &= s_{3} \\odot c_{t} \\\\\n"
        "b_{0} &\\leftarrow -0.5 \\text{ at the start}\n"
        "\\end{aligned}"
    )
    three = parse("def f(x, a, b, c): return b, leaky_relu(a), one()")
    assert latex(three).splitlines()[1:-1] == [
        r"h^{(0)}_{t} &= h^{(1)}_{t-1} \\",
        r"h^{(1)}_{t} &= \mathrm{leaky\,relu}(h^{(0)}_{t-1}) \\",
        r"h^{(2)}_{t} &= \mathbf{1}",
    ]


@given(cells("extended"))
def test_every_cell_has_equations_that_name_what_its_text_names(cell: Cell) -> None:
    lines = equations(cell)
    lefts = [line.split(" ")[0] for line in lines if " = " in line]
    assert len(set(lefts)) == len(lefts)
    named = re.findall(r"^    (n\d+) =", to_text(cell), re.MULTILINE)
    assert set(lefts) <= set(named) | {left for left in lefts if left.endswith("ₜ")}
    assert len([left for left in lefts if left.endswith("ₜ")]) == cell.num_states
    for index, node in enumerate(cell.nodes):
        if node.op == "linear":
            kernel = "W" + str(index).translate(
                str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
            )
            assert sum(len(re.findall(rf"{kernel}(?![₀-₉])", s)) for s in lines) == 1


@given(cells("extended"))
def test_latex_is_balanced(cell: Cell) -> None:
    text = latex(cell)
    for left, right in ("{}", "()"):
        assert text.count(left) == text.count(right)
    assert text.isascii()


def test_a_person_s_op_has_equations_too(monkeypatch: pytest.MonkeyPatch) -> None:
    half = Op("half_of", "activation", 1, max, origin="own:half_of")
    ratio = Op("ratio", "elementwise", 2, max, symbol="/", latex=r"\frac{{{}}}{{{}}}")
    monkeypatch.setitem(OPS, "half_of", half)
    monkeypatch.setitem(OPS, "ratio", ratio)
    cell = body("return half_of(x) / (h + x), c")
    assert equations(cell)[0] == "hₜ = half_of(xₜ) / (hₜ₋₁ + xₜ)"
    assert r"\frac{\mathrm{half\_of}(x_{t})}{(h_{t-1} + x_{t})}" in latex(cell)


def test_an_invalid_cell_has_no_equations() -> None:
    with pytest.raises(CellError, match="n0"):
        equations(Cell(1, (Node("tanh", (5,)),), (2,)))
