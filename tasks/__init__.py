"""Tasks: what a cell is asked to do, as data, a readout and a metric."""

from tasks.arithmetic import Arithmetic
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
from tasks.data_sets import DATA_SETS, DataSet
from tasks.describe import (
    Example,
    describe_task,
    examples,
    list_tasks,
    render_list,
    render_task,
)
from tasks.download import FOLDER_VARIABLE, cache_folder
from tasks.memorization import Memorization
from tasks.metrics import (
    Sums,
    accuracy,
    frame_nll,
    frame_sums,
    perplexity,
    token_nll,
    token_sums,
)
from tasks.music import JsbChorales, Nottingham, PianoMidi
from tasks.pack import (
    PACK,
    Adding,
    Echo,
    Group,
    Induction,
    PackTask,
    Problems,
    Recall,
    Registers,
    SelectiveCopy,
    Stack,
)
from tasks.ptb import PennTreebank
from tasks.registry import SIZE_NAMES, TASKS, make_task, resolve_task, task_names
from tasks.synthetic import Examples, SyntheticTask, uniform_integers
from tasks.text import Characters, Words
from tasks.xml import Xml

__all__ = [
    "ACCURACY",
    "DATA_SETS",
    "FOLDER_VARIABLE",
    "FRAME_NLL",
    "PACK",
    "SIZE_NAMES",
    "SPLITS",
    "TASKS",
    "TOKEN_NLL",
    "Adding",
    "Arithmetic",
    "Characters",
    "CorpusTask",
    "DataSet",
    "Echo",
    "Example",
    "Examples",
    "Group",
    "Induction",
    "JsbChorales",
    "Memorization",
    "Metric",
    "Nottingham",
    "PackTask",
    "PennTreebank",
    "PianoMidi",
    "Problems",
    "Readout",
    "Recall",
    "Registers",
    "SelectiveCopy",
    "Split",
    "Stack",
    "Stream",
    "Sums",
    "SyntheticTask",
    "Task",
    "TaskBase",
    "TaskError",
    "TokenTask",
    "Value",
    "Windows",
    "Words",
    "Xml",
    "accuracy",
    "cache_folder",
    "check_task",
    "describe_task",
    "examples",
    "frame_nll",
    "frame_sums",
    "list_tasks",
    "make_task",
    "perplexity",
    "render_list",
    "render_task",
    "resolve_task",
    "task_names",
    "token_nll",
    "token_sums",
    "uniform_integers",
    "windows",
]
