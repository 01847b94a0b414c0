"""The pack: small tasks that share vocabulary, window, batch and readout.

What the sizes `small` ask of published cells of 10,000 weights: the validation loss
after 600 / 1,000 updates as a share of `guess_loss`, mean of three seeds, at scale 2
(`python -m benchmarks.bench_pack --seeds 3`). Sizes were chosen so that the GRU with
Adam ends between .1 and .7 and no cell is best everywhere.

```
Adam .01          gru          lstm         ugrnn          tanh
selcopy      .27  .14    1.01  1.01     .25   .12    1.02  1.02
adding       .24  .15     .39   .24     .26   .17     .67   .66
stack        .17  .14     .19   .14     .16   .14     .22   .19
induction    .38  .26     .35   .27     .40   .34     .59   .56
echo         .33  .15     .85   .70     .07   .01     .01   .01
registers    .39  .32     .12   .01     .29   .13     .52   .52
group        .59  .38     .56   .44     .56   .44     .88   .86
recall       .43  .33     .43   .42     .43   .24    1.04  1.01

SGD .5            gru          lstm         ugrnn          tanh
selcopy      .82  .36    1.01  1.00     .24   .09    1.11  1.07
adding       .59  .36     .60   .50     .54   .34     .98   .86
stack        .26  .23     .17   .12     .25   .19     .30   .31
induction    .41  .35     .25   .17     .42   .37     .62   .61
echo         .46  .27     .56   .36     .27   .09     .41   .36
registers    .38  .26     .01   .00     .20   .06     .64   .64
group        .72  .71     .81   .62     .72   .50     .96   .92
recall       .73  .51     .59   .47     .55   .51    1.36  1.18
```

A thousand updates took .5 to 1.0 core-seconds (AMD EPYC, JAX 0.10.1) with a validation
each 200, and all eight tasks together 2 to 4 seconds of compiling.
"""

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
