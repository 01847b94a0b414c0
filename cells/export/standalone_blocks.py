"""The forms of residual blocks, which check.py compares with golden_blocks.json.

Modules come from check.py, which has imported those of the cell before.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

Golden = dict[str, Any]
Form = Callable[[ModuleType, Golden, str], dict[str, Any]]

GAINS = ("norm", "inner_norm")
MATRICES = ("w1", "w2", "w3")


def listed(tree: Any) -> Any:
    """Arrays as nested lists."""
    if isinstance(tree, dict):
        return {name: listed(branch) for name, branch in tree.items()}
    return tree.tolist()


def exact(config: Any) -> None:
    """Allows double precision, and no shortened products in single precision."""
    config.update("jax_enable_x64", True)
    config.update("jax_default_matmul_precision", "highest")


def run_flax(module: ModuleType, golden: Golden, precision: str) -> dict[str, Any]:
    """The blocks in Flax."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    exact(jax.config)
    blocks = getattr(module, golden["class"])(
        golden["in_features"],
        golden["hidden_features"],
        golden["num_layers"],
        param_dtype=precision,
        rngs=nnx.Rngs(0),
    )
    module.load_weights(blocks, golden["weights"])
    graph, params, rest = nnx.split(blocks, nnx.Param, ...)
    many = len(golden["initial_states"][0]) > 1

    def loss(params: Any, states: Any, inputs: Any) -> Any:
        blocks = nnx.merge(graph, params, rest)
        carries = [tuple(s) if many else s[0] for s in states]
        carries, outputs = blocks(inputs, carries, time_major=True)
        after = jnp.stack([jnp.stack(c if many else (c,)) for c in carries])
        return jnp.sum((outputs - 1) ** 2) + jnp.sum((after - 1) ** 2), (outputs, after)

    inputs = jnp.asarray(golden["inputs"], precision)
    states = jnp.asarray(golden["initial_states"], precision)
    both = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
    (value, (outputs, after)), gradients = jax.jit(both)(params, states, inputs)
    # The gradient has the structure of the weights, and so the names.
    held = nnx.merge(graph, gradients[0], rest)
    attributes = module.flax_cell.WEIGHTS
    weights: dict[str, Any] = {
        "embedding": held.project.kernel[...],
        "norm": held.norm.scale[...],
        "layers": {},
    }
    for index, given in golden["weights"]["layers"].items():
        block = getattr(held, f"block{index}")
        own = {name: getattr(block, name).scale[...] for name in GAINS}
        own |= {name: getattr(block, name).kernel[...] for name in MATRICES}
        own["cell"] = {}
        for node, parts in given["cell"].items():
            part = getattr(block.cell, attributes[node])
            own["cell"][node] = {
                key: (part if key == "scale" else getattr(part, key))[...]
                for key in parts
            }
        weights["layers"][index] = own
    result = {
        "outputs": outputs,
        "final_states": after,
        "loss": value,
        "gradients": {
            "inputs": gradients[2],
            "initial_states": gradients[1],
            "weights": weights,
        },
    }
    return listed(result)  # type: ignore[no-any-return]


def run_torch(module: ModuleType, golden: Golden, precision: str) -> dict[str, Any]:
    """The blocks in PyTorch."""
    import torch

    dtype = getattr(torch, precision)
    blocks = getattr(module, golden["class"])(
        golden["in_features"],
        golden["hidden_features"],
        golden["num_layers"],
        dtype=dtype,
    )
    module.load_weights(blocks, golden["weights"])
    wanted = {"dtype": dtype, "requires_grad": True}
    inputs = torch.tensor(golden["inputs"], **wanted)
    states = torch.tensor(golden["initial_states"], **wanted)
    hx = states.unbind(1)
    outputs, h_n = blocks(inputs, hx if len(hx) > 1 else hx[0])
    after = torch.stack(h_n if len(hx) > 1 else (h_n,), dim=1)
    loss = (outputs - 1).square().sum() + (after - 1).square().sum()
    loss.backward()

    def gradient(tensor: Any) -> Any:
        return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad

    attributes = module.torch_cell.WEIGHTS
    weights: dict[str, Any] = {
        "embedding": gradient(blocks.project.weight).T,
        "norm": gradient(blocks.norm.weight),
        "layers": {},
    }
    layers = golden["weights"]["layers"].items()
    for (index, given), block in zip(layers, blocks.blocks, strict=True):
        own = {name: gradient(getattr(block, name).weight) for name in GAINS}
        own |= {name: gradient(getattr(block, name).weight).T for name in MATRICES}
        own["cell"] = {}
        for node, parts in given["cell"].items():
            held = getattr(block.layer.cells[0], attributes[node])
            if "scale" in parts:
                own["cell"][node] = {"scale": gradient(held)}
                continue
            own["cell"][node] = {
                "kernel": gradient(held.weight).T,
                "bias": gradient(held.bias),
            }
        weights["layers"][index] = own
    result = {
        "outputs": outputs,
        "final_states": after,
        "loss": loss,
        "gradients": {
            "inputs": gradient(inputs),
            "initial_states": gradient(states),
            "weights": weights,
        },
    }
    return listed(result)  # type: ignore[no-any-return]


FORMS: dict[str, tuple[str, dict[str, Form]]] = {
    "flax": ("flax_blocks.py", {"flax blocks": run_flax}),
    "torch": ("torch_blocks.py", {"torch blocks": run_torch}),
}
