"""Presets as data: for each task its size, grid, budget, schedule and racing."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from search.errors import UserError, unknown
from search.procedure.racing import Racing
from search.procedure.settings import MUSIC, SYNTHETIC, TREEBANK, Grid, table_3
from tasks import PACK, Value
from workers import Schedule

SEARCH: Final = Schedule("search")
CONSTANT: Final = Schedule("fixed")


@dataclass(frozen=True)
class Plan:
    """How cells are trained on one task.

    Attributes:
        grid: The settings that are allowed.
        budget: Most updates of a setting.
        schedule: What may end training earlier, and when the rate changes.
        overrides: Fields of the task that differ from its size, by name.
    """

    grid: Grid
    budget: int
    schedule: Schedule = SEARCH
    overrides: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True)
class Preset:
    """A named way to score cells.

    Attributes:
        name: A key of `PRESETS`.
        summary: One sentence for people.
        size: Of every task: `small` or `paper`.
        plans: Task name to plan.
        other: The plan of tasks that are not named there; None: they are refused.
        settings: How many settings a cell is given on a task.
        repeats: With how many fresh seeds the best setting is scored again.
        racing: How settings compete; None: all are trained to the end.
    """

    name: str
    summary: str
    size: str
    plans: Mapping[str, Plan]
    other: Plan | None
    settings: int
    repeats: int
    racing: Racing | None

    def plan(self, task: str) -> Plan:
        """The plan of a task.

        Raises:
            UserError: The preset has none.
        """
        plan = self.plans.get(task, self.other)
        if plan is None:
            names = ", ".join(self.plans)
            raise UserError(f"preset {self.name} is for {names}, not for {task!r}")
        return plan


def small_grid(parameters: int) -> Grid:
    """The part of the paper's ranges that is good for few updates; one layer.

    Weights that start larger learn sooner, and all settings share one program.
    """
    return Grid(
        scale=(1.0, 1.4, 2.0, 2.8),
        rate=(0.3, 0.5, 1.0, 2.0),
        clip=(1.0, 2.5, 5.0),
        num_layers=(1,),
        parameters=(parameters,),
    )


SMALL: Final = Preset(
    name="small",
    summary="for two cores: a setting trains in seconds to a minute",
    size="small",
    plans={
        "arithmetic": Plan(small_grid(30_000), 3_000, CONSTANT),
        "xml": Plan(small_grid(30_000), 6_000, CONSTANT),
        "memorization": Plan(small_grid(25_000), 6_000, CONSTANT),
        "ptb": Plan(small_grid(200_000), 1_144, CONSTANT),
        "nottingham": Plan(small_grid(50_000), 2_710, CONSTANT),
        "piano_midi": Plan(small_grid(50_000), 1_130, CONSTANT),
        "jsb": Plan(small_grid(50_000), 1_500, CONSTANT),
        **{kind.name: Plan(small_grid(10_000), 1_000, CONSTANT) for kind in PACK},
    },
    other=Plan(small_grid(100_000), 3_000, CONSTANT),
    settings=18,
    repeats=5,
    racing=Racing(),
)

DEMO_GRID: Final = Grid(
    scale=(1.4, 2.0),
    rate=(0.5, 1.0),
    clip=(1.0, 2.5),
    num_layers=(1,),
    parameters=(6_000,),
)
SHORT: Final = (
    ("train_tokens", 35_000),
    ("valid_tokens", 7_000),
    ("test_tokens", 7_000),
)

DEMO: Final = Preset(
    name="demo",
    summary="a minute or two on two cores: everything happens once, nothing is settled",
    size="small",
    plans={
        "memorization": Plan(
            DEMO_GRID, 600, CONSTANT, (("letters", 8), ("length", 3), *SHORT)
        ),
        "arithmetic": Plan(
            DEMO_GRID, 600, CONSTANT, (("digits", 1), ("distractors", 0), *SHORT)
        ),
        "xml": Plan(DEMO_GRID, 600, CONSTANT, SHORT),
    },
    other=None,
    settings=4,
    repeats=2,
    racing=None,
)

MUSIC_SCHEDULE: Final = Schedule("music")

PAPER: Final = Preset(
    name="paper",
    summary="sizes, grids and schedules of Jozefowicz et al. 2015, without a race",
    size="paper",
    plans={
        "arithmetic": Plan(SYNTHETIC, 150_000),
        "xml": Plan(SYNTHETIC, 150_000),
        "memorization": Plan(
            Grid(parameters=(25_000,), num_layers=(1,)), 15_000, CONSTANT
        ),
        "ptb": Plan(TREEBANK, 132_800, overrides=(("metric_name", "accuracy"),)),
        "nottingham": Plan(MUSIC, 216_800, MUSIC_SCHEDULE),
        "piano_midi": Plan(MUSIC, 90_400, MUSIC_SCHEDULE),
        "jsb": Plan(MUSIC, 100_000, MUSIC_SCHEDULE),
    },
    other=Plan(SYNTHETIC, 150_000),
    settings=20,
    repeats=5,
    racing=None,
)
"""The paper bounds nothing but by its schedules: budgets here are 100 epochs, and 800
for music. Its Table 1 has next-step accuracy on every task."""


def _table_3(millions: int, dropout: tuple[float, ...] | None = None) -> Preset:
    parameters = 1_000_000 * millions
    grid = table_3(parameters, dropout) if dropout else table_3(parameters)
    return Preset(
        name=f"table3_{millions}m",
        summary=f"Penn Treebank with {millions} million parameters, as in Table 3",
        size="paper",
        plans={"ptb": Plan(grid, 30 * 1_328, Schedule("treebank"))},
        other=None,
        settings=20,
        repeats=5,
        racing=None,
    )


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            DEMO,
            SMALL,
            PAPER,
            _table_3(5, dropout=(0.0,)),
            _table_3(10),
            _table_3(20),
        )
    }
)
"""Name to preset."""


def get_preset(name: str) -> Preset:
    """The preset of a name.

    Raises:
        UserError: There is none; the nearest is named.
    """
    if name not in PRESETS:
        raise UserError(unknown("preset", name, PRESETS))
    return PRESETS[name]
