"""Workers: one job in, one evaluation out; the only folder that imports Ray.

Names that need JAX or Ray are imported when first used, so that whatever only makes
jobs and reads evaluations starts fast, and so that `prepare` comes before JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from workers.cost import COMPILE_S, model_width, nominal_cost, update_cost
from workers.evaluation import (
    BUDGET,
    Evaluation,
    Point,
    Result,
    Status,
    failed,
)
from workers.filter import FILTERS, Filter, passed
from workers.inline import InlinePool
from workers.job import Job, make_job, run_id, study_id
from workers.nodes import Node
from workers.pool import Pool
from workers.racing import Racing, Rung, by_shape, due, ranked, rungs
from workers.ray_pool import RayPool
from workers.runtime import Numerics, available_cores, numerics_class, prepare
from workers.schedule import SCHEDULES, Schedule
from workers.seats import RECYCLE_BYTES, RECYCLE_MAPS
from workers.spec import (
    OPTIMIZERS,
    PRODUCTS,
    JobError,
    Setting,
    Shape,
    TaskSpec,
    Training,
)

if TYPE_CHECKING:
    from workers.evaluator import Evaluator, evaluate
    from workers.model import Model, make_model
from workers.versions import installed, versions

__all__ = [
    "BUDGET",
    "COMPILE_S",
    "FILTERS",
    "OPTIMIZERS",
    "PRODUCTS",
    "RECYCLE_BYTES",
    "RECYCLE_MAPS",
    "SCHEDULES",
    "Evaluation",
    "Evaluator",
    "Filter",
    "InlinePool",
    "Job",
    "JobError",
    "Model",
    "Node",
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
    "available_cores",
    "by_shape",
    "due",
    "evaluate",
    "failed",
    "installed",
    "make_job",
    "make_model",
    "model_width",
    "nominal_cost",
    "numerics_class",
    "passed",
    "prepare",
    "ranked",
    "run_id",
    "rungs",
    "study_id",
    "update_cost",
    "versions",
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
