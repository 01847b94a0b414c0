"""XLA that compiles in a quarter of the time, for programs that tests run once."""

from importlib.metadata import version
from typing import Final

LEVEL: Final = "xla_backend_optimization_level"
"""1 for what workers compile; see `COMPILER_OPTIONS`."""

QUICK: Final = {LEVEL: "0"} | (
    {
        "xla_cpu_use_fusion_emitters": "false",
        "xla_cpu_parallel_codegen_split_count": "1",
    }
    if version("jaxlib") < "0.11"  # later ones do not know them, and would abort
    else {}
)
"""Options; without fusion emitters it cannot compile a scatter of one's own."""

SHIPPED: Final = {LEVEL: "1"} | (
    {"xla_cpu_use_fusion_emitters": True, "xla_cpu_parallel_codegen_split_count": "32"}
    if version("jaxlib") < "0.11"
    else {}
)
"""What undoes it for a program as the product compiles it; see `COMPILER_OPTIONS`."""


def flags(before: str = "", but: str = "") -> str:
    """`XLA_FLAGS` with these in it, all `but` one, after those of `before`."""
    said = [f"--{name}={value}" for name, value in QUICK.items() if name != but]
    return " ".join([*before.split(), *said])
