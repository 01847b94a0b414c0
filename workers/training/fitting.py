"""How many lanes a program has: as many as memory allows.

The number of lanes decides the last bits of a result, so it has to be the same wherever
and whenever a job is carried out, whatever is free there and then. The rule:

1. A numerics class has a number of lanes, the most that a program may have, and an
   allowance of bytes (`workers.machine.device_memory`).
2. A program has that many, or a half, a quarter, ...: the first number with which it
   stays within the allowance by XLA's own account, or else one. The account leaves out
   the windows, whose number depends on what was trained before. It depends on the
   program, the compiler and the device alone, which the job and the class decide.
   How many jobs or settings wait decides nothing: who is beside a setting decides no
   bit of it.
3. Where memory runs out all the same, because another process has it, say, the job is
   carried out anew with half as many lanes, and so on down to one, and the program
   keeps that number in this process. Such an evaluation is of the class that has so
   many lanes at most: there the second rule gives the same number, and so the same
   bits. A run that has it is marked as one of several classes.
4. Only what has no room with one lane is `OOM`.
"""

from collections.abc import Iterator


def halvings(most: int) -> Iterator[int]:
    """Numbers of lanes to be tried: the most, half as many, and so on down to one."""
    while most > 1:
        yield most
        most //= 2
    yield 1
