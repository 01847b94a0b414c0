"""Tests of `search/procedure`."""
