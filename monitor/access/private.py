"""Files that hold or guard a secret: what must be true of one before it is believed."""

from __future__ import annotations

import os
import stat


def flaw(status: os.stat_result, *, tended: bool = False) -> str:
    """Say what is wrong with a file or directory that must be its owner's alone, and the mend; empty where all is well.

    The owner must be we or root: whoever else owns a file may write it at any time. `tended` lets root, as an
    administrator, work on the file of the user whom the daemon runs as.
    """
    ours = os.geteuid()
    if status.st_uid not in {ours, 0} and not (tended and ours == 0):
        return "belongs to another user; give it to the user whom the daemon runs as"
    if status.st_mode & 0o077:
        wanted = 700 if stat.S_ISDIR(status.st_mode) else 600
        return f"is open to others (mode {stat.S_IMODE(status.st_mode):o}); close it with chmod {wanted}"
    return ""
