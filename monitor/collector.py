"""Python's collector of cyclic garbage, told to hold nobody up: to look at everything takes a tenth of a second."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 1_000, 5, 2_000
"""A full collection after 10 million new objects, not after 70,000: cycles that live long are few, and crowds are many.

What dies young, a request and its answer, is found by the small collections, which take some milliseconds.
"""


def settle() -> None:
    """Leave out for good what is here now, and look through what comes seldom: to be called once all is set up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
