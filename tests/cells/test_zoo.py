"""The published cells against their equations as published."""

import re
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

from cells import OP_SETS, check
from cells.notation.text import parse, parse_named, to_text
from cells.zoo import PUBLISHED, ZOO
from cells.zoo.published import Published
from tests.support.interpreter import random_params, run

Array = np.ndarray
Params = dict[str, Array]
Learned = Callable[[Array], Array]
tanh = np.tanh

THE_PAPER_S = (
    *("tanh", "lstm", "lstm_f", "lstm_i", "lstm_o", "lstm_b", "lstm_printed"),
    *("gru", "mut1", "mut2", "mut3"),
)


def sigm(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def relu(v: Array) -> Array:
    return np.where(v > 0, v, 0)


# What a cell's paper says, as it says it. `w` applies the next matrix and its bias, `s`
# the next vector; both in the order of the zoo's text.
EQUATIONS: dict[str, Callable[..., tuple[Array, ...]]] = {}


def published(equation: Callable[..., tuple[Array, ...]]) -> None:
    EQUATIONS[equation.__name__.removesuffix("_")] = equation


@published
def tanh_(w: Learned, s: Learned, x: Array, h: Array) -> tuple[Array, ...]:
    return (tanh(w(x) + w(h)),)


def lstm_step(
    w: Learned, x: Array, h: Array, c: Array, without: str = "", printed: bool = False
) -> tuple[Array, Array]:
    i = 1.0 if without == "i" else sigm(w(x) + w(h))
    f = 1.0 if without == "f" else sigm(w(x) + w(h))
    out = tanh if printed else sigm
    o = 1.0 if without == "o" else out(w(x) + w(h))
    j = tanh(w(x) + w(h))
    c = c * f + i * j
    return tanh(c) * o, c


@published
def lstm(w, s, x, h, c):
    return lstm_step(w, x, h, c)


@published
def lstm_b(w, s, x, h, c):
    return lstm_step(w, x, h, c)


@published
def lstm_f(w, s, x, h, c):
    return lstm_step(w, x, h, c, "f")


@published
def lstm_i(w, s, x, h, c):
    return lstm_step(w, x, h, c, "i")


@published
def lstm_o(w, s, x, h, c):
    return lstm_step(w, x, h, c, "o")


@published
def lstm_printed(w, s, x, h, c):
    return lstm_step(w, x, h, c, printed=True)


@published
def gru(w, s, x, h):
    r = sigm(w(x) + w(h))
    z = sigm(w(x) + w(h))
    g = tanh(w(x) + w(r * h))
    return (z * h + (1 - z) * g,)


@published
def mut1(w, s, x, h):
    z = sigm(w(x))
    r = sigm(w(x) + w(h))
    return (tanh(w(r * h) + tanh(x)) * z + h * (1 - z),)


@published
def mut2(w, s, x, h):
    z = sigm(w(x) + w(h))
    r = sigm(x + w(h))
    return (tanh(w(r * h) + w(x)) * z + h * (1 - z),)


@published
def mut3(w, s, x, h):
    z = sigm(w(x) + w(tanh(h)))
    r = sigm(w(x) + w(h))
    return (tanh(w(r * h) + w(x)) * z + h * (1 - z),)


@published
def gru_reset_after(w, s, x, h):
    r = sigm(w(x) + w(h))
    z = sigm(w(x) + w(h))
    n = tanh(w(x) + r * w(h))
    return ((1 - z) * n + z * h,)


@published
def gru1(w, s, x, h):
    z, r = sigm(w(h)), sigm(w(h))
    return ((1 - z) * h + z * tanh(w(x) + w(r * h)),)


@published
def mgu(w, s, x, h):
    f = sigm(w(x) + w(h))
    return ((1 - f) * h + f * tanh(w(x) + w(f * h)),)


@published
def ugrnn(w, s, x, h):
    g = sigm(w(x) + w(h))
    c = tanh(w(x) + w(h))
    return (g * h + (1 - g) * c,)


@published
def intersection_rnn(w, s, x, y, h):
    y_in = relu(w(x) + w(h))
    h_in = tanh(w(x) + w(h))
    g_y = sigm(w(x) + w(h))
    g_h = sigm(w(x) + w(h))
    return g_y * x + (1 - g_y) * y_in, g_h * h + (1 - g_h) * h_in


@published
def minimal_rnn(w, s, x, h):
    z = tanh(w(x))
    u = sigm(w(h) + w(z))
    return (u * h + (1 - u) * z,)


@published
def janet(w, s, x, h):
    gate = w(x) + w(h)
    c = tanh(w(x) + w(h))
    return (sigm(gate) * h + (1 - sigm(gate - 1)) * c,)


@published
def ran(w, s, x, h, c):
    i = sigm(w(h) + w(x))
    f = sigm(w(h) + w(x))
    c = i * w(x) + f * c
    return tanh(c), c


@published
def atr(w, s, x, h):
    p, q = w(x), w(h)
    i, f = sigm(p + q), sigm(p - q)
    return (i * p + f * h,)


@published
def lrn(w, s, x, h):
    q, k, v = w(x), w(x), w(x)
    i, f = sigm(k + h), sigm(q - h)
    return (tanh(i * v + f * h),)


@published
def cfn(w, s, x, h):
    theta = sigm(w(h) + w(x))
    eta = sigm(w(h) + w(x))
    return (theta * tanh(h) + eta * tanh(w(x)),)


@published
def ligru(w, s, x, h):
    z = sigm(w(x) + w(h))
    a = relu(w(x) + w(h))
    return (z * h + (1 - z) * a,)


@published
def star(w, s, x, h):
    z = tanh(w(x))
    k = sigm(w(x) + w(h))
    return (tanh((1 - k) * h + k * z),)


@published
def lstm_peephole(w, s, x, h, c):
    i = sigm(w(x) + w(h) + s(c))
    f = sigm(w(x) + w(h) + s(c))
    c = f * c + i * tanh(w(x) + w(h))
    o = sigm(w(x) + w(h) + s(c))
    return o * tanh(c), c


@published
def lstm_cifg(w, s, x, h, c):
    f = sigm(w(x) + w(h))
    o = sigm(w(x) + w(h))
    c = f * c + (1 - f) * tanh(w(x) + w(h))
    return o * tanh(c), c


@published
def mlstm(w, s, x, h, c):
    m = w(x) * w(h)
    i = sigm(w(x) + w(m))
    f = sigm(w(x) + w(m))
    o = sigm(w(x) + w(m))
    c = f * c + i * tanh(w(x) + w(m))
    return tanh(c) * o, c


@published
def mogrifier_lstm(w, s, x, h, c):
    for i in range(1, 6):
        if i % 2:
            x = 2 * sigm(w(h)) * x
        else:
            h = 2 * sigm(w(x)) * h
    return lstm_step(w, x, h, c)


@published
def nascell(w, s, x, h, c):
    add = lambda f: f(w(x) + w(h))  # noqa: E731
    l0, l1, l2 = add(sigm), add(relu), add(sigm)
    l3 = relu(w(x) * w(h))
    l4, l5, l6, l7 = add(tanh), add(sigm), add(tanh), add(sigm)
    m0, m1 = tanh(l0 * l1), tanh(l2 + l3)
    m2, m3 = tanh(l4 * l5), sigm(l6 + l7)
    c = tanh(m0 + c) * m1
    return tanh(c * tanh(m2 + m3)), c


@published
def min_gru(w, s, x, h):
    z = sigm(w(x))
    return ((1 - z) * h + z * w(x),)


@published
def min_lstm(w, s, x, h):
    f, i = sigm(w(x)), sigm(w(x))
    return (f / (f + i) * h + i / (f + i) * w(x),)


@published
def sru(w, s, x, h, c):
    value = w(x)
    f = sigm(w(x) + s(c))
    r = sigm(w(x) + s(c))
    c = f * c + (1 - f) * value
    return r * c + (1 - r) * x, c


@published
def qrnn(w, s, x, h, c):
    z, f, o = tanh(w(x)), sigm(w(x)), sigm(w(x))
    c = f * c + (1 - f) * z
    return o * c, c


@published
def t_rnn(w, s, x, h):
    z, f = w(x), sigm(w(x))
    return (f * h + (1 - f) * z,)


@published
def irnn(w, s, x, h):
    return (relu(w(x) + w(h)),)


@published
def indrnn(w, s, x, h):
    return (relu(w(x) + s(h)),)


@published
def mrnn(w, s, x, h):
    return (tanh(w(w(x) * w(h)) + w(x)),)


@published
def mi_rnn(w, s, x, h):
    wx, uh = w(x), w(h)
    return (tanh(s(wx * uh) + s(uh) + s(wx)),)


@published
def rhn(w, s, x, h):
    for depth in (1, 2):
        t = sigm(w(x) + w(h)) if depth == 1 else sigm(w(h))
        y = tanh(w(x) + w(h)) if depth == 1 else tanh(w(h))
        h = y * t + h * (1 - t)
    return (h,)


@published
def brc(w, s, x, h):
    a = 1 + tanh(w(x) + s(h))
    c = sigm(w(x) + s(h))
    return (c * h + (1 - c) * tanh(w(x) + a * h),)


@published
def nbrc(w, s, x, h):
    a = 1 + tanh(w(x) + w(h))
    c = sigm(w(x) + w(h))
    return (c * h + (1 - c) * tanh(w(x) + a * h),)


@published
def lem(w, s, x, y, z):
    step = sigm(w(y) + w(x))
    step_bar = sigm(w(y) + w(x))
    z = (1 - step) * z + step * tanh(w(y) + w(x))
    y = (1 - step_bar) * y + step_bar * tanh(w(z) + w(x))
    return y, z


@published
def fastgrnn(w, s, x, h):
    pre = w(x) + w(h)
    z = sigm(pre)
    ones = np.ones_like(x)
    candidate = tanh(pre + s(ones))
    zeta, nu = sigm(s(ones)), sigm(s(ones))
    return ((zeta * (1 - z) + nu) * candidate + z * h,)


def apply_linear(weights: Iterator[Params], v: Array) -> Array:
    p = next(weights)
    return v @ p["kernel"] + p["bias"]


def apply_scale(weights: Iterator[Params], v: Array) -> Array:
    return next(weights)["scale"] * v


@pytest.mark.parametrize("name", ZOO)
def test_a_zoo_cell_computes_the_published_equations(name: str) -> None:
    cell, rng = ZOO[name], np.random.default_rng(7)
    params = random_params(cell, 5, rng, scale=2.0)
    inputs = rng.normal(size=(6, 3, 5))
    carry: tuple[Array, ...] = (np.zeros((3, 5)),) * cell.num_states
    expected = []
    for x in inputs:
        linears = (p for p in params.values() if "kernel" in p)
        scales = (p for p in params.values() if "scale" in p)
        carry = EQUATIONS[name](
            partial(apply_linear, linears),
            partial(apply_scale, scales),
            x,
            *carry,
        )
        assert next(linears, None) is None
        assert next(scales, None) is None
        expected.append(carry[0])
    np.testing.assert_allclose(run(cell, params, inputs), np.stack(expected), atol=1e-9)


@pytest.mark.parametrize("name", ZOO)
def test_a_zoo_cell_is_valid_and_its_text_round_trips(name: str) -> None:
    row, cell = PUBLISHED[name], ZOO[name]
    check(cell)
    assert parse_named(row.text) == (name, cell)
    assert parse_named(to_text(cell, name)) == (name, cell)
    assert all(len(line) < 80 for line in row.text.splitlines())


@pytest.mark.parametrize("name", ZOO)
def test_a_zoo_cell_says_where_it_comes_from(name: str) -> None:
    row = PUBLISHED[name]
    assert row.name == name
    assert 1990 <= row.year <= 2026
    authors, _, rest = row.reference.partition(": ")
    assert authors
    assert re.search(r"\d{4}\.\d{5}|19\d\d|20\d\d", rest)
    assert row.title
    assert (row.title + row.reference + row.note).isascii()
    found = re.search(r"arXiv:(\d\d)\d\d\.", row.reference)
    assert found is None or row.year <= 2000 + int(found[1])


def test_every_zoo_cell_has_its_equations_here() -> None:
    assert set(EQUATIONS) == set(ZOO)
    assert list(ZOO)[: len(THE_PAPER_S)] == list(THE_PAPER_S)
    assert len(ZOO) >= len(THE_PAPER_S) + 20


def test_the_paper_s_cells_use_the_paper_s_ops_only() -> None:
    for name in THE_PAPER_S:
        assert parse(PUBLISHED[name].text, ops=OP_SETS["paper"]) == ZOO[name]


def test_biases_and_diagonals_start_at_zero_but_where_published_otherwise() -> None:
    special = {
        (name, node.args[0], node.attrs)
        for name, cell in ZOO.items()
        for node in cell.nodes
        if any(node.attrs)
    }
    assert special == {("lstm_b", 1, (0.0, 1.0)), ("irnn", 1, (1.0, 0.0))}
    differing = zip(ZOO["lstm_b"].nodes, ZOO["lstm"].nodes, strict=True)
    assert [i for i, (a, b) in enumerate(differing) if a != b] == [5]


def test_no_zoo_cell_is_there_twice() -> None:
    assert len(set(ZOO.values())) == len(ZOO)


def test_a_cell_is_parsed_when_first_asked_for() -> None:
    row = Published(PUBLISHED["gru"].text, "a GRU", 2014, "Cho et al., 2014")
    assert "cell" not in vars(row)
    assert row.cell == ZOO["gru"]
    assert row.cell is row.cell


def test_the_zoo_is_a_mapping_of_names() -> None:
    names: Iterator[str] = iter(ZOO)
    assert next(names) == "tanh"
    assert "gru" in ZOO
    assert ZOO.get("gruu") is None
    with pytest.raises(KeyError):
        ZOO["gruu"]
