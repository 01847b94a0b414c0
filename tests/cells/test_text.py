"""The text form of cells: what is read, what is refused, and that printing inverts."""

import ast
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells import OP_SETS, OPS, Cell, CellError, Node, Op, check
from cells.check import MAX_NODES, MAX_STATES
from cells.notation.text import parse, parse_named, to_text
from cells.notation.tokens import MAX_DEPTH, MAX_TEXT, CellSyntaxError
from tests.support.strategies import cells

GRU = """\
def gru(x, h):
    z = sigmoid(linear(x) + linear(h))
    r = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + linear(r * h))
    return h + z * (candidate - h)
"""
LSTM_B = '''\
def lstm_b(x, h, c):
    """The forget gate's bias starts at one."""
    i = sigmoid(linear(x) + linear(h))  # the input gate
    f = sigmoid(linear(x) + linear(h, bias=1.0))
    o = sigmoid(linear(x) + linear(h))
    c_new = f * c + i * tanh(linear(x) + linear(h))

    return o * tanh(c_new), c_new
'''


def body(*lines: str) -> str:
    """A text of a cell of one state with these lines as its body."""
    return "def f(x, h):\n" + "".join(f"    {line}\n" for line in lines)


def error(text: str, **options: Any) -> CellSyntaxError:
    """The error of a text, held to what every error must be."""
    with pytest.raises(CellSyntaxError) as caught:
        parse(text, **options)
    found = caught.value
    assert found.line >= 1
    assert found.column >= 1
    assert "\n" not in str(found)
    assert len(str(found)) < 400
    assert str(found) == f"line {found.line}, column {found.column}: {found.message}"
    return found


# ------------------------------------------------------------------- reading


def test_nodes_are_numbered_as_evaluated_arguments_first_left_to_right() -> None:
    cell = parse(GRU)
    names = "linear linear add sigmoid linear linear add sigmoid linear multiply linear"
    assert [n.op for n in cell.nodes] == [
        *names.split(),
        *("add", "tanh", "subtract", "multiply", "add"),
    ]
    # x is 0, h is 1, node i is 2 + i.
    assert cell.nodes[9].args == (9, 1)
    assert cell.nodes[13].args == (14, 1)
    assert cell.nodes[14].args == (5, 15)
    assert cell.outputs == (17,)


def test_states_attributes_comments_and_a_docstring_are_read() -> None:
    name, cell = parse_named(LSTM_B)
    assert name == "lstm_b"
    assert cell.num_states == 2
    assert cell.nodes[5] == Node("linear", (1,), (0.0, 1.0))
    assert cell.outputs == (2 + len(cell.nodes), len(cell.nodes))


@pytest.mark.parametrize(
    ("literal", "value"),
    [("1", 1.0), ("-0.9", -0.9), ("+2", 2.0), ("1e-3", 1e-3), (".5", 0.5), ("3.", 3.0)],
)
def test_numbers_may_have_a_sign_and_an_exponent(literal: str, value: float) -> None:
    cell = parse(body(f"return linear(h, bias={literal}, diagonal=1)"))
    assert cell.nodes[0].attrs == (1.0, value)


def test_ops_may_be_called_by_name_and_values_may_have_several_names() -> None:
    named = body("a = add(x, h)", "b = a", "return subtract(multiply(a, h), b)")
    assert parse(named) == parse(body("a = x + h", "return a * h - a"))


def test_a_cell_may_return_its_inputs_or_leave_them_unread() -> None:
    assert parse("def f(x, a, b): return b, a") == Cell(2, (), (2, 1))
    assert parse(body("return one()")).nodes == (Node("one", ()),)


def test_line_ends_byte_order_mark_and_foreign_comments_do_not_matter() -> None:
    assert parse("\ufeff" + LSTM_B.replace("\n", "\r\n")) == parse(LSTM_B)
    assert parse(LSTM_B.replace("\n", "\r")) == parse(LSTM_B)
    comment = '# \u00e9 \x00 \udcff \f \' \\ \u2028 """ ((('
    assert parse(GRU.replace("\n", f"  {comment}\n")) == parse(GRU)
    docstring = body('"""\\d \\N{x} \x00 \u00e9 \udcff ((( \\"""" """', "return h")
    assert parse(docstring.replace('\\""""', "")) == parse(body("return h"))


