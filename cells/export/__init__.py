"""Export: a cell as stand-alone source code for Flax and PyTorch, with its proof.

What `forms` and `block_forms` return imports nothing of this project. Each folder
proves itself: its `check.py` compares the modules with golden vectors, and with each
other.
"""

from cells.export.blocks import block_forms
from cells.export.forms import forms
from cells.export.names import name_values

__all__ = ["block_forms", "forms", "name_values"]
