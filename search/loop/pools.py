"""The pool of a process: made when it is first needed, closed in the end."""

from typing import Self

from workers import Pool, PoolOptions, make_pool


class Workers:
    """Who carries out jobs for this process; used as a context.

    Args:
        options: Who that is to be.
    """

    def __init__(self, options: PoolOptions) -> None:
        self._options = options
        self._pool: Pool | None = None

    def pool(self, numerics: str | None = None) -> Pool:
        """The pool; it is made at the first call.

        Args:
            numerics: Key of the class that workers must have; None: any, but one.

        Raises:
            JobError: No worker starts, or none may.
        """
        if self._pool is None:
            self._pool = make_pool(self._options, numerics)
        return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()
