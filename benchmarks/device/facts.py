"""Part a: versions, devices, what is missing, and what the doctor finds here."""

import os
import subprocess
from collections.abc import Iterator
from functools import partial

from benchmarks.device.missing import missing
from benchmarks.device.place import Place
from benchmarks.device.rows import Row, attempt
from benchmarks.device.speed import memory_bytes
from search.checks import CHECKS, RAY, Severity, diagnose
from workers import PoolOptions, versions
from workers.machine.compiling import compiler_options
from workers.machine.runtime import numerics_class


def measure(place: Place) -> Iterator[Row]:
    """What is known at once, and then the checks but that of Ray."""
    yield attempt("versions", _versions)
    yield attempt("missing", _missing)
    yield attempt("device", partial(_device, place))
    yield attempt("driver", _driver)
    yield attempt("numerics", _numerics)
    for name, check in CHECKS.items():
        if name == RAY:
            continue
        for number, (_, found) in enumerate(
            diagnose(PoolOptions(workers="inline"), {name: check})
        ):
            mark = "" if found.status is Severity.OK else f"{found.status}: "
            key = f"doctor {name} {number}"
            yield Row(key, f"{name}: {mark}{found.text}", found._asdict())


def _versions() -> Row:
    found = versions()
    text = ", ".join(f"{name} {number}" for name, number in found.items())
    return Row("versions", text, found)


def _missing() -> Row:
    found = missing()
    said = "; ".join(f"{name} ({why})" for name, why in found.items())
    return Row("missing", f"missing: {said or 'nothing'}", found)


def _device(place: Place) -> Row:
    device, limit = place.device, memory_bytes(place.device)
    text = (
        f"measured on {device.device_kind} ({device.platform}), against "
        f"{place.cpu.device_kind} ({os.cpu_count()} cores, one thread)"
    )
    if limit:
        text += f"; {limit / 2**30:.1f} GiB for this process"
    return Row(
        "device",
        text,
        {
            "kind": device.device_kind,
            "platform": device.platform,
            "memory_bytes": limit,
            "cores": os.cpu_count(),
            "options": compiler_options(device.platform),
        },
    )


def _driver() -> Row:
    """What `nvidia-smi` says, where there is one."""
    query = "--query-gpu=name,driver_version,memory.total,mig.mode.current"
    try:
        done = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except FileNotFoundError:
        return Row("driver", "no nvidia-smi here", {})
    said = done.stdout.strip() or done.stderr.strip()
    return Row("driver", f"nvidia-smi: {said}", {"said": said})


def _numerics() -> Row:
    own = numerics_class().to_dict()
    text = f"numerics class {own['key']}: {own['device']}, {own['flags']}"
    return Row("numerics", text, own)
