"""Ray, its nodes, and whether all their workers would compute the same bits."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from search.checks import processes
from search.checks.finding import Finding, Severity, error, ok, warning
from search.checks.machine import judge_maps
from workers import INLINE, PoolOptions

SURVEY_S: Final = 40.0
"""Seconds until Ray counts as hanging."""

Facts = Mapping[str, Any]
"""See `workers.pools.survey`."""


def check_ray(options: PoolOptions) -> Iterator[Finding]:
    """Starts or joins Ray, asks every node, and leaves it again."""
    if options.workers == INLINE:
        yield ok("not tried: workers inline need no Ray")
        return
    # In a process of its own: Ray may hang while it starts or joins.
    where = "on this machine" if options.address is None else f"at {options.address}"
    try:
        head, *answers = processes.ask(
            "workers.pools.survey",
            "survey",
            options.address,
            options.count,
            timeout_s=SURVEY_S,
        )
    except processes.ProcessError as reason:
        yield error(
            f"Ray {where} does not answer: {reason}",
            f"see the newest folder of {tempfile.gettempdir()}/ray, or --workers inline"
            if options.address is None
            else "is it running (ray status), of this version, and is the port open?",
        )
        return
    # First the cluster as a whole, then node by node, then whether they go together.
    yield _size(f"Ray {head['versions']['ray']} {where}", options, head["nodes"])
    names = {node["id"]: node["name"] for node in head["nodes"]}
    for answer in answers:
        yield from _node(f"node {names[answer['id']]}", answer, head["versions"])
    yield from _classes([answer for answer in answers if "error" not in answer])


def _size(text: str, options: PoolOptions, nodes: Sequence[Facts]) -> Finding:
    """Whether there is room for as many workers as are wanted."""
    cpus, gpus = (sum(node[kind] for node in nodes) for kind in ("cpus", "gpus"))
    text += f": {len(nodes)} node{'s' if len(nodes) > 1 else ''}, {cpus} CPUs, "
    text += f"{gpus} GPUs"
    if not cpus:
        return error(f"{text}: no worker has room", "add nodes, or wait for them")
    if options.count is not None and options.count > cpus:
        return warning(
            f"{text}: only {cpus} of {options.count} workers have room now",
            f"--workers {cpus}, unless the cluster grows by itself",
        )
    return ok(text)


def _node(where: str, answer: Facts, here: Facts) -> Iterator[Finding]:
    """What is wrong with a node; or one line that nothing is."""
    if "error" in answer:
        yield error(
            f"{where} starts no worker: {answer['error']}",
            f"install there what this machine has: {_listed(here)}",
        )
        return
    there = answer["versions"]
    findings = [
        error(f"{where} has wrong numbers: {line}", "install another jaxlib there")
        for line in answer["wrong"]
    ]
    differ = {name: there.get(name) for name in here if there.get(name) != here[name]}
    if differ:
        # Ray joins no node of another version, nor one of another minor Python.
        minors = {versions["python"].rpartition(".")[0] for versions in (here, there)}
        judge = error if "ray" in differ or len(minors) > 1 else warning
        own = {name: here[name] for name in differ}
        text = f"{where} has {_listed(differ)}; here is {_listed(own)}"
        findings.append(judge(text, "install the versions of this machine there"))
    maps = answer["maps"] and judge_maps(answer["maps"])
    if maps and maps.status == Severity.ERROR:
        findings.append(maps._replace(text=f"{where}: {maps.text}"))
    key = answer["about"]["numerics"]["key"]
    right = f"{where}: versions as here, right numbers, numerics class {key}"
    yield from findings or [ok(right)]


def _classes(answers: Sequence[Facts]) -> Iterator[Finding]:
    """Whether workers of all nodes may work on one run."""
    keys = {answer["about"]["numerics"]["key"] for answer in answers}
    if len(keys) > 1:
        yield warning(
            f"{len(keys)} numerics classes among the nodes: a run takes the first it "
            "meets and refuses the others",
            "use machines and versions of one kind, or --mixed, which marks the table "
            "as not reproducible",
        )


def _listed(versions: Facts) -> str:
    return ", ".join(f"{name} {value or 'absent'}" for name, value in versions.items())
