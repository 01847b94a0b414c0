"""A cell over time in JAX: the layer, and the plan that makes its scan fast."""
