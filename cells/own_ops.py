"""A person's own ops: named `module:op`, imported on request, and probed."""

import importlib
import keyword
from collections.abc import Sequence

import numpy as np

from cells.ops import OP_SETS, OPS, CellError, Op
from cells.wording import nearest_name, unknown_name


def op_names(names: str | Sequence[str]) -> tuple[str, ...]:
    """The op names that sets, names and `module:op` stand for, without repeats.

    Args:
        names: One of `OP_SETS`, an op, a person's own `module:op`, or several of them.

    Raises:
        CellError: One of them is unknown or cannot be loaded.
    """
    chosen: dict[str, None] = {}
    for name in (names,) if isinstance(names, str) else names:
        if name in OP_SETS:
            chosen.update(dict.fromkeys(OP_SETS[name]))
        elif ":" in name:
            chosen[load_op(name).name] = None
        elif name in OPS:
            chosen[name] = None
        else:
            raise CellError(unknown_name("op or op set", name, [*OP_SETS, *OPS]))
    return tuple(chosen)


def loaded_ops() -> set[str]:
    """The own ops that have been loaded in this process, as `module:op`."""
    return {op.origin for op in OPS.values() if op.origin}


def load_op(spec: str) -> Op:
    """Imports a person's own op, named `module:op`, and adds it to `OPS`.

    The name after the colon is an `Op` in that module. It is called once on small
    NumPy arrays, so that a row that cannot work is refused here.

    Raises:
        CellError: No such module or op, a name already taken, or an op that does not
            return an array of its argument's shape and type.
    """
    # What a person's module does wrong on import is their mistake, not a crash.
    module_name, _, attribute = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, SyntaxError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CellError(
            f"op {spec!r}: cannot import {module_name!r}: {reason}"
        ) from None
    row = getattr(module, attribute, None)
    if not isinstance(row, Op):
        rows = [name for name, value in vars(module).items() if isinstance(value, Op)]
        raise CellError(
            f"op {spec!r}: {module_name!r} has no Op {attribute!r}; "
            f"{nearest_name(attribute, rows) if rows else 'it has none at all'}"
        )

    # Where it comes from is part of its identity: two ops may have one name in two
    # programs, but not in one.
    op = Op(**{**vars(row), "origin": spec})
    taken = OPS.get(op.name)
    if taken is not None and taken.origin != spec:
        raise CellError(f"op {spec!r}: the name {op.name!r} is taken by {taken.key!r}")
    _probe(op)
    OPS[op.name] = op
    return op


def _probe(op: Op) -> None:
    """Calls a person's op once and compares what comes back with what must."""
    # It has to have a name in texts, and a place in equations.
    plain = op.name.isidentifier() and op.name.isascii() and len(op.name) <= 100
    if not plain or keyword.iskeyword(op.name):
        raise CellError(f"op {op.origin!r}: {op.name!r} is not an ASCII identifier")
    try:
        op.latex.format(*"ab"[: op.arity])
    except (IndexError, KeyError, ValueError):
        raise CellError(
            f"op {op.origin!r}: latex {op.latex!r} is not a format string of "
            f"{op.arity} arguments"
        ) from None

    # Weights and attributes would need a start, a text and an export of their own.
    allowed = {"activation": (1,), "elementwise": (2,)}
    if op.arity not in allowed.get(op.kind, ()) or op.attributes or op.weights:
        raise CellError(
            f"op {op.origin!r}: an own op is an activation of 1 argument or an "
            f"elementwise op of 2, without weights and attributes"
        )

    # Any wrong row shows on one small call, before hours of training do.
    args = [np.linspace(-2 + i, 2, 6, dtype=np.float32).reshape(2, 3) for i in range(2)]
    try:
        output = op.function(np, *args[: op.arity])
    except Exception as error:  # noqa: BLE001 - a person's code may raise anything
        raise CellError(f"op {op.origin!r}: {type(error).__name__}: {error}") from None
    got = (getattr(output, "shape", None), getattr(output, "dtype", None))
    if got != ((2, 3), np.float32):
        raise CellError(
            f"op {op.origin!r}: must return shape (2, 3) of float32 for arguments of "
            f"that shape and type, got {got[0]} of {got[1]}"
        )
    if op.odd and (op.arity != 1 or (op.function(np, -args[0]) != -output).any()):
        raise CellError(f"op {op.origin!r}: it says it is odd, but f(-a) is not -f(a)")
    if op.pullback is not None:
        _probe_pullback(op)


def _probe_pullback(op: Op) -> None:
    """Compares a person's pullback with central differences, element by element."""
    assert op.pullback is not None
    # It gets what it says it reads, and nothing else: as in a scan.
    rng = np.random.Generator(np.random.PCG64(0))
    args = [rng.uniform(-2, 2, (4, 5)) for _ in range(op.arity)]
    given = args if "args" in op.reads else [None] * op.arity
    output = op.function(np, *args) if "output" in op.reads else None
    try:
        pulled = op.pullback(np, np.ones((4, 5)), output, *given)
    except Exception as error:  # noqa: BLE001 - a person's code may raise anything
        raise CellError(
            f"op {op.origin!r}: pullback: {type(error).__name__}: {error}; "
            "does `Op.reads` name what it reads?"
        ) from None

    # f'(a) is about (f(a + e) - f(a - e)) / 2 e, by each argument in turn.
    step = 1e-6
    for place, cotangent in enumerate(pulled):
        ends = []
        for sign in (1, -1):
            moved = [a + sign * step * (i == place) for i, a in enumerate(args)]
            ends.append(op.function(np, *moved))
        slope = (ends[0] - ends[1]) / (2 * step)
        if not np.allclose(cotangent, slope, rtol=1e-3, atol=1e-5):
            raise CellError(
                f"op {op.origin!r}: its pullback is not its derivative by argument "
                f"{place}: {np.ravel(cotangent)[0]:.6g} against {slope[0, 0]:.6g}"
            )
