"""Tests of `search/store`."""