def test_only_the_named_ops_may_be_used() -> None:
    text = body("a = x - h", "return silu(a)")
    assert parse(text, ops=["extended"]) == parse(text)
    found = error(text, ops=["paper"])
    assert (found.line, found.column) == (3, 12)
    assert "'silu' is not allowed here" in found.message
    found = error(text, ops=["silu", "add"])
    assert (found.line, found.column) == (2, 9)
    with pytest.raises(CellError, match="unknown op or op set 'papre'"):
        parse(text, ops=["papre"])


# ------------------------------------------------------------------ mistakes

MISTAKES = [
    # text, line, column, words of the message
    ("", 1, 1, "no cell here"),
    ("# nothing\n", 1, 1, "no cell here"),
    ("x = 1\n", 1, 1, "one function"),
    ("h", 1, 1, "one function"),
    (GRU + "y = 1", 6, 1, "nothing may follow"),
    (GRU + GRU, 6, 1, "nothing may follow"),
    ("class A: pass", 1, 1, "unexpected 'class'"),
    ("async def f(x, h): return h", 1, 1, "unexpected 'async'"),
    ("@cache\ndef f(x, h): return h", 1, 1, "unknown operator '@'"),
    ("def f(x): return x", 1, 1, "at least one state, got 1"),
    ("def f(): return", 1, 1, "at least one state, got 0"),
    ("def f(x, x): return x", 1, 10, "'x' is already taken"),
    ("def f(x, h=1): return h", 1, 12, "plain names"),
    ("def f(x, h: int): return h", 1, 13, "plain names"),
    ("def f(x, *h): return h", 1, 11, "plain names"),
    ("def f(x, *, h): return h", 1, 13, "plain names"),
    ("def f(x, **h): return h", 1, 10, "unexpected '**'"),
    ("def f(x, h) -> int: return h", 1, 13, "unexpected '->'"),
    ("def f(x, h)\n    return h", 1, 12, "expected ':'"),
    ("def f(x, h):\nreturn h", 2, 1, "expected an indented block"),
    ("def f(x, h):\n  a = h\n    return a", 3, 5, "unexpected indent"),
    ("def 2(x, h): return h", 1, 5, "invalid syntax"),
    (body("pass"), 2, 5, "unexpected 'pass'"),
    (body("a = tanh(h)"), 2, 5, "must return"),
    (body("'doc'"), 2, 5, "must return"),
    (body("return h", "return h"), 2, 5, "only the last statement may return"),
    (body("return"), 2, 5, "1 state returns as many values, got 0"),
    (body("return x, h"), 2, 12, "1 state returns as many values, got 2"),
    ("def f(x, a, b): return a", 1, 24, "2 states returns as many values, got 1"),
    (body("tanh(h)", "return h"), 2, 5, "must get a name"),
    (body("return h", "'doc'"), 2, 5, "only the last statement may return"),
    (body("a = h", "'doc'", "return a"), 3, 5, "must get a name"),
    (body("h = tanh(x)", "return h"), 2, 5, "'h' is already taken"),
    (body("a = tanh(x)", "a = tanh(a)", "return a"), 3, 5, "'a' is already taken"),
    (body("a, b = h", "return a"), 2, 5, "one name to one value"),
    (body("a = b = h", "return a"), 2, 9, "one name to one value"),
    (body("f(x) = h", "return h"), 2, 5, "cannot assign to function call"),
    (body("a: b = h", "return a"), 2, 5, "name = expression or return"),
    (body("a += h", "return a"), 2, 7, "unexpected '+='"),
    (body("a = (b := h)", "return a"), 2, 12, "unexpected ':='"),
    (body("a = tanh(x)", "return h"), 2, 5, "'a' is never used"),
    (body("a = tanh(x)", "b = tanh(a)", "return h"), 3, 5, "'b' is never used"),
    (body("a = h; return a"), 2, 10, "unexpected ';'"),
    (body("if h: return h"), 2, 5, "unexpected 'if'"),
    (body("def g(x): return x", "return h"), 2, 5, "name = expression or return"),
    (body("match x:", "  case y: return h"), 2, 5, "name = expression or return"),
    (body("return tnah(h)"), 2, 12, "unknown op 'tnah'; did you mean 'tanh'?"),
    (body("return frobnicate(h)"), 2, 12, "unknown op 'frobnicate'; there are linear"),
    (body("hidden = tanh(h)", "return hiden"), 3, 12, "did you mean 'hidden'?"),
    (body("return zzz"), 2, 12, "unknown name 'zzz'; there are x, h"),
    (body("return tanh"), 2, 12, "'tanh' is an op: write tanh(...)"),
    (body("return h(x)"), 2, 12, "unknown op 'h'"),
    (body("return tanh(a)", "a = h"), 2, 5, "only the last"),
    (body("b = tanh(a)", "a = h", "return b"), 2, 14, "unknown name 'a'"),
    (body("return linear(x, h)"), 2, 12, "linear takes 1 argument, got 2"),
    (body("return add(h)"), 2, 12, "add takes 2 arguments, got 1"),
    (body("return one(h)"), 2, 12, "one takes 0 arguments, got 1"),
    (body("return tanh(h, bias=1)"), 2, 20, "tanh has no attributes, got 'bias'"),
    (body("return linear(h, bais=1)"), 2, 22, "no 'bais'; did you mean 'bias'?"),
    (body("return linear(h, bias=1, bias=2)"), 2, 30, "given twice"),
    (body("return linear(bias=1, h)"), 2, 28, "positional argument follows"),
    (body("return linear(h, bias=x)"), 2, 27, "bias is a number"),
    (body("return linear(h, bias=True)"), 2, 27, "unexpected 'True'"),
    (body("return linear(h, bias=1j)"), 2, 27, "not a decimal number"),
    (body("return linear(h, bias=0x1F)"), 2, 27, "not a decimal number"),
    (body("return linear(h, bias=1_0)"), 2, 27, "not a decimal number"),
    (body("return linear(h, bias=007)"), 2, 27, "not a decimal number"),
    (body("return linear(h, bias=--1)"), 2, 27, "bias is a number"),
    (body("return linear(h, bias=1 + 1)"), 2, 27, "bias is a number"),
    (body("return linear(h, bias='1')"), 2, 27, "bias is a number"),
    (body("return linear(h, bias=1e999)"), 2, 27, "must be finite"),
    (body("return linear(h, bias=-1e999)"), 2, 27, "must be finite"),
    (body(f"return linear(h, bias={'9' * 5000})"), 2, 27, "at most 100 characters"),
    (body(f"return {'h' * 5000}"), 2, 12, "at most 100 characters"),
    (body("return linear(h, *x)"), 2, 12, "takes 1 argument, got 2"),
    (body("return linear(*h)"), 2, 19, "expected a name, an op call"),
    (body("return 1 - h"), 2, 12, "a vector of ones is one()"),
    (body("return h * 0.5"), 2, 16, "a number stands only for an attribute"),
    (body("return -h"), 2, 12, "no op is written '-' before one value"),
    (body("return +h"), 2, 12, "no op is written '+' before one value"),
    (body("return h / x"), 2, 14, "unknown operator '/'"),
    (body("return h @ x"), 2, 14, "unknown operator '@'"),
    (body("return h ** x"), 2, 14, "unexpected '**'"),
    (body("return h < x"), 2, 14, "unexpected '<'"),
    (body("return h == x"), 2, 14, "unexpected '=='"),
    (body("return tanh((x, h))"), 2, 17, "several values stand only after return"),
    (body("return [h]"), 2, 12, "unexpected '['"),
    (body("return {h}"), 2, 12, "unexpected '{'"),
    (body("return x[h]"), 2, 13, "unexpected '['"),
    (body("return (h for h in x)"), 2, 15, "unexpected 'for'"),
    (body("return lambda: h"), 2, 12, "unexpected 'lambda'"),
    (body("return h if x else h"), 2, 14, "unexpected 'if'"),
    (body("return 'h'"), 2, 12, "a string may only be the docstring"),
    (body("return f'{h}'"), 2, 12, "expected a name"),
    (body("return 'h"), 2, 12, "string is not closed"),
    (body('"""doc', "return h"), 2, 5, "string is not closed"),
    (body("return (h"), 2, 12, "'(' was never closed"),
    (body("return tanh(h"), 2, 16, "'(' was never closed"),
    (body("return h)"), 2, 13, "unmatched ')'"),
    (body("return h h"), 2, 14, "invalid syntax"),
    (body("return print h"), 2, 12, "invalid syntax"),
    (body("return tanh(h)(h)"), 2, 12, "only an op can be called"),
    (body("return (x + h)(h)"), 2, 13, "only an op can be called"),
    (body("return h\u00e9"), 2, 13, "unexpected '\u00e9'"),
    (body("return \uff48"), 2, 12, "unexpected '\uff48'"),
    (body("return h\x00"), 2, 13, r"unexpected '\x00'"),
    (body("return h\udcff"), 2, 13, r"unexpected '\udcff'"),
    (body("return h\f"), 2, 13, r"unexpected '\x0c'"),
    (body("return h \\ x"), 2, 14, r"unexpected '\\'"),
    (body("return h?"), 2, 13, "unexpected '?'"),
    ("\tdef f(x, h): return h", 1, 1, "unexpected indent"),
    ("def f(x, h):\n    a = h\n\treturn a", 3, 9, "inconsistent use of tabs"),
]


