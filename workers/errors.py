"""What goes wrong that is no result; every message is one line."""


class JobError(ValueError):
    """A job that nobody can carry out, or text that is none; the message is a line."""


class MachineError(JobError):
    """A job failed through the machine, its set-up or this program, not by its cell.

    Nothing is stored of it: once the cause is mended it is tried again.
    """


def one_line(error: BaseException) -> str:
    """Kind and words of an error."""
    reason = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
