"""XLA's options for the programs of workers, and how one is compiled with them."""

import os
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from workers.machine.device_memory import out_of_memory

Options = Mapping[str, str | bool]

COMPILER_OPTIONS: Final[Mapping[str, Options]] = {
    "cpu": {"xla_backend_optimization_level": "1"},
    "gpu": {"xla_gpu_deterministic_ops": True, "xla_gpu_autotune_level": "0"},
    "tpu": {},
}
"""XLA's options for every program we compile, by platform; see `compiler_options`.

On CPU level 1 compiles in 60 % of the time to code that is as fast. On GPU the same
program has to give the same bits, and is thrown away too soon to repay autotuning.
XLA takes a bool, and not its text, where an option is one.
"""

EMITTERS: Final = "xla_cpu_use_fusion_emitters"
"""Whether XLA makes each fused kernel by MLIR, which is two fifths of compiling one."""

WITHOUT_EMITTERS: Final[Options] = {
    EMITTERS: False,
    "xla_cpu_parallel_codegen_split_count": "1",
}
"""Compiles in 70 % of the time to code that is as fast, since `cells.tanh` is written
out. Of jaxlib 0.10, where it was measured; later ones have only the emitters."""


def compiler_options(platform: str) -> dict[str, str | bool]:
    """XLA's options for every program we compile: ours, but for what a person says.

    Options of a program win over `XLA_FLAGS`, so that what is named there is left out.

    Args:
        platform: A key of `COMPILER_OPTIONS`.
    """
    named = {word.partition("=")[0] for word in os.environ.get("XLA_FLAGS", "").split()}
    options = {**COMPILER_OPTIONS[platform]}
    if platform == "cpu" and _has_both():
        options |= WITHOUT_EMITTERS
    return {k: value for k, value in options.items() if f"--{k}" not in named}


def compile_lowered(lowered: Any, options: Options) -> Any:
    """The compiled program of what `jax.jit(...).lower` has made.

    What XLA cannot compile without emitters it is given with them: that depends on the
    program alone, and so its bits do not depend on who compiles it. Of what the machine
    lacks memory for, nothing else is tried.

    Args:
        lowered: Compiled once or twice.
        options: As `compiler_options` has them.

    Raises:
        jax.errors.JaxRuntimeError: XLA cannot compile it.
    """
    import jax

    try:
        return lowered.compile(dict(options))
    except jax.errors.JaxRuntimeError as error:
        if options.get(EMITTERS) is not False or out_of_memory(error):
            raise
        others = {k: value for k, value in options.items() if k not in WITHOUT_EMITTERS}
        return lowered.compile(others)


@cache
def _has_both() -> bool:
    return version("jaxlib").startswith("0.10.")
