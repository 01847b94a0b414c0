"""The canonical labelling is exact, on graphs that colour refinement cannot tell."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.identity.labelling import canonical_order

Edges = list[list[tuple[int, int]]]


def undirected(size: int, pairs: list[tuple[int, int]]) -> Edges:
    edges: Edges = [[] for _ in range(size)]
    for a, b in pairs:
        edges[a].append((b, 0))
        edges[b].append((a, 0))
    return edges


def form(colours: list[int], edges: Edges) -> tuple[object, ...]:
    """The graph as it looks in canonical order."""
    order = canonical_order(colours, edges)
    assert sorted(order) == list(range(len(colours)))
    place = {vertex: i for i, vertex in enumerate(order)}
    return tuple(
        (colours[v], tuple(sorted((place[u], label) for u, label in edges[v])))
        for v in order
    )


def renumbered(
    colours: list[int], edges: Edges, new: list[int]
) -> tuple[list[int], Edges]:
    """The same graph with vertex v called new[v]."""
    old = sorted(range(len(new)), key=new.__getitem__)
    return (
        [colours[v] for v in old],
        [[(new[u], label) for u, label in edges[v]] for v in old],
    )


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], Edges]:
    size = draw(st.integers(1, 7))
    vertex = st.integers(0, size - 1)
    edge = st.tuples(vertex, vertex, st.integers(0, 1))
    edges: Edges = [[] for _ in range(size)]
    for a, b, label in draw(st.lists(edge, max_size=12)):
        edges[a].append((b, label))
    return draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)), edges


@given(graphs(), st.data())
def test_a_renumbered_graph_gets_the_same_form(graph, data):
    new = data.draw(st.permutations(range(len(graph[0]))))
    assert form(*renumbered(*graph, new)) == form(*graph)


@given(st.integers(0, 2**12 - 1), st.integers(0, 2**12 - 1))
def test_equal_forms_mean_that_a_renumbering_exists(first, second):
    pairs = [(a, b) for a in range(4) for b in range(4) if a != b]
    graphs = []
    for bits in (first, second):
        edges: Edges = [[] for _ in range(4)]
        for bit, (a, b) in enumerate(pairs):
            if bits >> bit & 1:
                edges[a].append((b, 0))
        graphs.append([sorted(row) for row in edges])
    found = any(
        [sorted(row) for row in renumbered([0] * 4, graphs[0], list(new))[1]]
        == graphs[1]
        for new in itertools.permutations(range(4))
    )
    same = form([0] * 4, graphs[0]) == form([0] * 4, graphs[1])
    assert same == found


def cycle(vertices: list[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise([*vertices, vertices[0]]))


def grid(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The Cayley graph of Z4 x Z4 with these steps (each way is given once)."""
    return [
        (4 * i + j, 4 * ((i + di) % 4) + (j + dj) % 4)
        for i in range(4)
        for j in range(4)
        for di, dj in steps
    ]


def rook() -> list[tuple[int, int]]:
    return [
        (a, b)
        for a, b in itertools.combinations(range(16), 2)
        if a // 4 == b // 4 or a % 4 == b % 4
    ]


@pytest.mark.parametrize(
    ("size", "one", "other"),
    [
        (6, cycle([0, 1, 2, 3, 4, 5]), cycle([0, 1, 2]) + cycle([3, 4, 5])),
        # Strongly regular with equal parameters: Shrikhande's graph and the rook's.
        (16, grid([(0, 1), (1, 0), (1, 1)]), rook()),
    ],
)
def test_regular_graphs_are_told_apart(size, one, other):
    colours = [0] * size
    assert len(one) == len(other)
    assert form(colours, undirected(size, one)) != form(
        colours, undirected(size, other)
    )


@pytest.mark.parametrize(
    "pairs",
    [
        grid([(0, 1), (1, 0), (1, 1)]),
        rook(),
        list(itertools.combinations(range(16), 2)),
        [(a, b) for a, b in itertools.combinations(range(16), 2) if (a + b) % 2],
    ],
    ids=["shrikhande", "rook", "complete", "bipartite"],
)
def test_symmetric_graphs_are_labelled_alike(pairs):
    edges = undirected(16, pairs)
    new = [(5 * v + 3) % 16 for v in range(16)]
    assert form(*renumbered([0] * 16, edges, new)) == form([0] * 16, edges)