@pytest.mark.parametrize(("text", "line", "column", "words"), MISTAKES)
def test_a_mistake_is_one_line_with_its_place(
    text: str, line: int, column: int, words: str
) -> None:
    found = error(text)
    assert words in found.message
    # Python itself places its indentation errors differently in each version.
    if "indent" not in words and "tabs" not in words:
        assert (found.line, found.column) == (line, column)
    assert found.line == line


def test_too_many_states_are_refused_where_they_are_too_many() -> None:
    names = [f"s{i}" for i in range(MAX_STATES + 1)]
    text = f"def f(x, {', '.join(names)}):\n    return {', '.join(names)}\n"
    found = error(text)
    assert (found.line, found.column) == (1, text.index("s64") + 1)
    text = text.replace(", s64", "")
    assert parse(text).num_states == MAX_STATES


DANGEROUS = [
    "os.system('touch {0}')",
    "__import__('os').system('touch {0}')",
    'exec(\'open("{0}", "w")\')',
    "eval('1')",
    "open('{0}', 'w')",
    "(lambda: open('{0}', 'w'))()",
    "[open('{0}', 'w') for _ in h]",
    'f\'{{open("{0}", "w")}}\'',
    "h.__class__.__mro__",
    "tanh(open('{0}', 'w'))",
    "linear(h, bias=open('{0}', 'w'))",
    "(y := open('{0}', 'w'))",
]


