"""From the text of a cell to its nodes, by way of Python's syntax tree."""

import ast
from collections.abc import Sequence
from typing import Final, NamedTuple

from cells.check import MAX_NODES, MAX_STATES, check
from cells.ir import Cell, Node
from cells.notation.layout import operator
from cells.notation.tokens import CellSyntaxError, quoted, screened
from cells.ops import OPS, Op
from cells.own_ops import op_names
from cells.wording import nearest_name, plural

_OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
    ast.MatMult: "@",
    ast.UAdd: "+",
    ast.USub: "-",
    ast.Invert: "~",
}

_PYTHON_SAYS: Final = (
    "cannot assign",
    "expected ':'",
    "expected an indented block",
    "inconsistent use of tabs",
    "positional argument follows",
    "unexpected indent",
    "unindent does not match",
)
"""Python's messages that help here; the others are about the rest of Python."""


def read(text: str, ops: Sequence[str] | None) -> tuple[str, Cell]:
    """The name and the cell that a text stands for; see `cells.notation.text.parse`.

    Raises:
        CellSyntaxError: The first mistake.
    """
    allowed = tuple(OPS) if ops is None else op_names(ops)
    source = screened(text, {op.symbol for op in OPS.values() if op.symbol})
    reader = _Reader(allowed)
    function = _function(_tree(source))
    cell = reader.cell(function)
    check(cell)
    return function.name, cell


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        known = error.msg.startswith(_PYTHON_SAYS)
        message = error.msg.split(" Maybe ")[0] if known else "invalid syntax"
        line = min(error.lineno or 1, source.count("\n") + 1)
        raise CellSyntaxError(message, line, max(error.offset or 1, 1)) from None
    except (RecursionError, MemoryError):
        raise CellSyntaxError("an expression is nested too deeply") from None


def _function(tree: ast.Module) -> ast.FunctionDef:
    """The one function that a text consists of."""
    form = "def name(x, h): ..."
    if not tree.body:
        raise CellSyntaxError(f"there is no cell here; write {form}")
    first = tree.body[0]
    if not isinstance(first, ast.FunctionDef):
        raise _error(first, f"a text is one function, {form}")
    if len(tree.body) > 1:
        raise _error(tree.body[1], "a text is one function, nothing may follow it")
    if first.decorator_list:
        raise _error(first.decorator_list[0], "a cell has no decorators")
    return first


def _error(node: ast.AST, message: str) -> CellSyntaxError:
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    return CellSyntaxError(message, line, column)


class _Operation(NamedTuple):
    """An op that waits for its arguments."""

    op: Op
    attrs: tuple[float, ...]
    place: ast.expr


