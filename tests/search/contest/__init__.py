"""Tests of `search/contest`."""
