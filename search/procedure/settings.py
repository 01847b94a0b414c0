"""Which settings a cell is trained with: the paper's grids, random draws, inheritance.

Jozefowicz et al. 2015, sections 3.4 (inheritance) and 3.7 (grids).
"""

import bisect
import dataclasses
import itertools
from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from search.errors import UserError
from workers import Setting

T = TypeVar("T", bound=Hashable)
"""A setting, or what stands for it, such as its index in a grid."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All settings that are allowed: every combination of these values.

    The fields are those of `Setting`, each with the values that it may take.
    """

    scale: tuple[float, ...]
    rate: tuple[float, ...]
    clip: tuple[float, ...]
    num_layers: tuple[int, ...]
    parameters: tuple[int, ...]
    dropout: tuple[float, ...] = (0.0,)
    constant_epochs: tuple[int | None, ...] = (None,)
    decay: tuple[float | None, ...] = (None,)

    def __post_init__(self) -> None:
        """Refuses a grid of nothing, and one that repeats a value.

        Raises:
            UserError: Names the field.
        """
        for name, values in self._columns().items():
            if not values:
                raise UserError(f"{name} of a grid needs at least one value")
            if len(set(values)) < len(values):
                raise UserError(f"{name} of a grid repeats a value: {values}")

    def __len__(self) -> int:
        """How many settings are allowed."""
        return int(np.prod([len(values) for values in self._columns().values()]))

    def __iter__(self) -> Iterator[Setting]:
        """All settings, in order: the last field changes fastest."""
        return iter(self.settings)

    def __contains__(self, setting: object) -> bool:
        """Whether a setting is allowed."""
        return isinstance(setting, Setting) and all(
            getattr(setting, name) in values for name, values in self._columns().items()
        )

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All settings, in the order of iteration; made once per process."""
        return _settings(self)

    @property
    def shapes(self) -> int:
        """How many programs a cell is compiled to at most."""
        return len(self.num_layers) * len(self.parameters) * len(self.dropout)

    def _columns(self) -> dict[str, tuple[Any, ...]]:
        fields = dataclasses.fields(self)
        return {field.name: getattr(self, field.name) for field in fields}


@lru_cache(maxsize=16)
def _settings(grid: Grid) -> tuple[Setting, ...]:
    columns = grid._columns()
    rows = itertools.product(*columns.values())
    return tuple(Setting(**dict(zip(columns, row, strict=True))) for row in rows)


class Grids:
    """Settings of several tasks by index, and the reverse.

    Args:
        grids: Of each task.

    Attributes:
        settings: Of each task, in order.
    """

    def __init__(self, grids: Sequence[Grid]) -> None:
        self.settings = [grid.settings for grid in grids]
        self._indices = [
            {setting: index for index, setting in enumerate(settings)}
            for settings in self.settings
        ]

    def index(self, task: int, setting: Setting) -> int:
        """Where a setting of a task is in its grid."""
        return self._indices[task][setting]


def draw(
    grid: Grid,
    count: int,
    rng: np.random.Generator,
    exclude: AbstractSet[Setting] = frozenset(),
) -> tuple[Setting, ...]:
    """Settings drawn uniformly, none twice.

    With the same generator, fewer settings are the first ones of more settings.

    Args:
        grid: What is allowed.
        count: How many; fewer come if no more are left.
        rng: Part of all randomness; it is advanced.
        exclude: What must not be drawn.
    """
    settings = grid.settings
    order = (settings[index] for index in rng.permutation(len(settings)))
    allowed = (setting for setting in order if setting not in exclude)
    return tuple(itertools.islice(allowed, count))


@dataclass(frozen=True)
class Inheritance:
    """Numbers of the inheritance distribution.

    Attributes:
        many: A parent with *more* settings than these hands on its best ones. The
            paper says nothing of exactly 420; here that is not more.
        best: How many of the best settings of a parent, or of LSTM and GRU, are drawn
            from.
    """

    many: int = 420
    best: int = 100


class Part(NamedTuple, Generic[T]):
    """One part of the inheritance distribution.

    Attributes:
        name: `random`, `parent` or `baselines`.
        weight: Its probability.
        settings: Each of them equally likely.
    """

    name: str
    weight: float
    settings: Sequence[T]


def inheritance_parts(
    allowed: Sequence[T],
    parent: Sequence[T],
    baselines: Sequence[T],
    rule: Inheritance = Inheritance(),
) -> tuple[Part[T], ...]:
    """The distribution from which the settings of a cell are drawn on a task.

    Jozefowicz et al. 2015, section 3.4. Each draw first picks a part, then one of
    its settings: a parent with many evaluated settings gives 80 % from its best and
    20 % fully random; otherwise a third each is random, from the best of LSTM and GRU,
    and from those tried on the parent.

    Args:
        allowed: All settings.
        parent: The settings evaluated on the parent, best first.
        baselines: Those evaluated on LSTM and GRU, best first; a setting that both
            have had counts where it comes first.
        rule: Its numbers.
    """
    tried = tuple(dict.fromkeys(parent))
    if len(tried) > rule.many:
        return (
            Part("parent", 0.8, tried[: rule.best]),
            Part("random", 0.2, allowed),
        )
    good = tuple(dict.fromkeys(baselines))[: rule.best]
    return (
        Part("random", 1 / 3, allowed),
        Part("baselines", 1 / 3, good),
        Part("parent", 1 / 3, tried),
    )


def inherit(
    parts: Sequence[Part[T]],
    count: int,
    rng: np.random.Generator,
    exclude: AbstractSet[T] = frozenset(),
) -> tuple[T, ...]:
    """Draws settings from the inheritance distribution, none twice.

    A part of which nothing is left gives its weight to the others, in proportion.

    Args:
        parts: What `inheritance_parts` returned.
        count: How many; fewer come if no more are left.
        rng: Part of all randomness; it is advanced.
        exclude: What must not be drawn: the settings that the cell has had already.
    """
    taken = set(exclude)
    left = list(parts)
    ends = _ends(left)
    drawn: list[T] = []

    # The probabilities of parts change only when one of them has run out.
    while left and len(drawn) < count:
        index = bisect.bisect(ends, rng.random())
        setting = _pick(left[index].settings, taken, rng)
        if setting is None:
            del left[index]
            ends = _ends(left)
            continue
        taken.add(setting)
        drawn.append(setting)
    return tuple(drawn)


def _ends(parts: Sequence[Part[T]]) -> list[float]:
    """Where each part's share of [0, 1) ends."""
    ends = list(itertools.accumulate(part.weight for part in parts))
    return [end / ends[-1] for end in ends]


def _pick(
    settings: Sequence[T], taken: AbstractSet[T], rng: np.random.Generator
) -> T | None:
    """A setting that is not taken, each equally likely; None if all are."""
    if not settings:
        return None
    setting = settings[int(rng.integers(len(settings)))]
    if setting not in taken:  # otherwise drawn again, among those that are free
        return setting
    free = [setting for setting in settings if setting not in taken]
    return free[int(rng.integers(len(free)))] if free else None
