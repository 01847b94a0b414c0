"""XLA that compiles in half the time, for programs that tests run once."""

import os
from importlib.metadata import version
from typing import Final

QUICK: Final = {"xla_backend_optimization_level": "0"} | (
    {
        "xla_cpu_use_fusion_emitters": "false",
        "xla_cpu_parallel_codegen_split_count": "1",
    }
    if version("jaxlib") < "0.11"  # later ones do not know them, and would abort
    else {}
)
"""Options; without fusion emitters it cannot compile a scatter of one's own."""

SHIPPED: Final = {"xla_backend_optimization_level": "1"} | (
    {"xla_cpu_use_fusion_emitters": True, "xla_cpu_parallel_codegen_split_count": "32"}
    if version("jaxlib") < "0.11"
    else {}
)
"""What undoes it for a program as the product compiles it; see `COMPILER_OPTIONS`."""


def flags(but: str = "") -> str:
    """`XLA_FLAGS` with these in it, all `but` one."""
    own = os.environ.get("XLA_FLAGS", "")
    said = [f"--{name}={value}" for name, value in QUICK.items() if name != but]
    return " ".join([own, *said])
