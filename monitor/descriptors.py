"""Lets this process hold as many connections as the machine allows it."""

from __future__ import annotations

import contextlib


def allow() -> None:
    """Raise the limit of open files to the hard one: the usual soft limit of 1024 is older than servers of our kind."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not every platform has it

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
