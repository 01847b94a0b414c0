"""The engine from Python and notebooks: search, score, show, and runs as values.

from search.api import Limits, PoolOptions, Run, evaluate, resume, search, show

show("gru")                                         # a picture, where they are shown
run = search("demo", "runs/demo")                   # what `cellsearch run` does
resume("runs/demo", limits=Limits(candidates=48))   # the same search, longer
run.frame()                                         # its table, with pandas
run.show(1)                                         # its best cell
run.final().to_dict()                               # its best anew, by fresh runs
evaluate(["gru", run.cell(1)], ["arithmetic"]).to_dict()

They are called from any thread, and from cells of a notebook.
"""

from search.api.pictures import Picture, show
from search.api.runs import Run
from search.api.scores import ablate, calibrate, evaluate, promote
from search.api.searching import begin, resume, search
from search.contest.ablation import AblationTable
from search.contest.calibration import Calibration
from search.contest.finals import FinalTable
from search.contest.rungs import RungTable
from search.contest.scoreboard import Scoreboard
from search.errors import UserError
from search.loop.asking import Asked
from search.loop.engine import Limits
from search.output.answers import Answer
from workers import PoolOptions

__all__ = [
    "AblationTable",
    "Answer",
    "Asked",
    "Calibration",
    "FinalTable",
    "Limits",
    "Picture",
    "PoolOptions",
    "Run",
    "RungTable",
    "Scoreboard",
    "UserError",
    "ablate",
    "begin",
    "calibrate",
    "evaluate",
    "promote",
    "resume",
    "search",
    "show",
]
