"""What cards are written with: names, tables and numbers of Markdown."""

import math
import re
from collections.abc import Sequence
from typing import Any

Card = dict[str, Any]
"""JSON values."""


def safe_name(name: str) -> str:
    """A name as a file's or an identifier: letters, digits and underscores."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)[:60].strip("_") or "cell"
    return plain if not plain[0].isdigit() else f"cell_{plain}"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows below titles."""
    return "\n".join(map(_table_row, [titles, ["---"] * len(titles), *rows]))


def shown(value: float | None) -> str:
    """Four digits, or a dash for what is no number."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.4f}"


def _table_row(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
