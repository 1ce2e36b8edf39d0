"""What `watch` and `check` share: where to ask, and as whom."""

from __future__ import annotations

import argparse
import io
import sys

URL = "http://127.0.0.1:8787/"
TOKEN = "HUPH_MONITOR_TOKEN"  # noqa: S105 - the variable's name; an option would show the token in every list of processes


def forgive() -> None:
    """Let standard output show what it cannot write as a question mark: that is no reason to say nothing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def positive(text: str) -> float:
    """Read a number of seconds."""
    seconds = float(text)
    if not 0 < seconds < 10**8:
        raise argparse.ArgumentTypeError("a number of seconds above 0")
    return seconds
