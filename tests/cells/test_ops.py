"""The op table: its own consistency, and a person's rows."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cells import (
    OP_SETS,
    OPS,
    CellError,
    Op,
    digest,
    load_op,
    lower,
    op_names,
    parse,
    to_text,
)

OWN = """
import numpy
from cells import Op

cube = Op("cube", "activation", 1, lambda xp, a: a * a * a)
fast_cube = Op(
    "fast_cube", "activation", 1, lambda xp, a: a * a * a,
    pullback=lambda xp, ct, y, a: (3 * ct * a * a,), reads=("args",), odd=True,
)
mean = Op("mean", "elementwise", 2, lambda xp, a, b: 0.5 * (a + b), commutative=True)
taken = Op("tanh", "activation", 1, lambda xp, a: a)
keyword = Op("if", "activation", 1, lambda xp, a: a)
three = Op("three", "elementwise", 3, lambda xp, a, b, c: a)
shape = Op("shape", "activation", 1, lambda xp, a: a.sum(-1))
kind = Op("kind", "activation", 1, lambda xp, a: numpy.asarray(a, numpy.float64))
raises = Op("raises", "activation", 1, lambda xp, a: 1 // 0)
wrong = Op(
    "wrong", "activation", 1, lambda xp, a: a * a * a,
    pullback=lambda xp, ct, y, a: (2 * ct * a * a,), reads=("args",),
)
unread = Op(
    "unread", "activation", 1, lambda xp, a: a * a,
    pullback=lambda xp, ct, y, a: (2 * ct * a,),
)
even = Op("even", "activation", 1, lambda xp, a: a * a, odd=True)
number = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "own_ops.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(OPS)
    yield "own_ops"
    for name in set(OPS) - before:
        del OPS[name]
    sys.modules.pop("own_ops", None)


OPS_TANH = partial(OPS["tanh"].function, jnp)
POINTWISE = [op for op in OPS.values() if op.pullback is not None]


@pytest.mark.parametrize("op", POINTWISE, ids=lambda op: op.name)
def test_a_pullback_is_what_jax_derives(op: Op) -> None:
    with jax.enable_x64(True):
        args = [jnp.linspace(-3 + i, 3, 12).reshape(3, 4) for i in range(op.arity)]
        output, pull = jax.vjp(lambda *a: op.function(jnp, *a), *args)
        cotangent = jnp.cos(output)
        read = args if "args" in op.reads else [None] * op.arity
        known = output if "output" in op.reads else None
        assert op.pullback is not None
        got = op.pullback(jnp, cotangent, known, *read)
        for a, b in zip(got, pull(cotangent), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("op", POINTWISE, ids=lambda op: op.name)
def test_pullbacks_agree_with_jax_where_arguments_are_zero(op: Op) -> None:
    with jax.enable_x64(True):
        args = [jnp.zeros((2, 2)) for _ in range(op.arity)]
        output, pull = jax.vjp(lambda *a: op.function(jnp, *a), *args)
        assert op.pullback is not None
        got = op.pullback(jnp, jnp.ones((2, 2)), output, *args)
        for a, b in zip(got, pull(jnp.ones((2, 2))), strict=True):
            np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_an_op_is_finite_with_finite_slope_far_from_zero(op: Op) -> None:
    if op.weights or op.kind == "constant":
        return
    for value in (-1e4, -90.0, 0.0, 90.0, 1e4):
        args = [jnp.full((1, 3), value, jnp.float32) for _ in range(op.arity)]
        output, pull = jax.vjp(lambda *a: op.function(jnp, *a), *args)
        assert np.all(np.isfinite(output))
        assert all(np.all(np.isfinite(c)) for c in pull(jnp.ones_like(output)))


def test_tanh_in_single_precision_is_tanh_and_has_its_slope() -> None:
    points = np.float32([*np.linspace(-12, 12, 4001), *np.geomspace(1e-30, 1, 400)])
    exact = np.tanh(points.astype(np.float64))
    value, slope = jax.jvp(OPS_TANH, (points,), (np.ones_like(points),))
    np.testing.assert_allclose(value, exact, rtol=4e-7, atol=0)
    np.testing.assert_allclose(slope, 1 - exact * exact, atol=1e-6)
    assert 1 - 4e-7 < np.abs(value).max() <= 1
    far = OPS_TANH(np.float32([-np.inf, -1e30, -0.0, 0.0, 1e30, np.inf, np.nan]))
    np.testing.assert_allclose(far, [-1, -1, -0.0, 0, 1, 1, np.nan], rtol=4e-7)


def test_tanh_in_other_types_is_the_librarys() -> None:
    points = jnp.linspace(-3, 3, 20, dtype=jnp.bfloat16)
    np.testing.assert_array_equal(OPS_TANH(points), jnp.tanh(points))
    with jax.enable_x64(True):
        points = jnp.linspace(-3, 3, 20, dtype=jnp.float64)
        np.testing.assert_array_equal(OPS_TANH(points), jnp.tanh(points))


def test_sigmoid_is_the_logistic_function() -> None:
    points = np.linspace(-8, 8, 33, dtype=np.float32).reshape(1, -1)
    expected = 1 / (1 + np.exp(-points.astype(np.float64)))
    np.testing.assert_allclose(
        OPS["sigmoid"].function(jnp, jnp.asarray(points)), expected, atol=2e-7
    )


def test_sets_name_the_papers_ops_and_more() -> None:
    assert op_names("paper") == OP_SETS["paper"]
    assert set(OP_SETS["paper"]) < set(OP_SETS["extended"])
    assert op_names(["paper", "sin", "tanh"]) == (*OP_SETS["paper"], "sin")


def test_signs_pass_through_an_own_op_that_says_it_is_odd(own: str) -> None:
    op_names([f"{own}:cube", f"{own}:fast_cube"])
    for name, same in (("cube", False), ("fast_cube", True)):
        one, other = (
            digest(parse(f"def c(x, h):\n    return x {sign} {name}(linear(h))\n"))
            for sign in "+-"
        )
        assert (one == other) == same


def test_own_ops_are_read_trained_and_printed(own: str) -> None:
    names = op_names(["paper", f"{own}:cube", f"{own}:fast_cube", f"{own}:mean"])
    assert names[-3:] == ("cube", "fast_cube", "mean")
    cells = {}
    for name in ("cube", "fast_cube"):
        text = (
            f"def c(x, h):\n    return mean({name}(linear(x) + linear(h)), tanh(h))\n"
        )
        cells[name] = parse(text)
        assert parse(to_text(cells[name])) == cells[name]
    gradients = []
    for cell in cells.values():
        layer = lower(cell)
        params = layer.init(jax.random.key(0), 4)

        def loss(params: object, layer: object = layer) -> jax.Array:
            carry = layer.initial_carry(2, 4)  # type: ignore[attr-defined]
            inputs = jnp.ones((3, 2, 4))
            _, outputs = layer.scan(params, carry, inputs)  # type: ignore[attr-defined]
            return jnp.sum(outputs)

        gradients.append(jax.tree.leaves(jax.grad(loss)(params)))
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cubes", "did you mean 'cube'?"),
        ("number", "has no Op 'number'"),
        ("taken", "the name 'tanh' is taken by 'tanh'"),
        ("keyword", "'if' is not an ASCII identifier"),
        ("three", "an activation of 1 argument or an elementwise op of 2"),
        ("shape", r"must return shape (2, 3) of float32"),
        ("kind", "got (2, 3) of float64"),
        ("raises", "ZeroDivisionError"),
        ("wrong", "its pullback is not its derivative by argument 0"),
        ("unread", "does `Op.reads` name what it reads?"),
        ("even", "it says it is odd, but f(-a) is not -f(a)"),
    ],
)
def test_an_op_that_cannot_work_is_refused_in_one_line(
    own: str, name: str, message: str
) -> None:
    with pytest.raises(CellError) as caught:
        load_op(f"{own}:{name}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_ops_and_sets_are_named_with_the_nearest() -> None:
    with pytest.raises(CellError, match="did you mean 'paper'"):
        op_names("papers")
    with pytest.raises(CellError, match="cannot import 'no_such_module'"):
        op_names("no_such_module:op")
