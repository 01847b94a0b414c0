"""Part e: which compiler options, unrolling and products make an update fastest.

Each variant is compiled in this process with options of its own, so that all are timed
on the same warm device. XLA refuses an option that it does not know, which is said.
"""

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple
from unittest import mock

import jax

from benchmarks.device.place import Place, on, timed
from benchmarks.device.rows import Row, attempt
from cells import ZOO
from workers.machine.compiling import compiler_options
from workers.training import program as training_program

CELL: Final = "gru"
BUFFERS: Final = "FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN"
"""Kinds of launches that are recorded once as a CUDA graph, without loops."""


class Variant(NamedTuple):
    """One way to compile an update.

    Attributes:
        name: For people.
        options: What differs from the options that workers compile with.
        unroll: Steps of the scan in one turn of its loop.
        products: Format of products; `tf32` is no format that a job may ask for yet.
    """

    name: str
    options: Mapping[str, str | bool] = {}
    unroll: int = 1
    products: str = "float32"


VARIANTS: Final = (
    Variant("as workers compile"),
    Variant("unroll 2", unroll=2),
    Variant("bfloat16 products", products="bfloat16"),
    Variant("unroll 4", unroll=4),
    Variant("no command buffers", {"xla_gpu_enable_command_buffer": ""}),
    Variant(
        "loops in command buffers",
        {
            "xla_gpu_enable_command_buffer": f"{BUFFERS},WHILE,CONDITIONAL",
            "xla_gpu_graph_min_graph_size": "1",
        },
    ),
    Variant("small command buffers", {"xla_gpu_graph_min_graph_size": "1"}),
    Variant("TF32 products", products="tf32"),
    Variant("unroll 8", unroll=8),
    Variant("autotuning 1", {"xla_gpu_autotune_level": "1"}),
    Variant("autotuning 2", {"xla_gpu_autotune_level": "2"}),
    Variant("autotuning 4", {"xla_gpu_autotune_level": "4"}),
    Variant(
        "autotuning 4, not deterministic",
        {"xla_gpu_autotune_level": "4", "xla_gpu_deterministic_ops": False},
    ),
    Variant("not deterministic", {"xla_gpu_deterministic_ops": False}),
    Variant("optimization level 1", {"xla_backend_optimization_level": "1"}),
    Variant("no Triton", {"xla_gpu_enable_triton_gemm": False}),
    Variant("8 threads compile", {"xla_gpu_force_compilation_parallelism": "8"}),
    Variant(
        "loops in command buffers, unroll 4",
        {
            "xla_gpu_enable_command_buffer": f"{BUFFERS},WHILE,CONDITIONAL",
            "xla_gpu_graph_min_graph_size": "1",
        },
        unroll=4,
    ),
)


def measure(place: Place) -> Iterator[Row]:
    """Number of lanes by number of lanes, the smallest model."""
    for lanes in place.sizes.option_lanes:
        base: dict[str, float] = {}
        for variant in VARIANTS[: place.sizes.variants]:
            key = f"{variant.name} x{lanes}"
            yield attempt(key, partial(_timed, place, key, variant, lanes, base))


@contextlib.contextmanager
def traced_as(variant: Variant) -> Iterator[None]:
    """Has what is traced within be unrolled, or round to TF32.

    The library has no such options, and will have them if this shows that it should.
    """
    with contextlib.ExitStack() as stack:
        if variant.unroll > 1:
            scan = partial(jax.lax.scan, unroll=variant.unroll)
            stack.enter_context(mock.patch.object(jax.lax, "scan", scan))
        if variant.products == "tf32":
            names = {"float32": "TF32_TF32_F32"}
            stack.enter_context(mock.patch.dict(training_program._PRECISION, names))
        yield


def _timed(
    place: Place, key: str, variant: Variant, lanes: int, base: dict[str, float]
) -> Row:
    sizes = place.sizes
    options = {**compiler_options(place.device.platform), **variant.options}
    products = "float32" if variant.products == "tf32" else variant.products
    model = place.model(ZOO[CELL], sizes.parameters[0])
    with on(place.device), traced_as(variant):
        program = place.program(model, lanes=lanes, products=products, options=options)
        took = timed(program, place.data(), sizes.timing_s, 0)
    # The first variant is the one that others are compared with.
    if not base:
        base.update(ms=took.update_ms, compile_s=took.compile_s, loss=took.loss)
    gain = base["ms"] / took.update_ms
    values: dict[str, Any] = {
        "variant": variant.name,
        "lanes": lanes,
        "options": dict(variant.options),
        "unroll": variant.unroll,
        "products": variant.products,
        **took._asdict(),
        "faster": gain,
        "same_loss": took.loss == base["loss"],
    }
    off = took.loss / base["loss"] - 1
    said = f"loss off by {off:+.0e}" if off else "the same loss"
    text = (
        f"{key:<40}{took.update_ms:>9.2f} ms{gain:>7.2f}x as fast"
        f"{took.compile_s:>7.1f} s to compile   {said}"
    )
    return Row(key, text, values)
