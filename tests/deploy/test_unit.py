"""The systemd unit: valid, closed, and what it forbids the daemon really does not need."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.unit import ROOT, UNIT, settings

EXPOSURE = 1.5
ANALYZE = shutil.which("systemd-analyze")
analyzed = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze")
SECCOMP = any(Path(folder).glob("**/libseccomp.so.2") for folder in ("/lib", "/usr/lib"))
sandboxed = pytest.mark.skipif(
    ANALYZE is None or not SECCOMP or os.getuid() != 0 or shutil.which("mount") is None,
    reason="the sandbox needs root, libseccomp and systemd-analyze",
)


def analyze(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False)


@analyzed
def test_exposure():
    """What a broken daemon could reach is little, by systemd's own count from 0 to 10; a plain unit has more than 9."""
    judged = analyze("security", "--offline=true", "--no-pager", UNIT)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert found is not None, judged.stderr
    assert float(found[1]) <= EXPOSURE


@analyzed
def test_exposure_of_less(tmp_path):
    """The count does count: without the filter of system calls it is higher."""
    weaker = tmp_path / UNIT.name
    weaker.write_text(re.sub(r"(?m)^(SystemCall|Protect|Private|Restrict).*\n", "", UNIT.read_text()))
    assert analyze("security", "--offline=true", "--no-pager", f"--threshold={int(10 * EXPOSURE)}", weaker).returncode
    assert not analyze("security", "--offline=true", "--no-pager", f"--threshold={int(10 * EXPOSURE)}", UNIT).returncode


@analyzed
def test_valid(tmp_path):
    """systemd reads all of it without a word, once the program is where it says."""
    program = settings()["ExecStart"][0].split()[0]
    placed = tmp_path / UNIT.name
    placed.write_text(UNIT.read_text().replace(program, sys.executable))
    judged = analyze("verify", "--no-pager", placed)
    told = [line for line in judged.stderr.splitlines() if UNIT.stem in line]
    assert (judged.returncode, told) == (0, [])


def test_command():
    """It starts what the wheel installs, with words that the command line knows, and secrets come as files."""
    told = settings()
    program, command, option, path = told["ExecStart"][0].split()
    assert (Path(program).name, command, option, path) == (
        "huph-monitor",
        "serve",
        "--config",
        "/etc/huph-monitor/config.toml",
    )
    done = subprocess.run(
        [sys.executable, "-m", "monitor", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert option in done.stdout
    assert "Environment" not in told
    assert "EnvironmentFile" not in told
    assert all(re.fullmatch(r"[a-z]+:/etc/huph-monitor/secrets/[a-z]+", one) for one in told["LoadCredential"])


@sandboxed
def test_forbidden(tmp_path):
    """Inside the sandbox everything that the unit forbids is refused."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.deploy.sandbox", "tests.deploy.forbidden"],
        env={**os.environ, "SANDBOX_WRITABLE": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "write",
        "write-and-execute",
        "netlink",
        "packet",
        "mount",
        "namespace",
        "trace",
        "root",
        "kernel",
        "raise-limit",
        "capability",
    ]


@sandboxed
async def test_sandbox(platform, start_daemon, tmp_path):
    """In the sandbox the daemon does all that it does outside: it listens, asks, probes by name, serves, and stops."""
    daemon = await start_daemon(
        platform.monitor_dsn,
        module="tests.deploy.sandbox monitor",
        services=f'[services.postgres]\nkind = "tcp"\naddress = "localhost:{platform.postgres.port}"\n',
        environment={"SANDBOX_WRITABLE": str(tmp_path)},
    )
    follower = await daemon.settled()
    await follower.until(lambda d: d["checks"]["db"]["verdict"] == "ok", 20)
    await follower.until(lambda d: d["services"]["postgres"]["verdict"] == "ok", 20)
    before = follower.document["checks"]["message_throughput"]
    await platform.write()
    await follower.until(lambda d: d["checks"]["message_throughput"] != before, 10)
    assert await daemon.stop() == 0
