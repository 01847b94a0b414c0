"""Pictures of cells: what is in them, that nothing overlaps, and equal bytes."""

import hashlib
import itertools
import os
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from cells import ZOO, Cell, draw_png, draw_svg, parse
from cells.picture.diagram import Diagram, make_diagram
from cells.picture.drawing import lay_boxes
from tests.support.transform import transform

ROOT = Path(__file__).parents[2]


def grown(seed: int) -> Cell:
    """A mutant of 11 to 40 nodes."""
    rng = np.random.default_rng(seed)
    cell = ZOO["lstm" if seed > 15 else "ugrnn"]
    while len(cell.nodes) < 11 + seed:
        rule = ("insert", "combine", "elementwise", "activation")[rng.integers(4)]
        node = int(rng.integers(len(cell.nodes)))
        mutant = transform(cell, rule, node, rng, ops="extended")
        if mutant is not None and len(mutant.nodes) >= len(cell.nodes) - 1:
            cell = mutant
    return cell


MUTANTS = {f"mutant_{seed}": seed for seed in range(30)}
CASES = [*ZOO, *MUTANTS]


def case(name: str) -> Cell:
    return grown(MUTANTS[name]) if name in MUTANTS else ZOO[name]


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg.encode())
    return [
        "".join(element.itertext())
        for element in root.iter("{http://www.w3.org/2000/svg}text")
    ]


def rectangles(diagram: Diagram) -> list[tuple[float, float, float, float]]:
    placement = lay_boxes(diagram)
    return [
        (x - box.width / 2, y - box.height / 2, x + box.width / 2, y + box.height / 2)
        for box, (x, y) in zip(diagram.boxes, placement.centres, strict=False)
    ]


@pytest.mark.parametrize("name", CASES)
def test_boxes_are_disjoint_and_wires_go_right_past_all_boxes(name: str) -> None:
    diagram = make_diagram(case(name))
    placement = lay_boxes(diagram)
    found = rectangles(diagram)
    for (a, b, c, d), (e, f, g, h) in itertools.combinations(found, 2):
        assert c + 5 < e or g + 5 < a or d + 5 < f or h + 5 < b
    boxes = len(diagram.boxes)
    for vertex in range(boxes, len(placement.centres)):  # where wires pass a layer
        x, y = placement.centres[vertex]
        for index, (left, top, right, bottom) in enumerate(found):
            if placement.layers[index] == placement.layers[vertex]:
                assert left <= x <= right or not left < x < right
                assert y < top - 3 or y > bottom + 3
    for link in placement.links:
        assert placement.layers[link.target] == placement.layers[link.source] + 1
    drawn = {link.wire for link in placement.links if link.wire >= 0}
    assert drawn == set(range(len(diagram.wires)))
    for index, (left, top, right, bottom) in enumerate(found):
        column = placement.columns[placement.layers[index]]
        assert column[0] - 0.02 <= left
        assert right <= column[1] + 0.02
        assert top >= -0.02
        assert bottom <= placement.height + 0.02


@pytest.mark.parametrize("name", ["gru", "lstm", "mut1", "brc", "irnn", "mutant_3"])
def test_the_svg_is_xml_and_has_every_label_and_state(name: str) -> None:
    cell = case(name)
    svg = draw_svg(cell, name)
    found = texts(svg)
    for box in make_diagram(cell).boxes:
        for line in box.lines:
            assert found.count(line) >= 1, line
    for state in ("h", "c")[: cell.num_states]:
        assert state in found
        assert f"{state}'" in found
    assert found.count("⊙") >= sum(node.op == "multiply" for node in cell.nodes)
    assert name in found


def test_gates_constants_and_starts_are_told_apart() -> None:
    def kinds(text: str) -> list[tuple[str, str, str]]:
        return [(b.label, b.note, b.kind) for b in make_diagram(parse(text)).boxes]

    found = kinds(
        "def mine(x, h):\n"
        "    g = sigmoid(linear(x, bias=1.0))\n"
        "    return g * h + (one() - g) * sigmoid(linear(h, diagonal=0.9) + x)\n"
    )
    assert ("W₀", "b=1", "linear") in found
    assert ("σ", "n1", "gate") in found  # noqa: RUF001
    assert ("1−", "", "elementwise") in found  # noqa: RUF001
    assert any(note == "+0.9 I" for _, note, _ in found)
    assert not any(kind == "constant" for _, _, kind in found)
    plain = kinds("def mine(x, h):\n    return sigmoid(x + h)\n")
    assert ("σ", "", "activation") in plain  # noqa: RUF001


def test_what_a_difference_takes_away_is_marked() -> None:
    diagram = make_diagram(parse("def mine(x, h):\n    return tanh(x - h)\n"))
    assert [w.negative for w in diagram.wires] == [False, True, False, False]
    assert diagram.wires[1].source == 1


def test_a_small_picture_is_small_and_has_no_date() -> None:
    svg = draw_svg(ZOO["gru"], "gru")
    assert len(svg.encode()) < 60_000
    assert "dc:date" not in svg
    assert svg.startswith("<svg ")  # a page may hold it as it is
    assert "<style" not in svg
    assert "sans-serif" in svg
    assert "fill: #ffffff" in svg  # the card, for dark pages


def test_hostile_names_are_text() -> None:
    name = "<script>alert(1)</script> & $x^2$ \x00 \ud800 ]]>"
    svg = draw_svg(ZOO["tanh"], name)
    assert "<script>" not in svg
    assert any(
        text.startswith("<script>alert(1)</script> & $x^2$") for text in texts(svg)
    )
    draw_png(ZOO["tanh"], name)


def test_a_png_is_a_png_of_the_size_asked_for() -> None:
    low, high = (draw_png(ZOO["gru"], "gru", dpi=dpi) for dpi in (72, 144))
    assert low[:8] == high[:8] == b"\x89PNG\r\n\x1a\n"
    sizes = [struct.unpack(">II", image[16:24]) for image in (low, high)]
    for small, large in zip(*sizes, strict=True):
        assert abs(large - 2 * small) <= 2
        assert 100 < small < 1000


def test_the_same_cell_gives_the_same_bytes_in_any_process() -> None:
    code = (
        "import hashlib\nfrom cells import ZOO, draw_png, draw_svg\n"
        "found = draw_svg(ZOO['lstm'], 'a').encode() + draw_png(ZOO['lstm'], 'a')\n"
        "print(hashlib.sha256(found).hexdigest())"
    )
    own = draw_svg(ZOO["lstm"], "a").encode() + draw_png(ZOO["lstm"], "a")
    assert own == draw_svg(ZOO["lstm"], "a").encode() + draw_png(ZOO["lstm"], "a")
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == hashlib.sha256(own).hexdigest(), found.stderr


def test_a_persons_matplotlib_settings_change_nothing() -> None:
    import matplotlib

    before = draw_svg(ZOO["gru"])
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        assert draw_svg(ZOO["gru"]) == before
        assert matplotlib.rcParams["font.size"] == 30
