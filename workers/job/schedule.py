"""When the rate changes and when training ends: pure state machines over epochs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from cells import unknown_name

if TYPE_CHECKING:
    from tasks import Metric
    from workers.job.setting import Point, Setting

Option = float | tuple[tuple[float, float], ...]
"""A number, or pairs of numbers."""


@dataclass(frozen=True)
class Schedule:
    """A row of `SCHEDULES`, with some of its options set otherwise.

    Attributes:
        name: A key of `SCHEDULES`.
        options: Name and value of the options that differ from the row's defaults,
            in order of their names.
    """

    name: str = "search"
    options: tuple[tuple[str, Option], ...] = ()

    def __post_init__(self) -> None:
        """Refuses unknown names, and options that the schedule does not have.

        Raises:
            ValueError: Names the schedule or option and the nearest valid one.
        """
        if self.name not in SCHEDULES:
            raise ValueError(unknown_name("schedule", self.name, SCHEDULES))
        defaults = SCHEDULES[self.name].options
        for option, _ in self.options:
            if option not in defaults:
                raise ValueError(
                    f"schedule {self.name}: {unknown_name('option', option, defaults)}"
                )
        options = tuple(sorted((name, _floats(v)) for name, v in self.options))
        object.__setattr__(self, "options", options)

    def number(self, option: str) -> float:
        """The value of an option that is a number."""
        value = self._option(option)
        if isinstance(value, tuple):
            raise ValueError(f"schedule {self.name}: {option} must be a number")
        return value

    def pairs(self, option: str) -> tuple[tuple[float, float], ...]:
        """The value of an option that is pairs of numbers."""
        value = self._option(option)
        if not isinstance(value, tuple):
            raise ValueError(f"schedule {self.name}: {option} must be pairs of numbers")
        return value

    def _option(self, option: str) -> Option:
        return dict(self.options).get(option, SCHEDULES[self.name].options[option])


class State(NamedTuple):
    """Where a schedule stands after some epochs; all of it JSON values.

    Attributes:
        epochs: Epochs seen.
        best: Best validation metric so far.
        stale: Epochs since it improved, or since the rate changed for lack of that.
        annealed: Epochs for which the final lowering of the rate has been going on.
        factor: The next epoch's rate is the setting's rate times this.
        stop: Why training ends here; empty while it goes on.
    """

    epochs: int = 0
    best: float | None = None
    stale: int = 0
    annealed: int = 0
    factor: float = 1.0
    stop: str = ""

    def improved_by(self, value: float, metric: "Metric") -> bool:
        """Whether a value is better than the best so far, or the first."""
        return self.best is None or metric.better(value, self.best)


def advance(
    schedule: Schedule,
    setting: "Setting",
    state: State,
    point: "Point",
    metric: "Metric",
) -> State:
    """The state after one more epoch.

    Args:
        schedule: The schedule.
        setting: The setting that is trained; some schedules read its rate or decay.
        state: The state before the epoch; its `stop` is empty.
        point: What the epoch reached.
        metric: The task's.
    """
    improved = state.improved_by(point.metric, metric)
    seen = state._replace(
        epochs=state.epochs + 1,
        best=point.metric if improved else state.best,
        stale=0 if improved else state.stale + 1,
    )
    return SCHEDULES[schedule.name].advance(schedule, setting, seen, point)


def _search(s: Schedule, setting: "Setting", state: State, point: "Point") -> State:
    if not state.annealed and state.stale < s.number("patience"):
        return state
    if state.annealed >= s.number("halvings"):
        return state._replace(stop="no further improvement")
    return state._replace(
        annealed=state.annealed + 1, factor=state.factor * s.number("factor")
    )


def _music(s: Schedule, setting: "Setting", state: State, point: "Point") -> State:
    if state.stale >= s.number("patience"):
        state = state._replace(stale=0, factor=state.factor * s.number("factor"))
    if setting.rate * state.factor < s.number("lowest_rate"):
        return state._replace(stop="lowest rate")
    return _limited(s, state)


def _treebank(s: Schedule, setting: "Setting", state: State, point: "Point") -> State:
    constant: float | None = setting.constant_epochs
    if constant is None:
        constant = s.number("constant_epochs")
    decay = s.number("decay") if setting.decay is None else setting.decay
    if state.epochs >= constant:
        state = state._replace(factor=state.factor * decay)
    return _limited(s, state)


def _fixed(s: Schedule, setting: "Setting", state: State, point: "Point") -> State:
    return state


def _filter(s: Schedule, setting: "Setting", state: State, point: "Point") -> State:
    if point.metric >= s.number("target"):
        return state._replace(stop=PASSED)
    for updates, loss in s.pairs("give_up"):
        if point.updates >= updates and point.valid_loss > loss:
            return state._replace(stop=GAVE_UP)
    return state


def _limited(s: Schedule, state: State) -> State:
    if state.epochs >= s.number("max_epochs"):
        return state._replace(stop="last epoch")
    return state


PASSED = "passed"
"""Why a filter's training ended when the target was reached."""

GAVE_UP = "gave up"
"""Why a filter's training ended when its loss said that the target was out of reach."""


class ScheduleKind(NamedTuple):
    """One kind of schedule.

    Attributes:
        advance: Called with the schedule, the setting, the state in which the epoch
            has been counted already, and the epoch's point.
        options: Every option with its default.
        source: Where it comes from.
    """

    advance: Callable[[Schedule, "Setting", State, "Point"], State]
    options: Mapping[str, Option]
    source: str


SCHEDULES: Mapping[str, ScheduleKind] = {
    "search": ScheduleKind(
        _search,
        {"patience": 3, "halvings": 4, "factor": 0.5},
        "Jozefowicz et al. 2015, section 3.6: halved each epoch for four more epochs "
        "after three without improvement",
    ),
    "music": ScheduleKind(
        _music,
        {"patience": 10, "factor": 0.8, "lowest_rate": 1e-3, "max_epochs": 800},
        "Jozefowicz et al. 2015, section 3.7: times 0.8 after ten epochs without "
        "improvement, until the rate is below 1e-3",
    ),
    "treebank": ScheduleKind(
        _treebank,
        {"constant_epochs": 4, "decay": 0.5, "max_epochs": 30},
        "Jozefowicz et al. 2015, section 3.7, after Zaremba et al. 2014: constant, "
        "then lowered after each epoch; the setting's own numbers win",
    ),
    "fixed": ScheduleKind(_fixed, {}, "constant rate; the budget ends it"),
    "filter": ScheduleKind(
        _filter,
        {"target": 0.95, "give_up": ()},
        "constant rate; ends when the metric reaches the target, or when the "
        "validation loss is above a bound after a number of updates",
    ),
}


def _floats(value: Option) -> Option:
    """Equal options are equal in text too: 3 becomes 3.0."""
    if isinstance(value, tuple):
        return tuple((float(a), float(b)) for a, b in value)
    return float(value)


SEARCH: Final = Schedule()
"""The schedule of the paper's search and of its Table 1."""
