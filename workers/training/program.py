"""The compiled programs of one model: training and validation over windows."""

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tasks import Windows
from workers.job.spec import Training
from workers.machine.compiling import compile_lowered
from workers.training.lanes import Lanes
from workers.training.losses import READOUTS
from workers.training.model import Model
from workers.training.optimizers import RULES, Rule, by_rule
from workers.training.stack import Carry, Params

JUDGED_AFTER: Final = 50
"""Windows of an epoch before its mean loss is compared with the divergence bound."""

_PRECISION: Final = {"float32": "float32", "bfloat16": "BF16_BF16_F32"}


Array = Any
"""A NumPy or JAX array, or the shape of one."""


class TrainState(NamedTuple):
    """Everything that training carries from one update to the next.

    Attributes:
        params: All weights, [N], in an order of the program's own.
        optimizer: State of the Optax transformation.
        carry: The model's states after the last window.
        loss_sum: Summed loss of the epoch's windows so far, nats.
        positions: Scored positions of the epoch so far.
        updates: Updates done, in all epochs.
        alive: False once the setting has diverged; then nothing else means anything.
    """

    params: Array
    optimizer: Any
    carry: Carry
    loss_sum: Array
    positions: Array
    updates: Array
    alive: Array


class Hyper(NamedTuple):
    """Runtime values of one setting.

    Attributes:
        rate: Learning rate.
        clip: Largest norm of a gradient.
        key: Of dropout.
        cell: The cell, where the program can run any; otherwise None.
        rule: Of its optimizer, one of `RULES`.
    """

    rate: Any
    clip: Any
    key: Any
    cell: Any = None
    rule: Rule = RULES["sgd"]


class Totals(NamedTuple):
    """Sums over the scored positions of a split."""

    correct: Array
    loss: Array
    positions: Array


