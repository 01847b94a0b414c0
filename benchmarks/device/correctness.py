"""Part b: learning curves against the CPU's, and `scan` against `step`.

What may differ, and by how much, is derived in `tolerances`. Where the device is the
CPU itself, nothing may differ but `scan` from `step`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import jax
import numpy as np

from benchmarks.device.place import RATE, SCALE, Place, hyper, on
from benchmarks.device.rows import Row, attempt
from benchmarks.device.tolerances import (
    DRAWS,
    ULP,
    Numbers,
    array_tolerance,
    curve_tolerance,
    distance,
    moved,
)
from cells import ZOO, Cell, canonicalize, dead, lower, mutate
from workers.machine.compiling import compile_lowered, compiler_options
from workers.training.program import Program

KNOWN: Final = ("gru", "lstm", "mut1")
PRECISION: Final = {"float32": "float32", "bfloat16": "BF16_BF16_F32"}
SEED: Final = 1


def measure(place: Place) -> Iterator[Row]:
    """Cell by cell: the known ones in both formats, mutants in float32."""
    known = {name: ZOO[name] for name in KNOWN[: place.sizes.known]}
    others = mutants(place.sizes.mutants)
    for index, (name, cell) in enumerate({**known, **others}.items()):
        formats = tuple(ULP) if name in known else ("float32",)
        yield from _curves(place, name, cell, formats)
        if index < place.sizes.scans:
            for products in formats:
                key = f"scan {name} {products}"
                yield attempt(key, partial(_scan, place, key, cell, products))


def mutants(count: int) -> dict[str, Cell]:
    """The first mutants of GRU and LSTM that are new and alive, by name."""
    rng, parents = np.random.default_rng(0), (ZOO["gru"], ZOO["lstm"])
    found: dict[str, Cell] = {}
    while len(found) < count:
        form = canonicalize(mutate(parents[len(found) % 2], rng).cell)
        if dead(form.cell) is None:
            found[f"mutant {form.digest[:8]}"] = form.cell
    return found


def _curves(
    place: Place, name: str, cell: Cell, formats: tuple[str, ...]
) -> Iterator[Row]:
    """A row a format; the CPU's curves are those of float32 for all of them."""
    model = place.model(cell, place.sizes.parameters[0])
    reference: list[Any] = []

    def judge(key: str, products: str) -> Row:
        if not reference:
            with on(place.cpu):
                program = place.program(model, device=place.cpu, vectorized=False)
                reference.extend((program, curve_of(place, program)))
        program, right = reference
        with on(place.cpu):
            near = [curve_of(place, program, ULP[products], n) for n in range(DRAWS)]
        with on(place.device):
            own = place.program(model, products=products)
            curve = curve_of(place, own)
        return judged_curve(key, curve, right, near, own.compile_s)

    for products in formats:
        key = f"curve {name} {products}"
        yield attempt(key, partial(judge, key, products))


def curve_of(
    place: Place, program: Program, ulp: float = 0.0, draw: int = 0
) -> Numbers:
    """Mean loss of all updates so far, after each update; on the default device."""
    state = program.initial([SEED], [SCALE])
    if ulp:
        weights = jax.device_put(moved(state.params, ulp, draw))
        state = state._replace(params=weights)
    data, rows = place.data(), hyper(program, RATE)
    losses = []
    for index in range(place.sizes.curve_updates):
        state = program.train(state, data, index, index + 1, rows)
        losses.append(float(state.loss_sum) / float(state.positions))
    return np.array(losses)


