"""What a cell's text may be made of: one pass over it before it is parsed."""

import keyword
import re
from collections.abc import Collection
from typing import Final

from cells.check import MAX_NODES
from cells.ops import CellError

MAX_TEXT: Final = 200_000
"""Characters in a text: a cell of `MAX_NODES` nodes needs less than half of it."""

MAX_DEPTH: Final = 100
"""Parentheses open at once."""

MAX_WORD: Final = 100
"""Characters of a name or a number."""

_KEYWORDS: Final = ("def", "return")

# No group is possessive: Python before 3.11.5 mishandles those. Time is linear all the
# same, since the alternatives of a group begin with different characters.
_TOKEN = re.compile(
    r"""
    (?P<space>   (?: [ \t\n]++ | \\\n )+ )
    | (?P<comment> \#[^\n]*+ )
    | (?P<string>  '''(?: [^\\']++ | \\. | '(?!'') )*'''
                 | \"\"\"(?: [^\\"]++ | \\. | "(?!"") )*\"\"\"
                 | '(?!'') (?: [^\\'\n]++ | \\. )*'
                 | "(?!"") (?: [^\\"\n]++ | \\. )*" )
    | (?P<name>    [A-Za-z_] [A-Za-z0-9_]*+ )
    | (?P<number>  \.?+ [0-9] [A-Za-z0-9_.]*+ (?: (?<=[eE]) [+-] [0-9]++ )? )
    | (?P<wrong>   -> | := | \*\* | // | << | >> | [-+*/%@&|^<>!=]= )
    | (?P<mark>    [(),:=] )
    | (?P<operator> [-+*/%@~] )
    | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_NUMBER = re.compile(
    r"0+|[1-9][0-9]*|([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?"
)
_HIDDEN = re.compile(r"\\(?!\n)|[^\\\n]")


class CellSyntaxError(CellError):
    """A mistake in a cell's text, with its place.

    All three are its arguments: it may cross a process border.

    Attributes:
        message: What is wrong.
        line: Line of the text, from 1.
        column: Character of the line, from 1.
    """

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message, line, column)
        self.message, self.line, self.column = message, line, column

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


def screened(text: str, symbols: Collection[str]) -> str:
    """The text with only what a cell may contain, comments and strings blanked.

    What is returned is plain ASCII, of bounded length, nesting and number of
    operations, and keeps every place: Python's parser neither warns about it nor runs
    out of stack on it.

    Args:
        text: Anything that a person wrote.
        symbols: The operators that stand for ops.

    Raises:
        CellSyntaxError: The first thing that has no place in a cell.
    """
    # Line ends of all systems count as one character, so that places are right.
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_TEXT:
        message = f"a text has at most {MAX_TEXT:,} characters, got {len(text):,}"
        raise CellSyntaxError(message, *_place(text, MAX_TEXT))

    # Token by token, with what Python's parser could choke on counted on the way.
    kept: list[str] = []
    opened: list[int] = []
    operations, before = 0, ""
    for match in _TOKEN.finditer(text):
        kind, token, start = str(match.lastgroup), match.group(), match.start()
        kept.append(_blanked(kind, token))
        if kind in ("space", "comment"):
            continue
        wrong = _fault(kind, token, symbols)
        if token == "(":
            opened.append(start)
            operations += before in ("name", "value")
        elif token == ")" and opened:
            opened.pop()
        elif token == ")":
            wrong = "unmatched ')'"
        # A sign is not an operation: it follows the = of an attribute.
        operations += kind == "operator" and before != "="
        if operations > MAX_NODES:
            wrong = f"a cell has at most {MAX_NODES} nodes"
        if len(opened) > MAX_DEPTH:
            wrong = f"more than {MAX_DEPTH} parentheses are open"
        if wrong:
            raise CellSyntaxError(wrong, *_place(text, start))
        before = _role(kind, token, before)
    if opened:
        raise CellSyntaxError("'(' was never closed", *_place(text, opened[-1]))
    return "".join(kept)


def quoted(word: str) -> str:
    """A word of the text for a message: one line, and not long."""
    return repr(word if len(word) <= 40 else word[:37] + "...")


def _fault(kind: str, token: str, symbols: Collection[str]) -> str:
    """What is wrong with one token by itself; empty if nothing is."""
    # Words and numbers: Python's own are none, and lengths are bounded.
    if kind == "name" and keyword.iskeyword(token) and token not in _KEYWORDS:
        return f"unexpected {token!r}: statements are name = expression and return"
    if kind in ("name", "number") and len(token) > MAX_WORD:
        return f"a {kind} has at most {MAX_WORD} characters, got {len(token)}"
    if kind == "number" and not _NUMBER.fullmatch(token):
        return f"{quoted(token)} is not a decimal number"

    # Signs: an operator needs an op, and everything else has no place here.
    if kind == "operator" and token not in symbols:
        return f"unknown operator {token!r}; there are {' '.join(sorted(symbols))}"
    if kind == "other" and token in "'\"":
        return "a string is not closed, and only a docstring may be one"
    if kind in ("wrong", "other"):
        return (
            f"unexpected {token!r}: a cell is made of names, op calls, numbers, "
            f"( ) , = and {' '.join(sorted(symbols))}"
        )
    return ""


def _blanked(kind: str, token: str) -> str:
    """Comments and strings may hold anything, so Python's parser sees blanks there."""
    if kind == "comment":
        return " " * len(token)
    if kind == "string":
        quotes = 3 if token[:3] in ("'''", '"""') and len(token) > 5 else 1
        inner = token[quotes:-quotes]
        return token[:quotes] + _HIDDEN.sub(" ", inner) + token[-quotes:]
    return token


def _role(kind: str, token: str, before: str) -> str:
    """What a token means for the next one: whether ( calls, whether - is a sign."""
    if kind == "name":
        if before == "def":
            return "function"
        return token if token in _KEYWORDS else "name"
    return "value" if kind in ("number", "string") or token == ")" else token


def _place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1