@dataclass
class Program:
    """The compiled functions of one model for windows of any shape, until dropped.

    Every argument and result that belongs to a setting is as `lanes` has it.

    Attributes:
        model: The model.
        readout: `softmax` or `sigmoid`.
        batch: B.
        training: How it trains; the optimizer is each setting's own.
        divergence_loss: Mean loss in nats above which a setting has diverged.
        lanes: Settings in one program.
        options: XLA's options.
        compile_s: Seconds spent tracing and compiling so far.
        compiled: Programs compiled so far.
    """

    model: Model
    readout: str
    batch: int
    training: Training
    divergence_loss: float
    lanes: Lanes = field(default_factory=Lanes)
    options: dict[str, str | bool] = field(default_factory=dict)
    compile_s: float = 0.0
    compiled: int = 0
    _kept: dict[tuple[str, tuple[int, ...]], Any] = field(default_factory=dict)
    _at_rest: Any = None
    _structure: Any = None
    _shapes: Sequence[tuple[int, ...]] = ()

    def reset_meter(self) -> None:
        """Counts seconds and programs from here on."""
        self.compile_s, self.compiled = 0.0, 0

    def initial(self, seeds: list[int], scales: list[float]) -> TrainState:
        """The state before the first update, from a seed and a scale a setting."""
        drawn = (self.model.init(*row) for row in zip(seeds, scales, strict=True))
        rows = [self.beginning(params) for params in drawn]
        state: TrainState = jax.device_put(self.lanes.stack(rows))
        return state

    def beginning(self, params: Params) -> TrainState:
        """The state of one setting before the first update, from its weights."""
        flat = self.flat(params)
        if self._at_rest is None:
            optimizer = self._optimizer(Hyper(np.float32(0), np.float32(1), None))
            shapes = jax.eval_shape(optimizer.init, flat)
            self._at_rest = jax.tree.map(
                lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes
            )
        return TrainState(
            params=flat,
            optimizer=self._at_rest,
            carry=self.model.initial_carry(self.batch),
            loss_sum=np.float32(0),
            positions=np.float32(0),
            updates=np.int32(0),
            alive=np.bool_(True),
        )

    def flat(self, params: Params) -> Array:
        """The model's weights as `TrainState.params` has them, [N]; NumPy's."""
        packed = self.model.pack(params)
        leaves, self._structure = jax.tree.flatten(packed)
        self._shapes = [np.shape(leaf) for leaf in leaves]
        return np.concatenate([np.reshape(leaf, -1) for leaf in leaves])

    def train(
        self, state: TrainState, data: Windows, start: int, stop: int, hyper: Hyper
    ) -> TrainState:
        """Trains on windows `start` to `stop` - 1 of `data`; the state is consumed.

        Ends early when all lanes have diverged.
        """
        run = self._compiled("train", data, state, hyper)
        new: TrainState = run(state, data, np.int32(start), np.int32(stop), hyper)
        return new

    def validate(
        self, params: Array, data: Windows, stop: int, cells: Any = None
    ) -> Totals:
        """Scores weights on windows 0 to `stop` - 1, starting from zero states.

        Weights are those of a `TrainState`.
        """
        run = self._compiled("validate", data, params, cells)
        totals: Totals = run(params, cells, data, np.int32(stop))
        return totals

    def needs_bytes(self, state: TrainState, data: Windows, hyper: Hyper) -> int:
        """Bytes that training needs to run, by XLA's own account; compiles."""
        run = self._compiled("train", data, state, hyper)
        used = run.memory_analysis()
        total: int = (
            used.temp_size_in_bytes
            + used.argument_size_in_bytes
            + used.output_size_in_bytes
            - used.alias_size_in_bytes
        )
        return total

    def _compiled(self, name: str, data: Windows, *rest: Any) -> Any:
        key = (name, data.inputs.shape)
        if key not in self._kept:
            start = time.perf_counter()
            shapes = jax.tree.map(_shape, (data, *rest))
            lowered = self._lower(name, *shapes)
            self._kept[key] = compile_lowered(lowered, self.options)
            self.compile_s += time.perf_counter() - start
            self.compiled += 1
        return self._kept[key]

    def _lower(self, name: str, data: Any, *rest: Any) -> Any:
        number = _shape(np.int32(0))
        with jax.default_matmul_precision(_PRECISION[self.training.products]):
            if name == "train":
                state, hyper = rest
                jitted = jax.jit(self._train, donate_argnums=0)
                return jitted.lower(state, data, number, number, hyper)
            return jax.jit(self._validate).lower(*rest, data, number)

    def tree(self, flat: Array) -> Params:
        """The way back from `flat`, which may be traced; layers stay packed."""
        if self._structure is None:  # this program has begun no training
            self.flat(self.model.init(0, 1.0))
        sizes = [math.prod(shape) for shape in self._shapes]
        parts = jnp.split(flat, list(itertools.accumulate(sizes))[:-1])
        leaves = [p.reshape(s) for p, s in zip(parts, self._shapes, strict=True)]
        params: Params = jax.tree.unflatten(self._structure, leaves)
        return params

    # What follows is traced.

    def _train(
        self, state: TrainState, data: Windows, start: Any, stop: Any, hyper: Hyper
    ) -> TrainState:
        # The mean loss is that of an epoch: a call that begins one begins the sum.
        first = start == 0
        zero = jnp.zeros_like(state.positions)
        state = state._replace(
            loss_sum=jnp.where(first, zero, state.loss_sum),
            positions=jnp.where(first, zero, state.positions),
        )

        # Windows are read inside the loop, whose length is a runtime value: one program
        # serves blocks and epochs of any length.
        def unfinished(loop: tuple[Any, TrainState]) -> Any:
            return (loop[0] < stop) & jnp.any(loop[1].alive)

        def body(loop: tuple[Any, TrainState]) -> tuple[Any, TrainState]:
            index, state = loop
            window = jax.tree.map(lambda array: array[index], data)

            def update(lane: tuple[TrainState, Hyper]) -> TrainState:
                return self._update(*lane, window, index)

            return index + 1, self.lanes.each(update, (state, hyper))

        return jax.lax.while_loop(unfinished, body, (start, state))[1]

    def _update(
        self, state: TrainState, hyper: Hyper, window: Windows, index: Any
    ) -> TrainState:
        """One update: the paper's loss, clipped by global norm (section 3.6)."""
        # A key of its own for each update, which does not depend on where a call began.
        key = None
        if self.model.dropout:
            key = jax.random.fold_in(hyper.key, state.updates)
        carry = _reset(state.carry, window.reset)
        window = window._replace(scored=_in_a_row(window.scored))
        model = self.model.given(hyper.cell)

        # Divided by rows and not by positions, as the paper's rates are meant.
        def objective(params: Params) -> tuple[Any, tuple[Carry, Any]]:
            new, logits = model.apply(params, carry, window.inputs, key)
            total = self._losses(logits, window).sum()
            return total / self.batch, (new, total)

        # Each array is an operation or two in an update; as one vector they have one.
        tree = self.tree(state.params)
        grads, (carry, total) = jax.grad(objective, has_aux=True)(tree)
        flat = _flattened(self._learned(grads))
        optimizer = self._optimizer(hyper)
        steps, inner = optimizer.update(flat, state.optimizer, state.params)
        if not self.training.biases:
            steps = _flattened(self._learned(self.tree(steps)))
        # A first loss may be high without harm; one that stays so is divergence.
        loss_sum = state.loss_sum + total
        positions = state.positions + window.scored.sum()
        judged = index + 1 >= JUDGED_AFTER
        lost = judged & (loss_sum > self.divergence_loss * positions)
        return TrainState(
            params=state.params + steps,
            optimizer=inner,
            carry=carry,
            loss_sum=loss_sum,
            positions=positions,
            updates=state.updates + state.alive.astype(jnp.int32),
            alive=state.alive & jnp.isfinite(total) & ~lost,
        )

    def _learned(self, changes: Params) -> Params:
        """Gradients or steps; none of biases of cells that stay where they start."""
        if self.training.biases:
            return changes
        held = jax.tree.map_with_path(_without_bias, changes["layers"])
        return {**changes, "layers": held}

    def _optimizer(self, hyper: Hyper) -> optax.GradientTransformation:
        clip = optax.clip_by_global_norm(hyper.clip)
        return optax.chain(clip, by_rule(hyper.rule, hyper.rate))

    def _validate(self, params: Array, cells: Any, data: Windows, stop: Any) -> Totals:
        def score(lane: tuple[Array, Any]) -> Totals:
            return self._score(*lane, data, stop)

        totals: Totals = self.lanes.each(score, (params, cells))
        return totals

    def _score(self, flat: Array, cell: Any, data: Windows, stop: Any) -> Totals:
        readout, model = READOUTS[self.readout], self.model.given(cell)
        params = self.tree(flat)

        # Counts are integers, which stay exact however long a split is.
        def body(index: Any, loop: tuple[Carry, Totals]) -> tuple[Carry, Totals]:
            carry, totals = loop
            window = jax.tree.map(lambda array: array[index], data)
            carry = _reset(carry, window.reset)
            carry, logits = model.apply(params, carry, window.inputs)
            losses = self._losses(logits, window)
            correct = window.scored & readout.correct(logits, window.targets)
            return carry, Totals(
                totals.correct + correct.sum(dtype=jnp.int32),
                totals.loss + losses.sum(),
                totals.positions + window.scored.sum(dtype=jnp.int32),
            )

        # A split is read as one text, with states carried from window to window.
        carry = jax.tree.map(jnp.asarray, self.model.initial_carry(self.batch))
        nothing = Totals(jnp.int32(0), jnp.float32(0), jnp.int32(0))
        _, totals = jax.lax.fori_loop(jnp.int32(0), stop, body, (carry, nothing))
        done: Totals = totals
        return done

    def _losses(self, logits: Array, window: Windows) -> jax.Array:
        """Nats at each position [T, B]; 0 where it is not scored."""
        losses = READOUTS[self.readout].loss(logits, jnp.asarray(window.targets))
        scored = window.scored.reshape(losses.shape)
        return jnp.where(scored.astype(jnp.bool_), losses, 0.0)


def _in_a_row(scored: Array) -> Any:
    """Ones where a window [T, B] is scored and zeros elsewhere, [TB].

    Of truth values, and of short rows, XLA's CPU compiler makes ten times the code.
    """
    row = jnp.asarray(scored).astype(jnp.float32).reshape(-1)
    return jax.lax.optimization_barrier(row)  # type: ignore[no-untyped-call]


def _flattened(params: Params) -> jax.Array:
    """All weights, or what there is of each, [N]."""
    return jnp.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(params)])


def _without_bias(path: tuple[Any, ...], change: jax.Array) -> jax.Array:
    names = {getattr(key, "name", getattr(key, "key", None)) for key in path}
    return jnp.zeros_like(change) if "bias" in names else change


def _reset(carry: Carry, reset: Array) -> Carry:
    """Zeroes the states of the rows that start anew; reset is [B]."""
    return tuple(
        tuple(jnp.where(reset[:, None], 0.0, state) for state in states)
        for states in carry
    )


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(leaf), leaf.dtype)  # type: ignore[no-untyped-call]
