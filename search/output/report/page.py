"""A report as one HTML page: nothing is loaded, and no text of a run is code in it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from search.output.measuring import NOMINAL
from search.output.report.charts import CONFIG, charts
from search.output.report.data import Report
from search.output.report.datasets import datasets, grouped
from search.output.report.finals import final_entries, final_titles
from search.output.report.library import library
from search.output.report.measured import TITLES, correlation_rows, measured_rows
from search.output.report.table import columns, table_rows
from search.output.report.words import (
    clock_s,
    commands,
    last_result,
    state,
    summary,
    workers,
)
from search.output.words import duration

FOLDER: Final = Path(__file__).parent


def render(report: Report, reload_s: int | None = None) -> str:
    """The page, as text; a browser reads it again after `reload_s` seconds, if any.

    All of a run is text of strangers. The template escapes it; in the data block `<`
    is escaped; and the policy of the page lets no script run but the two whose digests
    it names, and nothing be loaded. Vega compiles the expressions of our charts, hence
    `unsafe-eval`; no text of a run is in the charts, only in the data.
    """
    import tomli_w
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["duration"] = duration
    # The two scripts are texts here, so that the policy can name their digests.
    specs = charts(report)
    values = {"config": CONFIG, "charts": specs, "data": datasets(report)}
    scripts = [library(), _own("page.js")]
    return environment.get_template("page.html.jinja").render(
        policy=_policy(scripts),
        library=Markup(scripts[0]),
        script=Markup(scripts[1]),
        style=Markup(_own("page.css")),
        data=Markup(inline_json(values)),
        report=report,
        reload_s=reload_s,
        facts=report.facts,
        state=state(report),
        summary=summary(report),
        clock_s=clock_s(report),
        last_result=last_result(report),
        commands=commands(report),
        workers=workers(report),
        columns=columns(report),
        ranks={cell.member.digest: cell.rank for cell in report.cells},
        entries=list(table_rows(report)),
        final_titles=final_titles(report.finals) if report.finals else (),
        finals=list(final_entries(report.finals)) if report.finals else [],
        measured=_measured(report),
        panel=report.panel,
        boxes=_boxes(report),
        config=tomli_w.dumps(dict(report.document), multiline_strings=True),
        machine=_machine(report.facts["machine"]),
        versions=_rows(report.facts["machine"]["versions"]),
    )


def _measured(report: Report) -> Mapping[str, Any]:
    """Titles and rows of the two tables of times; empty if nothing was measured."""
    found = report.measured
    if found is None:
        return {}
    return {
        "titles": TITLES,
        "rows": list(measured_rows(found, report.rows[: report.top])),
        "costs": [*NOMINAL.values(), "itself"],
        "correlations": list(correlation_rows(found)),
        "load": found.beside.load,
        "drawn": NOMINAL[report.drawn_cost],
    }


def inline_json(values: Any) -> str:
    """JSON that may stand inside a `script` element, whatever texts are in it."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _own(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").strip()


def _policy(scripts: list[str]) -> str:
    digests = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed} 'unsafe-eval'; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _boxes(report: Report) -> list[tuple[str, list[tuple[str, int]]]]:
    """Titles of tasks, and the numbers of their charts of hyperparameters."""
    charts_of: dict[str, list[tuple[str, int]]] = {}
    for number, group in enumerate(grouped(report.boxes)):
        name, metric = report.tasks[group[0].task]
        better = "higher" if metric.higher_is_better else "lower"
        title = f"{name}: {metric.name}, {better} is better"
        charts_of.setdefault(title, []).append((group[0].field, number))
    return list(charts_of.items())


def _machine(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("begun on", str(facts["machine"]))]
    rows += [(f"numerics: {key}", value) for key, value in _rows(facts["numerics"])]
    if facts["mixed"]:
        rows.append(("mixed", "several numerics classes: not reproducible to the bit"))
    if facts["reuse"]:
        rows.append(("results reused of", ", ".join(map(str, facts["reuse"]))))
    return rows


def _rows(values: Any) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        return []
    return [(str(key), str(value)) for key, value in values.items()]
