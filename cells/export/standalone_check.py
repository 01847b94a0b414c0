"""Compares the exported forms of a cell with golden.json: `python check.py`.

Every form that this machine can run computes the golden instance, in double and in
single precision: outputs of every step, last states, loss and gradients by weights,
inputs and initial states. One line each tells the greatest error, relative to the
largest number of its array. The loss is the sum of (v - 1)^2 over all outputs and last
states. The exit status is 0 if at least one form ran and none failed. Where there are
residual blocks, in check_blocks.py, they are compared with golden_blocks.json likewise.
"""

import functools
import importlib.util
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

LIMITS = {"float64": 1e-8, "float32": 1e-5}
SMALLEST = 0.01
"""Errors of arrays below this are relative to it."""

LOOP, LIBRARY, AT_ONCE = "step by step", "by the library", "at once"
"""How a form goes over the steps; at once: of affine cells alone."""

Golden = dict[str, Any]
Form = Callable[[ModuleType, Golden, str], dict[str, Any]]


def main(folder: Path) -> int:
    """Runs the forms in a folder, prints a line for each, returns the exit status."""
    passed, ran = check(folder, "golden.json", FORMS)
    blocks = folder / "check_blocks.py"
    if blocks.exists() and ran:
        passed &= check(folder, "golden_blocks.json", load(blocks).FORMS)[0]
    if not ran:
        print("nothing ran: install flax or torch")
    return 0 if passed and ran else 1


def check(
    folder: Path, vectors: str, table: dict[str, tuple[str, dict[str, Form]]]
) -> tuple[bool, bool]:
    """Whether all forms of a table are right, and whether any ran."""
    golden = json.loads((folder / vectors).read_text("utf-8"))
    results: dict[tuple[str, str], dict[str, Any]] = {}
    passed = True
    for library, (file, forms) in table.items():
        if importlib.util.find_spec(library) is None:
            print(f"{library:18}          skipped: it is not installed")
            continue
        module = load(folder / file)
        for name, form in forms.items():
            if name.endswith(AT_ONCE) and not hasattr(module, "all_steps"):
                continue
            for precision, limit in LIMITS.items():
                result = form(module, golden, precision)
                results[name, precision] = result
                passed &= compare(f"{name:18} {precision}", result, golden, limit)
    for precision, limit in LIMITS.items():
        ran = {name: result for (name, p), result in results.items() if p == precision}
        first = next(iter(ran), "")
        for name in list(ran)[1:]:
            what = f"{name:18} {precision} against {first}"
            passed &= compare(what, ran[name], ran[first], 2 * limit)
    return passed, bool(results)


def load(path: Path) -> ModuleType:
    """Imports a module from a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def compare(what: str, got: Any, wanted: Any, limit: float) -> bool:
    """Prints the greatest error of all arrays and whether it is within the limit."""
    pairs = list(arrays(got, wanted))
    error, place = max((distance(g, w), name) for name, g, w in pairs)
    fine = error <= limit
    tail = "ok" if fine else f"FAILED at {place} (limit {limit:.0e})"
    print(f"{what}: greatest error {error:.1e} in {len(pairs)} arrays, {tail}")
    return fine


def arrays(got: Any, wanted: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Pairs of arrays under the keys of the first."""
    if isinstance(got, dict):
        for key in got:
            yield from arrays(got[key], wanted[key], f"{name}/{key}".strip("/"))
    else:
        yield name, flat(got), flat(wanted)


def flat(value: Any) -> list[float]:
    """All numbers of nested lists."""
    if isinstance(value, list):
        return [number for item in value for number in flat(item)]
    return [float(value)]


def distance(got: list[float], wanted: list[float]) -> float:
    """The greatest error, relative to the largest number that is wanted."""
    if len(got) != len(wanted) or not all(map(math.isfinite, got)):
        return math.inf
    scale = max(SMALLEST, *map(abs, wanted))
    return max(abs(a - b) for a, b in zip(got, wanted, strict=True)) / scale


