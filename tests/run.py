"""All tests that a change needs, as `./dev test` runs them: the domain with its coverage, then the rest in parallel."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKERS = "3"
"""More than the cores: most tests wait for a second to pass, or for PostgreSQL."""


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments, or everything when there are none; give the exit code."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-m", "not prove"]
    if arguments:
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COVERAGE_FILE": str(Path(folder) / "coverage")}
        coverage = [sys.executable, "-m", "coverage"]
        # The domain is covered by its own tests alone, so they run by themselves.
        steps = [
            ([*coverage, "run", "-m", *pytest[2:], "tests/domain"], environment),
            ([*coverage, "report"], environment),
            ([*pytest, "-n", WORKERS, "--dist", "worksteal", "--ignore", "tests/domain", "tests"], dict(os.environ)),
        ]
        codes = [subprocess.run(step, cwd=ROOT, env=env, check=False).returncode for step, env in steps]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
