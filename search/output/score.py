"""How a cell does on a task: its best, or its difference on common runs."""

import math
from dataclasses import dataclass
from typing import Any

from workers import Setting


@dataclass(frozen=True)
class BestScore:
    """By ratios: the best of the settings that a cell was given.

    Attributes:
        metric: Its best validation metric; None: none of its settings succeeded.
        ratio: To the baseline's best; above 1 is better.
        setting: The setting that reached it.
        trials: How many settings it was given: more of them raise a best.
    """

    metric: float | None
    ratio: float
    setting: Setting | None
    trials: int

    @property
    def value(self) -> float | None:
        """What a column is sorted by."""
        return self.metric

    @property
    def text(self) -> str:
        """As a table shows it."""
        return "-" if self.metric is None else f"{self.metric:.4f}"

    @property
    def words(self) -> str:
        """All there is to say."""
        if self.setting is None:
            return "no setting succeeded"
        values = self.setting.to_dict().items()
        said = ", ".join(f"{name.replace('_', ' ')} {_value(v)}" for name, v in values)
        return f"{self.text}, ratio {self.ratio:.4f}, best of {self.trials}: {said}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values; what the table shows comes first."""
        return {
            "metric": self.metric,
            "ratio": self.ratio,
            "setting": self.setting.to_dict() if self.setting else None,
            "draws": self.trials,
        }


@dataclass(frozen=True)
class PairedScore:
    """By common runs: against the baseline, run by run.

    Attributes:
        difference: How much lower the mean log loss is than the baseline's.
        error: Standard error of that over seeds; infinite: unknown.
        trials: How many runs there are.
    """

    difference: float
    error: float
    trials: int

    @property
    def value(self) -> float | None:
        """What a column is sorted by."""
        return self.difference

    @property
    def text(self) -> str:
        """As a table shows it."""
        error = f" ±{self.error:.3f}" if math.isfinite(self.error) else ""
        return f"{self.difference:+.3f}{error}"

    @property
    def words(self) -> str:
        """All there is to say."""
        return f"{self.text} by {self.trials} runs"

    def to_dict(self) -> dict[str, Any]:
        """JSON values; what the table shows comes first."""
        return {
            "difference": self.difference,
            "error": self.error if math.isfinite(self.error) else None,
            "runs": self.trials,
        }


TaskScore = BestScore | PairedScore


def _value(value: float | str) -> str:
    """A hyperparameter; that of an optimizer is a word."""
    return value if isinstance(value, str) else f"{value:,.10g}"
