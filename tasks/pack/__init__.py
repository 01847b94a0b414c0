"""The pack: small tasks that share vocabulary, window, batch and readout."""

from tasks.pack.adding import Adding
from tasks.pack.base import PackTask, Problems
from tasks.pack.echo import Echo
from tasks.pack.group import Group
from tasks.pack.induction import Induction
from tasks.pack.recall import Recall
from tasks.pack.registers import Registers
from tasks.pack.selcopy import SelectiveCopy
from tasks.pack.stack import Stack

PACK = (
    SelectiveCopy,
    Adding,
    Stack,
    Induction,
    Echo,
    Registers,
    Group,
    Recall,
)
"""Their classes, in the order in which they are listed."""

__all__ = [
    "PACK",
    "Adding",
    "Echo",
    "Group",
    "Induction",
    "PackTask",
    "Problems",
    "Recall",
    "Registers",
    "SelectiveCopy",
    "Stack",
]
