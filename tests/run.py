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


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments, or everything when there are none; give the exit code."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-m", "not prove"]
    if arguments:
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "domain").open("w+") as told:
        environment = {**os.environ, "COVERAGE_FILE": str(Path(folder) / "coverage")}
        coverage = [sys.executable, "-m", "coverage"]
        # The domain is covered by its own tests alone, so they run by themselves: beside the rest, which mostly waits.
        command = [*coverage, "run", "-m", *pytest[2:], "tests/domain"]
        domain = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=told, stderr=subprocess.STDOUT)
        rest = [*pytest, "-n", WORKERS, "--dist", "worksteal", "--ignore", "tests/domain", "tests"]
        codes = [subprocess.run(rest, cwd=ROOT, check=False).returncode, domain.wait()]
        told.seek(0)
        sys.stdout.write(told.read())
        sys.stdout.flush()
        codes.append(subprocess.run([*coverage, "report"], cwd=ROOT, env=environment, check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
