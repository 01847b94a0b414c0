"""The exported PyTorch layer stands in for torch.nn.GRU and torch.nn.LSTM."""

import copy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cells import ZOO
from cells.export.names import name_values
from cells.export.torch_source import torch_source
from tests.support import exports

torch = pytest.importorskip("torch", reason="PyTorch is optional")
torch.set_num_threads(1)  # small tensors; other tests have the other cores


def _module(folder: Path, name: str) -> ModuleType:
    path = folder / "torch_cell.py"
    cell = ZOO[name]
    path.write_text(torch_source(cell, name_values(cell, name), "0" * 32), "utf-8")
    return exports.load(path)


@pytest.fixture(scope="module")
def gru(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """PyTorch's own GRU, exported."""
    return _module(tmp_path_factory.mktemp("gru"), "gru_reset_after")


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The LSTM, exported."""
    return _module(tmp_path_factory.mktemp("lstm"), "lstm")


def _transplant(own: Any, layer: Any, nodes: list[tuple[int, int]]) -> None:
    """Copies weights of torch.nn.GRU or LSTM: a pair of nodes for each of its gates."""
    width = layer.hidden_size
    for index, cell in enumerate(layer.cells):
        number = index // 2 if layer.bidirectional else index
        end = f"_l{number}" + ("_reverse" if layer.bidirectional and index % 2 else "")
        for gate, pair in enumerate(nodes):
            rows = slice(gate * width, (gate + 1) * width)
            for node, side in zip(pair, ("ih", "hh"), strict=True):
                held = getattr(cell, f"linear{node}")
                held.weight.data.copy_(getattr(own, f"weight_{side}{end}")[rows])
                held.bias.data.copy_(getattr(own, f"bias_{side}{end}")[rows])


GRU_NODES = [(0, 1), (4, 5), (8, 9)]  # r, z, n
LSTM_NODES = [(0, 1), (4, 5), (13, 14), (8, 9)]  # i, f, g, o


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_it_computes_what_torch_computes_in_value_and_gradient(
    gru: ModuleType, lstm: ModuleType, batch_first: bool, num_layers: int
) -> None:
    torch.manual_seed(0)
    options = {"batch_first": batch_first, "dtype": torch.float64}
    for module, stem, own_class, nodes in (
        (gru, "GruResetAfter", torch.nn.GRU, GRU_NODES),
        (lstm, "Lstm", torch.nn.LSTM, LSTM_NODES),
    ):
        own = own_class(4, 4, num_layers, **options)
        layer = getattr(module, f"{stem}Layer")(4, 4, num_layers, **options)
        _transplant(own, layer, nodes)
        results = []
        for rnn in (own, layer):
            torch.manual_seed(1)
            inputs = torch.randn(5, 2, 4, dtype=torch.float64, requires_grad=True)
            shape = (num_layers, 5 if batch_first else 2, 4)
            states = [torch.randn(shape, dtype=torch.float64) for _ in "hc"]
            hx = tuple(states) if stem == "Lstm" else states[0]
            output, after = rnn(inputs, hx)
            kept = [output, *(after if isinstance(after, tuple) else (after,))]
            sum((value**3).sum() for value in kept).backward()
            results.append([*kept, inputs.grad])
        for wanted, got in zip(*results, strict=True):
            torch.testing.assert_close(got, wanted)


def test_both_directions_agree_with_torch(gru: ModuleType) -> None:
    own = torch.nn.GRU(3, 3, bidirectional=True)
    layer = gru.GruResetAfterLayer(3, 3, bidirectional=True)
    _transplant(own, layer, GRU_NODES)
    inputs = torch.randn(4, 2, 3)
    for wanted, got in zip(own(inputs), layer(inputs), strict=True):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 3)])
def test_shapes_are_those_of_torch(
    gru: ModuleType,
    lstm: ModuleType,
    batch_first: bool,
    bidirectional: bool,
    shape: tuple[int, ...],
) -> None:
    options = {"batch_first": batch_first, "bidirectional": bidirectional}
    inputs = torch.randn(shape)
    wanted, wanted_state = torch.nn.GRU(3, 4, 2, **options)(inputs)
    layer = gru.GruResetAfterLayer(3, 4, 2, **options)
    output, state = layer(inputs)
    assert output.shape == wanted.shape
    assert state.shape == wanted_state.shape
    again, _ = layer(inputs, torch.zeros_like(state))
    torch.testing.assert_close(again, output)
    wanted, wanted_states = torch.nn.LSTM(3, 4, 2, **options)(inputs)
    output, states = lstm.LstmLayer(3, 4, 2, **options)(inputs)
    assert output.shape == wanted.shape
    assert isinstance(states, tuple)
    assert [s.shape for s in states] == [s.shape for s in wanted_states]


def test_the_cell_is_called_as_torchs(gru: ModuleType, lstm: ModuleType) -> None:
    cell = gru.GruResetAfterCell(3, 4)
    assert cell(torch.randn(2, 3)).shape == (2, 4)
    assert cell(torch.randn(3), torch.zeros(4)).shape == (4,)
    pair = lstm.LstmCell(3, 4)(torch.randn(2, 3))
    assert [state.shape for state in pair] == [(2, 4), (2, 4)]


def test_weights_start_as_in_the_paper(tmp_path: Path) -> None:
    module = _module(tmp_path, "lstm_b")
    cell = module.LstmBCell(3, 400, init_scale=2.0)
    for name, param in cell.named_parameters():
        if name.endswith("bias"):
            assert torch.all(param == (1.0 if name == "linear5.bias" else 0.0))
        else:
            assert 0.09 < param.abs().max() <= 0.1
            assert abs(param.mean()) < 0.01
    path = tmp_path / "torch_cell.py"
    named = exports.cell_of("linear")
    path.write_text(torch_source(named, name_values(named, "d"), "0" * 32), "utf-8")
    cell = exports.load(path).DCell(50, 50)
    named_params = cell.named_parameters()
    kernels = {n: p.detach() for n, p in named_params if n.endswith("weight")}
    means = sorted(round(float(k.diagonal().mean()), 0) for k in kernels.values())
    assert means[0] in (-1.0, -0.0)
    assert means[-1] == 1.0
    assert "project.weight" not in kernels


def test_device_and_dtype_are_those_asked_for(gru: ModuleType) -> None:
    layer = gru.GruResetAfterLayer(3, 4, device="meta", dtype=torch.float16)
    assert {(p.device.type, p.dtype) for p in layer.parameters()} == {
        ("meta", torch.float16)
    }
    layer = gru.GruResetAfterLayer(3, 4, dtype=torch.bfloat16)
    output, state = layer(torch.randn(2, 1, 3, dtype=torch.bfloat16))
    assert (output.dtype, state.dtype) == (torch.bfloat16, torch.bfloat16)


def test_dropout_acts_between_layers_in_training_alone(gru: ModuleType) -> None:
    layer = gru.GruResetAfterLayer(3, 4, 2, dropout=1.0)
    inputs = torch.randn(5, 2, 3)
    trained, _ = layer(inputs)
    torch.testing.assert_close(trained, layer(torch.randn(5, 2, 3))[0])
    layer.eval()
    assert not torch.allclose(layer(inputs)[0], trained)
    with pytest.warns(UserWarning, match="num_layers is 1"):
        gru.GruResetAfterLayer(3, 4, dropout=0.5)


def test_state_is_saved_and_copied(gru: ModuleType) -> None:
    layer = gru.GruResetAfterLayer(3, 4, 2)
    other = gru.GruResetAfterLayer(3, 4, 2)
    other.load_state_dict(copy.deepcopy(layer.state_dict()))
    inputs = torch.randn(5, 2, 3)
    torch.testing.assert_close(other(inputs)[0], layer(inputs)[0])
    assert "3, 4, num_layers=2" in repr(layer)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ValueError, "bias=False", lambda m: m.LstmLayer(3, 4, bias=False)),
        (ValueError, "at least 1", lambda m: m.LstmLayer(3, 4, 0)),
        (ValueError, "probability", lambda m: m.LstmLayer(3, 4, 2, dropout=2)),
        (TypeError, "proj_size", lambda m: m.LstmLayer(3, 4, proj_size=2)),
        (ValueError, "expected", lambda m: m.LstmLayer(3, 4)(torch.zeros(5, 2, 4))),
        (ValueError, "expected", lambda m: m.LstmLayer(3, 4)(torch.zeros(3))),
        (ValueError, "no time step", lambda m: m.LstmLayer(3, 4)(torch.zeros(0, 2, 3))),
        (
            TypeError,
            "2 states, got 1",
            lambda m: m.LstmLayer(3, 4)(torch.zeros(5, 2, 3), torch.zeros(1, 2, 4)),
        ),
        (
            ValueError,
            r"a state is \(1, 2, 4\)",
            lambda m: m.LstmLayer(3, 4)(
                torch.zeros(5, 2, 3), (torch.zeros(1, 2, 4), torch.zeros(1, 1, 4))
            ),
        ),
        (
            TypeError,
            "packed sequences are not supported",
            lambda m: m.LstmLayer(3, 4)(
                torch.nn.utils.rnn.pack_padded_sequence(torch.zeros(5, 2, 3), [5, 3])
            ),
        ),
    ],
)
def test_what_is_not_supported_is_an_honest_error(
    lstm: ModuleType, error: type[Exception], words: str, call: Any
) -> None:
    with pytest.raises(error, match=words):
        call(lstm)


def test_one_state_is_one_tensor(gru: ModuleType) -> None:
    with pytest.raises(TypeError, match="hx is one tensor, got a tuple"):
        gru.GruResetAfterLayer(3, 4)(torch.zeros(5, 2, 3), (torch.zeros(1, 2, 4),))


def test_the_usage_in_the_docstring_trains(lstm: ModuleType) -> None:
    torch.manual_seed(0)
    code = exports.usage(Path(str(lstm.__file__)), "Usage, in place of torch.nn.GRU:")
    assert "torch_cell" in code
    names: dict[str, Any] = {}
    exports.load(Path(str(lstm.__file__)))
    exec(code, names)  # the docstring of our own file
    before = float((names["targets"] ** 2).mean())
    assert float(names["loss"].detach()) < 0.5 * before
