"""Common runs as a person asks for them: which tasks, settings and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from cells import Cell, dead
from search.errors import UserError, at_least
from search.procedure.config import Config
from search.procedure.objective import Paired
from search.procedure.presets import preset_document, search_names
from search.procedure.reader import PRESET, make_config
from workers import PLAIN


@dataclass(frozen=True, kw_only=True)
class CommonRuns:
    """The runs that all cells are given.

    Attributes:
        seeds: Of each setting.
        preset: A search by common runs, whose settings they are.
        tasks: Names of tasks; None: the preset's.
        seed: The first of the seeds.
        block: What stands around the cell in each layer.
    """

    seeds: int
    preset: str = PRESET
    tasks: Sequence[str] | None = None
    seed: int = 0
    block: str = PLAIN.block

    def search(self) -> tuple[Config, Paired]:
        """The search whose runs they are, and how it compares cells.

        Raises:
            UserError: The preset compares by ratios, or there are too few seeds.
            TaskError: There is no such task.
        """
        at_least("`seeds`", self.seeds, 2)
        changes = {
            "preset": self.preset,
            "seed": self.seed,
            "training": {"block": self.block},
        }
        if self.tasks is not None:
            changes["tasks"] = list(self.tasks)
        config = make_config(changes)
        if config.objective is None:
            others = (n for n in search_names() if "objective" in preset_document(n))
            raise UserError(
                f"preset {self.preset} has no common runs; those of "
                f"{', '.join(others)} have"
            )
        return config, config.objective


def check_alive(name: str, cell: Cell) -> None:
    """Refuses a cell that ignores its input or its past.

    Raises:
        UserError: It does.
    """
    reason = dead(cell)
    if reason is not None:
        raise UserError(f"{name} ignores the {reason.missing}: it can learn nothing")
