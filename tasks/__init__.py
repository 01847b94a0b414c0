"""Tasks: what a cell is asked to do, as data, a readout and a metric."""

from tasks.base import (
    ACCURACY,
    FRAME_NLL,
    SPLITS,
    TOKEN_NLL,
    Metric,
    Readout,
    Split,
    Stream,
    Task,
    TaskBase,
    TaskError,
    TokenTask,
    Value,
    Windows,
    windows,
)
from tasks.check import check_task
from tasks.corpus import CorpusTask
from tasks.data_sets import DATA_SETS
from tasks.describe import (
    describe_task,
    list_tasks,
    render_list,
    render_task,
)
from tasks.download import FOLDER_VARIABLE, cache_folder
from tasks.pack import PACK, PackTask, Problems
from tasks.registry import (
    SIZE_NAMES,
    TASKS,
    import_class,
    loaded_classes,
    make_task,
    resolve_task,
)
from tasks.synthetic import Examples, SyntheticTask, uniform_integers
from tasks.text import TEXT_KINDS

__all__ = [
    "ACCURACY",
    "DATA_SETS",
    "FOLDER_VARIABLE",
    "FRAME_NLL",
    "PACK",
    "SIZE_NAMES",
    "SPLITS",
    "TASKS",
    "TEXT_KINDS",
    "TOKEN_NLL",
    "CorpusTask",
    "Examples",
    "Metric",
    "PackTask",
    "Problems",
    "Readout",
    "Split",
    "Stream",
    "SyntheticTask",
    "Task",
    "TaskBase",
    "TaskError",
    "TokenTask",
    "Value",
    "Windows",
    "cache_folder",
    "check_task",
    "describe_task",
    "import_class",
    "list_tasks",
    "loaded_classes",
    "make_task",
    "render_list",
    "render_task",
    "resolve_task",
    "uniform_integers",
    "windows",
]
