"""Files of `benchmarks.bench_device`: what a device was measured to do, row by row."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from search.errors import UserError
from search.store.files import read_whole
from search.store.json_text import JsonError, read_json

Parts = Mapping[str, Mapping[str, Any]]
"""As the file has them: by letter, each with its `rows`."""

Values = Mapping[str, Any]

STEPS: Final = 35
BATCH: Final = 20
WEIGHTS: Final = 10_000
"""Steps, rows and weights of a program of any cell where a row of an older file does
not say."""

LEAST: Final = 1e-9
MOST: Final = 1e12
"""Between them is every number of a row."""

LONGEST: Final = 80
"""Characters of a device's name and of a value in an error."""


class Timed(NamedTuple):
    """A program of the GRU that was timed.

    Attributes:
        weights: Of the model.
        lanes: Of the program, a training each.
        position_s: Seconds of an update of all lanes, by position: T x B of a lane.
        compile_s: Seconds of compiling it.
        positions: T x B.
    """

    weights: int
    lanes: int
    position_s: float
    compile_s: float
    positions: int


class DeviceRows(NamedTuple):
    """What a file says of a device.

    Attributes:
        device: Its name; empty: the file has none.
        platform: `cpu`, `gpu` or `tpu`; empty: the file has none.
        own: Programs of one cell.
        any_cell: Programs of any cell, of the smallest size of cells.
    """

    device: str
    platform: str
    own: tuple[Timed, ...]
    any_cell: tuple[Timed, ...]


def measured(parts: Parts, letter: str) -> list[Values]:
    """The values of the rows of a part that did not fail."""
    return [row["values"] for row in _rows(parts, letter)]


def read_device_rows(path: Path) -> DeviceRows:
    """What a file says of a device.

    Raises:
        UserError: It cannot be read, is no such file, or a row has no numbers.
    """
    try:
        parts = _parts(read_json(read_whole(path)))
        about = [row["values"] for row in _rows(parts, "a") if row["key"] == "device"]
        return DeviceRows(
            _word(about[0], "kind") if about else "",
            _word(about[0], "platform") if about else "",
            tuple(_own(_rows(parts, "d"))),
            tuple(_any_cell(_rows(parts, "h"))),
        )
    except JsonError as error:
        raise UserError(f"{path}: {error}") from None


def _parts(document: Any) -> Parts:
    """The parts of a document, every row of the form that rows have.

    Raises:
        JsonError: It has none.
    """
    parts = document.get("parts") if isinstance(document, dict) else None
    if not isinstance(parts, dict):
        raise JsonError("it has no parts, as a file of bench_device has")
    for letter, part in parts.items():
        rows = part.get("rows") if isinstance(part, dict) else None
        if not isinstance(rows, list) or not all(map(_is_row, rows)):
            raise JsonError(f"part {letter[:LONGEST]!r} has no rows")
    return parts


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("key"), str)
        and isinstance(row.get("values"), dict)
        and isinstance(row.get("failed"), str)
    )


def _rows(parts: Parts, letter: str) -> list[Values]:
    """The rows of a part that did not fail."""
    rows = parts.get(letter, {}).get("rows", ())
    return [row for row in rows if not row["failed"]]


def _own(rows: Sequence[Values]) -> Iterator[Timed]:
    for row in rows:
        values = row["values"]
        if values.get("cell") == "gru" and values.get("who") == "ours":
            yield _timed(row)


def _any_cell(rows: Sequence[Values]) -> Iterator[Timed]:
    for row in rows:
        # Older files say in the key alone which rows are of their LSTM.
        cell = "lstm" if " lstm " in row["key"] else "gru"
        values = {"parameters": WEIGHTS, "cell": cell, **row["values"]}
        if values.get("who") == "any cell" and values["cell"] == "gru":
            yield _timed({**row, "values": values})


def _timed(row: Values) -> Timed:
    positions = _whole(row, "steps", STEPS) * _whole(row, "batch", BATCH)
    return Timed(
        weights=_whole(row, "parameters"),
        lanes=_whole(row, "lanes"),
        position_s=_number(row, "update_ms") / 1e3 / positions,
        compile_s=_number(row, "compile_s"),
        positions=positions,
    )


def _whole(row: Values, name: str, otherwise: int | None = None) -> int:
    """A whole number of a row.

    Raises:
        JsonError: It is none.
    """
    value = row["values"].get(name, otherwise)
    if type(value) is int and 1 <= value <= MOST:
        return value
    raise _wrong(row, name, f"a whole number from 1 to {MOST:g}", value)


def _number(row: Values, name: str) -> float:
    """A number above 0 of a row.

    Raises:
        JsonError: It is none.
    """
    value = row["values"].get(name)
    if type(value) in (int, float) and LEAST <= value <= MOST:  # NaN is neither
        return float(value)
    raise _wrong(row, name, f"a number from {LEAST:g} to {MOST:g}", value)


def _wrong(row: Values, name: str, wanted: str, value: Any) -> JsonError:
    key, came = row["key"][:LONGEST], repr(value)[:LONGEST]
    return JsonError(f"{name} of {key!r} must be {wanted}, got {came}")


def _word(values: Values, name: str) -> str:
    """A text of the row that names the device.

    Raises:
        JsonError: It is none.
    """
    value = values.get(name)
    if isinstance(value, str):
        return " ".join(value.split())[:LONGEST]
    raise JsonError(f"{name} of its device must be a text, got {repr(value)[:LONGEST]}")
