"""Workers: one job in, one evaluation out; the only folder that imports Ray.

Names that need JAX or Ray are imported when first used, so that whatever only makes
jobs and reads evaluations starts fast, and so that `prepare` comes before JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from workers.cost import model_width, nominal_cost
from workers.filter import (
    FILTER_BUDGETS,
    FILTER_GRID,
    FILTER_TARGET,
    filter_job,
    filter_setting,
    passed,
)
from workers.inline import InlinePool
from workers.job import (
    BUDGET,
    OPTIMIZERS,
    PRODUCTS,
    Evaluation,
    Job,
    JobError,
    Point,
    Result,
    Setting,
    Shape,
    Status,
    TaskSpec,
    Training,
    failed,
    make_job,
)
from workers.pool import Pool, RayPool
from workers.racing import Racing, Rung, by_shape, due, ranked, rungs
from workers.runtime import Numerics, numerics_class, prepare
from workers.schedule import SCHEDULES, Schedule

if TYPE_CHECKING:
    from workers.evaluator import Evaluator, evaluate
    from workers.model import Model, make_model

__all__ = [
    "BUDGET",
    "FILTER_BUDGETS",
    "FILTER_GRID",
    "FILTER_TARGET",
    "OPTIMIZERS",
    "PRODUCTS",
    "SCHEDULES",
    "Evaluation",
    "Evaluator",
    "InlinePool",
    "Job",
    "JobError",
    "Model",
    "Numerics",
    "Point",
    "Pool",
    "Racing",
    "RayPool",
    "Result",
    "Rung",
    "Schedule",
    "Setting",
    "Shape",
    "Status",
    "TaskSpec",
    "Training",
    "by_shape",
    "due",
    "evaluate",
    "failed",
    "filter_job",
    "filter_setting",
    "make_job",
    "make_model",
    "model_width",
    "nominal_cost",
    "numerics_class",
    "passed",
    "prepare",
    "ranked",
    "rungs",
]

_JAX: Final = {
    "Evaluator": "evaluator",
    "Model": "model",
    "evaluate": "evaluator",
    "make_model": "model",
}


def __getattr__(name: str) -> Any:
    if name in _JAX:
        return getattr(importlib.import_module(f"workers.{_JAX[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
