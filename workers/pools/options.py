"""Who carries out jobs, as a value."""

from dataclasses import dataclass
from typing import Final

from workers.errors import JobError

AUTO: Final = "auto"
INLINE: Final = "inline"

LEAST_MEMORY_BYTES: Final = 500_000_000
"""With less a worker fails before it has learned anything of a cell."""


@dataclass(frozen=True)
class PoolOptions:
    """Who carries out jobs.

    Attributes:
        workers: How many processes; `auto`: as many as the machine or cluster has
            room for; `inline`: none, jobs are carried out in this process.
        address: Of a Ray cluster, as `ray.init` takes it; None: Ray as it runs in this
            process, or else one of this machine's own.
        per_gpu: Workers that share a GPU; 0: each has a core instead; None: one, where
            Ray has GPUs that JAX can use, see `use_of_gpus`.
        memory_bytes: What a worker on a core may allocate; None: its share of the
            machine's.
        mixed: Whether workers of another numerics class are admitted.
    """

    workers: int | str = AUTO
    address: str | None = None
    per_gpu: int | None = None
    memory_bytes: int | None = None
    mixed: bool = False

    def __post_init__(self) -> None:
        """Refuses workers that there cannot be.

        Raises:
            JobError: Names the option, what came and what is allowed.
        """
        number = isinstance(self.workers, int) and self.workers >= 1
        if not number and self.workers not in (AUTO, INLINE):
            raise JobError(
                f"`workers` must be 1 or more, auto or inline, got {self.workers!r}"
            )
        if self.workers == INLINE and (self.address or self.per_gpu):
            raise JobError("`workers` inline has no use for `address` and `per_gpu`")
        if self.per_gpu is not None and self.per_gpu < 0:
            raise JobError(f"`per_gpu` must be at least 0, got {self.per_gpu}")
        memory, least = self.memory_bytes, LEAST_MEMORY_BYTES
        if memory is not None and not memory >= least:
            raise JobError(
                f"`memory_bytes` must be at least {least / 1e6:g} MB, which compiling "
                f"a small cell takes, got {memory / 1e6:g} MB"
            )

    @property
    def count(self) -> int | None:
        """The number of processes; None: as many as there is room for."""
        return self.workers if isinstance(self.workers, int) else None