def listed(tree: Any) -> Any:
    """Arrays as nested lists."""
    if isinstance(tree, dict):
        return {name: listed(branch) for name, branch in tree.items()}
    return tree.tolist()


def run_nnx(
    module: ModuleType, golden: Golden, precision: str, *, way: str
) -> dict[str, Any]:
    """The nnx cell: step by step, in `nnx.RNN`, or all steps at once."""
    import jax
    from flax import nnx

    exact(jax.config)
    cell = getattr(module, golden["classes"]["nnx"])(
        golden["in_features"],
        golden["hidden_features"],
        param_dtype=precision,
        rngs=nnx.Rngs(0),
    )
    module.load_weights(cell, golden["weights"])
    graph, params = nnx.split(cell)

    def run(params: Any, carry: Any, inputs: Any) -> Any:
        cell = nnx.merge(graph, params)
        if way == LOOP:
            return steps(cell, carry, inputs)
        if way == AT_ONCE:
            return cell.at_once(inputs, carry, time_major=True)
        rnn = nnx.RNN(cell, time_major=True, return_carry=True)
        return rnn(inputs, initial_carry=carry)

    result, gradient = flax_results(run, params, golden, precision)
    # The gradient has the structure of the weights, and so the names.
    held = nnx.merge(graph, gradient)
    named = {}
    for name, given in golden["weights"].items():
        part = getattr(held, module.WEIGHTS[name])
        named[name] = {
            key: (part if key == "scale" else getattr(part, key))[...] for key in given
        }
    result["gradients"]["weights"] = named
    return listed(result)  # type: ignore[no-any-return]


def run_linen(
    module: ModuleType, golden: Golden, precision: str, *, way: str
) -> dict[str, Any]:
    """The linen cell: step by step, in `nn.RNN`, or all steps at once."""
    import jax
    from flax import linen as nn

    exact(jax.config)
    cell = getattr(module, golden["classes"]["linen"])(
        golden["in_features"], golden["hidden_features"], param_dtype=precision
    )

    def run(params: Any, carry: Any, inputs: Any) -> Any:
        apply = functools.partial(cell.apply, {"params": params})
        if way == LOOP:
            return steps(apply, carry, inputs)
        if way == AT_ONCE:
            return apply(inputs, carry, time_major=True, method="at_once")
        rnn = nn.RNN(cell, time_major=True, return_carry=True)
        variables = {"params": {"cell": params}}
        return rnn.apply(variables, inputs, initial_carry=carry)

    params = module.linen_params(golden["weights"], precision)
    result, gradient = flax_results(run, params, golden, precision)
    named = {}
    for name, given in golden["weights"].items():
        part = gradient[module.WEIGHTS[name]]
        named[name] = {"scale": part} if "scale" in given else dict(part)
    result["gradients"]["weights"] = named
    return listed(result)  # type: ignore[no-any-return]


def exact(config: Any) -> None:
    """Allows double precision, and no shortened products in single precision."""
    config.update("jax_enable_x64", True)
    config.update("jax_default_matmul_precision", "highest")


def steps(cell: Any, carry: Any, inputs: Any) -> Any:
    """The last carry and the outputs [T, B, H] of a Flax cell called step by step."""
    import jax.numpy as jnp

    outputs = []
    for x in inputs:
        carry, output = cell(carry, x)
        outputs.append(output)
    return carry, jnp.stack(outputs)


