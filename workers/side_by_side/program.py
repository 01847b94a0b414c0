"""The program of any cell: lanes of different ones, each at its own update.

On an accelerator a program of one cell takes longer to compile than a candidate takes
to train, and a time step costs its launches however little they compute. This one is
compiled once for a size, and is given cells, tasks and optimizers at run time.
"""

from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from tasks import Windows
from workers.side_by_side.given import AnyModel, GivenCell
from workers.training.program import OPTIMIZER_ROWS, Hyper, Program, TrainState
from workers.training.stack import Params


@dataclass
class AnyProgram(Program):
    """Trains lanes of different cells, each at an update of its own.

    Windows are those of all tasks and epochs, one after the other: a lane that has
    done n updates takes window n of its own.

    Attributes:
        epoch: Windows of an epoch.
        scored: Windows that a lane is scored on.
    """

    epoch: int = 1
    scored: int = 1

    @property
    def any_model(self) -> AnyModel:
        """The model, as what it is."""
        return cast(AnyModel, self.model)

    def _train(
        self, state: TrainState, data: Windows, start: Any, stop: Any, hyper: Hyper
    ) -> TrainState:
        def unfinished(loop: tuple[Any, TrainState]) -> Any:
            return (loop[0] < stop) & jnp.any(loop[1].alive)

        def update(lane: tuple[TrainState, Hyper]) -> TrainState:
            state, hyper = lane
            index = hyper.cell.train + state.updates
            window = jax.tree.map(lambda array: array[index], data)
            within = state.updates % self.epoch
            # The mean loss is that of an epoch.
            keep = jnp.where(within == 0, 0.0, 1.0)
            state = state._replace(
                loss_sum=keep * state.loss_sum, positions=keep * state.positions
            )
            return self._update(state, hyper, window, within)

        def body(loop: tuple[Any, TrainState]) -> tuple[Any, TrainState]:
            return loop[0] + 1, self.lanes.each(update, (loop[1], hyper))

        return jax.lax.while_loop(unfinished, body, (start, state))[1]

    def _optimizer(self, hyper: Hyper) -> optax.GradientTransformation:
        """All optimizers, of whose steps the lane takes its own's.

        To them all weights are one vector: there are as many operations as if there
        were one array.
        """
        clip = optax.clip_by_global_norm(hyper.clip)
        rows = [optax.chain(clip, row(hyper.rate)) for row in OPTIMIZER_ROWS.values()]
        chosen = 0 if hyper.cell is None else hyper.cell.optimizer

        def init(params: Any) -> Any:
            vector, _ = ravel_pytree(params)
            return tuple(row.init(vector) for row in rows)

        def update(grads: Any, states: Any, params: Any = None) -> Any:
            vector, unravel = ravel_pytree(grads)
            weights, _ = ravel_pytree(params)
            done = [
                row.update(vector, state, weights)
                for row, state in zip(rows, states, strict=True)
            ]
            steps = jax.lax.select_n(chosen, *[steps for steps, _ in done])
            return unravel(steps), tuple(state for _, state in done)

        return optax.GradientTransformation(init, update)

    def _score(self, params: Params, cell: GivenCell, data: Windows, stop: Any) -> Any:
        own = jax.tree.map(
            lambda array: jax.lax.dynamic_slice_in_dim(array, cell.valid, self.scored),
            data,
        )
        return super()._score(params, cell, own, stop)