class _Reader:
    """The state of reading one function: names, and the nodes so far."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        self.nodes: list[Node] = []
        self.names: dict[str, int] = {}
        self.unused: dict[str, ast.AST] = {}
        self.num_inputs = 0

    def cell(self, function: ast.FunctionDef) -> Cell:
        self._inputs(function)
        *body, last = function.body
        for position, statement in enumerate(body):
            self._statement(statement, position)
        if not isinstance(last, ast.Return):
            # Whatever is wrong with the last statement itself is said first.
            self._statement(last, len(body))
            raise _error(last, "the last statement must return the new states")
        outputs = self._outputs(last)
        for name, place in self.unused.items():
            raise _error(place, f"{quoted(name)} is never used")
        return Cell(self.num_inputs - 1, tuple(self.nodes), outputs)

    def _inputs(self, function: ast.FunctionDef) -> None:
        # Python allows much more between the parentheses than names.
        arguments = function.args
        plain = arguments.args
        others = [*arguments.posonlyargs, *arguments.kwonlyargs]
        others += [a for a in (arguments.vararg, arguments.kwarg) if a]
        defaults = [*arguments.defaults, *(d for d in arguments.kw_defaults if d)]
        notes = [arg.annotation for arg in plain if arg.annotation]
        for place in (*others, *defaults, *notes):
            raise _error(place, "inputs are plain names: x and the old states")

        # x and at least one state, which are values 0, 1, ...
        if len(plain) < 2:
            names = plural(len(plain), "name")
            raise _error(
                function, f"a cell takes x and at least one state, got {names}"
            )
        if len(plain) - 1 > MAX_STATES:
            raise _error(plain[MAX_STATES + 1], f"a cell has 1 to {MAX_STATES} states")
        for value, arg in enumerate(plain):
            self._bind(arg.arg, value, arg)
        self.unused.clear()
        self.num_inputs = len(plain)

    def _statement(self, statement: ast.stmt, position: int) -> None:
        match statement:
            case ast.Expr(ast.Constant(str())) if position == 0:
                pass
            case ast.Assign([ast.Name(name) as target], value):
                self._bind(name, self._value(value), target)
            case ast.Assign(targets):
                place = targets[1 if len(targets) > 1 else 0]
                raise _error(place, "an assignment gives one name to one value")
            case ast.Return():
                raise _error(statement, "only the last statement may return")
            case ast.Expr():
                raise _error(statement, "a value must get a name: write name = ...")
            case _:
                raise _error(statement, "a statement is name = expression or return")

    def _outputs(self, statement: ast.Return) -> tuple[int, ...]:
        match statement.value:
            case None:
                places = []
            case ast.Tuple(places):
                pass
            case place:
                places = [place]
        wanted = self.num_inputs - 1
        if len(places) != wanted:
            raise _error(
                statement.value or statement,
                f"a cell of {plural(wanted, 'state')} returns as many values, "
                f"got {len(places)}",
            )
        return tuple([self._value(place) for place in places])

    def _bind(self, name: str, value: int, place: ast.AST) -> None:
        if name in self.names:
            raise _error(place, f"the name {quoted(name)} is already taken")
        self.names[name] = value
        self.unused[name] = place

    def _value(self, expression: ast.expr) -> int:
        """Adds the nodes of an expression; returns the value it stands for."""
        # An explicit stack: an expression may be a thousand operations deep.
        work: list[ast.expr | _Operation] = [expression]
        values: list[int] = []
        while work:
            item = work.pop()
            if isinstance(item, _Operation):
                start = len(values) - item.op.arity
                values[start:] = [self._node(item, tuple(values[start:]))]
            elif isinstance(item, ast.Name):
                values.append(self._named(item))
            else:
                pending, args = self._operation(item)
                work += [pending, *reversed(args)]
        return values[0]

    def _node(self, pending: _Operation, args: tuple[int, ...]) -> int:
        if len(self.nodes) == MAX_NODES:
            raise _error(pending.place, f"a cell has at most {MAX_NODES} nodes")
        self.nodes.append(Node(pending.op.name, args, pending.attrs))
        return self.num_inputs + len(self.nodes) - 1

    def _named(self, place: ast.Name) -> int:
        if place.id in self.names:
            self.unused.pop(place.id, None)
            return self.names[place.id]
        if place.id in OPS:
            raise _error(place, f"{place.id!r} is an op: write {place.id}(...)")
        raise _error(place, _unknown("name", place.id, list(self.names)))

    def _operation(self, place: ast.expr) -> tuple[_Operation, list[ast.expr]]:
        """The op of an expression, and the expressions of its arguments."""
        # What may stand in a cell comes first, then what people write instead.
        match place:
            case ast.BinOp(left, symbol, right):
                return self._operator(symbol, place, [left, right])
            case ast.UnaryOp(symbol, operand):
                return self._operator(symbol, place, [operand])
            case ast.Call(ast.Name()):
                return self._call(place)
            case ast.Call(function):
                raise _error(function, "only an op can be called, by its name")
            case ast.Constant(int() | float()):
                raise _error(
                    place,
                    "a number stands only for an attribute, as in linear(h, bias=1.0);"
                    " a vector of ones is one()",
                )
            case ast.Constant():
                raise _error(place, "a string may only be the docstring")
            case ast.Tuple():
                raise _error(place, "several values stand only after return")
        raise _error(place, "expected a name, an op call or an operator")

    def _operator(
        self, symbol: ast.AST, place: ast.expr, args: list[ast.expr]
    ) -> tuple[_Operation, list[ast.expr]]:
        sign = _OPERATORS[type(symbol)]
        op = operator(sign, len(args))
        if op is None:
            where = "before one value" if len(args) == 1 else "between two values"
            raise _error(place, f"no op is written {sign!r} {where}")
        self._permitted(op.name, place)
        return _Operation(op, (), place), args

    def _call(self, call: ast.Call) -> tuple[_Operation, list[ast.expr]]:
        assert isinstance(call.func, ast.Name)
        # Attributes are keywords, each at most once; arguments are what is left.
        op = self._permitted(call.func.id, call.func)
        attrs = dict.fromkeys(op.attributes, 0.0)
        given = set()
        for word in call.keywords:
            if word.arg not in attrs or word.arg in given:
                raise _error(word, _wrong_attribute(op, word.arg))
            given.add(word.arg)
            attrs[word.arg] = _number(word.value, f"{op.name}'s {word.arg}")
        if len(call.args) != op.arity:
            raise _error(
                call,
                f"{op.name} takes {plural(op.arity, 'argument')}, got {len(call.args)}",
            )
        return _Operation(op, tuple(attrs.values()), call), call.args

    def _permitted(self, name: str, place: ast.expr) -> Op:
        if name not in OPS:
            raise _error(place, _unknown("op", name, self.allowed))
        if name not in self.allowed:
            valid = nearest_name(name, self.allowed)
            raise _error(place, f"the op {quoted(name)} is not allowed here; {valid}")
        return OPS[name]


def _number(place: ast.expr, what: str) -> float:
    """An attribute: a decimal number, perhaps with a sign."""
    sign, literal = 1.0, place
    if isinstance(place, ast.UnaryOp) and isinstance(place.op, ast.USub | ast.UAdd):
        sign, literal = (-1.0 if isinstance(place.op, ast.USub) else 1.0), place.operand
    number = literal.value if isinstance(literal, ast.Constant) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise _error(place, f"{what} is a number, as in linear(h, bias=1.0)")
    value = float(number)
    if value in (float("inf"), float("-inf")):
        raise _error(place, f"{what} must be finite")
    return sign * value


def _wrong_attribute(op: Op, name: str | None) -> str:
    if name is None:
        return "** has no place in a cell"
    if name in op.attributes:
        return f"{name} is given twice"
    if not op.attributes:
        return f"{op.name} has no attributes, got {quoted(name)}"
    return f"{op.name} has no {quoted(name)}; {nearest_name(name, op.attributes)}"


def _unknown(what: str, word: str, valid: Sequence[str]) -> str:
    """Unknown name or op; names what is near, or all there is if that is not much."""
    advice = nearest_name(word, valid[-200:])
    if advice.startswith("there are") and len(valid) > 30:
        advice = f"there are {len(valid)}, none of them like it"
    return f"unknown {what} {quoted(word)}; {advice}"
