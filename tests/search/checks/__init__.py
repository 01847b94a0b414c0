"""Tests of `search/checks`."""
