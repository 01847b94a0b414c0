"""Ray, its nodes, and whether all their workers would compute the same bits."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from search.checks import facts
from search.checks.finding import Asked, Finding, error, ok, warning
from search.checks.machine import COMPILE_MAPS
from workers import RECYCLE_MAPS

Row = Mapping[str, Any]


def check_ray(asked: Asked) -> Iterator[Finding]:
    """Starts or joins Ray, asks every node, and leaves it again."""
    if asked.inline or asked.quick:
        why = (
            "--workers inline needs no Ray" if asked.inline else "--quick leaves it out"
        )
        yield ok(f"not tried: {why}")
        return
    if asked.address is not None and not facts.reachable(asked.address):
        yield _failed(asked, "nothing listens there")
        return
    with closing(facts.survey(asked.address, asked.workers)) as rows:
        try:
            yield from _findings(asked, rows)
        except facts.ProcessError as reason:
            yield _failed(asked, str(reason))


def _failed(asked: Asked, reason: str) -> Finding:
    if asked.address is None:
        return error(
            f"Ray does not work on this machine: {reason}",
            f"see the newest folder of {tempfile.gettempdir()}/ray, or go on with "
            "--workers inline",
        )
    return error(
        f"Ray at {asked.address} does not answer: {reason}",
        "is it running (ray status), of this version, and is the port open?",
    )


def _findings(asked: Asked, rows: Iterator[Row]) -> Iterator[Finding]:
    head = next(rows, None)
    if head is None:
        yield _failed(asked, "it says nothing")
        return
    own, nodes = head["versions"], {node["id"]: node for node in head["nodes"]}
    yield from _size(asked, own, head["nodes"])
    for node in nodes.values():
        if not node["cpus"]:
            yield ok(f"node {node['name']}: no CPUs, so that no worker is there")
    answers = []
    for row in rows:
        name = nodes[row["id"]]["name"]
        if "error" in row:
            yield error(
                f"node {name} starts no worker: {row['error']}",
                "install there what this machine has: " + _listed(own),
            )
            continue
        answers.append(row)
        yield from _node(name, nodes[row["id"]], row, own)
    yield from _classes(answers)


def _size(asked: Asked, own: Row, nodes: Sequence[Row]) -> Iterator[Finding]:
    cpus, gpus = (sum(node[kind] for node in nodes) for kind in ("cpus", "gpus"))
    text = (
        f"Ray {own['ray']} {'starts here' if asked.address is None else 'answers'}: "
        f"{len(nodes)} node{'s' if len(nodes) > 1 else ''}, {cpus} CPUs, {gpus} GPUs"
    )
    if not cpus:
        yield error(f"{text}: no worker has room", "add nodes, or wait for them")
    elif asked.workers is not None and asked.workers > cpus:
        yield warning(
            f"{text}: only {cpus} of {asked.workers} workers have room now",
            f"--workers {cpus}, unless the cluster grows by itself",
        )
    else:
        yield ok(text)


def _node(name: str, node: Row, row: Row, own: Row) -> Iterator[Finding]:
    """What is wrong with a node; or one line that nothing is."""
    there, before = row["versions"], f"node {name}"
    bad = [
        error(f"{before} has wrong numbers: {line}", "install another jaxlib there")
        for line in row["wrong"]
    ]
    differ = {k: v for k, v in own.items() if there.get(k) != v}
    if differ:
        grave = "ray" in differ or _minor(own["python"]) != _minor(there["python"])
        bad.append(
            (error if grave else warning)(
                f"{before} has {_listed({k: there.get(k) for k in differ})}; here is "
                f"{_listed(differ)}",
                "install the versions of this machine there",
            )
        )
    if row["maps"] is not None and row["maps"] < RECYCLE_MAPS + COMPILE_MAPS:
        bad.append(
            error(
                f"{before}: vm.max_map_count is {row['maps']:,}, too few to compile",
                "there: sudo sysctl -w vm.max_map_count=262144",
            )
        )
    yield from bad
    if not bad:
        key = row["about"]["numerics"]["key"]
        yield ok(
            f"{before}: {node['cpus']} CPUs, Python {there['python']}, versions as "
            f"here, right numbers, numerics class {key}"
        )


def _classes(answers: Sequence[Row]) -> Iterator[Finding]:
    """Whether workers of all nodes may work on one run."""
    classes = {row["about"]["numerics"]["key"]: row["about"] for row in answers}
    if len(classes) < 2:
        return
    first, *others = (about["numerics"] for about in classes.values())
    fields = dict.fromkeys(
        name for other in others for name in first if first[name] != other.get(name)
    )
    fields.pop("key", None)
    yield warning(
        f"{len(classes)} numerics classes among the nodes, which differ in "
        f"{', '.join(fields)}: a run takes the first it meets and refuses the others",
        "use machines and versions of one kind, or --mixed, which marks the table as "
        "not reproducible",
    )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _listed(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value or 'absent'}" for name, value in versions.items())
