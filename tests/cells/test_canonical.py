"""Identity: the canonical form is exact, keeps the function, and finds what it says."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cells import (
    OP_SETS,
    OPS,
    Cell,
    Node,
    canonical,
    canonicalize,
    check,
    digest,
    parse,
    to_json,
)
from cells.graph import ordered
from tests.support.identity import kept_as_grouped, mapped
from tests.support.interpreter import Params, random_params, run
from tests.support.strategies import SEEDS, Builder, cells, mutants

SETS = sorted(OP_SETS)
SEED = st.integers(0, 2**32 - 1)
FEW_OPS = ("linear", "add", "multiply", "tanh")


def renumbered(cell: Cell, rng: np.random.Generator) -> Cell:
    """The same cell with other numbers of nodes and states, and arguments swapped."""
    states = [0, *(1 + int(i) for i in rng.permutation(cell.num_states - 1))]
    place = {0: 0} | {1 + old: 1 + new for new, old in enumerate(states)}
    left, nodes = set(range(len(cell.nodes))), []
    while left:
        ready = [i for i in left if all(arg in place for arg in cell.nodes[i].args)]
        index = int(rng.choice(ready))
        left.remove(index)
        node = cell.nodes[index]
        args = [place[arg] for arg in node.args]
        if OPS[node.op].commutative and rng.random() < 0.5:
            args.reverse()
        place[cell.num_inputs + index] = cell.num_inputs + len(nodes)
        nodes.append(node._replace(args=tuple(args)))
    outputs = tuple(place[cell.outputs[old]] for old in states)
    return Cell(cell.num_states, tuple(nodes), outputs)


def outputs(cell: Cell, params: Params, inputs: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return run(cell, params, inputs)


def tame(values: np.ndarray) -> int:
    """The number of steps, less one, before values grow too large to compare."""
    wild = ~(np.abs(values) < 1e4).all(axis=(1, 2))
    return max(0, (int(np.argmax(wild)) if wild.any() else len(values)) - 1)


any_cell = st.one_of(*(cells(ops) for ops in SETS), *(mutants(ops) for ops in SETS))


@given(any_cell)
def test_the_canonical_form_is_valid_and_its_own_canonical_form(cell):
    form = canonical(cell)
    check(form)
    assert canonical(form) == form
    assert digest(form) == digest(cell)


@given(any_cell)
def test_the_canonical_form_never_has_more_nodes(cell):
    # One node more, x - x, writes a state that stays zero.
    assert len(canonical(cell).nodes) <= len(cell.nodes) + 1


@given(any_cell, SEED)
def test_numbering_and_order_of_arguments_do_not_matter(cell, seed):
    other = renumbered(cell, np.random.default_rng(seed))
    check(other)
    assert canonical(other) == canonical(cell)


@given(any_cell, SEED)
def test_the_canonical_form_computes_the_same_function(cell, seed):
    rng = np.random.default_rng(seed)
    params, inputs = random_params(cell, 3, rng), rng.normal(size=(6, 2, 3))
    expected = outputs(cell, params, inputs)
    steps = tame(expected)
    got = outputs(canonical(cell), mapped(cell, params), inputs)
    np.testing.assert_allclose(got[:steps], expected[:steps], rtol=1e-6, atol=1e-8)


@given(any_cell, SEED)
def test_weights_that_the_canonical_form_drops_do_nothing(cell, seed):
    rng = np.random.default_rng(seed)
    params, other = random_params(cell, 3, rng), random_params(cell, 3, rng)
    kept = {f"n{i}" for i in canonicalize(cell).nodes if i is not None}
    changed = {name: (params if name in kept else other)[name] for name in params}
    inputs = rng.normal(size=(6, 2, 3))
    expected, got = outputs(cell, params, inputs), outputs(cell, changed, inputs)
    steps = min(tame(expected), tame(got))
    np.testing.assert_allclose(got[:steps], expected[:steps], rtol=1e-6, atol=1e-8)


@settings(max_examples=25)
@given(st.one_of(*(mutants(ops, max_nodes=10) for ops in SETS)), SEED)
def test_the_canonical_form_has_the_same_gradients(cell, seed):
    rng = np.random.default_rng(seed)
    params, inputs = random_params(cell, 2, rng), rng.normal(size=(4, 2, 2))
    form, weights = canonical(cell), mapped(cell, params)
    readout = rng.normal(size=inputs.shape)
    assume(tame(outputs(cell, params, inputs)) == 3)

    def slopes(cell: Cell, weights: Params) -> dict[str, dict[str, np.ndarray]]:
        """The derivatives of a loss by each number of each weight."""
        found, step = {}, 1e-5
        for node, row in weights.items():
            found[node] = {name: np.zeros_like(weight) for name, weight in row.items()}
            for name, weight in row.items():
                for index in np.ndindex(weight.shape):
                    kept, losses = weight[index], []
                    for sign in (1, -1):
                        weight[index] = kept + sign * step
                        got = outputs(cell, weights, inputs)
                        losses.append(float((readout * got).sum()))
                    weight[index] = kept
                    found[node][name][index] = (losses[0] - losses[1]) / (2 * step)
        return found

    expected = mapped(cell, slopes(cell, params))
    for node, row in slopes(form, weights).items():
        for name, got in row.items():
            np.testing.assert_allclose(got, expected[node][name], rtol=1e-4, atol=1e-4)


def test_a_grouping_that_saves_nodes_is_kept_and_not_found_equal_to_others():
    """A documented limit: the two compute the same and have different digests."""
    shared = parse("def f(x, h):\n    a = x + h\n    return a + a")
    spread = parse("def f(x, h):\n    return x + x + h + h")
    assert kept_as_grouped(shared)
    assert not kept_as_grouped(spread)
    assert digest(shared) != digest(spread)
    inputs = np.random.default_rng(0).normal(size=(5, 2, 3))
    np.testing.assert_allclose(outputs(shared, {}, inputs), outputs(spread, {}, inputs))


@given(st.one_of(*(cells(ops, max_nodes=8) for ops in SETS)), st.data())
def test_equal_digests_compute_equal_functions(cell, data):
    """What was rewritten by an identity keeps its digest, and its function."""
    rng = np.random.default_rng(data.draw(SEED))
    other = regrouped(cell, rng)
    assume(other != cell)
    assume(not kept_as_grouped(cell) and not kept_as_grouped(other))
    assert digest(other) == digest(cell)
    params, inputs = random_params(cell, 3, rng), rng.normal(size=(5, 2, 3))
    expected = outputs(cell, params, inputs)
    # Through the canonical form, which both share, to the other cell's nodes.
    own, theirs = canonicalize(cell), canonicalize(other)
    moved = dict(random_params(other, 3, rng))
    for i, node in enumerate(own.cell.nodes):
        if OPS[node.op].weights:
            moved[f"n{theirs.nodes[i]}"] = params[f"n{own.nodes[i]}"]
    got, steps = outputs(other, moved, inputs), tame(expected)
    np.testing.assert_allclose(got[:steps], expected[:steps], rtol=1e-6, atol=1e-8)


def regrouped(cell: Cell, rng: np.random.Generator) -> Cell:
    """An equal cell with detours: a state twice, and values as `(v + x) - x`."""
    twin = cell.num_states + 1
    place = {v: v for v in range(cell.num_inputs)}
    nodes: list[Node] = []

    def read(value: int) -> int:
        value = place[value]
        if value == cell.num_states and rng.random() < 0.5:
            value = twin
        if rng.random() < 0.2:
            nodes.append(Node("add", (0, value)))
            nodes.append(Node("subtract", (twin + len(nodes), 0)))
            value = twin + len(nodes)
        return value

    for index, node in enumerate(cell.nodes):
        args = tuple(read(arg) for arg in node.args)
        nodes.append(node._replace(args=args))
        place[cell.num_inputs + index] = twin + len(nodes)
    results = [place[output] for output in cell.outputs]
    return Cell(twin, tuple(nodes), (*results, results[-1]))


@given(any_cell)
def test_the_result_says_where_nodes_and_states_come_from(cell):
    form = canonicalize(cell)
    assert len(form.nodes) == len(form.cell.nodes)
    assert len(form.states) == form.cell.num_states
    assert form.states[0] == 0
    origins = [i for i in form.nodes if i is not None]
    assert len(set(origins)) == len(origins)
    for node, origin in zip(form.cell.nodes, form.nodes, strict=True):
        if OPS[node.op].weights:
            assert origin is not None
            assert cell.nodes[origin].op == node.op
            assert cell.nodes[origin].attrs == node.attrs


def isomorphic(one: Cell, other: Cell) -> bool:
    """Tries every numbering of states and nodes: exact, and slow."""
    if len(one.nodes) != len(other.nodes) or one.num_states != other.num_states:
        return False
    for states in itertools.permutations(range(1, one.num_states)):
        place = {v: v for v in (0, 1)}
        place |= {2 + old: 1 + new for old, new in enumerate(states)}
        if _matches(one, other, place, 0):
            return True
    return False


def _matches(one: Cell, other: Cell, place: dict[int, int], index: int) -> bool:
    first = one.num_inputs
    if index == len(one.nodes):
        return all(
            place[one.outputs[v - 1]] == other.outputs[place[v] - 1]
            for v in range(1, first)
        )
    node = one.nodes[index]
    args = [place[arg] for arg in node.args]
    taken = set(place.values())
    for i, candidate in enumerate(other.nodes):
        same = list(candidate.args) == args or (
            OPS[node.op].commutative and sorted(candidate.args) == sorted(args)
        )
        if (candidate.op, candidate.attrs) != (node.op, node.attrs) or not same:
            continue
        if first + i in taken:
            continue
        if _matches(one, other, {**place, first + index: first + i}, index + 1):
            return True
    return False


def test_different_canonical_forms_are_not_isomorphic():
    """All small cells of few ops, where near misses are frequent."""
    rng, forms = np.random.default_rng(0), set[Cell]()
    for _ in range(6000):
        builder = Builder(int(rng.integers(1, 4)))
        for _ in range(rng.integers(3, 8)):
            op = str(rng.choice(FEW_OPS))
            size = builder.num_states + 1 + len(builder.nodes)
            builder(op, *(int(a) for a in rng.integers(size, size=OPS[op].arity)))
        size = builder.num_states + 1 + len(builder.nodes)
        results = rng.integers(max(0, size - 4), size, size=builder.num_states)
        forms.add(canonical(ordered(builder.cell(*(int(r) for r in results)))))
    alike: dict[object, list[Cell]] = {}
    for form in forms:
        ops = tuple(sorted(node.op for node in form.nodes))
        alike.setdefault((form.num_states, ops), []).append(form)
    pairs = [p for group in alike.values() for p in itertools.combinations(group, 2)]
    assert len(pairs) > 4000
    assert not any(isomorphic(one, other) for one, other in pairs)
    for form in itertools.islice(forms, 100):
        assert isomorphic(form, renumbered(form, rng))


def test_two_linears_that_colour_refinement_confuses_are_told_apart():
    texts = (
        "p * tanh(p) + q * tanh(q)",
        "p * tanh(q) + q * tanh(p)",
    )
    head = "def cell(x, h):\n    p = linear(x)\n    q = linear(x)\n    return "
    same, swapped = (parse(head + text) for text in texts)
    assert digest(same) != digest(swapped)
    assert digest(same) == digest(parse(head + "q * tanh(q) + tanh(p) * p"))


def of(body: str) -> str:
    """The digest of a cell of two states that returns these expressions."""
    return digest(parse(f"def cell(x, h, c):\n    return {body}\n"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("c + (h + x), tanh(c) + x", "(x + c) + h, x + tanh(c)"),
        ("(h + tanh(x)) - h, c", "tanh(x), c"),
        ("tanh(x) * (h * c), c + x", "h * (c * tanh(x)), x + c"),
        ("linear(h + x - h), x", "linear(x), x"),
        ("linear(x + c), c * linear(h)", "linear(x), h"),
        ("tanh(x) * one(), h", "tanh(x), h"),
        ("relu(sigmoid(x) * sigmoid(h)), c", "sigmoid(h) * sigmoid(x), c"),
        ("relu(h * h) + x, c", "h * h + x, c"),
        ("leaky_relu(softplus(x + h)), c", "softplus(h + x), c"),
        ("relu(leaky_relu(x + h)), c", "relu(h + x), c"),
        ("maximum(x, maximum(h, x)), c", "maximum(h, x), c"),
        ("minimum(x, minimum(c, h)), x", "minimum(minimum(x, h), c), x"),
        ("x + relu(c), relu(linear(x) + c)", "x + c, relu(c + linear(x))"),
        ("tanh(linear(x)) + c, tanh(h) * c", "tanh(linear(x)), h"),
        ("h + tanh(x + c), h + tanh(x + c)", "h + tanh(x + h), h"),
        ("tanh(x + h) + sin(c), tanh(x + c)", "tanh(h + x) + sin(c), tanh(c + x)"),
        ("x + sin(c - c), h", "x, h"),
        ("rms_norm(x + tanh(c)), scale(c)", "rms_norm(x), h"),
        ("x + silu(h) - sigmoid(h) * one(), c", "silu(h) + x - sigmoid(h), c"),
    ],
)
def test_these_are_the_same(one, other):
    assert of(one) == of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("linear(linear(x)) + h, h", "linear(x) + h, h"),
        ("linear(x) + linear(x) + h, h", "linear(x) + h, h"),
        ("linear(x) - linear(x) + h, h", "h, h"),
        ("scale(scale(x)) + h, h", "scale(x) + h, h"),
        ("linear(x, bias=1.0) + h, h", "linear(x) + h, h"),
        ("linear(x, diagonal=1.0) + h, h", "linear(x) + h, h"),
        ("x - h, h", "h - x, h"),
        ("relu(x + h), h", "x + h, h"),
        ("relu(tanh(x + h)), h", "tanh(x + h), h"),
        ("maximum(x, h), h", "minimum(x, h), h"),
        ("tanh(c) + x, h", "tanh(h) + x, h"),
        ("x + c, h + c", "x + h, h"),
        ("x * x + h, h", "x + h, h"),
        ("relu(x * x * x) + h, h", "x * x * x + h, h"),
        ("rms_norm(rms_norm(x + h)), h", "rms_norm(x + h), h"),
        ("c + x, tanh(h)", "tanh(c) + x, h"),
    ],
)
def test_these_are_not_the_same(one, other):
    assert of(one) != of(other)


def test_states_are_merged_only_if_equal_through_all_time():
    chain = (
        "def cell(x, a, b, c):\n    return tanh(x) + b, tanh(x + {}), tanh(x + {})\n"
    )
    merged = canonical(parse(chain.format("b", "c")))
    assert merged.num_states == 2
    # The second state reads the first one's value, the third does not.
    kept = canonical(parse(chain.format("c", "a")))
    assert kept.num_states == 3


def test_negative_zero_is_zero():
    texts = ("linear(x, bias=-0.0) + h", "linear(x, bias=0.0) + h")
    one, other = (parse(f"def cell(x, h):\n    return {text}\n") for text in texts)
    assert to_json(canonical(one)) == to_json(canonical(other))
    assert digest(one) == digest(other)


def test_digests_are_stable():
    """The digest names cells in files: it may not change between versions."""
    assert [digest(cell) for cell in SEEDS] == [
        "b627d4332f3059a6dcb769227f0d59fb",
        "97114232e04b2ce2e95da9bb60e47159",
    ]


def test_nodes_of_the_canonical_form_are_in_order_of_evaluation():
    form = canonical(parse("def cell(x, h):\n    return tanh(x) * (linear(x) - h)\n"))
    assert [node.op for node in form.nodes] == [
        "tanh",
        "linear",
        "subtract",
        "multiply",
    ]


def balanced_sum(builder: Builder, values: list[int]) -> int:
    while len(values) > 1:
        pairs = [values[i : i + 2] for i in range(0, len(values), 2)]
        values = [p[0] if len(p) == 1 else builder("add", *p) for p in pairs]
    return values[0]


def products_of_all_pairs(size: int) -> Cell:
    """The sum of tanh(p * q) over all linears p of x and q of h: many symmetries."""
    builder = Builder(1)
    left = [builder("linear", 0) for _ in range(size)]
    right = [builder("linear", 1) for _ in range(size)]
    products = [builder("multiply", p, q) for p in left for q in right]
    return builder.cell(balanced_sum(builder, [builder("tanh", p) for p in products]))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("size", [2, 32, 64, 400])
def test_a_sum_of_equal_terms_costs_no_search(size):
    builder = Builder(1)
    cell = builder.cell(
        balanced_sum(builder, [builder("linear", 0) for _ in range(size)])
    )
    other = renumbered(cell, np.random.default_rng(0))
    assert digest(cell) == digest(other)
    if size <= 64:
        builder = Builder(1)
        total = builder("linear", 0)
        for _ in range(size - 1):
            total = builder("add", builder("linear", 0), total)
        assert digest(builder.cell(total)) == digest(cell)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("size", [2, 5, 7])
def test_many_symmetries_cost_little_search(size):
    cell = products_of_all_pairs(size)
    assert digest(cell) == digest(renumbered(cell, np.random.default_rng(0)))


@pytest.mark.timeout(20)
def test_long_chains_and_doublings_stay_small():
    builder = Builder(1)
    value = builder("add", 0, 1)
    for _ in range(400):
        value = builder("add", value, value)
    assert len(canonical(builder.cell(value)).nodes) == 401
    builder = Builder(1)
    value = builder("add", 0, 1)
    for _ in range(998):
        value = builder("leaky_relu", value)
    assert len(canonical(builder.cell(builder("relu", value))).nodes) == 2
