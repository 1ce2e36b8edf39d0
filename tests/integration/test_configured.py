"""What is configured holds in the daemon that runs, and what protects the process is switched on."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import aiohttp
import pytest

from monitor.demo.links import User
from monitor.demo.session_cookie import NAME, mint

SECRET = "a-secret-of-at-least-32-characters-"
USER = User(1, "Super admin 1", "superadmin1@example.test", "super_admin")


async def test_access(platform, start_daemon):
    """Origins decide which cookies count, `max_age_h` for how long, and `frame_ancestors` who may frame the page."""
    await platform.write()
    rules = f'nextauth_secret = "{SECRET}"\norigins = ["https://admin.example"]\nmax_age_h = 1\n'
    more = 'frame_ancestors = ["https://portal.example"]'
    daemon = await start_daemon(platform.monitor_dsn, access=rules, http=more)

    async def status(name: str, ago_s: float) -> int:
        cookie = {"Cookie": f"{name}={mint(SECRET, USER, int(time.time() - ago_s))}"}
        async with aiohttp.ClientSession() as http, http.get(daemon.address, headers=cookie) as answer:
            assert "frame-ancestors https://portal.example;" in answer.headers["Content-Security-Policy"]
            return answer.status

    assert await status(f"__Secure-{NAME}", 60) == 200
    assert await status(f"__Secure-{NAME}", 3700) == 401
    assert await status(NAME, 60) == 401


def limit(daemon, name: str) -> list[str]:
    """Read a limit of the daemon's process: the soft one and the hard one."""
    lines = Path(f"/proc/{daemon.process.pid}/limits").read_text().splitlines()
    return next(line.removeprefix(name).split()[:2] for line in lines if line.startswith(name))


@pytest.fixture
def lax():
    """Processes that begin here may write cores, and open few files."""
    before = {kind: resource.getrlimit(kind) for kind in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)}
    if before[resource.RLIMIT_CORE][1] == 0:
        pytest.skip("nothing here may write a core")
    hard = before[resource.RLIMIT_CORE][1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[resource.RLIMIT_NOFILE][1]))
    yield
    for kind, limits in before.items():
        resource.setrlimit(kind, limits)


async def test_process(platform, start_daemon, lax):
    """It writes no core, and may open as many files as the machine allows."""
    daemon = await start_daemon(platform.monitor_dsn, forked=False)
    assert limit(daemon, "Max core file size") == ["0", "0"]
    soft, hard = limit(daemon, "Max open files")
    assert soft == hard != "1024"
