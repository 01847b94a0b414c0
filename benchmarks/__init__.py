"""Benchmarks: each prints what it computed, and ratios measured side by side."""
