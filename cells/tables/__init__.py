"""Cells as tables of numbers, so that one program can run many different ones."""
