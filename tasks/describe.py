"""What is told about tasks: the list of them, and examples with scored positions."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tasks.base import SPLITS, Split, Task, TaskError
from tasks.pack import PackTask
from tasks.registry import SIZE_NAMES, resolve_task, task_names
from tasks.synthetic import SyntheticTask

EXAMPLES = 3
COLUMNS = 80  # width of what is rendered
LONGEST = 320  # characters of an example that are rendered; JSON has them all
VISIBLE = str.maketrans({"\n": "⏎", "\r": "␍", "\t": "⇥", " ": "␣"})


class Example(NamedTuple):
    """A stretch of a task's data.

    Attributes:
        tokens: the text of each token or frame.
        scored: whether it is to be predicted and counts; with `answers`: whether
            an answer is due once it has been read.
        answers: what is due where it is scored, else empty; None where the tokens
            themselves are to be predicted.
    """

    tokens: list[str]
    scored: list[bool]
    answers: list[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without `answers` where there are none."""
        values = self._asdict()
        if self.answers is None:
            del values["answers"]
        return values


def list_tasks() -> list[dict[str, Any]]:
    """One JSON-able row a task: those of the box, then those of installed packages.

    Keys: `name, summary, metric, unit, higher_is_better, readout, batch_size,
    num_steps`, and `sizes`: size -> `{num_inputs, config}`. A task that cannot be made
    has `name` and `error` only. For tasks of the box no file is read.
    """
    return [list_task(name) for name in task_names()]


def list_task(name: str) -> dict[str, Any]:
    """The row of one task, see `list_tasks`."""
    try:
        tasks = {size: resolve_task(name, size) for size in SIZE_NAMES}
    except TaskError as error:
        return {"name": name, "error": str(error)}
    sizes = {
        size: {"num_inputs": task.num_inputs, "config": task.config()}
        for size, task in tasks.items()
    }
    return {**head(tasks[SIZE_NAMES[0]]), "sizes": sizes}


def head(task: Task) -> dict[str, Any]:
    """What holds for a task in every size."""
    return {
        "name": task.name,
        "summary": task.summary,
        "metric": task.metric.name,
        "unit": task.metric.unit,
        "higher_is_better": task.metric.higher_is_better,
        "readout": task.readout,
        "batch_size": task.batch_size,
        "num_steps": task.num_steps,
    }


def describe_task(task: Task, seed: int = 0) -> dict[str, Any]:
    """One task in full, JSON-able: with its real sizes and three examples.

    Keys: those of `head`, `num_inputs, uniform_loss, repeats, config`; `splits`: split
    -> `{windows, scored}`, the updates of an epoch and the scored positions; and
    `examples`: a list of `{tokens, scored}`, with `answers` where a task has its own.

    Raises:
        TaskError: its data cannot be found or read.
    """
    return {
        **head(task),
        "num_inputs": task.num_inputs,
        "uniform_loss": task.uniform_loss,
        "repeats": task.repeats,
        "config": task.config(),
        "splits": {split: split_sizes(task, split, seed) for split in SPLITS},
        "examples": [example.to_dict() for example in examples(task, seed)],
    }


