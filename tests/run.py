"""All tests that a change needs, as `./dev test` runs them: the domain with its coverage, and the rest beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKERS = "4"
"""More than the cores: most tests wait for a second to pass, or for PostgreSQL."""
FEW = 4
"""So many red tests may be red because three ran at once on a busy machine; they are asked once more, one by one."""


class Beside:
    """A run beside others, whose words are kept until they have ended."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._told = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self._told, stderr=subprocess.STDOUT
        )

    def end(self) -> int:
        """Wait for its end, and say what it said; give the exit code."""
        code = self._process.wait()
        with self._told as told:
            told.seek(0)
            sys.stdout.write(told.read())
            sys.stdout.flush()
        return code


def unsteady(command: list[str], folder: str) -> int:
    """Ask the few that were red once more, one by one, and name those that were green then; give the exit code."""
    red = Path(folder) / "v" / "cache" / "lastfailed"
    names = list(json.loads(red.read_text(encoding="utf-8"))) if red.is_file() else []
    if not 0 < len(names) <= FEW:
        return 1
    print(f"\n{len(names)} red beside others; once more, one by one:", flush=True)
    code = subprocess.run([*command, "--last-failed", "tests"], cwd=ROOT, check=False).returncode
    if not code:
        print("UNSTEADY, red beside others and green alone:", *names, sep="\n  ", flush=True)
    return code


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments, or everything when there are none; give the exit code."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-m", "not prove"]
    if arguments:
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode
    with tempfile.TemporaryDirectory() as folder:
        # Hundreds of processes are started: each reads what the first has compiled.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        environment = {**os.environ, "COVERAGE_FILE": str(Path(folder) / "coverage")}
        coverage = [sys.executable, "-m", "coverage"]
        # The domain is covered by its own tests alone, so they run by themselves: beside the rest, which mostly waits.
        beside = [
            Beside([*coverage, "run", "-m", *pytest[2:], "-m", "not prove and not life", "tests/domain"], environment),
            Beside([*pytest, "-m", "life", "tests/domain"], environment),
        ]
        others = [*pytest, "-o", f"cache_dir={folder}", "--ignore", "tests/domain"]
        rest = subprocess.run(
            [*others, "-n", WORKERS, "--dist", "worksteal", "tests"], cwd=ROOT, check=False
        ).returncode
        codes = [one.end() for one in beside]
        codes.append(unsteady(others, folder) if rest == 1 else rest)
        codes.append(subprocess.run([*coverage, "report"], cwd=ROOT, env=environment, check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
