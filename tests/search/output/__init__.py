"""Tests of `search/output`."""
