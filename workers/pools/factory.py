"""The pool that a person asks for: this process, or Ray's workers near and far."""

from workers.pools.inline import InlinePool
from workers.pools.options import INLINE, PoolOptions
from workers.pools.pool import Pool
from workers.pools.ray_pool import RayPool


def make_pool(options: PoolOptions, numerics: str | None = None) -> Pool:
    """The pool that the options ask for; make it before JAX starts.

    Args:
        options: Who carries out jobs.
        numerics: Key of the class that workers must have; None: any, but one.

    Raises:
        JobError: No worker starts, or none may.
        RuntimeError: Inline, and JAX has started already with several threads.
    """
    if options.workers == INLINE:
        return InlinePool()
    return RayPool(options, numerics=numerics)
