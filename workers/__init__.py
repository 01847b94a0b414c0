"""Workers: one job in, one evaluation out; the only folder that imports Ray.

Names that need JAX or Ray are imported when first used, so that whatever only makes
jobs and reads evaluations starts fast, and so that `prepare` comes before JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from workers.errors import JobError, MachineError
from workers.job.block import BLOCKS
from workers.job.cost import (
    COMPILE_S,
    model_width,
    nominal_cost,
    step_cost,
    update_cost,
)
from workers.job.evaluation import BUDGET, Cause, Evaluation, Result, Status
from workers.job.job import Job, make_job, run_id, study_id
from workers.job.json_form import dumps
from workers.job.load import Load, Speed
from workers.job.programs import is_plain, program_kind
from workers.job.schedule import PASSED, SCHEDULES, Schedule
from workers.job.setting import Point, Setting, Shape
from workers.job.spec import PLAIN, TaskSpec, Training
from workers.machine.runtime import (
    DEFAULT_BESIDE,
    DEFAULT_LANES,
    available_cores,
    numerics_class,
    prepare,
)
from workers.machine.versions import installed, versions
from workers.pools.factory import make_pool
from workers.pools.inline import InlinePool
from workers.pools.nodes import PoolNode
from workers.pools.options import INLINE, LEAST_MEMORY_BYTES, PoolOptions
from workers.pools.pace import SLOW
from workers.pools.pool import Pool
from workers.pools.ray_pool import RayPool
from workers.pools.seats import RECYCLE_MAPS

if TYPE_CHECKING:
    from workers.training.evaluator import Evaluator, evaluate
    from workers.training.model import make_model
    from workers.training.speed import measure_speed

__all__ = [
    "BLOCKS",
    "BUDGET",
    "COMPILE_S",
    "DEFAULT_BESIDE",
    "DEFAULT_LANES",
    "INLINE",
    "LEAST_MEMORY_BYTES",
    "PASSED",
    "PLAIN",
    "RECYCLE_MAPS",
    "SCHEDULES",
    "SLOW",
    "Cause",
    "Evaluation",
    "Evaluator",
    "InlinePool",
    "Job",
    "JobError",
    "Load",
    "MachineError",
    "Point",
    "Pool",
    "PoolNode",
    "PoolOptions",
    "RayPool",
    "Result",
    "Schedule",
    "Setting",
    "Shape",
    "Speed",
    "Status",
    "TaskSpec",
    "Training",
    "available_cores",
    "dumps",
    "evaluate",
    "installed",
    "is_plain",
    "make_job",
    "make_model",
    "make_pool",
    "measure_speed",
    "model_width",
    "nominal_cost",
    "numerics_class",
    "prepare",
    "program_kind",
    "run_id",
    "step_cost",
    "study_id",
    "update_cost",
    "versions",
]

_JAX: Final = {
    "Evaluator": "training.evaluator",
    "evaluate": "training.evaluator",
    "make_model": "training.model",
    "measure_speed": "training.speed",
}


def __getattr__(name: str) -> Any:
    if name in _JAX:
        return getattr(importlib.import_module(f"workers.{_JAX[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
