"""The program of any cell: lanes of different ones, each at its own update.

On an accelerator a program of one cell takes longer to compile than a candidate takes
to train, and a time step costs its launches however little they compute. This one is
compiled once for a size, and is given cells, tasks and optimizers at run time.
"""

from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp

from tasks import Windows
from workers.side_by_side.given import AnyModel, GivenCell
from workers.training.program import Hyper, Program, TrainState
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

    def _score(self, params: Params, cell: GivenCell, data: Windows, stop: Any) -> Any:
        own = jax.tree.map(
            lambda array: jax.lax.dynamic_slice_in_dim(array, cell.valid, self.scored),
            data,
        )
        return super()._score(params, cell, own, stop)