@pytest.mark.parametrize("call", DANGEROUS)
def test_nothing_in_a_text_is_executed(call: str, tmp_path: Path) -> None:
    target = tmp_path / "made"
    call = call.format(target)
    for text in (
        body(f"return {call}"),
        body(f"a = {call}", "return h"),
        f"def f(x, h={call}): return h",
        f"def f(x, h: {call}): return h",
        f"def f(x, h) -> {call}: return h",
        f"@{call}\ndef f(x, h): return h",
        call,
    ):
        error(text)
    assert not target.exists()


def test_an_error_crosses_a_process_border() -> None:
    found = error(body("return tnah(h)"))
    copy = pickle.loads(pickle.dumps(found))
    assert (str(copy), copy.line, copy.column) == (str(found), 2, 12)


# ---------------------------------------------------------------- huge inputs


def chained(count: int) -> str:
    return body("return " + " + ".join(["h"] * (count + 1)))


def statements(count: int) -> str:
    names = [f"a{i} = tanh(a{i - 1})" for i in range(1, count)]
    return body("a0 = tanh(h)", *names, f"return a{count - 1}")


HUGE = {
    "ten thousand operators": chained(10_000),
    "ten thousand lines": statements(10_000),
    "ten thousand aliases": body(
        "a0 = h", *(f"a{i} = a{i - 1}" for i in range(1, 10_000)), "return tanh"
    ),
    "ten thousand calls deep": body(f"return {'tanh(' * 10_000}h{')' * 10_000}"),
    "ten thousand parentheses deep": body(
        "return " + "(" * 10_000 + "h" + ")" * 10_000
    ),
    "ten thousand signs": body("return " + "-" * 10_000 + "h"),
    "ten thousand calls of calls": body("return h" + "()" * 10_000),
    "ten thousand attributes": body("return h" + ".a" * 10_000),
    "ten thousand subscripts": body("return h" + "[0]" * 10_000),
    "ten thousand keywords": body(
        f"return tanh(h, {', '.join(f'a{i}=1' for i in range(10_000))})"
    ),
    "ten thousand inputs": f"def f({', '.join(f'a{i}' for i in range(10_000))}): a",
    "ten thousand values": body("return " + "h, " * 10_000),
    "ten thousand targets": body("a = " * 10_000 + "h", "return a"),
    "ten thousand strings": body("'a' " * 10_000, "return h, h"),
    "ten thousand functions": GRU * 10_000,
    "nested functions": "".join(f"{' ' * i}def f(x, h):\n" for i in range(400)),
    "a number of a million digits": body(f"return linear(h, bias={'1' * 1_000_000})"),
    "ten million characters": "a" * 10_000_000,
    "ten million line ends": "\n" * 10_000_000,
    "open strings": body(*["'''\"\"\"'''\"\"\"" * 3_000], "return h, h") + "'" * 9_999,
    "quotes": "'\"" * 50_000,
    "backslashes": '"' + "\\" * 150_001 + '"',
    "continued lines": body("return h, \\\n" * 20_000),
    "escapes": body('"' + "\\d" * 50_000 + '"', "return h, h"),
}
# As long as a text may be, and nowhere closed.
HUGE |= {
    f"only {part!r} after {start!r}": (start + part * MAX_TEXT)[:MAX_TEXT]
    for start in ("", "'", '"', "'''", '"""')
    for part in ("'", '"', "\\", "\\'", "1", "1e+", "'' ", "\\\n")
}


