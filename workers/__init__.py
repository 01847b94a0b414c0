"""Workers: one job in, one evaluation out; the only folder that imports Ray.

Names that need JAX or Ray are imported when first used, so that whatever only makes
jobs and reads evaluations starts fast, and so that `prepare` comes before JAX.
"""

from workers.job import (
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
from workers.schedule import SCHEDULES, Schedule

__all__ = [
    "OPTIMIZERS",
    "PRODUCTS",
    "SCHEDULES",
    "Evaluation",
    "Job",
    "JobError",
    "Point",
    "Result",
    "Schedule",
    "Setting",
    "Shape",
    "Status",
    "TaskSpec",
    "Training",
    "failed",
    "make_job",
]
