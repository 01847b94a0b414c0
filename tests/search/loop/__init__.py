"""Tests of `search/loop`."""
