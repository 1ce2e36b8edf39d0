"""The launcher: start, stop, crash, freeze, and nothing left behind."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import asyncpg
import pytest

from monitor.demo import account, processes
from monitor.demo.port import free_port, free_ports
from monitor.demo.postgres import EmbeddedPostgres
from monitor.errors import MonitorError

ROOT = Path(__file__).parents[2]


async def ask(postgres, question="select 1", timeout=2.0, **how):
    session = await asyncpg.connect(postgres.dsn(), timeout=timeout, **how)
    try:
        return await session.fetchval(question, timeout=timeout)
    finally:
        session.terminate()


def test_it_is_ours_alone(server):
    """It runs as nobody where we are root, and lets nobody but its account into its data."""
    assert server.data.stat().st_mode & 0o777 == 0o700
    assert server.data.name == f"pg{server.programs.major}"
    owner = Path(f"/proc/{server.pid}").stat().st_uid
    assert owner == account.identity().get("user", server.base.stat().st_uid)
    if account.is_root():
        assert server.base.stat().st_uid == 0


async def test_settings_reach_it(server):
    """Statements are counted where the library exists, and loopback is the only way in."""
    assert await ask(server, "show listen_addresses") == "127.0.0.1"
    assert await ask(server, "show unix_socket_directories") == ""
    if server.programs.has_library("pg_stat_statements"):
        assert await ask(server, "show shared_preload_libraries") == "pg_stat_statements"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_it_comes_back_on_the_same_port(server, mode):
    """After a stop in either mode a start brings the same server back."""
    port = server.port
    server.stop(mode)
    assert not server.running
    assert server.died is None
    server.start()
    assert server.port == port
    assert await ask(server) == 1


async def test_a_crash_stays_down_and_is_survived(server):
    """A killed PostgreSQL refuses connections until it is started, with no shared memory in its way."""
    session = await asyncpg.connect(server.dsn())
    server.kill()
    with pytest.raises(OSError):
        await ask(server)
    session.terminate()
    server.start()
    assert await ask(server) == 1


async def _count_for_ever(session):
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await session.fetchval("select count(*) from generate_series(1, 1000000000) a, generate_series(1, 1000) b")


async def _is_busy(server):
    return await ask(server, "select count(*) > 1 from pg_stat_activity where state = 'active'")


async def test_a_busy_orphan_does_not_block_the_start(server, eventually):
    """A backend in the middle of a statement outlives its postmaster; the start waits for it, then ends it."""
    session = await asyncpg.connect(server.dsn())
    async with asyncio.TaskGroup() as tasks:
        busy = tasks.create_task(_count_for_ever(session))
        await eventually(lambda: _is_busy(server))
        server.kill()
        server.start()
        busy.cancel()
    session.terminate()
    assert await ask(server) == 1


async def test_frozen_it_accepts_and_says_nothing(server):
    """Frozen, an open session stays open and silent; thawed, the same session answers."""
    session = await asyncpg.connect(server.dsn())
    server.freeze()
    assert server.frozen
    states = {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in server.pids()}
    assert states == {"T"}
    with pytest.raises(TimeoutError):
        await ask(server, timeout=0.2)
    server.thaw()
    assert not server.frozen
    assert await session.fetchval("select 1", timeout=2) == 1
    await session.close()


def test_frozen_it_can_still_be_killed_and_stopped(server):
    """Neither a crash nor a stop waits for sleepers."""
    server.freeze()
    server.kill()
    assert not server.frozen
    server.start()
    server.freeze()
    server.stop()
    assert processes.inhabitants(server.data) == set()


def segments():
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return {row[1] for row in rows}


@pytest.mark.skipif(not Path("/proc/sysvipc/shm").exists(), reason="the kernel does not list shared memory")
def test_a_killed_one_leaves_no_shared_memory(server):
    """To stop what was killed takes away the segment that a crash leaves in the kernel."""
    segment = (server.data / "postmaster.pid").read_text().splitlines()[6].split()[-1]
    server.kill()
    assert segment in segments()
    server.stop()
    assert segment not in segments()


def test_only_the_main_thread_may_start_it(server):
    """The kernel ends it with the thread that forked it, so another thread is refused."""
    server.stop()
    refused = []

    def start():
        try:
            server.start()
        except MonitorError as error:
            refused.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(refused[0])


async def test_with_a_password_only_guests_come_without(directory):
    """Another person of the machine cannot become superuser, and with that our account, by connecting."""
    postgres = EmbeddedPostgres(directory, password="s3cret", guests=[("postgres", "visitor")])
    postgres.init()
    postgres.start()
    try:
        assert await ask(postgres, "select current_user") == "postgres"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(postgres, password="guess")
        await ask(postgres, "create role visitor login")
        guest = await asyncpg.connect(postgres.dsn(user="visitor"))
        await guest.close()
        assert "s3cret" not in postgres.dsn(user="visitor")
        assert not (directory / "password").exists()
    finally:
        postgres.stop("immediate")


def test_it_says_why_it_does_not_start(directory):
    """The sentence holds PostgreSQL's own reason."""
    postgres = EmbeddedPostgres(directory, {"shared_buffers": "nonsense"})
    postgres.init()
    with pytest.raises(MonitorError, match="nonsense"):
        postgres.start()


def test_a_free_port_is_the_wanted_one_unless_taken(server):
    """A demo keeps its port over restarts, but never takes another server's."""
    free = free_port()
    assert free_port(free) == free
    assert free_port(server.port) != server.port
    ports = free_ports({"new": None, "taken": server.port, "kept": free, "twin": free})
    assert ports["kept"] == free
    assert len({*ports.values(), server.port}) == 5


OWNER = """
import sys, time
from pathlib import Path
from monitor.demo.postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.init()
postgres.start()
if sys.argv[2] == "frozen":
    postgres.freeze()
print(postgres.data, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not processes.ON_LINUX, reason="only Linux can end a child with its parent")
@pytest.mark.parametrize("state", ["running", "frozen"])
async def test_nothing_is_left_of_a_killed_owner(directory, eventually, state):
    """After kill -9 of the process that started it, PostgreSQL shuts down by itself, even out of a deep sleep."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory), state], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    data = Path(owner.stdout.readline().decode().strip())
    assert processes.inhabitants(data)
    owner.kill()
    owner.wait()
    await eventually(lambda: not processes.inhabitants(data))
    await eventually(lambda: not (data / "postmaster.pid").exists())
    owner.stdin.close()
    owner.stdout.close()
