"""Cells that are scored without a search."""