def flax_results(
    run: Callable[..., Any], params: Any, golden: Golden, precision: str
) -> tuple[dict[str, Any], Any]:
    """What a Flax form computes, and the gradient by its weights apart."""
    import jax
    import jax.numpy as jnp

    def loss(params: Any, states: Any, inputs: Any) -> Any:
        after, outputs = run(params, states if len(states) > 1 else states[0], inputs)
        after = jnp.stack(after if isinstance(after, tuple) else (after,))
        return jnp.sum((outputs - 1) ** 2) + jnp.sum((after - 1) ** 2), (outputs, after)

    inputs = jnp.asarray(golden["inputs"], precision)
    states = tuple(jnp.asarray(s, precision) for s in golden["initial_states"])
    both = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
    (value, (outputs, after)), gradients = both(params, states, inputs)
    result = {
        "outputs": outputs,
        "final_states": after,
        "loss": value,
        "gradients": {
            "inputs": gradients[2],
            "initial_states": jnp.stack(gradients[1]),
        },
    }
    return result, gradients[0]


def run_torch(
    module: ModuleType, golden: Golden, precision: str, *, way: str
) -> dict[str, Any]:
    """The PyTorch cell step by step, or its layer, in a loop or at once."""
    import torch

    dtype = getattr(torch, precision)
    classes = golden["classes"]
    sizes = (golden["in_features"], golden["hidden_features"])
    if way == LOOP:
        cell = getattr(module, classes["torch"])(*sizes, dtype=dtype)
    else:
        layer = getattr(module, classes["torch_layer"])(*sizes, dtype=dtype)
        layer.at_once = way == AT_ONCE  # read by the layers of affine cells alone
        cell = layer.cells[0]
    module.load_weights(cell, golden["weights"])
    wanted = {"dtype": dtype, "requires_grad": True}
    inputs = torch.tensor(golden["inputs"], **wanted)
    states = [torch.tensor(state, **wanted) for state in golden["initial_states"]]
    if way == LOOP:
        hx = tuple(states) if len(states) > 1 else states[0]
        emitted = []
        for x in inputs:
            hx = cell(x, hx)
            emitted.append(hx[0] if len(states) > 1 else hx)
        outputs = torch.stack(emitted)
        after = torch.stack(hx if len(states) > 1 else (hx,))
    else:
        stacked = tuple(state.unsqueeze(0) for state in states)
        outputs, h_n = layer(inputs, stacked if len(states) > 1 else stacked[0])
        after = torch.cat(h_n if len(states) > 1 else (h_n,))
        after = after.reshape(len(states), *states[0].shape)
    loss = (outputs - 1).square().sum() + (after - 1).square().sum()
    if loss.requires_grad:
        loss.backward()

    def gradient(tensor: Any) -> Any:
        return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad

    weights: dict[str, Any] = {}
    for name, given in golden["weights"].items():
        held = getattr(cell, module.WEIGHTS[name])
        if "scale" in given:
            weights[name] = {"scale": gradient(held)}
            continue
        weights[name] = {"kernel": gradient(held.weight).T}
        if "bias" in given:
            weights[name]["bias"] = gradient(held.bias)
    result = {
        "outputs": outputs,
        "final_states": after,
        "loss": loss,
        "gradients": {
            "inputs": gradient(inputs),
            "initial_states": torch.stack([gradient(state) for state in states]),
            "weights": weights,
        },
    }
    return listed(result)  # type: ignore[no-any-return]


FORMS: dict[str, tuple[str, dict[str, Form]]] = {
    "flax": (
        "flax_cell.py",
        {
            "flax nnx cell": functools.partial(run_nnx, way=LOOP),
            "flax nnx.RNN": functools.partial(run_nnx, way=LIBRARY),
            "flax nnx at once": functools.partial(run_nnx, way=AT_ONCE),
            "flax linen cell": functools.partial(run_linen, way=LOOP),
            "flax nn.RNN": functools.partial(run_linen, way=LIBRARY),
            "flax linen at once": functools.partial(run_linen, way=AT_ONCE),
        },
    ),
    "torch": (
        "torch_cell.py",
        {
            "torch cell": functools.partial(run_torch, way=LOOP),
            "torch layer": functools.partial(run_torch, way=LIBRARY),
            "torch at once": functools.partial(run_torch, way=AT_ONCE),
        },
    ),
}

if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent))
