"""Helpers of the tests: a slow search, fake pools, strategies, cells and jobs."""
