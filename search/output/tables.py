"""Tables as a terminal shows them: of a search's best cells, and of cells scored."""

from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Final

from search.contest.calibration import Calibration
from search.contest.scoreboard import CellScores, Scoreboard
from search.contest.scores import Scored
from search.output.leaderboard import Leaderboard, LeaderboardRow
from search.output.words import brief, plain
from workers import Setting

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPE_COLUMNS: Final = 160
"""Width where there is no terminal."""

LEAST_NEEDED: Final = ("FLOPs", "draws", "runs", "nodes", "age", "weights")
"""Columns in the order in which they are left out where the terminal is narrow."""


_WORDS: Final = ("cell", "by")
"""Columns that are no numbers."""


def print_leaderboard(board: Leaderboard, stream: IO[str], count: int) -> None:
    """Prints the best cells, with seeds and references below, and a legend."""
    if not board.rows(1) and not board.named():
        print("no cell has been evaluated yet", file=stream)
    else:
        console = console_of(stream)
        console.print(leaderboard_table(board, count, console.width))
    for line in board.terms.legend:
        print(line, file=stream)
    if board.note:
        print(board.note, file=stream)
    if board.course:
        print(board.course, file=stream)


def leaderboard_table(board: Leaderboard, count: int, width: int) -> "Table":
    """The ranked table, with seeds and references that are not in it below.

    Args:
        board: At least one cell has been evaluated.
        count: How many ranks.
        width: Of the terminal; columns for which there is no room are left out.
    """
    rows = board.rows(count)
    ranks = {row.member.digest for row in rows}
    rest = [row for row in board.named() if row.member.digest not in ranks]
    lines = [_columns(row, board.terms.trials) for row in (*rows, *rest)]
    if not any(row.member.by for row in rows):
        lines = [[one for one in line if one[0] != "by"] for line in lines]
    shown = _fitting(lines, width)
    table = new_table()
    for index in shown:
        name = lines[0][index][0]
        table.add_column(name, justify="left" if name in _WORDS else "right")
    for number, line in enumerate(lines):
        if number == len(rows):
            table.add_section()
        style = "dim" if number >= len(rows) else None
        table.add_row(*plain_texts(line[index][1] for index in shown), style=style)
    return table


def _fitting(lines: list[list[tuple[str, str]]], width: int) -> list[int]:
    """Indices of the columns for which there is room."""
    names = [name for name, _ in lines[0]]
    widths = [
        max(len(name), *(len(line[index][1]) for line in lines))
        for index, name in enumerate(names)
    ]
    shown = list(range(len(names)))
    for name in LEAST_NEEDED:
        if sum(widths[index] + 3 for index in shown) <= width:
            break
        shown = [index for index in shown if names[index] != name]
    return shown


def _columns(row: LeaderboardRow, trials: str) -> list[tuple[str, str]]:
    """Name and text of each column of a row."""
    columns = [
        ("rank", str(row.rank) if row.rank else "-"),
        ("cell", row.member.name),
        ("by", row.member.by or "-"),
        ("fitness", f"{row.fitness:.3f}{'*' if row.pareto else ' '}"),
    ]
    for task, score in row.scores.items():
        columns += [(task, score.text), (trials, str(score.trials))]
    if row.cost is not None:
        columns.append(("cost", brief(row.cost)))
    age = "seed" if row.member.origin == "seed" else str(row.age)
    return [
        *columns,
        ("nodes", str(row.nodes)),
        ("weights", f"{row.parameters:,}"),
        ("FLOPs", f"{row.flops:,}"),
        ("age", age if row.rank else "ref"),
    ]