def judged_curve(
    key: str,
    curve: Numbers,
    right: Numbers,
    near: list[Numbers],
    compile_s: float,
) -> Row:
    """Whether a curve is as near to the reference as its near ones say it must be."""
    # From where the reference is not finite on there is nothing to compare.
    finite = int(np.isfinite([right, *near]).all(axis=0).cumprod().sum())
    values: dict[str, Any] = {
        "updates": finite,
        "device": curve.tolist(),
        "cpu": right.tolist(),
        "compile_s": compile_s,
    }
    if not finite:
        values |= {"holds": not np.isfinite(curve[0]), "equal": False}
        return Row(key, f"{key}: the CPU's loss is not finite", values)
    curve, right = curve[:finite], right[:finite]
    allowed = curve_tolerance(right, [one[:finite] for one in near])
    off = abs(curve - right)
    holds = bool((off <= allowed).all())  # false of what is not finite, too
    worst = int(np.argmax(np.where(np.isfinite(off), off / allowed, np.inf)))
    values |= {
        "holds": holds,
        "equal": bool((curve == right).all()),
        "off": off.tolist(),
        "allowed": allowed.tolist(),
    }
    text = (
        f"{'ok  ' if holds else 'WRONG'} {key}: loss {right[0]:.4f} to {right[-1]:.4f} "
        f"in {finite} updates; off by {off[worst]:.1e} after {worst + 1}, allowed "
        f"{allowed[worst]:.1e}; compiled in {compile_s:.1f} s"
    )
    return Row(key, text, values)


def _scan(place: Place, key: str, cell: Cell, products: str) -> Row:
    """`scan` and `step` on the device, and `step` on the CPU, in value and gradient."""
    sizes, layer = place.sizes, lower(cell)
    rng = np.random.default_rng(2)
    shape = (sizes.steps, sizes.batch, sizes.scan_width)
    inputs, weighing = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    with on(place.cpu):
        drawn = layer.init(jax.random.key(0), sizes.scan_width, SCALE)
    params = jax.tree.map(np.asarray, drawn)

    def outcome(scan: bool, params: Any, inputs: Any, weighing: Any) -> Any:
        """Outputs, and the gradient of their weighted sum: weights, then inputs."""

        def total(params: Any, inputs: Any) -> Any:
            carry = layer.initial_carry(sizes.batch, sizes.scan_width)
            if scan:
                _, outputs = layer.scan(params, carry, inputs)
            else:
                _, outputs = jax.lax.scan(
                    lambda c, x: layer.step(params, c, x), carry, inputs
                )
            return (outputs * weighing).sum(), outputs

        grads, outputs = jax.grad(total, (0, 1), has_aux=True)(params, inputs)
        return outputs, grads

    with on(place.device), jax.default_matmul_precision(PRECISION[products]):
        both = jax.jit(lambda *args: (outcome(True, *args), outcome(False, *args)))
        # Without options a GPU tries out every product in many ways, for minutes.
        options = compiler_options(place.device.platform)
        run = compile_lowered(both.lower(params, inputs, weighing), options)
        scanned, stepped = jax.device_get(run(params, inputs, weighing))
    with on(place.cpu), jax.default_matmul_precision("float32"):
        plain = jax.jit(lambda *args: outcome(False, *args))
        right = jax.device_get(plain(params, inputs, weighing))
        near = []
        for draw in range(DRAWS):
            other = moved((params, inputs), ULP[products], draw)
            near.append(jax.device_get(plain(*other, weighing)))
    return _judged_scan(key, scanned, stepped, right, near)


def _judged_scan(
    key: str, scanned: Any, stepped: Any, right: Any, near: list[Any]
) -> Row:
    """The array that is worst, of the outputs and the gradient of each weight."""
    truth = jax.tree.leaves(right)
    others = [jax.tree.leaves(one) for one in near]
    allowed = [
        array_tolerance([distance(one[i], leaf) for one in others])
        for i, leaf in enumerate(truth)
    ]
    off = {}
    for name, (tree, than) in {
        "scan from step": (scanned, stepped),
        "step from the CPU's": (stepped, right),
    }.items():
        pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(than), strict=True)
        off[name] = [distance(one, other) for one, other in pairs]
    holds = all(
        one <= limit
        for row in off.values()
        for one, limit in zip(row, allowed, strict=True)
    )
    parts = []
    for name, row in off.items():
        worst = int(np.argmax(np.array(row) / allowed))
        parts.append(f"{name} by {row[worst]:.1e} (allowed {allowed[worst]:.1e})")
    values = {"holds": holds, "off": off, "allowed": allowed}
    return Row(key, f"{'ok  ' if holds else 'WRONG'} {key}: {', '.join(parts)}", values)