@pytest.mark.parametrize("name", HUGE)
def test_no_input_hangs(name: str) -> None:
    start = time.process_time()
    error(HUGE[name])
    assert time.process_time() - start < 2


def test_the_operation_too_many_is_named_with_its_place() -> None:
    assert len(parse(statements(MAX_NODES)).nodes) == MAX_NODES
    found = error(statements(MAX_NODES + 1))
    assert found.line == MAX_NODES + 2
    assert "at most 1000 nodes" in found.message
    found = error(chained(MAX_NODES + 1))
    assert (found.line, found.column) == (2, 11 + 4 * MAX_NODES + 3)


def test_as_many_nodes_as_allowed_fit_in_one_expression() -> None:
    assert len(parse(chained(MAX_NODES)).nodes) == MAX_NODES


def test_parentheses_may_nest_so_deep_and_no_deeper() -> None:
    deep = "tanh(" * MAX_DEPTH + "h" + ")" * MAX_DEPTH
    assert len(parse(body(f"return {deep}")).nodes) == MAX_DEPTH
    found = error(body(f"return ({deep})"))
    assert "parentheses are open" in found.message
    assert (found.line, found.column) == (2, 12 + 5 * MAX_DEPTH)


def test_a_text_too_long_is_refused() -> None:
    assert parse(GRU + "#" * (MAX_TEXT - len(GRU))) == parse(GRU)
    assert "200,000 characters" in error(GRU + "#" * MAX_TEXT).message


