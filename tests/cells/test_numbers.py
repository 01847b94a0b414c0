"""Guard against compilers that return wrong numbers."""

import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings

from cells import Cell, lower
from tests.support.strategies import mutants

B, H, V, T = 20, 24, 28, 35


def test_the_known_miscompiled_product_is_right() -> None:
    # jax-ml/jax#39103: jaxlib 0.10.2 returns 1071645696 here on x86 CPUs.
    index = jnp.arange(32_769, dtype=jnp.float32)
    rows = jnp.stack((index, 0 * index, 0 * index), axis=1)
    matrix = jnp.eye(3, dtype=jnp.float32)
    squares = jax.jit(jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2)))(rows)
    assert float(squares[-1]) == 32_768.0**2


def test_the_project_excludes_versions_with_wrong_numbers() -> None:
    wanted = importlib.metadata.requires("cellsearch") or []
    (line,) = [r for r in wanted if r.startswith("jaxlib")]
    assert "!=0.10.2" in line
    assert "!=0.11.0" in line


@settings(max_examples=8)
@given(cell=mutants(ops="paper", max_states=2))
def test_compiled_equals_eager_on_random_cells_at_training_shapes(cell: Cell) -> None:
    layer = lower(cell)
    params = layer.init(jax.random.key(0), H)
    carry = layer.initial_carry(B, H)
    table = jax.random.normal(jax.random.key(1), (V, H))
    tokens = jax.random.randint(jax.random.key(2), (T, B), 0, V)
    _, compiled = jax.jit(layer.scan_tokens)(params, carry, table, tokens)
    with jax.disable_jit():
        outputs = []
        for x in table[tokens]:
            carry, output = layer.step(params, carry, x)
            outputs.append(output)
    eager = np.stack(outputs)
    if np.all(np.abs(eager) < 1e3):
        np.testing.assert_allclose(compiled, eager, rtol=1e-3, atol=1e-4)
