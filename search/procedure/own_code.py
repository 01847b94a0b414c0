"""Code of a person's own that a document names: ops and tasks, `module:name`.

A stored configuration may be a stranger's, and to import what it names is to execute
what a stranger wrote. So only what a person has named in this process is used: on a
command line, in a call, or in a configuration that they gave.
"""

import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from cells import load_op, loaded_ops
from search.errors import UserError
from search.procedure.document import Document
from tasks import TEXT_KINDS, import_class, loaded_classes


class OwnCode(NamedTuple):
    """What is to be imported for a search, each once, in order.

    Attributes:
        ops: `module:op`.
        tasks: `module:Class`.
    """

    ops: tuple[str, ...]
    tasks: tuple[str, ...]

    def load(self) -> None:
        """Imports it: for a person who has named it.

        Raises:
            CellError: An op cannot be loaded.
            TaskError: A task cannot.
        """
        for spec in self.ops:
            load_op(spec)
        for spec in self.tasks:
            import_class(spec)

    def missing(self) -> "OwnCode":
        """What nobody has named in this process; nothing is imported."""
        ops, classes = loaded_ops(), loaded_classes()
        return OwnCode(
            tuple(spec for spec in self.ops if spec not in ops),
            tuple(spec for spec in self.tasks if spec not in classes),
        )

    @property
    def options(self) -> str:
        """How a person names it: options of the command line, and what they take."""
        words = [f"`op` {spec}" for spec in self.ops]
        return " ".join([*words, *(f"`task` {spec}" for spec in self.tasks)])

    @property
    def flags(self) -> list[str]:
        """The same, as it is typed."""
        return [
            f"--{option} {shlex.quote(spec)}"
            for option, specs in (("op", self.ops), ("task", self.tasks))
            for spec in specs
        ]


class UnnamedCodeError(UserError):
    """A run needs code that nobody has named in this process."""


def own_code(document: Document) -> OwnCode:
    """What a document would have imported; the document may be anything."""
    rules = document.get("rules")
    allowed = rules.get("ops") if isinstance(rules, dict) else None
    ops = [
        *_texts(document.get("own_ops")),
        *(text for text in _texts(allowed) if ":" in text),
    ]
    places = (document.get(key) for key in ("tasks", "objective"))
    tasks = [
        text
        for place in places
        for text in _texts(place)
        if ":" in text and text.partition(":")[0] not in TEXT_KINDS
    ]
    return OwnCode(tuple(dict.fromkeys(ops)), tuple(dict.fromkeys(tasks)))


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value, names of tables apart."""
    waiting = [value]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