def split_sizes(task: Task, split: Split, seed: int) -> dict[str, int]:
    """The windows and the scored positions of one epoch of a split."""
    scored = task.stream(split, 0, seed).scored
    windows = -(-scored.shape[1] // task.num_steps)
    return {"windows": windows, "scored": int(scored.sum())}


def examples(task: Task, seed: int = 0, count: int = EXAMPLES) -> list[Example]:
    """Training examples: whole ones of a drawn task, else starts of rows."""
    if isinstance(task, SyntheticTask):
        return whole_examples(task, seed, count)
    if isinstance(task, PackTask):
        return answered_examples(task, seed, count)
    stream = task.stream("train", 0, seed)
    found = []
    steps = slice(0, task.num_steps)
    for row in range(-min(count, task.batch_size), 0):
        values = np.concatenate([stream.inputs[row, :1], stream.targets[row, steps]])
        scored = [False, *stream.scored[row, steps].tolist()]
        found.append(Example(task.decode(values), scored))
    return found


def whole_examples(task: SyntheticTask, seed: int, count: int) -> list[Example]:
    """The first examples of the training split."""
    drawn = task.examples("train", 0, seed, rows=count, row_length=1)
    found, start = [], 0
    for length in drawn.lengths[:count].tolist():
        end = start + length
        tokens = task.decode(drawn.tokens[start:end])
        found.append(Example(tokens, drawn.scored[start:end].tolist()))
        start = end
    return found


def answered_examples(task: PackTask, seed: int, count: int) -> list[Example]:
    """The first examples of the training split, with what is to be answered."""
    columns = task.stream("train", 0, seed)[:3]
    rows = [column.reshape(-1, task.num_steps)[:count] for column in columns]
    found = []
    for inputs, targets, scored in zip(*rows, strict=True):
        due = task.decode(targets)
        answers = [text if mark else "" for text, mark in zip(due, scored, strict=True)]
        found.append(Example(task.decode(inputs), scored.tolist(), answers))
    return found


def render_list(rows: Sequence[dict[str, Any]]) -> str:
    """The list of tasks as text: a sentence, the metric and the sizes of each."""
    return "\n\n".join("\n".join(list_lines(row)) for row in rows)


def list_lines(row: dict[str, Any]) -> Iterator[str]:
    """The lines of one task in the list."""
    if "error" in row:
        yield f"{row['name']}: cannot be used: {row['error']}"
        return
    yield from title_lines(row)
    yield f"  metric  {metric_words(row)}"
    for size, facts in row["sizes"].items():
        yield from settings_lines(size, facts["config"])


def title_lines(row: dict[str, Any]) -> list[str]:
    """A task's name and sentence, wrapped."""
    title = f"{row['name']}: {row['summary']}"
    return textwrap.wrap(title, COLUMNS, subsequent_indent="  ")


def metric_words(row: dict[str, Any]) -> str:
    """A metric with its unit and direction."""
    direction = "higher" if row["higher_is_better"] else "lower"
    return f"{row['metric']} ({row['unit']}, {direction} is better)"


def settings_lines(title: str, config: dict[str, Any]) -> list[str]:
    """A configuration, `name value, ...`, wrapped beside its title."""
    words = ", ".join(f"{key} {number(value)}" for key, value in config.items())
    return textwrap.wrap(f"  {title:<8}{words}", COLUMNS, subsequent_indent=" " * 10)


def number(value: Any) -> str:
    """A configured value for people: 210,000 rather than 210000."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def render_task(description: dict[str, Any]) -> str:
    """`describe_task`'s answer as text; under what is scored is `^` or an answer."""
    inputs = "symbols" if description["readout"] == "softmax" else "notes a frame"
    guess = f"a uniform guess costs {description['uniform_loss']:.3f} nats"
    lines = [
        *title_lines(description),
        f"  metric  {metric_words(description)}",
        f"  inputs  {description['num_inputs']:,} {inputs}; {guess}",
        f"  epochs  {'repeat' if description['repeats'] else 'draw new'} training data",
        *settings_lines("config", description["config"]),
    ]
    # Windows are updates of an epoch: what a budget is counted in.
    for split, sizes in description["splits"].items():
        windows, scored = f"{sizes['windows']:,}", f"{sizes['scored']:,}"
        lines.append(f"  {split:<8}{windows} windows, {scored} scored positions")
    # Examples of a text have their answers in the text; those of a pack do not.
    answered = any("answers" in example for example in description["examples"])
    below = "below each: what is due" if answered else "^ marks what is scored"
    lines.append(f"  examples ({below})")
    for position, example in enumerate(description["examples"], start=1):
        marked = mark(**example)
        for start, pair in enumerate(marked):
            label = f"{position}" if start == 0 else ""
            lines.append(f"  {label:<4}{pair[0]}".rstrip())
            lines += [f"{'':6}{pair[1]}".rstrip()] if pair[1].strip() else []
    return "\n".join(lines)


def mark(
    tokens: Sequence[str],
    scored: Sequence[bool],
    answers: Sequence[str] | None = None,
) -> list[tuple[str, str]]:
    """Lines of text, each with a line of `^`, or of answers, under what is scored."""
    gap = "" if all(len(text) <= 1 for text in [*tokens, *(answers or ())]) else " "
    pairs, text, marks, shown = [], "", "", 0
    for position, (token, counts) in enumerate(zip(tokens, scored, strict=True)):
        # A symbol is as wide as the sign below it, so that the two lines keep in step.
        word = token.translate(VISIBLE)
        sign = answers[position] if answers else "^" * len(word) * counts
        word = word.ljust(len(sign))
        # An example of the paper's size has thousands of symbols.
        if shown + len(text) > LONGEST:
            left = len(tokens) - position
            pairs.append((text, marks))
            return [*pairs, (f"... and {left:,} more", "")]
        if text and len(text) + len(word) > COLUMNS - 8:
            pairs.append((text, marks))
            text, marks, shown = "", "", shown + len(text)
        text += word + gap
        marks += sign.ljust(len(word)) + gap
    return [*pairs, (text, marks)]
