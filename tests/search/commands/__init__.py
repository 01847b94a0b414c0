"""Tests of `search/commands`."""