def print_calibration(found: Calibration, stream: IO[str]) -> None:
    """Prints what tasks and a panel are worth."""
    table = new_table()
    table.add_column("task")
    for name in ("cell", "setting", "seed", "reliability", "baseline ends at"):
        table.add_column(name, justify="right")
    for one in found.tasks:
        low, high = one.reliability.low, one.reliability.high
        table.add_row(
            one.task,
            *(f"{share:.0%}" for share in one.variance.shares()),
            f"{one.reliability.value:.2f} ({low:.2f}-{high:.2f})",
            f"{one.end:.2f} of uniform",
        )
    console = console_of(stream)
    console.print(table)
    settings, seeds = found.panel
    best = found.cheapest
    said = "reaches" if found.reached else "is the best there is, and misses"
    for line in (
        "cell, setting, seed: shares of the variance of one run among cells; setting "
        "is which settings a cell likes",
        f"reliability: correlation of two panels of {settings} settings x {seeds} "
        f"seeds; of the least over tasks {found.least:.2f}",
        f"a training takes {found.run_s:.2f} core-seconds, compiling a cell "
        f"{found.compile_s:.2f}",
        f"{best.settings} settings x {best.seeds} seeds {said} {found.wanted:.2f}: "
        f"{best.reliability:.2f}, {best.seconds:.0f} core-seconds a cell",
        *(f"note: {one.task}: {one.warning}" for one in found.tasks if one.warning),
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(_values_table(found))
    print("log loss less than the baseline's, mean over all runs", file=stream)


def _values_table(found: Calibration) -> "Table":
    table = new_table()
    table.add_column("cell")
    for name in ("least", *(one.task for one in found.tasks)):
        table.add_column(name, justify="right")
    for name, values in found.cells.items():
        row = [f"{value:+.3f}" for value in (min(values), *values)]
        table.add_row(*plain_texts([name, *row]))
    return table


def print_scoreboard(board: Scoreboard, stream: IO[str]) -> None:
    """Prints how cells did, what the marks mean, and the best settings."""
    console = console_of(stream)
    console.print(_main_table(board))
    for line in _scoreboard_legend(board):
        console.print(plain(line), markup=False, highlight=False)
    console.print(_settings_table(board))


def _main_table(board: Scoreboard) -> "Table":
    table = new_table()
    table.add_column("cell")
    for task, metric in board.metrics.items():
        table.add_column(f"{task}\n{metric.name}", justify="right", no_wrap=True)
        if board.baseline_name:
            table.add_column("\nratio", justify="right")
    if board.baseline_name and len(board.metrics) > 1:
        table.add_column("min\nratio", justify="right")
    for row in board.rows:
        table.add_row(*plain_texts(_score_columns(board, row)))
    if board.baseline:
        table.add_section()
        table.add_row(*plain_texts(_score_columns(board, board.baseline)))
    return table


def _score_columns(board: Scoreboard, row: CellScores) -> list[str]:
    columns = [row.name]
    for task, score in row.scores.items():
        columns.append(_metric(score, tie=row.name in board.tied[task]))
        if board.baseline_name:
            columns.append(_number(row.ratios[task], 3))
    if board.baseline_name and len(board.metrics) > 1:
        columns.append(_number(row.min_ratio, 3))
    return columns


def _metric(score: Scored | None, tie: bool) -> str:
    """Mean, half the interval, and a mark of a tie; or a dash."""
    if score is None:
        return "-"
    mean, high = score.interval.mean, score.interval.high
    half = "" if high is None else f" ±{high - mean:.4f}"
    return f"{mean:.4f}{half}{'=' if tie else ' '}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _scoreboard_legend(board: Scoreboard) -> list[str]:
    """What the numbers and marks mean."""
    scores = [s for row in board.rows for s in row.scores.values() if s is not None]
    if not scores:
        return ["nothing is complete yet"]

    # What the numbers are: without fresh seeds they are better than the cells.
    repeats = max(score.repeats for score in scores)
    lines = ["best of all settings tried, on the same seed: optimistic"]
    if repeats:
        lines = [
            f"the best setting with {repeats} fresh seed{'s' * (repeats > 1)}: mean"
            + (" ± 95 % confidence interval" if repeats > 1 else ", no interval")
        ]

    # What the marks mean, of those that there are.
    if any(board.tied.values()):
        lines.append("= intervals overlap with the best's: a tie")
    if board.baseline_name:
        lines.append(f"ratio: to {board.baseline_name}, above 1 is better")
    losses = [t for t, m in board.metrics.items() if not m.higher_is_better]
    if losses:
        lines.append(f"lower is better: {', '.join(losses)}")
    failed = sum(score.failed for score in scores)
    if failed:
        lines.append(f"{failed} of the fresh seeds failed (see --json)")
    return lines


def _settings_table(board: Scoreboard) -> "Table":
    table = new_table()
    for name in ("task", "cell", "best setting"):
        table.add_column(name)
    for name in ("its best", "runs"):
        table.add_column(name, justify="right")
    rows = [*board.rows, *([board.baseline] if board.baseline else [])]
    for task in board.metrics:
        for row in rows:
            score = row.scores[task]
            setting = "-" if score is None else describe_setting(score.setting)
            best = _number(None if score is None else score.best, 4)
            runs = str(row.trainings[task])
            table.add_row(*plain_texts([task, row.name, setting, best, runs]))
        table.add_section()
    return table


def describe_setting(setting: Setting) -> str:
    """A setting in a few words: `scale 1 rate 0.5 clip 5, 2 x 250K`."""
    size = f"{setting.num_layers} x {_thousands(setting.parameters)}"
    text = (
        f"scale {setting.scale:g} rate {setting.rate:g} clip {setting.clip:g}, {size}"
    )
    if setting.optimizer:
        text = f"{setting.optimizer} {text}"
    if setting.dropout:
        text += f", dropout {setting.dropout:g}"
    if setting.decay is not None:
        text += f", after {setting.constant_epochs} epochs x {setting.decay:g}"
    return text


def _thousands(count: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "K")):
        if count >= size:
            return f"{count / size:g}{letter}"
    return str(count)


def console_of(stream: IO[str]) -> "Console":
    """A console that writes to a stream."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else PIPE_COLUMNS)


def plain_texts(columns: Iterable[str]) -> "Iterator[Text]":
    """Names as they are: `rich` would take what is in brackets for a style."""
    from rich.text import Text

    return (Text(plain(column)) for column in columns)


def new_table() -> "Table":
    """A table as all of them look."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, pad_edge=False)
