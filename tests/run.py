"""All tests that a change needs, as `./dev test` runs them: the domain with its coverage, and the rest beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKERS = "3"
"""More than the cores: most tests wait for a second to pass, or for PostgreSQL."""


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
        rest = [*pytest, "-n", WORKERS, "--dist", "worksteal", "--ignore", "tests/domain", "tests"]
        codes = [subprocess.run(rest, cwd=ROOT, check=False).returncode, *(one.end() for one in beside)]
        codes.append(subprocess.run([*coverage, "report"], cwd=ROOT, env=environment, check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
