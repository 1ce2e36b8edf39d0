"""Where on this machine things are kept for which no place has been named."""

from __future__ import annotations

import os
from pathlib import Path


def state_home() -> Path:
    """Give the directory of all state; root's is not below /root, which is closed to everybody that root starts."""
    if named := os.environ.get("XDG_STATE_HOME"):
        return Path(named) / "huph-monitor"
    if os.geteuid() == 0:
        return Path("/var/lib/huph-monitor")
    return Path.home() / ".local" / "state" / "huph-monitor"
