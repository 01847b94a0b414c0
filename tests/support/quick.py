"""XLA that compiles in a quarter of the time, for programs that tests run once."""

from importlib.metadata import version
from typing import Final

from workers.machine.compiling import WITHOUT_EMITTERS

LEVEL: Final = "xla_backend_optimization_level"
"""1 for what workers compile; see `compiler_options`."""

QUICK: Final = {LEVEL: "0"} | (
    {name: str(value).lower() for name, value in WITHOUT_EMITTERS.items()}
    if version("jaxlib").startswith("0.10.")  # others may not know them, and abort
    else {}
)
"""Options of XLA."""

SHIPPED: Final = {LEVEL: "1"}
"""What makes a program of it as the product compiles it; see `compiler_options`."""


def flags(before: str = "") -> str:
    """`XLA_FLAGS` with these in it, after those of `before`."""
    said = [f"--{name}={value}" for name, value in QUICK.items()]
    return " ".join([*before.split(), *said])