# ------------------------------------------------------------------- fuzzing

WORDS = (
    *("def f(x, h):", "return", "x", "h", "=", "+", "-", "*", "(", ")", ",", ":"),
    *("linear(", "tanh(h)", "one()", "bias=1.0", "diagonal", "1", "\n", "\n    "),
    *("'", '"""', "#", "\\", ".", "/", "**", "@", "lambda", "for", "[", "{", ";", "->"),
    *(":=", "==", "0x1", "1e5", "\t", "\x00", "\udc80", "\u00e9", "f'", "b'", "match"),
    *("type", "case _:", "async", "del", "print", "...", "!", "$", "~", "<", "&&"),
)


def survives(text: str) -> None:
    """A text is a valid cell that round-trips, or one line that says why not."""
    try:
        cell = parse(text)
    except CellSyntaxError:
        error(text)
    else:
        check(cell)
        assert parse(to_text(cell)) == cell


@given(st.text())
def test_any_text_is_a_cell_or_one_error(text: str) -> None:
    survives(text)
    survives(body(text))


@given(st.lists(st.sampled_from(WORDS)), st.sampled_from(["", " "]))
def test_any_mixture_of_tokens_is_a_cell_or_one_error(
    words: list[str], between: str
) -> None:
    soup = between.join(words)
    survives(soup)
    survives(body(soup, "return h"))
    survives(body(f"return {soup}"))


@given(
    cells(max_nodes=12),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(WORDS))),
)
def test_a_damaged_cell_is_a_cell_or_one_error(
    cell: Cell, damage: list[tuple[float, int, str]]
) -> None:
    text = to_text(cell)
    for where, removed, inserted in damage[:3]:
        at = int(where * len(text))
        text = text[:at] + inserted + text[at + removed :]
    survives(text)


# ------------------------------------------------------------------ printing


def test_the_printed_form_is_what_a_person_would_write() -> None:
    assert to_text(parse(GRU), "gru") == (
        "def gru(x, h):\n"
        "    n3 = sigmoid(linear(x) + linear(h))\n"
        "    n7 = sigmoid(linear(x) + linear(h))\n"
        "    return h + n3 * (tanh(linear(x) + linear(n7 * h)) - h)\n"
    )
    assert to_text(parse(LSTM_B)) == (
        "def cell(x, h, c):\n"
        "    n3 = sigmoid(linear(x) + linear(h))\n"
        "    n7 = sigmoid(linear(x) + linear(h, bias=1.0))\n"
        "    n11 = sigmoid(linear(x) + linear(h))\n"
        "    n18 = n7 * c + n3 * tanh(linear(x) + linear(h))\n"
        "    return n11 * tanh(n18), n18\n"
    )


@pytest.mark.parametrize(
    "expression",
    [
        "h",
        "one()",
        "x + h - x",
        "x - (h - x)",
        "x + (h + x)",
        "x * (h * x)",
        "(x + h) * (x - h)",
        "x * h + x * h",
        "x * h * x",
        "tanh(x - h) * tanh(x)",
        "linear(x + h, diagonal=-0.9, bias=1e-05)",
        "maximum(x + h, x * h) - minimum(x, h)",
        "scale(rms_norm(x)) + (x - leaky_relu(h))",
    ],
)
def test_parentheses_are_printed_where_they_matter_only(expression: str) -> None:
    text = to_text(parse(body(f"return {expression}")), "f")
    assert text == body(f"return {expression}")


@given(st.one_of(cells("extended", max_nodes=60), cells("paper", max_nodes=60)))
def test_parse_inverts_to_text(cell: Cell) -> None:
    text = to_text(cell)
    assert parse(text) == cell
    assert max(len(line) for line in text.splitlines()) < 80
    ast.parse(text)  # it is Python


