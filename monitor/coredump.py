"""Keeps our memory, in which secrets stand, out of core files and from other programs of the same user."""

from __future__ import annotations

import contextlib
import ctypes
import sys

PR_SET_DUMPABLE = 4
"""Of linux/prctl.h."""


def forbid() -> None:
    """Let the kernel write no core of this process, and show its memory and first environment to root alone (Linux).

    The limit alone would not do: where cores are piped to a program, the kernel does not ask for it (core(5)).
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not every platform has it

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
