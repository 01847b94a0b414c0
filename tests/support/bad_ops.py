"""Ops of a person's own that fail, or take long, only when a cell is trained."""

import ctypes
import os
import time

import numpy as np

from cells import Op


def _raise(xp, a):
    if xp is not np:
        raise ZeroDivisionError("only under JAX")
    return a


def _die(xp, a):
    if xp is not np:
        os._exit(11)  # as a segmentation fault would end it
    return a


def _nap(xp, a):
    if xp is not np:
        time.sleep(float(os.environ.get("NAP_S", "0.7")))
    return a


def _hang(xp, a):
    if xp is not np:
        time.sleep(1000)
    return a


def _devour(xp, a):
    if xp is not np:
        import jax

        many = xp.zeros((2**20, 2**20), a.dtype) + a[0, 0]  # 4 TiB
        return a + jax.lax.optimization_barrier(many)[0, 0]  # else it is not made
    return a


def _segfault(xp, a):
    if xp is not np:
        ctypes.string_at(0)
    return a


def _hoard(xp, a):
    if xp is not np:
        held = []
        while True:
            held.append(bytearray(10**8))
    return a


def _stall(xp, a):
    """Has XLA fold a constant for hours, and heed no signal meanwhile."""
    if xp is not np:
        import jax

        row = xp.ones((1 << 17,), a.dtype)
        window = jax.lax.reduce_window(
            row, xp.zeros((), a.dtype), jax.lax.add, (1 << 17,), (1,), "SAME"
        )
        return a + window[0]
    return a


raising = Op("raising", "activation", 1, _raise)
dying = Op("dying", "activation", 1, _die)
napping = Op("napping", "activation", 1, _nap)
hanging = Op("hanging", "activation", 1, _hang)
segfaulting = Op("segfaulting", "activation", 1, _segfault)
hoarding = Op("hoarding", "activation", 1, _hoard)
stalling = Op("stalling", "activation", 1, _stall)
hungry = Op("hungry", "activation", 1, _devour)
