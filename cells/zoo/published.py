"""The table of published cells: text, title, year, reference and what differs.

Texts follow the publications with three general exceptions. Each `linear` owns a bias:
where a publication adds one joint bias to `W x + U h`, there are two here, which is the
same function but doubles the bias's learning rate; where it has none, there is one.
Biases start at zero unless the text says otherwise, and weights as in every cell,
whatever start a publication recommends. All vectors have one width. What a publication
interpolates as `z * a + (1 - z) * b` is written `b + z * (a - b)`.
"""

import functools
from dataclasses import dataclass
from typing import Final

from cells.ir import Cell
from cells.notation.text import parse


@dataclass(frozen=True)
class Published:
    """A published cell.

    Attributes:
        text: The cell as a person writes it.
        title: What it is called.
        year: Year of publication, of the preprint if that came first.
        reference: Authors, title, venue or arXiv number.
        note: How the text differs from the publication; empty if it does not.
    """

    text: str
    title: str
    year: int
    reference: str
    note: str = ""

    @property
    def name(self) -> str:
        """The function's name in the text, the key in the zoo."""
        return self.text[len("def ") : self.text.index("(")]

    @functools.cached_property
    def cell(self) -> Cell:
        """The parsed text."""
        return parse(self.text)


_JOZEFOWICZ: Final = (
    "Jozefowicz, Zaremba, Sutskever: An Empirical Exploration of Recurrent Network "
    "Architectures. ICML 2015 (JMLR W&CP 37)"
)
_CHO: Final = (
    "Cho, van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio: Learning "
    "Phrase Representations using RNN Encoder-Decoder for Statistical Machine "
    "Translation. EMNLP 2014, arXiv:1406.1078"
)
_COLLINS: Final = (
    "Collins, Sohl-Dickstein, Sussillo: Capacity and Trainability in Recurrent Neural "
    "Networks. ICLR 2017, arXiv:1611.09913"
)
_FENG: Final = (
    "Feng, Tung, Ahmed, Bengio, Hajimirsadeghi: Were RNNs All We Needed? "
    "arXiv:2410.01201"
)
_VECOVEN: Final = (
    "Vecoven, Ernst, Drion: A bio-inspired bistable recurrent cell allows for "
    "long-lasting memory. PLoS ONE 16(6), 2021, arXiv:2006.05252"
)