@given(cells("extended", max_nodes=40), st.data())
def test_parse_inverts_to_text_for_any_finite_attribute(
    cell: Cell, data: st.DataObject
) -> None:
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    nodes = tuple(
        node._replace(attrs=tuple(data.draw(numbers) for _ in node.attrs))
        for node in cell.nodes
    )
    cell = cell._replace(nodes=nodes)
    assert parse(to_text(cell)) == cell


def random_cell(rng: np.random.Generator, num_nodes: int, reach: int) -> Cell:
    """A valid cell whose nodes read values at most `reach` back; built from the end."""
    num_states = int(rng.integers(1, MAX_STATES + 1))
    first = num_states + 1
    rows = [OPS[name] for name in OP_SETS["extended"]]
    nodes = []
    for size in range(first, first + num_nodes):
        op = rows[rng.integers(len(rows))]
        back = rng.integers(1, min(reach, size) + 1, op.arity)
        attrs = rng.choice([0.0, 1.0, -0.37, 1.5e-300], len(op.attributes))
        args, floats = (size - back).tolist(), attrs.tolist()
        nodes.append(Node(op.name, tuple(args), tuple(floats)))
    read = {arg for node in nodes for arg in node.args}
    sinks = [first + i for i in range(num_nodes) if first + i not in read]
    while len(sinks) > num_states:
        nodes.append(Node("add", (sinks.pop(), sinks.pop())))
        sinks.insert(0, num_states + len(nodes))
    outputs = [*sinks, *rng.integers(0, first + len(nodes), num_states - len(sinks))]
    return Cell(num_states, tuple(nodes), tuple(int(o) for o in outputs))


@pytest.mark.parametrize("reach", [1, 2, 4, 20, 2000])
def test_large_cells_of_many_states_come_back_too(reach: int) -> None:
    rng = np.random.default_rng(reach)
    for num_nodes in (600, 400, 100, 99, 98):
        cell = random_cell(rng, num_nodes, reach)
        text = to_text(cell)
        assert parse(text) == cell
        assert max(len(line) for line in text.splitlines()) < 80


def test_the_largest_cells_come_back() -> None:
    attrs = (-1.2345678901234567e-300, -1.2345678901234567e-300)
    half = MAX_NODES // 2
    sums = [Node("add", (2, 3))]
    sums += [Node("add", (half + 2 + i, 4 + i)) for i in range(half - 2)]
    nodes = (*[Node("linear", (0,), attrs)] * half, *sums, Node("tanh", (MAX_NODES,)))
    cell = Cell(1, nodes, (1 + MAX_NODES,))
    check(cell)
    assert len(cell.nodes) == MAX_NODES
    assert parse(to_text(cell)) == cell
    assert len(to_text(cell)) < MAX_TEXT / 2


def test_a_person_s_operators_are_read_and_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def row(name: str, arity: int, symbol: str) -> Op:
        kind = "activation" if arity == 1 else "elementwise"
        return Op(
            name, kind, arity, lambda xp, *a: a[0], symbol=symbol, origin="own:op"
        )

    for own in (row("negate", 1, "-"), row("divide", 2, "/"), row("plus", 2, "+")):
        monkeypatch.setitem(OPS, own.name, own)
    monkeypatch.setitem(OPS, "arrow", row("arrow", 2, "->"))
    expression = "-x * -(h / x / (h / x)) - plus(arrow(x, -linear(h, bias=-1.0)), --h)"
    text = body(f"return {expression}")
    cell = parse(text)
    assert [n.op for n in cell.nodes].count("negate") == 5
    assert parse(to_text(cell)) == cell
    assert to_text(cell, "f") == text
    assert error(body("return ~h")).message.startswith("unknown operator '~'")


@pytest.mark.parametrize("name", ["", "a b", "1a", "def", "\u00e9", "a" * 101, "None"])
def test_a_name_that_no_function_can_have_is_refused(name: str) -> None:
    with pytest.raises(CellError, match="name"):
        to_text(parse(GRU), name)


def test_an_invalid_cell_is_not_printed() -> None:
    with pytest.raises(CellError, match="n0"):
        to_text(Cell(1, (Node("tanh", (5,)),), (2,)))
