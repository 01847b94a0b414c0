"""How a process is prepared, and what its numerics class says; each in a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jaxlib
import numpy as np
import pytest

from workers.machine import compiling, runtime

ROOT = Path(__file__).parents[2]


def run(code, **env):
    kept = {"PATH", "HOME", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH"}
    clean = {name: value for name, value in os.environ.items() if name in kept}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**clean, **env},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


SHOW = (
    "import json; from workers.machine.runtime import numerics_class;"
    "print(json.dumps(numerics_class().to_dict()))"
)


def test_a_prepared_process_computes_with_one_thread_on_its_core():
    core, cores, threads = run(
        "import json, os; from workers import prepare;"
        "from workers.machine.runtime import numerics_class;"
        "core = min(os.sched_getaffinity(0)); prepare(core=core, platforms='cpu');"
        "threads = numerics_class().threads;"
        "print(json.dumps([core, sorted(os.sched_getaffinity(0)), threads]))"
    )
    assert cores == [core]
    assert threads == 1


CLAIM = (
    "import json, os; os.sched_setaffinity(0, {{0}});"
    "from workers.machine import runtime; runtime.CLAIM = {name!r};"
    "runtime._sees_the_machine = lambda: True;"
    "claims = [runtime.claim_core() for _ in range(2)];"
    "print(json.dumps([one and one.core for one in claims]))"
)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="nobody is kept to a core")


@LINUX
def test_a_core_is_claimed_once_whatever_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "CLAIM", name := f"test-{os.getpid()}-")
    monkeypatch.setattr(runtime, "available_cores", lambda: [0])
    monkeypatch.setattr(runtime, "_sees_the_machine", lambda: True)
    code = CLAIM.format(name=name)
    assert run(code) == [0, None]  # and it is free again once its process has ended
    claim = runtime.claim_core()
    assert claim is not None
    assert run(code, TMPDIR=str(tmp_path)) == [None, None]
    claim.held.close()
    assert run(code) == [0, None]


@LINUX
def test_nothing_is_claimed_where_others_may_not_see_it(monkeypatch):
    monkeypatch.setattr(runtime, "MACHINE", "pid:[1]")
    assert runtime.claim_core() is None


def test_preparing_works_after_jax_is_imported_and_before_it_starts():
    facts = run(
        "import jax; from workers import prepare; prepare(platforms='cpu');" + SHOW
    )
    assert facts["threads"] == 1
    assert facts["platform"] == "cpu"


START = "import json, jax; jax.numpy.ones(3).sum(); from workers import prepare;"
REPORT = (
    "\ntry:\n prepare({}); print(json.dumps('fine'))\n"
    "except RuntimeError as error: print(json.dumps(str(error)))"
)


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core: one thread in any case")
def test_preparing_a_process_that_started_with_several_threads_is_refused():
    message = run(START + REPORT.format(""), JAX_PLATFORMS="cpu")
    assert "threads before `prepare` was called" in message
    assert "NPROC=1" in message


def test_preparing_a_process_that_started_as_it_should_is_fine():
    assert run(START + REPORT.format(""), JAX_PLATFORMS="cpu", NPROC="1") == "fine"


def test_preparing_for_another_platform_after_the_start_is_refused():
    report = REPORT.format("platforms='cuda'")
    message = run(START + report, JAX_PLATFORMS="cpu", NPROC="1")
    assert "started on cpu before `prepare` asked for cuda" in message


def test_the_numerics_class_names_versions_processor_threads_and_flags():
    plain = run("from workers import prepare; prepare();" + SHOW, JAX_PLATFORMS="cpu")
    assert plain["device"]
    assert plain["jaxlib"]
    assert plain["lanes"] == 1
    assert "xla_backend_optimization_level" in plain["flags"]
    flag = "--xla_cpu_enable_fast_min_max=false"
    other = run(
        "from workers import prepare; prepare();" + SHOW,
        JAX_PLATFORMS="cpu",
        XLA_FLAGS=flag,
    )
    assert flag in other["flags"]
    assert other["key"] != plain["key"]


def test_an_option_that_the_environment_names_is_left_to_it(monkeypatch):
    ours = compiling.COMPILER_OPTIONS["gpu"]
    [name, other] = ours
    monkeypatch.setenv("XLA_FLAGS", f"--{name}_too=1 --xla_gpu=2")
    assert compiling.compiler_options("gpu") == ours
    monkeypatch.setenv("XLA_FLAGS", f"--xla_gpu=2  --{name}=false")
    assert compiling.compiler_options("gpu") == {other: ours[other]}
    monkeypatch.setenv("XLA_FLAGS", f"--{name}")
    assert compiling.compiler_options("gpu") == {other: ours[other]}


def test_the_share_of_an_accelerators_memory_is_set_once():
    code = (
        "import json, os; from workers import prepare; prepare(memory_share=0.45);"
        "print(json.dumps({k: v for k, v in os.environ.items() if 'XLA' in k}))"
    )
    assert run(code, XLA_PYTHON_CLIENT_MEM_FRACTION="0.9") == {
        "XLA_CLIENT_MEM_FRACTION": "0.450",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


def test_what_xla_cannot_compile_without_emitters_it_compiles_with_them(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    options = {**compiling.COMPILER_OPTIONS["cpu"], **compiling.WITHOUT_EMITTERS}
    asked = []

    class Lowered:
        def compile(self, options):
            asked.append(options)
            if options.get(compiling.EMITTERS) is False or failing:
                raise jax.errors.JaxRuntimeError("INTERNAL: no emitter")
            return "compiled"

    class Full:
        def compile(self, options):
            asked.append(options)
            if len(asked) == 1:
                raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    failing = False
    assert compiling.compile_lowered(Lowered(), options) == "compiled"
    assert asked == [options, compiling.COMPILER_OPTIONS["cpu"]]
    failing = True
    with pytest.raises(jax.errors.JaxRuntimeError):
        compiling.compile_lowered(Lowered(), options)
    asked.clear()  # another way would have other bits, and memory may be there then
    with pytest.raises(jax.errors.JaxRuntimeError):
        compiling.compile_lowered(Full(), options)
    asked.clear()  # what a person says in XLA_FLAGS is not tried again without
    with pytest.raises(jax.errors.JaxRuntimeError):
        compiling.compile_lowered(Lowered(), compiling.COMPILER_OPTIONS["cpu"])
    assert len(asked) == 1


@pytest.mark.skipif(not jaxlib.__version__.startswith("0.10."), reason="has one way")
def test_emitters_are_off_on_a_cpu_unless_somebody_asks_for_them(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    assert compiling.compiler_options("cpu")[compiling.EMITTERS] is False
    assert compiling.EMITTERS not in compiling.compiler_options("gpu")
    monkeypatch.setenv("XLA_FLAGS", f"--{compiling.EMITTERS}=true")
    assert compiling.EMITTERS not in compiling.compiler_options("cpu")


@pytest.mark.parametrize("platform", compiling.COMPILER_OPTIONS)
def test_xla_takes_the_options_of_every_platform_wherever_it_compiles(platform):
    # It reads all options before it looks at what it compiles for.
    lowered = jax.jit(lambda x: x + 1).lower(np.float32(1))
    assert lowered.compile(compiling.compiler_options(platform))(np.float32(1)) == 2