ROWS: Final = (
    Published(
        """\
def tanh(x, h):
    return tanh(linear(x) + linear(h))
""",
        "Tanh, the simple recurrent network",
        1990,
        "Elman: Finding Structure in Time. Cognitive Science 14(2), 1990",
    ),
    Published(
        """\
def lstm(x, h, c):
    i = sigmoid(linear(x) + linear(h))
    f = sigmoid(linear(x) + linear(h))
    o = sigmoid(linear(x) + linear(h))
    c_new = f * c + i * tanh(linear(x) + linear(h))
    return o * tanh(c_new), c_new
""",
        "Long short-term memory",
        1997,
        "Hochreiter, Schmidhuber: Long Short-Term Memory. Neural Computation 9(8), "
        "1997",
        "With the forget gate of Gers, Schmidhuber, Cummins (2000), and a sigmoid on "
        "the output gate, as in the code of the 2015 paper.",
    ),
    Published(
        """\
def lstm_f(x, h, c):
    i = sigmoid(linear(x) + linear(h))
    o = sigmoid(linear(x) + linear(h))
    c_new = c + i * tanh(linear(x) + linear(h))
    return o * tanh(c_new), c_new
""",
        "LSTM without forget gate (LSTM-f)",
        2015,
        _JOZEFOWICZ,
    ),
    Published(
        """\
def lstm_i(x, h, c):
    f = sigmoid(linear(x) + linear(h))
    o = sigmoid(linear(x) + linear(h))
    c_new = f * c + tanh(linear(x) + linear(h))
    return o * tanh(c_new), c_new
""",
        "LSTM without input gate (LSTM-i)",
        2015,
        _JOZEFOWICZ,
    ),
    Published(
        """\
def lstm_o(x, h, c):
    i = sigmoid(linear(x) + linear(h))
    f = sigmoid(linear(x) + linear(h))
    c_new = f * c + i * tanh(linear(x) + linear(h))
    return tanh(c_new), c_new
""",
        "LSTM without output gate (LSTM-o)",
        2015,
        _JOZEFOWICZ,
    ),
    Published(
        """\
def lstm_b(x, h, c):
    i = sigmoid(linear(x) + linear(h))
    f = sigmoid(linear(x) + linear(h, bias=1.0))
    o = sigmoid(linear(x) + linear(h))
    c_new = f * c + i * tanh(linear(x) + linear(h))
    return o * tanh(c_new), c_new
""",
        "LSTM with a forget gate whose bias starts at 1 (LSTM-b)",
        2015,
        _JOZEFOWICZ,
    ),
    Published(
        """\
def lstm_printed(x, h, c):
    i = sigmoid(linear(x) + linear(h))
    f = sigmoid(linear(x) + linear(h))
    o = tanh(linear(x) + linear(h))
    c_new = f * c + i * tanh(linear(x) + linear(h))
    return o * tanh(c_new), c_new
""",
        "LSTM as the 2015 paper prints it",
        2015,
        _JOZEFOWICZ,
        "The paper prints tanh on the output gate, the same authors' code has a "
        "sigmoid.",
    ),
    Published(
        """\
def gru(x, h):
    r = sigmoid(linear(x) + linear(h))
    z = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + linear(r * h))
    return candidate + z * (h - candidate)
""",
        "Gated recurrent unit",
        2014,
        _CHO,
    ),
    Published(
        """\
def mut1(x, h):
    z = sigmoid(linear(x))
    r = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(r * h) + tanh(x))
    return h + z * (candidate - h)
""",
        "MUT1",
        2015,
        _JOZEFOWICZ,
        "x enters the candidate without a matrix, as printed.",
    ),
    Published(
        """\
def mut2(x, h):
    z = sigmoid(linear(x) + linear(h))
    r = sigmoid(x + linear(h))
    candidate = tanh(linear(r * h) + linear(x))
    return h + z * (candidate - h)
""",
        "MUT2",
        2015,
        _JOZEFOWICZ,
        "x enters the gate r without a matrix, as printed.",
    ),
    Published(
        """\
def mut3(x, h):
    z = sigmoid(linear(x) + linear(tanh(h)))
    r = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(r * h) + linear(x))
    return h + z * (candidate - h)
""",
        "MUT3",
        2015,
        _JOZEFOWICZ,
    ),
    Published(
        """\
def gru_reset_after(x, h):
    r = sigmoid(linear(x) + linear(h))
    z = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + r * linear(h))
    return candidate + z * (h - candidate)
""",
        "GRU with the reset gate after the matrix, as in cuDNN, Flax and PyTorch",
        2014,
        _CHO + "v1",
    ),
    Published(
        """\
def gru1(x, h):
    z = sigmoid(linear(h))
    r = sigmoid(linear(h))
    candidate = tanh(linear(x) + linear(r * h))
    return h + z * (candidate - h)
""",
        "GRU with gates that see the state only (GRU1)",
        2017,
        "Dey, Salem: Gate-Variants of Gated Recurrent Unit (GRU) Neural Networks. "
        "MWSCAS 2017, arXiv:1701.05923",
    ),
    Published(
        """\
def mgu(x, h):
    f = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + linear(f * h))
    return h + f * (candidate - h)
""",
        "Minimal gated unit (MGU)",
        2016,
        "Zhou, Wu, Zhang, Zhou: Minimal Gated Unit for Recurrent Neural Networks. "
        "International Journal of Automation and Computing 13(3), 2016, "
        "arXiv:1603.09420",
    ),
    Published(
        """\
def ugrnn(x, h):
    g = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + linear(h))
    return candidate + g * (h - candidate)
""",
        "Update gate RNN (UGRNN)",
        2016,
        _COLLINS,
    ),
    Published(
        """\
def intersection_rnn(x, y, h):
    y_in = relu(linear(x) + linear(h))
    h_in = tanh(linear(x) + linear(h))
    g_y = sigmoid(linear(x) + linear(h))
    g_h = sigmoid(linear(x) + linear(h))
    return y_in + g_y * (x - y_in), h_in + g_h * (h - h_in)
""",
        "Intersection RNN (+RNN)",
        2016,
        _COLLINS,
        "The output y is no state in the paper: its old value is not read.",
    ),
    Published(
        """\
def minimal_rnn(x, h):
    z = tanh(linear(x))
    u = sigmoid(linear(h) + linear(z))
    return z + u * (h - z)
""",
        "MinimalRNN",
        2017,
        "Chen: MinimalRNN: Toward More Interpretable and Trainable Recurrent Neural "
        "Networks. arXiv:1711.06788",
    ),
    Published(
        """\
def janet(x, h):
    s = linear(x) + linear(h)
    candidate = tanh(linear(x) + linear(h))
    return sigmoid(s) * h + (one() - sigmoid(s - one())) * candidate
""",
        "Just another network (JANET), the LSTM with only a forget gate",
        2018,
        "van der Westhuizen, Lasenby: The unreasonable effectiveness of the forget "
        "gate. arXiv:1804.04849",
        "beta = 1; without the chrono initialization of the bias.",
    ),
    Published(
        """\
def ran(x, h, c):
    i = sigmoid(linear(h) + linear(x))
    f = sigmoid(linear(h) + linear(x))
    c_new = i * linear(x) + f * c
    return tanh(c_new), c_new
""",
        "Recurrent additive network (RAN)",
        2017,
        "Lee, Levy, Zettlemoyer: Recurrent Additive Networks. arXiv:1705.07393",
        "The output function g is tanh; the paper also uses the identity.",
    ),
    Published(
        """\
def atr(x, h):
    p = linear(x)
    q = linear(h)
    return sigmoid(p + q) * p + sigmoid(p - q) * h
""",
        "Addition-subtraction twin-gated recurrent network (ATR)",
        2018,
        "Zhang, Xiong, Su, Lin, Zhang: Simplifying Neural Machine Translation with "
        "Addition-Subtraction Twin-Gated Recurrent Networks. EMNLP 2018, "
        "arXiv:1810.12546",
    ),
    Published(
        """\
def lrn(x, h):
    q = linear(x)
    k = linear(x)
    v = linear(x)
    return tanh(sigmoid(k + h) * v + sigmoid(q - h) * h)
""",
        "Lightweight recurrent network (LRN)",
        2019,
        "Zhang, Sennrich: A Lightweight Recurrent Network for Sequence Modeling. "
        "ACL 2019, arXiv:1905.13324",
    ),
    Published(
        """\
def cfn(x, h):
    forget = sigmoid(linear(h) + linear(x))
    enter = sigmoid(linear(h) + linear(x))
    return forget * tanh(h) + enter * tanh(linear(x))
""",
        "Chaos-free network (CFN)",
        2016,
        "Laurent, von Brecht: A recurrent neural network without chaos. ICLR 2017, "
        "arXiv:1612.06212",
    ),
    Published(
        """\
def ligru(x, h):
    z = sigmoid(linear(x) + linear(h))
    candidate = relu(linear(x) + linear(h))
    return candidate + z * (h - candidate)
""",
        "Light gated recurrent unit (Li-GRU)",
        2018,
        "Ravanelli, Brakel, Omologo, Bengio: Light Gated Recurrent Units for Speech "
        "Recognition. IEEE Transactions on Emerging Topics in Computational "
        "Intelligence 2(2), 2018, arXiv:1803.10225",
        "Without the batch normalization of what comes from x.",
    ),
    Published(
        """\
def star(x, h):
    z = tanh(linear(x))
    k = sigmoid(linear(x) + linear(h))
    return tanh(h + k * (z - h))
""",
        "Stackable recurrent cell (STAR)",
        2019,
        "Turkoglu, D'Aronco, Wegner, Schindler: Gating Revisited: Deep Multi-layer "
        "RNNs That Can Be Trained. IEEE TPAMI, 2021, arXiv:1911.11033",
    ),
    Published(
        """\
def lstm_peephole(x, h, c):
    i = sigmoid(linear(x) + linear(h) + scale(c))
    f = sigmoid(linear(x) + linear(h) + scale(c))
    c_new = f * c + i * tanh(linear(x) + linear(h))
    o = sigmoid(linear(x) + linear(h) + scale(c_new))
    return o * tanh(c_new), c_new
""",
        "LSTM with peephole connections",
        2000,
        "Gers, Schmidhuber: Recurrent Nets that Time and Count. IJCNN 2000",
        "In the form of Graves, arXiv:1308.0850: the output gate sees the new c.",
    ),
    Published(
        """\
def lstm_cifg(x, h, c):
    f = sigmoid(linear(x) + linear(h))
    o = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + linear(h))
    c_new = candidate + f * (c - candidate)
    return o * tanh(c_new), c_new
""",
        "LSTM with coupled input and forget gate (CIFG)",
        2015,
        "Greff, Srivastava, Koutnik, Steunebrink, Schmidhuber: LSTM: A Search Space "
        "Odyssey. IEEE TNNLS 28(10), 2017, arXiv:1503.04069",
        "Without the paper's peephole connections.",
    ),
    Published(
        """\
def mlstm(x, h, c):
    m = linear(x) * linear(h)
    i = sigmoid(linear(x) + linear(m))
    f = sigmoid(linear(x) + linear(m))
    o = sigmoid(linear(x) + linear(m))
    c_new = f * c + i * tanh(linear(x) + linear(m))
    return o * tanh(c_new), c_new
""",
        "Multiplicative LSTM",
        2016,
        "Krause, Lu, Murray, Renals: Multiplicative LSTM for sequence modelling. "
        "arXiv:1609.07959",
        "With the output gate after the tanh; some implementations have it before, "
        "and no tanh on the candidate.",
    ),
    Published(
        """\
def mogrifier_lstm(x, h, c):
    two = one() + one()
    x1 = two * sigmoid(linear(h)) * x
    h2 = two * sigmoid(linear(x1)) * h
    x3 = two * sigmoid(linear(h2)) * x1
    h4 = two * sigmoid(linear(x3)) * h2
    x5 = two * sigmoid(linear(h4)) * x3
    i = sigmoid(linear(x5) + linear(h4))
    f = sigmoid(linear(x5) + linear(h4))
    o = sigmoid(linear(x5) + linear(h4))
    c_new = f * c + i * tanh(linear(x5) + linear(h4))
    return o * tanh(c_new), c_new
""",
        "Mogrifier LSTM with five rounds",
        2019,
        "Melis, Kocisky, Blunsom: Mogrifier LSTM. ICLR 2020, arXiv:1909.01792",
        "With full matrices; the paper also factorizes them.",
    ),
    Published(
        """\
def nascell(x, h, c):
    a = sigmoid(linear(x) + linear(h))
    b = relu(linear(x) + linear(h))
    d = sigmoid(linear(x) + linear(h))
    e = relu(linear(x) * linear(h))
    f = tanh(linear(x) + linear(h))
    g = sigmoid(linear(x) + linear(h))
    p = tanh(linear(x) + linear(h))
    q = sigmoid(linear(x) + linear(h))
    c_new = tanh(tanh(a * b) + c) * tanh(d + e)
    return tanh(c_new * tanh(tanh(f * g) + sigmoid(p + q))), c_new
""",
        "NASCell, found by neural architecture search",
        2016,
        "Zoph, Le: Neural Architecture Search with Reinforcement Learning. ICLR 2017, "
        "arXiv:1611.01578",
    ),
    Published(
        """\
def min_gru(x, h):
    z = sigmoid(linear(x))
    return h + z * (linear(x) - h)
""",
        "minGRU",
        2024,
        _FENG,
        "In the vanilla form. Up to the sign of the gate it is the T-RNN of 2016.",
    ),
    Published(
        """\
def min_lstm(x, h):
    f = linear(x)
    i = linear(x)
    keep = sigmoid(softplus(i) - i - (softplus(f) - f))
    candidate = linear(x)
    return candidate + keep * (h - candidate)
""",
        "minLSTM",
        2024,
        _FENG,
        "In the vanilla form; the normalized gates s(f) / (s(f) + s(i)), s the "
        "sigmoid, are written without a division: s(log s(f) - log s(i)).",
    ),
    Published(
        """\
def sru(x, h, c):
    value = linear(x)
    f = sigmoid(linear(x) + scale(c))
    r = sigmoid(linear(x) + scale(c))
    c_new = value + f * (c - value)
    return x + r * (c_new - x), c_new
""",
        "Simple recurrent unit (SRU)",
        2017,
        "Lei, Zhang, Wang, Dai, Artzi: Simple Recurrent Units for Highly "
        "Parallelizable Recurrence. EMNLP 2018, arXiv:1709.02755",
        "Without the scaling correction of the highway connection.",
    ),
    Published(
        """\
def qrnn(x, h, c):
    z = tanh(linear(x))
    f = sigmoid(linear(x))
    o = sigmoid(linear(x))
    c_new = z + f * (c - z)
    return o * c_new, c_new
""",
        "Quasi-recurrent network (QRNN) with fo-pooling",
        2016,
        "Bradbury, Merity, Xiong, Socher: Quasi-Recurrent Neural Networks. ICLR 2017, "
        "arXiv:1611.01576",
        "With a convolution of window 1.",
    ),
    Published(
        """\
def t_rnn(x, h):
    z = linear(x)
    f = sigmoid(linear(x))
    return z + f * (h - z)
""",
        "Strongly-typed RNN (T-RNN)",
        2016,
        "Balduzzi, Ghifary: Strongly-Typed Recurrent Neural Networks. ICML 2016, "
        "arXiv:1602.02218",
    ),
    Published(
        """\
def irnn(x, h):
    return relu(linear(x) + linear(h, diagonal=1.0))
""",
        "IRNN, a network of rectified linear units that starts as the identity",
        2015,
        "Le, Jaitly, Hinton: A Simple Way to Initialize Recurrent Networks of "
        "Rectified Linear Units. arXiv:1504.00941",
        "The identity is added to a random matrix; in the paper it replaces it.",
    ),
    Published(
        """\
def indrnn(x, h):
    return relu(linear(x) + scale(h))
""",
        "Independently recurrent network (IndRNN)",
        2018,
        "Li, Li, Cook, Zhu, Gao: Independently Recurrent Neural Network (IndRNN): "
        "Building A Longer and Deeper RNN. CVPR 2018, arXiv:1803.04831",
    ),
    Published(
        """\
def mrnn(x, h):
    return tanh(linear(linear(x) * linear(h)) + linear(x))
""",
        "Multiplicative RNN",
        2011,
        "Sutskever, Martens, Hinton: Generating Text with Recurrent Neural Networks. "
        "ICML 2011",
    ),
    Published(
        """\
def mi_rnn(x, h):
    a = linear(x)
    b = linear(h)
    return tanh(scale(a * b) + scale(b) + scale(a))
""",
        "RNN with multiplicative integration (MI-RNN)",
        2016,
        "Wu, Zhang, Zhang, Bengio, Salakhutdinov: On Multiplicative Integration with "
        "Recurrent Neural Networks. NeurIPS 2016, arXiv:1606.06630",
        "The biases stand inside the products, not after them.",
    ),
    Published(
        """\
def rhn(x, s):
    t1 = sigmoid(linear(x) + linear(s))
    s1 = s + t1 * (tanh(linear(x) + linear(s)) - s)
    t2 = sigmoid(linear(s1))
    return s1 + t2 * (tanh(linear(s1)) - s1)
""",
        "Recurrent highway network (RHN) of depth 2",
        2016,
        "Zilly, Srivastava, Koutnik, Schmidhuber: Recurrent Highway Networks. ICML "
        "2017, arXiv:1607.03474",
        "With the carry gate coupled to the transform gate.",
    ),
    Published(
        """\
def brc(x, h):
    a = one() + tanh(linear(x) + scale(h))
    c = sigmoid(linear(x) + scale(h))
    candidate = tanh(linear(x) + a * h)
    return candidate + c * (h - candidate)
""",
        "Bistable recurrent cell (BRC)",
        2020,
        _VECOVEN,
    ),
    Published(
        """\
def nbrc(x, h):
    a = one() + tanh(linear(x) + linear(h))
    c = sigmoid(linear(x) + linear(h))
    candidate = tanh(linear(x) + a * h)
    return candidate + c * (h - candidate)
""",
        "Neuromodulated bistable recurrent cell (nBRC)",
        2020,
        _VECOVEN,
    ),
    Published(
        """\
def lem(x, y, z):
    step_z = sigmoid(linear(y) + linear(x))
    step_y = sigmoid(linear(y) + linear(x))
    z_new = z + step_z * (tanh(linear(y) + linear(x)) - z)
    y_new = y + step_y * (tanh(linear(z_new) + linear(x)) - y)
    return y_new, z_new
""",
        "Long expressive memory (LEM)",
        2021,
        "Rusch, Mishra, Erichson, Mahoney: Long Expressive Memory for Sequence "
        "Modeling. ICLR 2022, arXiv:2110.04744",
        "With a time step of 1.",
    ),
    Published(
        """\
def fastgrnn(x, h):
    s = linear(x) + linear(h)
    z = sigmoid(s)
    candidate = tanh(s + scale(one()))
    zeta = sigmoid(scale(one()))
    nu = sigmoid(scale(one()))
    return (zeta * (one() - z) + nu) * candidate + z * h
""",
        "FastGRNN",
        2018,
        "Kusupati, Singh, Bhatia, Kumar, Jain, Varma: FastGRNN: A Fast, Accurate, "
        "Stable and Tiny Kilobyte Sized Gated Recurrent Neural Network. NeurIPS 2018, "
        "arXiv:1901.02358",
        "zeta and nu are vectors, not scalars; without low rank, sparsity and "
        "quantization.",
    ),
)
"""The cells of the 2015 paper, then others."""
