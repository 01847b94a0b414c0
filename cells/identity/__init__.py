"""Which cells are the same: canonical form, exact labelling, digest."""
